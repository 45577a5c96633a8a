"""What a model is told besides the sound: which part of the song this is, and what kind of instrument a source is.

Names are people's: "Chorus 2", "Gtr L", "OH right". They become one of a few kinds, so that a model meets a new song,
or a new band, with something it knows.
"""

from __future__ import annotations

import re

import numpy as np

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
N_SECTION = len(SECTIONS) + len(FADES_SECONDS)


def role_of(name: str) -> int:
    """Index into ROLES."""
    return _kind_of(name, _ROLES)


def section_columns(name: str, since_seconds: float, out: np.ndarray) -> None:
    """Fill `out` [N_SECTION]: 1 for its kind, then 1 fading since it began; all 0 where there is none (name "")."""
    out[:] = 0.0
    if name:
        out[_kind_of(name, _SECTIONS)] = 1.0
        out[len(SECTIONS) :] = np.exp(-max(0.0, since_seconds) / np.array(FADES_SECONDS))


def _kind_of(name: str, kinds: tuple[tuple[str, str], ...]) -> int:
    found = (i for i, (_, words) in enumerate(kinds) if re.search(rf"(?<![a-z])({words})", name.lower()))
    return next(found, len(kinds))
