"""From what was played and what arrived to how late it was, and where the time went.

Everything is in milliseconds from when a sound would have reached a microphone (run.sounded_seconds).

The ledger of one answer (a track's sounds count player frames; the engine's count began some blocks earlier, and by how
many is found from the messages, which carry the engine's sample and how late they were sent; so is what was lost):

    resampler     its filter, as declared
    framing       from there to the end of the hop that the sound begins in: chance, up to one hop
    listener      whole hops from there until the stage could tell, found by playing the same frames once more through
                  the same chain, as a file: the same events, to the sample
    block         until the device's block is complete that holds the last frame needed: chance, up to one block
    driver        from when JACK's period was due to when its first client was called: the machine's own lateness
    engine        from there until the message was written: wait for the worker, computing, wait for the bridge
    sending       from there until the client had it
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.latency.count import Count, with_losses
from benchmarks.latency.run import STRIKE_KEY, Raw, cycle_of, sounded_seconds, stage_tables
from benchmarks.latency.sounds import Track, together
from bridges.channels import DRUM_CHANNEL, DRUM_KEYS, assign_channels
from bridges.osc_table import ANY_DRUM
from engine.bridge import SessionInfo
from engine.build import build_session
from engine.config import Config
from engine.events import Event, NoteOn, Strike
from engine.sources.array import ArraySource
from engine.stage import Stage

NOTE_ON = 0x90
STREAM_RATE = Config().stream_rate  # Hz, at which everything is heard
STRIKE_WINDOW_SECONDS, NOTE_WINDOW_SECONDS = 0.08, 0.15  # after what is declared; what comes later is no answer
SAME_MESSAGE_SECONDS = 0.06  # a MIDI and an OSC message further apart are not of the same event: two blocks and more
PROOF_SECONDS = 6.0  # of the tracks, heard once more to see whether the count of frames is right ...
PROOF_MESSAGES = 16  # ... when so many of them came: soon, so that little can have been lost by then
NEAR_BLOCKS = (0, 1, -1, 2, -2, 3, 4)
SURE_SHARE = 0.9
STILL_MS = 0.2  # who only sleeps wakes no later on a machine that does nothing else
ROWS = ("resampler", "framing", "listener", "block", "driver", "engine", "sending")


@dataclass(frozen=True)
class Message:
    """A strike or a note-on that arrived."""

    source: str
    pitch: int  # 0: a strike
    at_sample: int  # as the engine counts
    late_seconds: float  # as it was sent
    osc_seconds: float  # arrival
    midi_seconds: float  # arrival, nan: did not

    @property
    def key(self) -> tuple[str, int, int]:
        return self.source, self.pitch, self.at_sample


@dataclass(frozen=True)
class Answers:
    """To the sounds of one track; arrays [n heard] in order, milliseconds."""

    track: str
    kind: str
    n_played: int
    n_more: int  # messages that no sound was the cause of
    osc_ms: np.ndarray
    midi_ms: np.ndarray  # nan where no MIDI came
    rows: dict[str, np.ndarray]  # by ROWS; nan where the frames could not be told
    midi_sending_ms: np.ndarray  # as sending, to the MIDI client
    asleep_ms: np.ndarray  # how late, from the block's being due until the message came, somebody woke who only slept
    hop_ms: float
    declared_ms: dict[str, float]  # resampler, framing, listener: at the most

    @property
    def n_missing(self) -> int:
        return self.n_played - len(self.osc_ms)

    @property
    def heard_ms(self) -> np.ndarray:
        """Algorithm: what had to be heard before it could be told."""
        return self.rows["resampler"] + self.rows["framing"] + self.rows["listener"]

    @property
    def added_ms(self) -> np.ndarray:
        """What device, engine and network add to it."""
        return self.rows["block"] + self.rows["driver"] + self.rows["engine"] + self.rows["sending"]

    def added_in_stillness_ms(self) -> np.ndarray:
        """Of those answers during which the machine itself was still."""
        return self.added_ms[self.asleep_ms < STILL_MS]


def answers(raw: Raw) -> list[Answers]:
    """Of every track."""
    messages = _messages(raw)
    steady = Count.steady(_engine_frames_before(raw, messages))
    counts = [steady]
    if messages and len((lossy := _with_losses(raw, messages, steady)).ahead) > 1:
        counts.append(lossy)
    known = {message.key for message in messages}
    heard = [(count, _heard_again(raw, count)) for count in counts]
    count, heard_again = max(heard, key=lambda pair: len(known & pair[1].keys()))
    return [_answers(raw, track, messages, count, heard_again) for track in raw.tracks]


def _messages(raw: Raw) -> list[Message]:
    """New strikes and note-ons in the order of their arrival, each with its MIDI message."""
    sources = [track.name for track in raw.tracks]
    channels = assign_channels(sources, {})
    midi: dict[tuple[int, int], deque[float]] = defaultdict(deque)
    for received in raw.midi:
        status, key, *velocity = received.message
        if status & 0xF0 == NOTE_ON and any(velocity):
            midi[status & 0x0F, key].append(received.at_seconds)
    messages, known = [], set()
    for received in raw.osc:
        if received.address == "/ictus/strike":
            source, _, _, _, late_ms, number, at_sample, drum = received.arguments
            pitch, key = 0, (DRUM_CHANNEL - 1, STRIKE_KEY if drum == ANY_DRUM else DRUM_KEYS[drum])
        elif received.address == "/ictus/note" and received.arguments[2]:
            source, pitch, _, _, late_ms, number, _, at_sample = received.arguments
            key = channels[source] - 1, pitch
        else:
            continue
        if (source, number) in known:  # news of a strike that was announced before
            continue
        known.add((source, number))
        arrival = _take(midi[key], received.at_seconds)
        messages.append(Message(source, pitch, at_sample, late_ms / 1000, received.at_seconds, arrival))
    return messages


def _take(waiting: deque[float], near_seconds: float) -> float:
    """The next of `waiting` if it belongs there; MIDI keeps the order in which OSC was sent, key by key."""
    while waiting and waiting[0] < near_seconds - SAME_MESSAGE_SECONDS:
        waiting.popleft()
    return waiting.popleft() if waiting and waiting[0] < near_seconds + SAME_MESSAGE_SECONDS else np.nan


def _engine_frames_before(raw: Raw, messages: list[Message]) -> int:
    """How many frames the engine had counted when the tracks began: whole blocks.

    A message was sent `late` after `at_sample` by the engine's own clock, and arrived a little later: so each tells it,
    less a little, and the largest of all is right or next to right. What is right gives the same events once more.
    """
    period, rate = raw.condition.block_samples, raw.condition.sample_rate
    if not messages:
        return 0
    sent = np.array([message.osc_seconds - message.late_seconds for message in messages])
    began = sounded_seconds(raw, np.zeros(1, np.int64))[0] + driver_late_seconds(raw)
    told = np.array([message.at_sample for message in messages]) - (sent - began) * rate
    n_proof = round(PROOF_SECONDS * rate)

    def share_heard_again(before: int) -> float:
        heard = sorted((m for m in messages if m.at_sample < before + n_proof - rate), key=lambda m: m.at_sample)
        early = {message.key for message in heard[:PROOF_MESSAGES]}
        return len(early & _heard_again(raw, Count.steady(before), n_proof).keys()) / max(1, len(early))

    likely = (round(told.max() / period) + step for step in NEAR_BLOCKS)
    return max((block * period for block in likely), key=_until_sure(share_heard_again))


def _with_losses(raw: Raw, messages: list[Message], steady: Count) -> Count:
    """`steady`, and what the server lost since: from then on messages tell of fewer frames."""
    cycles, period = raw.cycles, raw.condition.block_samples
    in_order = sorted(messages, key=lambda message: message.at_sample)
    at_sample = np.array([message.at_sample for message in in_order], np.int64)
    sounded = np.array([m.osc_seconds - m.late_seconds for m in in_order]) - driver_late_seconds(raw)
    told = at_sample - np.interp(sounded, raw.due_seconds, cycles.first_frame + period)
    return with_losses(int(steady.ahead[0]), period, at_sample, told)


def _until_sure(share: Callable[[int], float]) -> Callable[[int], float]:
    """`share`, not asked any more once it was as good as 1."""
    best = 0.0

    def asked(before: int) -> float:
        nonlocal best
        now = share(before) if best < SURE_SHARE else 0.0
        best = max(best, now)
        return now

    return asked


def driver_late_seconds(raw: Raw) -> float:
    """How late JACK calls its clients at the best; the engine's clock goes by that."""
    return float(np.percentile(raw.cycles.began_seconds - raw.due_seconds, 1))


