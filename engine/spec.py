"""What a stream is and what a model hears: frozen, checked, and written into every model card.

A spec that cannot work raises TypeError (wrong kind) or ValueError (wrong range) in one sentence, when it is made.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

PASSBAND = 0.75  # of the decimated Nyquist frequency: what a decimating view hears undisturbed
MOST = {"n_channels": 64, "n_bands": 4096, "bands_per_octave": 1200}  # a spec that says more is a slip, or malice


@dataclass(frozen=True)
class StreamSpec:
    """The stream a chain of stages hears: one mono source after resampling."""

    source: str  # the source's name
    sample_rate: int = 16_000  # Hz

    def __post_init__(self) -> None:
        _check_whole(self, "sample_rate", low=1)


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

    def __post_init__(self) -> None:
        for name, low in (("channel", 0), ("low_band", 0), ("high_band", 1), ("decimation", 1)):
            _check_whole(self, name, low)
        _check_whole(self, "window_samples", low=16, high=65_536)
        _check_whole(self, "fall_samples", low=1, high=self.window_samples - 1)
        if self.high_band <= self.low_band:
            raise ValueError(f"view covers bands {self.low_band} to {self.high_band}; it must cover one or more")
        if self.window_samples & (self.window_samples - 1):
            raise ValueError(f"window_samples is {self.window_samples}; it must be a power of two")


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

    def __post_init__(self) -> None:
        for name in ("sample_rate", "hop_samples", "n_channels", "n_bands", "bands_per_octave"):
            _check_whole(self, name, low=1, high=MOST.get(name))
        if isinstance(self.lowest_pitch, bool) or not isinstance(self.lowest_pitch, int | float):
            raise TypeError(f"lowest_pitch is {self.lowest_pitch!r}; it must be a number")
        if not -60 <= self.lowest_pitch <= 140:
            raise ValueError(f"lowest_pitch is {self.lowest_pitch}; it must be a MIDI pitch from -60 to 140")
        if not (isinstance(self.views, tuple) and all(isinstance(view, View) for view in self.views)):
            raise TypeError("views must be a tuple of View")
        covered: set[tuple[int, int]] = set()
        for view in self.views:
            self._check_view(view)
            cells = {(view.channel, band) for band in range(view.low_band, view.high_band)}
            if twice := cells & covered:
                raise ValueError("channel {}, band {} is filled by two views; one must fill it".format(*min(twice)))
            covered |= cells
        missing = {(c, b) for c in range(self.n_channels) for b in range(self.n_bands)} - covered
        if missing:
            raise ValueError("channel {}, band {} is filled by no view; one must fill it".format(*min(missing)))

    def _check_view(self, view: View) -> None:
        if view.channel >= self.n_channels or view.high_band > self.n_bands:
            raise ValueError(
                f"a view fills channel {view.channel} up to band {view.high_band}; "
                f"there are {self.n_channels} channels of {self.n_bands} bands"
            )
        if self.hop_samples % view.decimation:
            raise ValueError(f"decimation is {view.decimation}; it must divide hop_samples, {self.hop_samples}")
        limit_hz = self.sample_rate / view.decimation / 2 * (PASSBAND if view.decimation > 1 else 1.0)
        highest_hz = self.band_hz(view.high_band - 1)
        if highest_hz >= limit_hz:
            raise ValueError(
                f"band {view.high_band - 1} is centred on {highest_hz:.0f} Hz; at {self.sample_rate} Hz and "
                f"decimation {view.decimation} a band must lie below {limit_hz:.0f} Hz"
            )

    def band_hz(self, band: int) -> float:
        """Centre of `band` in Hz."""
        return 440.0 * 2.0 ** ((self.lowest_pitch + 12.0 * band / self.bands_per_octave - 69.0) / 12.0)

    def frame_end_seconds(self, frame: int) -> float:
        """Time just after the last sample of `frame` (0-based), from stream start."""
        return (frame + 1) * self.hop_samples / self.sample_rate

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FeatureSpec:
        """The inverse of `to_dict`, also after a trip through JSON."""
        _check_names(cls, values)
        if not isinstance(values["views"], list | tuple):
            raise TypeError(f"views is {values['views']!r}; it must be a list of views")
        for view in values["views"]:
            _check_names(View, view)
        return cls(**{**values, "views": tuple(View(**view) for view in values["views"])})


def _check_whole(spec: object, name: str, low: int, high: int | None = None) -> None:
    value = getattr(spec, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; it must be a whole number")
    if value < low or (high is not None and value > high):
        allowed = f"{low} or more" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} is {value}; it must be {allowed}")


def _check_names(kind: type, values: Any) -> None:
    if not isinstance(values, dict):
        raise TypeError(f"{kind.__name__} is made from {values!r}; it must be a table of its fields")
    known = {field.name for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING}
    for name in sorted(values.keys() - known):
        raise ValueError(f"{kind.__name__} has no field {name!r}; its fields are {', '.join(sorted(known))}")
    for name in sorted(required - values.keys()):
        raise ValueError(f"{kind.__name__} lacks the field {name!r}")
