"""What a drummer can strike: voices, the class each belongs to, how loud it usually is, and how MIDI numbers them."""

from __future__ import annotations

from typing import NamedTuple

from training.drums_features import CLASSES, OTHER


class Voice(NamedTuple):
    name: str
    drum: int  # index into CLASSES, or OTHER
    level_db: float  # in a usual mix, next to the kick
    instead: tuple[str, ...] = ()  # what plays it in a kit that lacks it, best first


def _voice(name: str, drum: str, level_db: float, *instead: str) -> Voice:
    return Voice(name, CLASSES.index(drum) if drum else OTHER, level_db, instead)


VOICES = (
    _voice("kick", "kick", 0.0),
    _voice("snare", "snare", 0.0),
    _voice("rim", "snare", -5.0, "snare"),
    _voice("hat_closed", "hat", -11.0),
    _voice("hat_pedal", "hat", -14.0, "hat_closed"),
    _voice("hat_open", "hat", -8.0, "hat_closed"),
    _voice("tom_low", "tom", -2.0, "tom_mid", "tom_high"),
    _voice("tom_mid", "tom", -2.0, "tom_high", "tom_low"),
    _voice("tom_high", "tom", -2.0, "tom_mid", "tom_low"),
    _voice("crash", "cymbal", -4.0, "china"),
    _voice("china", "cymbal", -5.0, "crash"),
    _voice("ride", "cymbal", -10.0, "crash"),
    _voice("bell", "cymbal", -8.0, "ride"),
    _voice("clap", "", -4.0),
    _voice("cowbell", "", -8.0),
    _voice("tambourine", "", -9.0),
    _voice("shaker", "", -14.0),
)
INDEX = {voice.name: index for index, voice in enumerate(VOICES)}

# General MIDI level 1 percussion, with the rims, bows and edges of Roland's electronic kits (22, 26, 58).
KEYS: dict[int, str] = {
    35: "kick", 36: "kick", 37: "rim", 38: "snare", 40: "snare", 39: "clap",
    22: "hat_closed", 42: "hat_closed", 44: "hat_pedal", 26: "hat_open", 46: "hat_open",
    41: "tom_low", 43: "tom_low", 58: "tom_low", 45: "tom_mid", 47: "tom_mid", 48: "tom_high", 50: "tom_high",
    49: "crash", 57: "crash", 52: "china", 55: "china", 51: "ride", 59: "ride", 53: "bell",
    54: "tambourine", 56: "cowbell", 70: "shaker", 82: "shaker",
}  # fmt: skip
