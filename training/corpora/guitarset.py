"""GuitarSet: annotation/PLAYER_PIECE-TEMPO-KEY_WAY.jams, and the same names in a folder per microphone.

Players play the same 15 pieces: one player is held out, and of the pieces one in five. What lies across (the held-out
player's other pieces, the others' held-out pieces) is left out, so that validation meets neither again.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.corpora.corpus import LEFT_OUT, Corpus, Recording
from training.data import held_out
from training.render.scores import Performance, clean_keys

AUDIO = {"audio_mono-mic": "mic", "audio_mono-pickup_mix": "mix"}  # folder: what it adds to the names
HELD_OUT_PLAYER = "05"
HELD_OUT_PIECES_ONE_IN = 5


def find(folder: Path) -> list[Recording]:
    recordings = []
    for labels in sorted((folder / "annotation").glob("*.jams")):
        player, _, rest = labels.stem.partition("_")
        piece = rest.partition("-")[0]
        for place, ending in AUDIO.items():
            audio = folder / place / f"{labels.stem}_{ending}.wav"
            if audio.is_file():
                recordings.append(Recording(audio, labels, piece, split_of(player, piece), f"guitar_{ending}"))
    return recordings


def split_of(player: str, piece: str) -> str:
    new_player, new_piece = player == HELD_OUT_PLAYER, held_out(f"guitarset/{piece}", HELD_OUT_PIECES_ONE_IN)
    if new_player != new_piece:
        return LEFT_OUT
    return "valid" if new_player else "train"


def read(recording: Recording) -> Performance:
    """Notes of all strings, bent ones by their nearest semitone; velocity 0. ValueError where it is no such JAMS."""
    try:
        document = json.loads(recording.labels.read_text(encoding="utf-8"))
        strings = [one["data"] for one in document["annotations"] if one["namespace"] == "note_midi"]
        notes = [note for string in strings for note in observations(string)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{recording.labels} is not a JAMS file that can be read: {error!r}") from error
    if not strings:
        raise ValueError(f"{recording.labels} has no note_midi annotation, one of which GuitarSet has for every string")
    keys = [[time, time + duration, round(pitch), 0.0] for time, duration, pitch in notes]
    return Performance(clean_keys(np.array(keys, dtype=np.float64).reshape(-1, 4)), np.empty((0, 2)))


def observations(data: list | dict) -> list[tuple[float, float, float]]:
    """(time, duration, value) of a JAMS annotation, kept as rows or as columns."""
    if isinstance(data, dict):
        return list(zip(data["time"], data["duration"], data["value"], strict=True))
    return [(row["time"], row["duration"], row["value"]) for row in data]


GUITARSET = Corpus("guitarset", "annotation/*.jams beside audio_mono-mic/ or audio_mono-pickup_mix/", find, read)
