"""What a soak has seen, second by second, and whether anything of it grew, drifted or was lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import theilslopes

WARM_UP_SHARE, WARM_UP_SECONDS = 0.2, 300.0  # before growth counts: the lesser of the two
BLOCK_SECONDS = 5.0  # what is averaged before a slope is fitted: neighbours in time are no independent witnesses
FLAT_BYTES_PER_MINUTE = 16 << 10  # a megabyte an hour; in less than WHOLE_SECONDS so little cannot be seen, and
WHOLE_SECONDS = 600.0  # the bound is as much wider
FLAT_PPM = 1.0  # of the engine's count of frames against the device's
N_WINDOWS = 60  # of which the median is taken: on a busy machine one in twenty samples is told tens of ms late
STEP_SECONDS = 0.002  # from one window to the next, and lasting: no drift, but sound that the server did not hand over
MOST_STEP_SAMPLES = 1024  # in all: what cannot be told from a status that was told a moment later
RATE = 48_000
SURE = 1.96  # standard errors, 95 %


@dataclass
class Sample:
    """At one moment."""

    seconds: float  # since the soak began
    engine_seconds: float  # of sound the engine has counted
    device_seconds: float  # of sound the device has given
    resident_bytes: int  # of the engine's process and the one that holds its device
    load: float  # of one core, by the engine's own account
    late_p99_ms: float
    hops: int
    deadline_misses: int
    dropped_frames: int
    xruns: int
    dropped_events: int
    overload: int


@dataclass(frozen=True)
class Slope:
    """Units a second, and how sure."""

    value: float
    error: float  # standard error

    @property
    def interval(self) -> tuple[float, float]:
        return self.value - SURE * self.error, self.value + SURE * self.error


@dataclass
class Figures:
    samples: list[Sample] = field(default_factory=list)
    stuck_notes: int = 0
    notes: int = 0
    exit_code: int | None = None

    @property
    def seconds(self) -> float:
        return self.samples[-1].seconds if self.samples else 0.0

    def settled(self) -> list[Sample]:
        """Without the warm-up."""
        since = min(WARM_UP_SHARE * self.seconds, WARM_UP_SECONDS)
        return [sample for sample in self.samples if sample.seconds >= since]

    def column(self, name: str) -> np.ndarray:
        return np.array([getattr(sample, name) for sample in self.samples], float)

    def memory_slope(self) -> Slope:
        """Bytes a minute."""
        settled = self.settled()
        slope = fitted([s.seconds for s in settled], [s.resident_bytes for s in settled])
        return Slope(60 * slope.value, 60 * slope.error)

    def apart_seconds(self) -> np.ndarray:
        """How far the engine's count is ahead of the device's, sample by sample. Either is told late at times."""
        return self.column("engine_seconds") - self.column("device_seconds")

    def windows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[n] each, of windows as long as each other: seconds, the median of `apart_seconds`, and the sum of the steps
        until then: changes that outlast two windows."""
        seconds, apart = self.column("seconds"), self.apart_seconds()
        window = (seconds / max(BLOCK_SECONDS, self.seconds / N_WINDOWS)).astype(int)
        whole = [window == k for k in np.unique(window)]
        at, median = (np.array([np.median(values[one]) for one in whole]) for values in (seconds, apart))
        lasting = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(median, 2, mode="edge"), 5), axis=1)
        change = np.diff(lasting, prepend=lasting[:1])
        is_step = np.abs(change) > STEP_SECONDS
        is_step |= np.convolve(is_step, np.ones(3), "same") > 0  # a step amid a window is in its neighbour as well
        return at, median, np.cumsum(np.where(is_step, change, 0.0))

    def skipped_samples(self) -> int:
        """Given by the device, and never handed to the engine by the server, which was late itself."""
        return round(-RATE * float(self.windows()[2][-1]))

    def drift_ppm(self) -> Slope:
        """Of the sound that the engine has counted against that which the device has given, without the steps: the
        median of all slopes between two windows (Sen, Journal of the American Statistical Association 63, 1968)."""
        at, median, steps = self.windows()
        if len(at) < 4:
            return Slope(0.0, float("inf"))
        slope, _, low, high = theilslopes(median - steps, at)
        return Slope(1e6 * slope, 1e6 * (high - low) / (2 * SURE))

    def device_ppm(self) -> Slope:
        """Of the device's own clock against the wall clock."""
        settled = self.settled()
        slope = fitted([s.seconds for s in settled], [s.device_seconds - s.seconds for s in settled])
        return Slope(1e6 * slope.value, 1e6 * slope.error)

    def broken(self) -> list[str]:
        """Bars that were not met, as sentences."""
        if len(self.samples) < 10:
            return ["it saw too little to say anything"]
        last, skipped = self.samples[-1], self.skipped_samples()
        flat = FLAT_BYTES_PER_MINUTE * max(1.0, WHOLE_SECONDS / self.seconds)
        memory_low, _ = self.memory_slope().interval
        drift_low, drift_high = self.drift_ppm().interval
        checks = (
            (last.dropped_frames == 0, f"{last.dropped_frames} samples were lost"),
            (
                abs(skipped) <= MOST_STEP_SAMPLES,
                f"{skipped} samples were not handed over by the server, which had {last.xruns} xruns",
            ),
            (last.dropped_events == 0, f"{last.dropped_events} events were lost"),
            (last.deadline_misses == 0, f"{last.deadline_misses} of {last.hops} hops were dealt with too late"),
            (not any(s.overload for s in self.samples), "something was given up for want of time"),
            (self.stuck_notes == 0, f"{self.stuck_notes} notes are stuck"),
            (memory_low < flat, f"memory grows by at least {memory_low / 1024:.0f} KiB a minute"),
            (drift_low < FLAT_PPM and drift_high > -FLAT_PPM, f"time drifts by {self.drift_ppm().value:.1f} ppm"),
            (self.exit_code == 0, f"ictus live ended with exit code {self.exit_code}"),
        )
        return [sentence for held, sentence in checks if not held]


def fitted(seconds: list[float], values: list[float]) -> Slope:
    """A straight line by least squares through the means of blocks, which are about independent of each other."""
    at, value = np.array(seconds), np.array(values, float)
    if len(at) < 4:
        return Slope(0.0, float("inf"))
    block = ((at - at[0]) / BLOCK_SECONDS).astype(int)
    blocks = np.unique(block)
    if len(blocks) >= 4:
        at = np.array([at[block == b].mean() for b in blocks])
        value = np.array([value[block == b].mean() for b in blocks])
    centred = at - at.mean()
    slope = float(centred @ value / (centred @ centred))
    left = value - value.mean() - slope * centred
    error = float(np.sqrt(left @ left / max(1, len(at) - 2) / (centred @ centred)))
    return Slope(slope, error)
