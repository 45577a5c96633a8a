"""Laws of the callback that plays: it allocates and raises nothing, plays a ring in order, and counts what it lacks."""

from __future__ import annotations

import numpy as np

from engine.driver.playback import MISSED, OUTPUT_XRUNS, PLAYED_CALLBACKS, PLAYING, UNDERRUNS, compiled_playback
from engine.driver.ring import Ring
from tests.test_callback import C_CALLBACK, calls

OUTPUT_UNDERFLOW = 4


class Driver:
    """Calls the compiled callback as PortAudio would."""

    def __init__(self, n_channels: int, capacity_frames: int) -> None:
        self.ring = Ring(n_channels, capacity_frames)
        self._native = compiled_playback()
        self._c_function = C_CALLBACK(self._native.address)

    def take(self, n_frames: int, flags: int = 0) -> np.ndarray:
        out = np.full((n_frames, self.ring.n_channels), np.nan, np.float32)
        assert self._c_function(None, out.ctypes.data, n_frames, None, flags, self.ring.address) == 0  # paContinue
        return out


def test_the_callback_neither_allocates_nor_raises():
    assert calls(compiled_playback(cache=False).inspect_llvm()) == set()


def test_every_frame_is_played_once_and_in_order_across_the_ends_of_the_ring():
    driver, sound = Driver(3, 256), np.random.default_rng(0).standard_normal((960, 3)).astype(np.float32)
    driver.ring.head[PLAYING] = 1
    played = []
    for start in range(0, 960, 96):
        assert driver.ring.write(sound[start : start + 96]) == 96
        played += [driver.take(64), driver.take(32)]
    np.testing.assert_array_equal(np.concatenate(played), sound)
    assert driver.ring.head[UNDERRUNS] == driver.ring.head[MISSED] == 0
    assert driver.ring.head[PLAYED_CALLBACKS] == 20


def test_what_has_not_come_is_silence_and_counted():
    driver = Driver(2, 256)
    driver.ring.write(np.ones((40, 2), np.float32))
    assert not driver.take(64).any(), "nothing is to be heard yet"
    assert driver.ring.head[UNDERRUNS] == 0
    driver.ring.head[PLAYING] = 1
    out = driver.take(64, OUTPUT_UNDERFLOW)
    assert (out[:40] == 1.0).all() and not out[40:].any()
    assert not driver.take(64).any()
    assert (driver.ring.head[UNDERRUNS], driver.ring.head[MISSED], driver.ring.head[OUTPUT_XRUNS]) == (2, 88, 1)
