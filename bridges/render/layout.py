"""Where the loudspeakers stand: quad, 5.1, ring8, or any layout in a TOML file.

    name = "dome"

    [[speaker]]                    # in the order of the channels
    name = "front left"
    azimuth_degrees = 30           # 0 in front, positive to the left (ITU-R BS.2076), -180 to 180
    elevation_degrees = 0          # -90 to 90; may be left out
    distance_metres = 4            # may be left out: as far as the room is wide; only dbap asks
    lfe = false                    # true: no source is panned to it; may be left out

Bad layouts are refused with a LayoutError.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import tomllib
from engine.errors import IctusError

RANGES = {"azimuth_degrees": (-180.0, 180.0), "elevation_degrees": (-90.0, 90.0), "distance_metres": (0.1, 1000.0)}
MAX_SPEAKERS = 256


class LayoutError(IctusError):
    """A layout that cannot be; one sentence for a person."""


@dataclass(frozen=True)
class Speaker:
    name: str
    azimuth_degrees: float = 0.0
    elevation_degrees: float = 0.0
    distance_metres: float | None = None
    lfe: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise LayoutError(f"a speaker is called {self.name!r}; give it a name in quotes")
        if not isinstance(self.lfe, bool):
            raise LayoutError(f"the lfe of the speaker {self.name!r} is {self.lfe!r}; it must be true or false")
        for what, (low, high) in RANGES.items():
            value = getattr(self, what)
            if value is None and what == "distance_metres":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise LayoutError(
                    f"the {what} of the speaker {self.name!r} is {value!r}; it must be {low:g} to {high:g}"
                )


@dataclass(frozen=True)
class Layout:
    """Speakers in the order of the channels."""

    name: str
    speakers: tuple[Speaker, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.speakers) <= MAX_SPEAKERS:
            raise LayoutError(
                f"the layout {self.name} has {len(self.speakers)} speakers; allowed are 1 to {MAX_SPEAKERS}"
            )
        names = [speaker.name for speaker in self.speakers]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise LayoutError(f"the layout {self.name} has two speakers called {twice!r}; each needs its own name")
        if not self.panned:
            raise LayoutError(f"the layout {self.name} has nothing but lfe; at least one speaker must be none")
        ways = self.directions
        for i, j in zip(*np.nonzero(np.triu(ways @ ways.T > math.cos(math.radians(0.1)), 1)), strict=True):
            both = [self.speakers[self.panned[k]].name for k in (i, j)]
            raise LayoutError(f"the speakers {both[0]!r} and {both[1]!r} of {self.name} stand in one direction")

    @property
    def panned(self) -> list[int]:
        """Channels, from 0, that sources are panned to: all but lfe."""
        return [i for i, speaker in enumerate(self.speakers) if not speaker.lfe]

    @property
    def directions(self) -> np.ndarray:
        """Unit vectors [panned, 3], axes as in engine/space/proposer.py."""
        return unit_vectors(
            [(self.speakers[i].azimuth_degrees, self.speakers[i].elevation_degrees) for i in self.panned]
        )

    def positions(self, radius_metres: float) -> np.ndarray:
        """[panned, 3] metres; `radius_metres` away where the layout doesn't say."""
        far = [self.speakers[i].distance_metres or radius_metres for i in self.panned]
        return self.directions * np.array(far)[:, None]


def unit_vectors(degrees: Any) -> np.ndarray:
    """[n, 3] of [n, 2]: azimuth, positive to the left, and elevation."""
    azimuth, elevation = np.radians(np.asarray(degrees, np.float64)).T
    return np.stack(
        [-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)], axis=1
    )


LAYOUTS = {
    "quad": Layout("quad", tuple(map(Speaker, ("FL", "FR", "BL", "BR"), (45.0, -45.0, 135.0, -135.0)))),
    # ITU-R BS.775-3: fronts at 30 degrees, surrounds at 100 to 120; order of channels as in WAV
    "5.1": Layout(
        "5.1",
        (
            *map(Speaker, ("L", "R", "C"), (30.0, -30.0, 0.0)),
            Speaker("LFE", lfe=True),
            *map(Speaker, ("Ls", "Rs"), (110.0, -110.0)),
        ),
    ),
    # the first in front, on clockwise as seen from above
    "ring8": Layout("ring8", tuple(Speaker(str(i + 1), (-45.0 * i + 180.0) % -360.0 + 180.0) for i in range(8))),
}


def layout_of(name: str) -> Layout:
    """One of LAYOUTS, or the one in the TOML file `name`."""
    if name in LAYOUTS:
        return LAYOUTS[name]
    try:
        said = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(LAYOUTS)
        raise LayoutError(
            f"there is no layout {name!r} ({error.strerror}); give {known}, binaural or a TOML file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"the layout {name} is not valid TOML: {error}") from error
    speakers = said.pop("speaker", None)
    if not isinstance(speakers, list) or not all(isinstance(speaker, dict) for speaker in speakers):
        raise LayoutError(f"the layout {name} has no speakers; give each a [[speaker]] table")
    title = said.pop("name", Path(name).stem)
    known = [field.name for field in fields(Speaker)]
    strange = [*said, *(key for speaker in speakers for key in speaker if key not in known)]
    if strange:
        raise LayoutError(
            f"the layout {name} says {strange[0]!r}; allowed are name, and of a speaker {', '.join(known)}"
        )
    if nameless := next((i for i, speaker in enumerate(speakers, 1) if "name" not in speaker), 0):
        raise LayoutError(f"speaker {nameless} of the layout {name} has no name; give it one")
    blind = [speaker for speaker in speakers if "azimuth_degrees" not in speaker and speaker.get("lfe") is not True]
    if blind:
        raise LayoutError(f"the speaker {blind[0]['name']!r} of the layout {name} has no azimuth_degrees; give it one")
    return Layout(str(title), tuple(Speaker(**speaker) for speaker in speakers))
