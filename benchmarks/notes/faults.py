"""What goes wrong with notes beyond a score: false ones by kind, missed re-strikes, broken chords, stuck notes.

All against the labels at the attack, with the usual tolerance.
"""

from __future__ import annotations

import numpy as np

from benchmarks.notes.scores import OFFSET, ONSET, PITCH, Take, right_rows
from training.gaps import DUPLICATE_SECONDS, is_again

MISTIMED_SECONDS = 0.25
OCTAVE_LIKE = (12, 19, 24, 28, 31, 36)  # semitones between a note and its partials
CHORD_SECONDS = 0.03  # from its first onset to its last
CHORD_NOTES = 3  # at least
STUCK_SECONDS = 20.0  # the lowest string of a grand rings for as long


def false_kinds(take: Take) -> dict[str, int]:
    """What the heard notes that were not played are.

    duplicate: the same pitch was heard less than 100 ms before; mistimed: played within 250 ms; re-attack: that pitch
    sounds on; octave: a note an octave or another partial away sounds; else other. The first that holds counts.
    """
    played, heard = take.shifted, take.heard
    kinds = dict.fromkeys(("duplicate", "mistimed", "re-attack", "octave", "other"), 0)
    for row in np.setdiff1d(np.arange(len(heard)), right_rows(take)[:, 1]):
        onset, pitch = heard[row, ONSET], heard[row, PITCH]
        earlier = np.abs(heard[:, PITCH] - pitch) < 0.5
        earlier &= (heard[:, ONSET] < onset) | ((heard[:, ONSET] == onset) & (np.arange(len(heard)) < row))
        same = played[np.abs(played[:, PITCH] - pitch) <= take.pitch_cents / 100]
        sounding = played[(played[:, ONSET] - 0.1 <= onset) & (onset <= played[:, OFFSET])]
        if earlier.any() and onset - heard[earlier, ONSET].max() < DUPLICATE_SECONDS:
            kinds["duplicate"] += 1
        elif len(same) and np.abs(same[:, ONSET] - onset).min() <= MISTIMED_SECONDS:
            kinds["mistimed"] += 1
        elif (np.abs(sounding[:, PITCH] - pitch) <= take.pitch_cents / 100).any():
            kinds["re-attack"] += 1
        elif np.isin(np.rint(np.abs(sounding[:, PITCH] - pitch)), OCTAVE_LIKE).any():
            kinds["octave"] += 1
        else:
            kinds["other"] += 1
    return kinds


def restrikes(take: Take) -> tuple[int, int]:
    """(played, found): notes struck again 60 to 250 ms after the last onset of their pitch."""
    again = is_again(take.shifted[:, ONSET], take.shifted[:, PITCH])
    return int(again.sum()), int((again & _is_found(take)).sum())


def chords(take: Take) -> tuple[int, int]:
    """(played, found whole): three notes or more within 30 ms of the first of them; no note is of two chords."""
    played = take.shifted
    is_found = _is_found(take)
    rows = np.argsort(played[:, ONSET], kind="stable")
    n_played = n_found = start = 0
    while start < len(rows):
        end = np.searchsorted(played[rows, ONSET], played[rows[start], ONSET] + CHORD_SECONDS, side="right")
        if end - start >= CHORD_NOTES:
            n_played += 1
            n_found += bool(is_found[rows[start:end]].all())
        start = end
    return n_played, n_found


def n_stuck(take: Take) -> int:
    """Heard notes that never end, or sound on for over 20 s."""
    heard = take.heard
    return int((~(heard[:, OFFSET] - heard[:, ONSET] <= STUCK_SECONDS)).sum())


def _is_found(take: Take) -> np.ndarray:
    is_found = np.zeros(len(take.played), dtype=bool)
    is_found[right_rows(take)[:, 0]] = True
    return is_found
