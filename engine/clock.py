"""Sample index <-> monotonic seconds. (contract; see docstring)"""

class SampleClock:
    """Maps frames of a source to `time.monotonic()` seconds.

    observe(n_frames: int, monotonic_seconds: float): `n_frames` frames in all had arrived at that time.
    seconds_of(sample: int) -> float: monotonic time at which that frame arrived.
    sample_at(monotonic_seconds: float) -> int
    """