class _Keeper:
    """A bridge that keeps when each strike and note could be known: (source, pitch, at_sample) -> reported_sample."""

    def __init__(self) -> None:
        self.reported: dict[tuple[str, int, int], int] = {}

    def open(self, session: SessionInfo) -> None: ...

    def send(self, event: Event) -> None:
        if isinstance(event, NoteOn) or isinstance(event, Strike) and event.is_new:
            key = event.source, getattr(event, "pitch", 0), event.at_sample
            self.reported.setdefault(key, event.reported_sample)

    def tick(self) -> None: ...

    def close(self) -> None: ...


def _heard_again(raw: Raw, count: Count, n_frames: int | None = None) -> dict[tuple[str, int, int], int]:
    """The same frames, the first `n_frames` or all, through the same chains, as fast as can be."""
    heard = count.heard(together(raw.tracks)[:n_frames])
    sources = [{"name": t.name, "channels": [k + 1], "chain": list(t.chain)} for k, t in enumerate(raw.tracks)]
    config = Config.from_dict({"source": sources, "stage": stage_tables(raw.condition, raw.tracks)})
    keeper = _Keeper()
    build_session(config, ArraySource(heard, raw.condition.sample_rate), [("keeper", keeper)]).run()
    return keeper.reported


def _answers(
    raw: Raw, track: Track, messages: list[Message], count: Count, reported: dict[tuple[str, int, int], int]
) -> Answers:
    listener = _listener(track)
    declared_ms = raw.declared_ms[listener]
    window = declared_ms / 1000 + (NOTE_WINDOW_SECONDS if track.kind == "note" else STRIKE_WINDOW_SECONDS)
    mine = [m for m in messages if m.source == track.name and (m.pitch > 0) == (track.kind == "note")]
    frames = np.array([stimulus.frame for stimulus in track.stimuli], np.int64)
    sounded = sounded_seconds(raw, frames)
    pairs = _pairs([(s.pitch, at) for s, at in zip(track.stimuli, sounded, strict=True)], mine, window)
    hop_ms = 1000 * _stage(track, listener).hop_samples / STREAM_RATE
    ledger = [_ledger(raw, int(frames[k]), sounded[k], m, count, reported, hop_ms) for k, m in pairs]
    columns = np.array(ledger, np.float64).reshape(-1, len(ROWS) + 2).T
    osc_ms = 1000 * np.array([m.osc_seconds - sounded[k] for k, m in pairs])
    midi_ms = 1000 * np.array([m.midi_seconds - sounded[k] for k, m in pairs])
    framing_ms = hop_ms - 1000 / STREAM_RATE
    declared = {"resampler": raw.declared_ms["resample"], "framing": framing_ms, "listener": declared_ms - framing_ms}
    rows = dict(zip(ROWS, columns, strict=False))
    n_more = _uncalled_for(sounded, window, mine)
    return Answers(
        track.name, track.kind, len(frames), n_more, osc_ms, midi_ms, rows, *columns[-2:], hop_ms, declared
    )  # fmt: skip


