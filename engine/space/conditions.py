"""What a model is told besides the sound: which part of the song this is, and what kind of instrument a source is.

Names are people's: "Chorus 2", "Gtr L", "OH right". They become one of a few kinds, so that a model meets a new song,
or a new band, with something it knows.
"""

from __future__ import annotations

import re

import numpy as np

from engine.space.proposer import BAND_COLUMNS

# Kinds with the words that name them; the first that fits is meant.
_ROLES: tuple[tuple[str, str], ...] = (
    ("bass", r"bass|sub|basso"),
    ("drums", r"dr(um)?s?|kick|snare|tom|hat|cym|oh|overhead|perc|kit|bd|sd"),
    ("guitar", r"g(ui)?ta?rs?|chitarra|gitarre"),
    ("keys", r"key|piano|organ|rhodes|synth|klavier"),
    ("voice", r"vo[xcki]|sing|choir|lead|gesang|stimme"),
    ("samples", r"sampl|pad|string|fx|loop|noise|ambien|tape"),
    ("wind", r"sax|trump|horn|flute|brass|clar|trom|wind"),
)
ROLES = (*(name for name, _ in _ROLES), "other")
_SECTIONS: tuple[tuple[str, str], ...] = (
    ("intro", r"intro|opening|start"),
    ("verse", r"verse|strophe|couplet"),
    ("chorus", r"chorus|refrain|hook|drop"),
    ("break", r"break|bridge|middle|interlude|build"),
    ("solo", r"solo"),
    ("outro", r"outro|end|coda|fade"),
)
SECTIONS = (*(name for name, _ in _SECTIONS), "other")
FADES_SECONDS = (1.0, 8.0)  # how a new section fades: two more columns
PERIODS_BARS = (2, 4, 8)  # in which musicians count: sine and cosine of each
N_KINDS = len(SECTIONS) + len(FADES_SECONDS)
N_SECTION = N_KINDS + 2 * len(PERIODS_BARS)
BAR_SIN, BAR_COS = BAND_COLUMNS.index("bar_sin"), BAND_COLUMNS.index("bar_cos")
COUNTED = slice(N_KINDS, N_SECTION)  # the columns that need a beat


def role_of(name: str) -> int:
    """Index into ROLES."""
    return _kind_of(name, _ROLES)


class Form:
    """Which part of the song this is, and where in it, tick by tick.

    N_SECTION columns: 1 for the kind of section, 1 that fades since it began, and the bars since then, counted in
    twos, fours and eights; all 0 where nothing was said, the last ones where no beat is known. A section that is cued a
    little before its first bar begins with that bar; without sections the count is from the first bar.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._name, self._began_seconds = "", 0.0
        self._bars: float | None = None  # since it began
        self._phase = 0.0  # in the bar, 0 to 1

    def tick(self, name: str, seconds: float, band: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` [N_SECTION] from the section's name ("" before the first) and the band's columns."""
        out[:] = 0.0
        phase = self._bar_phase(band)
        if name != self._name:
            self._name, self._began_seconds, self._bars = name, seconds, None
        if name:
            out[_kind_of(name, _SECTIONS)] = 1.0
            since = max(0.0, seconds - self._began_seconds)
            out[len(SECTIONS) : N_KINDS] = np.exp(-since / np.array(FADES_SECONDS))
        if phase is None:
            self._bars = None
            return
        if self._bars is None:
            self._bars = phase - round(phase)
        else:
            self._bars += (phase - self._phase + 0.5) % 1.0 - 0.5
        self._phase = phase
        turns = 2.0 * np.pi * self._bars / np.array(PERIODS_BARS)
        out[COUNTED] = np.concatenate([np.sin(turns), np.cos(turns)])

    def _bar_phase(self, band: np.ndarray) -> float | None:
        sine, cosine = float(band[BAR_SIN]), float(band[BAR_COS])
        return None if sine == cosine == 0.0 else float(np.arctan2(sine, cosine) / (2.0 * np.pi)) % 1.0


def _kind_of(name: str, kinds: tuple[tuple[str, str], ...]) -> int:
    found = (i for i, (_, words) in enumerate(kinds) if re.search(rf"(?<![a-z])({words})", name.lower()))
    return next(found, len(kinds))
