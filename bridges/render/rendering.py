"""What was asked for -> a renderer: a layout of loudspeakers with a panner, or headphones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridges.render.distance import Dbap
from bridges.render.layout import LayoutError, layout_of
from bridges.render.panning import SpeakerRenderer
from bridges.render.stream import Renderer
from bridges.render.vbap import Vbap

BINAURAL = "binaural"
PANNERS = ("vbap", "dbap")
VBAP_ROLLOFF_DB, DBAP_ROLLOFF_DB = 3.0, 0.0


@dataclass(frozen=True)
class Rendering:
    """layout: quad, 5.1, ring8, binaural, or a TOML file. panner: vbap, for a listener in the middle, or dbap, for
    listeners anywhere. rolloff_db: how much softer with each doubling of the distance beyond 1 m; None: 3, or 0 for
    dbap. gain_db: of it all. hrtf: a SOFA file for binaural; None: the one of libmysofa. LayoutError where it
    cannot be.
    """

    layout: str = "quad"
    panner: str = "vbap"
    rolloff_db: float | None = None
    gain_db: float = 0.0
    hrtf: str | None = None

    def __post_init__(self) -> None:
        if self.panner not in PANNERS:
            raise LayoutError(f"the panner is {self.panner!r}; it must be {' or '.join(PANNERS)}")
        for what, value, low, high in (("rolloff", self.rolloff, 0.0, 24.0), ("gain", self.gain_db, -60.0, 24.0)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise LayoutError(f"the {what} is {value} dB; it must be {low:g} to {high:g}")
        if self.hrtf and self.layout != BINAURAL:
            raise LayoutError(f"--hrtf is for --layout {BINAURAL}, not {self.layout}")

    @property
    def rolloff(self) -> float:
        """In dB."""
        usual_db = VBAP_ROLLOFF_DB if self.panner == "vbap" else DBAP_ROLLOFF_DB
        return usual_db if self.rolloff_db is None else self.rolloff_db

    @property
    def gain(self) -> float:
        """As a factor."""
        return 10.0 ** (self.gain_db / 20.0)

    def renderer(self, radius_metres: float, sample_rate: int) -> Renderer:
        """`radius_metres`: of the room. LayoutError or HrtfError in one sentence."""
        if self.layout == BINAURAL:
            try:
                from bridges.render.binaural import BinauralRenderer
                from bridges.render.hrtf import read_hrtf  # only this needs h5py
            except ModuleNotFoundError as error:
                if error.name != "h5py":
                    raise
                raise LayoutError("binaural needs h5py: pip install 'ictus[render]'") from error
            return BinauralRenderer(read_hrtf(Path(self.hrtf) if self.hrtf else None), sample_rate, self.rolloff)
        layout = layout_of(self.layout)
        panner = Vbap(layout) if self.panner == "vbap" else Dbap(layout, radius_metres)
        return SpeakerRenderer(panner, layout.panned, len(layout.speakers), self.rolloff)
