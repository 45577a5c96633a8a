"""What is measured of the notes, part by part; each part is JSON values that report.py turns into tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.notes.disturb import CONDITIONS, IN_A_ROOM, IN_NOISE, UNDISTURBED, as_file
from benchmarks.notes.jobs import Desk, Job
from benchmarks.notes.labels import alike, beyond, by_velocity
from benchmarks.notes.listen import Listener
from benchmarks.notes.noteless import SAMPLE_RATE, noise, silence, speech
from benchmarks.notes.recordings import Recording
from benchmarks.notes.repeated import repeated_notes
from benchmarks.notes.scores import USUAL_MS, Take
from benchmarks.notes.summary import Counted, count, summary
from benchmarks.peers.ask import Peer, PeerError, ask
from benchmarks.peers.table import PEERS

Part = dict[str, Any]
COLUMNS = slice(0, 5)  # of a peer's events: those a take has


def points(desk: Desk, pianos: Sequence[Recording], listeners: Sequence[Listener]) -> Part:
    """Every listener on every recording."""
    jobs = {listener.point: [Job(piano, listener) for piano in pianos] for listener in listeners}
    desk.counted(job for several in jobs.values() for job in several)
    return {"points": {point: summary(desk.counted(several)) for point, several in jobs.items()}}


def disturbances(desk: Desk, pianos: Sequence[Recording], listeners: Sequence[Listener], room: Path | None) -> Part:
    """The same recordings under each condition."""
    conditions = [condition for condition in CONDITIONS if room or condition != IN_A_ROOM]
    jobs = {
        condition: {
            listener.point: [Job(piano, listener, condition, room) for piano in pianos] for listener in listeners
        }
        for condition in conditions
    }
    desk.counted(job for row in jobs.values() for several in row.values() for job in several)
    return {
        "recordings": [piano.name for piano in pianos],
        "room": room.stem if room else "",
        "points": {
            condition: {point: summary(desk.counted(several)) for point, several in row.items()}
            for condition, row in jobs.items()
        },
    }


def false_notes(drums: Sequence[Recording], listeners: Sequence[Listener]) -> Part:
    """Notes a minute, where nobody plays a note."""
    materials: dict[str, list[Path | tuple[np.ndarray, int]]] = {
        name: [(samples, SAMPLE_RATE)] for name, samples in (speech() | noise() | silence()).items()
    }
    materials[f"drums alone ({len(drums)} real takes)"] = [take.audio for take in drums]
    rows: Part = {}
    for name, sounds in materials.items():
        rows[name] = {"a_minute": {}}
        for listener in listeners:
            heard = [listener.hear(sound) for sound in sounds]
            seconds = rows[name]["seconds"] = sum(one.seconds for one in heard)
            rows[name]["a_minute"][listener.point] = 60 * sum(len(one.notes) for one in heard) / seconds
    return {"rows": rows}


def repeats(listeners: Sequence[Listener], instruments: Path) -> Part:
    """Re-strikes of a piano that no model was trained on, played dry."""
    playing, piano = repeated_notes(instruments)
    rows = {}
    for listener in listeners:
        heard = listener.hear((playing.samples, playing.sample_rate))
        rows[listener.point] = summary([count(Take(piano, "", 0.0, heard.seconds, playing.played, heard.notes))])
    return {"instrument": piano, "points": rows}


def beside_peers(
    desk: Desk, recordings: Sequence[Recording], listeners: Sequence[Listener], envs: Path, with_slow: bool = True
) -> Part:
    """Everybody on the same recordings, which are of one kind."""
    rivals = {peer.name: peer for peer in PEERS if with_slow or not peer.is_slow}
    answered, failed = _asked(rivals.values(), recordings, envs)
    rows = {}
    for name, heard in answered.items():
        rows[name] = {
            **summary(heard),
            "is_live": rivals[name].is_live,
            "algorithmic_ms": rivals[name].look_ahead_ms,
        }
    for listener in listeners:
        heard = summary(desk.counted(Job(recording, listener) for recording in recordings))
        latency = {"is_live": bool(listener.look_ahead_ms), "algorithmic_ms": listener.look_ahead_ms or None}
        rows[listener.name] = {**heard, **latency}
    return {"recordings": [recording.name for recording in recordings], "rows": rows, "failed": failed}


def worse(
    desk: Desk, recordings: Sequence[Recording], listeners: Sequence[Listener], envs: Path, room: Path | None
) -> Part:
    """Everybody under the conditions that everybody meets on a stage."""
    conditions = [name for name in (UNDISTURBED, IN_A_ROOM, IN_NOISE) if room or name != IN_A_ROOM]
    found: Part = {}
    for condition in conditions:
        here = [as_file(one, condition, envs / "worse", room) for one in recordings]
        found[condition] = beside_peers(desk, here, listeners, envs)
    answered = set.intersection(*(set(part["rows"]) for part in found.values()))
    return {
        "recordings": [recording.name for recording in recordings],
        "room": room.stem if room else "",
        "points": {
            condition: {name: _onsets_of(row) for name, row in part["rows"].items() if name in answered}
            for condition, part in found.items()
        },
        "failed": list(dict.fromkeys(why for part in found.values() for why in part["failed"])),
    }


def _onsets_of(row: Part) -> Part:
    """What is kept where many rows are compared by one score."""
    usual = f"onset {USUAL_MS}"
    return {name: row[name] for name in ("files", "seconds", "played")} | {"scores": {usual: row["scores"][usual]}}


def labels(desk: Desk, recordings: Sequence[Recording], listener: Listener, envs: Path) -> Part:
    """What `listener` and the peers that hear whole files say, note for note, of when the notes begin."""
    heard = {listener.name: desk.counted(Job(recording, listener) for recording in recordings)}
    answered, failed = _asked([peer for peer in PEERS if not peer.is_live], recordings, envs)
    heard |= answered
    return {
        "recordings": [recording.name for recording in recordings],
        "listener": listener.name,
        "velocities": by_velocity(heard),
        "beyond": {name: beyond(takes, USUAL_MS) for name, takes in heard.items()},
        "alike": {name: alike(heard[listener.name], takes) for name, takes in answered.items()},
        "failed": failed,
    }


def _asked(
    peers: Iterable[Peer], recordings: Sequence[Recording], envs: Path
) -> tuple[dict[str, list[Counted]], list[str]]:
    """What each of them heard who is made for such recordings, by name; and why some did not."""
    heard, failed = {}, []
    for peer in peers:
        if recordings[0].kind in peer.kinds:
            try:
                heard[peer.name] = [_of_peer(peer, recording, envs) for recording in recordings]
            except PeerError as error:
                failed.append(str(error))
    return heard, failed


def _of_peer(peer: Peer, recording: Recording, envs: Path) -> Counted:
    answer = ask(peer, recording.audio, envs)
    shift, heard = recording.shift_seconds, answer.events[:, COLUMNS]
    take = Take(recording.name, recording.mic, shift, answer.sound_seconds, recording.played, heard)
    return count(take, answer.cpu_seconds)


def speed(recording: Recording, listeners: Sequence[Listener], envs: Path | None) -> Part:
    """CPU seconds a second of sound, everybody one after another on the same recording, start-up left out."""
    costs, failed = {}, []
    for listener in listeners:
        heard = listener.hear(recording.audio)
        costs[listener.name] = heard.cpu_seconds / heard.seconds
    for peer in PEERS if envs else ():
        try:
            answer = ask(peer, recording.audio, envs, afresh=True)
            costs[peer.name] = answer.cpu_seconds / answer.sound_seconds
        except PeerError as error:
            failed.append(str(error))
    return {"recording": recording.name, "cpu_seconds_a_second": costs, "failed": failed}