def _listener(track: Track) -> str:
    """The stage of the track's chain that answers."""
    return "notes" if track.kind == "note" else next(name for name in ("strike", "drums") if name in track.chain)


def _stage(track: Track, name: str) -> Stage:
    from engine.registry import STAGES, make

    return make(STAGES, name, {})


def _pairs(
    played: list[tuple[int, float]], messages: Iterable[Message], window_seconds: float
) -> list[tuple[int, Message]]:
    """(which sound, its message): the first message not yet taken, of the right pitch, in the window after it."""
    by_pitch: dict[int, deque[Message]] = defaultdict(deque)
    for message in messages:
        by_pitch[message.pitch].append(message)
    pairs = []
    for k, (pitch, at_seconds) in enumerate(played):
        waiting = by_pitch[pitch]
        while waiting and waiting[0].osc_seconds < at_seconds:
            waiting.popleft()
        if waiting and waiting[0].osc_seconds < at_seconds + window_seconds:
            pairs.append((k, waiting.popleft()))
    return pairs


def _uncalled_for(sounded: np.ndarray, window_seconds: float, messages: list[Message]) -> int:
    """How many messages came so long after every sound that none can be their cause."""
    arrivals = np.array([message.osc_seconds for message in messages])
    last = np.searchsorted(sounded, arrivals) - 1
    return int(np.sum((last < 0) | (arrivals - sounded[np.maximum(last, 0)] > window_seconds)))


def _ledger(
    raw: Raw,
    frame: int,
    sounded: float,
    message: Message,
    count: Count,
    reported: dict[tuple[str, int, int], int],
    hop_ms: float,
) -> list[float]:
    """Milliseconds by ROWS, of the way to the MIDI client after `engine`, and of Answers.asleep_ms; nan where it cannot
    be told."""
    needed = reported.get(message.key)
    if needed is None:  # frames were lost on the way, and what came after them stands elsewhere
        return [np.nan] * (len(ROWS) + 2)
    rate, period = raw.condition.sample_rate, raw.condition.block_samples
    needed -= count.ahead_at(needed - 1)  # frames of the track that had to be there
    algorithm_ms = 1000 * (needed - frame) / rate
    resampler_ms = raw.declared_ms["resample"]
    hops, framing_ms = divmod(algorithm_ms - resampler_ms, hop_ms)
    cycle = cycle_of(raw, np.array([needed - 1]))[0]
    due, began = raw.due_seconds[cycle], raw.cycles.began_seconds[cycle]
    block_ms = 1000 * (raw.cycles.first_frame[cycle] + period - needed) / rate
    at = sounded + (message.at_sample - count.ahead_at(message.at_sample) - frame) / rate
    sent = at + driver_late_seconds(raw) + message.late_seconds
    return [
        resampler_ms, framing_ms, hops * hop_ms, block_ms, 1000 * (began - due), 1000 * (sent - began),
        1000 * (message.osc_seconds - sent), 1000 * (message.midi_seconds - sent),
        raw.wakings.latest_ms(due, message.osc_seconds),
    ]  # fmt: skip
