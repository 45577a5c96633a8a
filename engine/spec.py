"""What a stream is and what a model hears: frozen, checked, and written into every model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class StreamSpec:
    """The stream a chain of stages hears: one mono source after resampling."""

    source: str  # the source's name
    sample_rate: int = 16_000  # Hz

    def __post_init__(self) -> None:
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate is {self.sample_rate} Hz; it must be above 0")


@dataclass(frozen=True)
class View:
    """One windowed spectrum, right-aligned, folded onto part of the band grid.

    The stream is decimated by `decimation`; the last `window_samples` of the decimated stream are weighted by a
    sin^2 rise and a cos^2 fall over the newest `fall_samples` (a short fall hears new sound early).
    """

    channel: int  # row of the feature array it fills
    low_band: int  # first band it fills
    high_band: int  # one past the last band it fills
    window_samples: int  # of the decimated stream; a power of two
    fall_samples: int  # of the decimated stream
    decimation: int = 1


@dataclass(frozen=True)
class FeatureSpec:
    """Log-magnitude spectra on a logarithmic grid of `n_bands` bands, `bands_per_octave` to the octave.

    Band b is centred on MIDI pitch `lowest_pitch + 12 * b / bands_per_octave` (A4 = 69 = 440 Hz).
    value = (20 log10(magnitude + 1e-5) + 70) / 25, magnitude 1 being a full-scale sine: about -1.2 to 2.8.
    Frame k ends with stream sample (k + 1) * hop_samples; before the stream began there is silence.
    """

    sample_rate: int
    hop_samples: int
    n_channels: int
    n_bands: int
    bands_per_octave: int
    lowest_pitch: float
    views: tuple[View, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> FeatureSpec:
        return cls(**{**fields, "views": tuple(View(**view) for view in fields["views"])})
