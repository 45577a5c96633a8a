"""One excerpt: a seed becomes a performance, a piano, a room, and so samples with the notes that sound in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import oaconvolve

from training.data import SOURCES, held_out
from training.render.arranging import arranged, shaded
from training.render.generated import improvise
from training.render.instruments import BANK_RATE, INSTRUMENTS, KEY_RELEASES, LEAD_SECONDS, Instrument, SampleBank
from training.render.mixer import mix_notes
from training.render.noteless import Noteless
from training.render.room import Room, load_rooms, overdriven, place, rms
from training.render.scores import (
    KEY_UP,
    OFFSET,
    ONSET,
    PITCH,
    VELOCITY,
    Performance,
    excerpt,
    read_midi,
    sounding,
)

MATERIAL = {"pop909": 0.32, "giantmidi": 0.33, "generated": 0.35}  # of the excerpts
TRANSPOSE_SEMITONES = {"pop909": 6, "giantmidi": 3}  # at most, either way
NOTELESS = 0.04  # of the excerpts: speech, percussion, noises or silence, and no note
BESIDE = 0.08  # of the excerpts: the same under the music
BESIDE_BELOW_DB = (6.0, 25.0)
PEDAL_DROPPED = 0.12  # of the pieces
UNDAMPED_PITCH = 90  # a piano's dampers end about here
FAMILIES = {"piano": 0.9, "guitar": 0.07, "bass": 0.03}  # of the training excerpts; validation is for the piano
# What a stroke leaves of the sound of a string that is still ringing: a felt hammer much, a finger or a pick little.
KEPT = {"piano": (0.45, 0.95), "guitar": (0.02, 0.3), "bass": (0.02, 0.3)}
SHORT_LIFT_SECONDS = (0.0, 0.05)  # a key lifted for less is struck again before its damper touches; drawn once a piece
MOST_SHIFT_SEMITONES = 3  # neighbours' samples, moved back to pitch, make another body out of the same instrument
SPLITS = ("train", "valid")


@dataclass(frozen=True)
class Piece:
    """A MIDI file and the name by which it is held out, the same on every machine."""

    collection: str
    name: str
    path: Path


@dataclass(frozen=True)
class Kit:
    """Everything an excerpt is made from, loaded."""

    banks: dict[str, SampleBank]
    key_releases: SampleBank | None
    pieces: list[Piece]
    rooms: list[Room]
    noteless: Noteless
    sample_rate: int

    def instruments_for(self, split: str, rng: np.random.Generator) -> list[Instrument]:
        """Instruments an excerpt may use: never a held-out one in train, and in half of valid nothing else."""
        there = [instrument for instrument in INSTRUMENTS if instrument.name in self.banks]
        unseen = [instrument for instrument in there if instrument.held_out]
        if split == "valid" and unseen and rng.random() < 0.5:
            return unseen
        family = "piano" if split == "valid" else rng.choice(list(FAMILIES), p=list(FAMILIES.values()))
        seen = [instrument for instrument in there if not instrument.held_out]
        return [instrument for instrument in seen if instrument.family == family] or seen

    def pieces_for(self, split: str, collection: str) -> list[Piece]:
        held = split == "valid"
        return [piece for piece in self.pieces if piece.collection == collection and held_out(piece.name) == held]


@dataclass(frozen=True)
class Excerpt:
    samples: np.ndarray  # float32 [n_samples], the kit's sample rate
    notes: np.ndarray  # float32 [n_notes, 4]: onset and offset in seconds, pitch, velocity; by onset
    pedal: np.ndarray  # float32 [n_pedals, 2]: down and up in seconds, within the excerpt; none but on pianos
    origin: dict[str, str]  # collection, piece, instrument, room, beside (sound without notes); "" for none


def find_pieces(data: Path) -> list[Piece]:
    """Every MIDI file of every collection in `data`, sorted."""
    pieces = []
    for collection in TRANSPOSE_SEMITONES:
        folder = SOURCES[collection].find(data)
        for path in sorted(folder.rglob("*.mid")) if folder else []:
            pieces.append(Piece(collection, f"{collection}/{path.relative_to(folder).as_posix()}", path))
    return pieces


def load_kit(data: Path, banks: dict[str, SampleBank], sample_rate: int) -> Kit:
    """Pieces and rooms of `data` around loaded `banks` (by instrument name)."""
    played = {name: bank for name, bank in banks.items() if name != KEY_RELEASES.name}
    noteless = Noteless.find(data, SPLITS, sample_rate)
    rooms = load_rooms(data, sample_rate)
    return Kit(played, banks.get(KEY_RELEASES.name), find_pieces(data), rooms, noteless, sample_rate)


def render_excerpt(kit: Kit, split: str, seconds: float, rng: np.random.Generator) -> Excerpt:
    """The excerpt that `rng` draws. `split` is "train" or "valid"."""
    n_samples = int(seconds * kit.sample_rate)
    if rng.random() < NOTELESS:
        dry, kinds = kit.noteless.draw(split, n_samples, rng)
        notes, pedal = np.empty((0, 5)), np.empty((0, 2))
        collection, piece, played_on, beside = "noteless", "", "", "+".join(kinds)
    else:
        choice = kit.instruments_for(split, rng)
        instrument = choice[rng.integers(len(choice))]
        collection, piece, performance = choose_performance(kit, split, seconds, rng)
        dry, notes, pedal = perform(performance, instrument, kit, n_samples, rng)
        played_on, beside = instrument.name, ""
        if rng.random() < BESIDE:
            sound, kinds = kit.noteless.draw(split, n_samples, rng, silent=False)
            dry = dry + 10.0 ** (-rng.uniform(*BESIDE_BELOW_DB) / 20.0) * rms(dry) * sound
            beside = "+".join(kinds)
    samples, room = place(dry, kit.rooms, kit.sample_rate, rng)
    origin = {"collection": collection, "piece": piece, "instrument": played_on, "room": room, "beside": beside}
    columns = notes[:, [ONSET, OFFSET, PITCH, VELOCITY]].astype(np.float32)
    return Excerpt(samples, columns, np.clip(pedal, 0.0, seconds).astype(np.float32), origin)


def perform(
    performance: Performance, instrument: Instrument, kit: Kit, n_samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dry samples, notes, pedal) of the performance as far as the instrument can play it."""
    is_piano = instrument.family == "piano"
    if not is_piano:
        performance = Performance(performance.keys, performance.pedal[:0])
    notes = sounding(performance)
    bank = kit.banks[instrument.name]
    notes = notes[bank.plays(notes[:, PITCH])]
    dry = play(notes, bank, n_samples, kit.sample_rate, rng, KEPT[instrument.family])
    if is_piano and kit.key_releases is not None and rng.random() < 0.6:
        knock_keys(dry, notes, kit.key_releases, kit.sample_rate, rng)
    if not is_piano and rng.random() < 0.5:
        dry = overdriven(dry, rng)
    return dry, notes, performance.pedal


def choose_performance(kit: Kit, split: str, seconds: float, rng: np.random.Generator) -> tuple[str, str, Performance]:
    """(collection, piece, what was played): from a MIDI file, or improvised where there is none."""
    collection = str(rng.choice(list(MATERIAL), p=list(MATERIAL.values())))
    pieces = kit.pieces_for(split, collection)
    if not pieces:
        return "generated", "", improvise(rng, seconds)
    piece = pieces[rng.integers(len(pieces))]
    whole = read_midi(piece.path)
    speed = rng.uniform(0.85, 1.2)
    most = TRANSPOSE_SEMITONES[collection]
    start = rng.uniform(-0.5, max(0.0, whole.seconds - seconds * speed))
    part = excerpt(whole, start, seconds, speed, int(rng.integers(-most, most + 1)))
    keys = arranged(part.keys, rng)
    keys = keys[keys[:, 0] < seconds]
    keys[:, 3] = shaded(keys[:, 0], keys[:, 3], rng)
    pedal = part.pedal if rng.random() > PEDAL_DROPPED else part.pedal[:0]
    return collection, piece.name, Performance(keys, pedal)


def play(
    notes: np.ndarray,
    bank: SampleBank,
    n_samples: int,
    sample_rate: int,
    rng: np.random.Generator,
    kept: tuple[float, float] = KEPT["piano"],
) -> np.ndarray:
    """`notes` on the instrument, dry, float32 [n_samples]. Shortens OFFSET in place where a note rings out before.

    A string that is struck again rings on under the new sound, `kept` of it (drawn from that range), and as far as
    the damper had let it: a key lifted for a moment, or under the pedal, never damped it.
    """
    out = np.zeros(n_samples, dtype=np.float32)
    resonance = np.zeros(n_samples, dtype=np.float32)
    pitches = notes[:, PITCH].astype(np.int64)
    velocities = notes[:, VELOCITY]
    heard = np.clip(velocities + rng.normal(0.0, 8.0) + rng.normal(0.0, 3.0, len(notes)), 1, 127)
    shift = rng.integers(-MOST_SHIFT_SEMITONES, MOST_SHIFT_SEMITONES + 1) if rng.random() < 0.6 else 0
    borrowed = np.clip(pitches + shift, bank.roots.min(), bank.roots.max())
    chosen = bank.table[np.searchsorted(bank.layer_tops, heard, side="left"), borrowed]
    steps = BANK_RATE / sample_rate * 2.0 ** ((pitches - bank.roots[chosen] + tuning(rng)[pitches]) / 12.0)
    notes[:, OFFSET] = np.minimum(notes[:, OFFSET], notes[:, ONSET] + bank.audible_seconds[chosen])
    gains_db = bank.gains_db[chosen] + rng.uniform(18.0, 34.0) * np.log10(velocities / 127.0)
    gains_db += rng.normal(0.0, 0.8, len(notes))
    release_seconds = rng.uniform(0.03, 0.14) * np.exp2(np.clip((60 - pitches) / 24.0, -0.5, 1.2))
    again = struck_next(notes)
    lifted_seconds = np.where(again >= 0, notes[again, ONSET] - notes[:, OFFSET], np.inf)
    is_damped = (pitches < UNDAMPED_PITCH) & (lifted_seconds > rng.uniform(*SHORT_LIFT_SECONDS))
    damped = np.where(is_damped, notes[:, OFFSET], np.inf)
    pedalled = notes[:, OFFSET] > notes[:, KEY_UP] + 0.05
    mix_notes(
        out,
        resonance,
        bank.samples,
        bank.starts[chosen],
        bank.lengths[chosen],
        notes[:, ONSET] * sample_rate - LEAD_SECONDS * BANK_RATE / steps,
        damped * sample_rate,
        steps,
        10.0 ** (gains_db / 20.0),
        np.exp(-1.0 / (release_seconds * sample_rate)),
        brightness(bank, heard, pitches, sample_rate),
        pedalled.astype(np.float64),
        again,
        rng.uniform(*kept, len(notes)),
    )
    if pedalled.any() and rng.random() < 0.6:
        ring = oaconvolve(resonance, string_response(sample_rate, rng))[:n_samples]
        out += (10.0 ** (-rng.uniform(18.0, 36.0) / 20.0) * ring).astype(np.float32)
    return out


def struck_next(notes: np.ndarray) -> np.ndarray:
    """int64 [n_notes]: for each note the next of its pitch, or -1. `notes` are in order of ONSET."""
    following = np.full(len(notes), -1, dtype=np.int64)
    for pitch in np.unique(notes[:, PITCH]):
        same = np.flatnonzero(notes[:, PITCH] == pitch)
        following[same[:-1]] = same[1:]
    return following


def tuning(rng: np.random.Generator) -> np.ndarray:
    """Semitones off per MIDI pitch: the whole piano by up to 30 cents, stretched, each note by a few cents."""
    octaves_from_c4 = (np.arange(128) - 60) / 12.0
    cents = rng.uniform(-30.0, 30.0) + rng.uniform(-1.0, 2.5) * octaves_from_c4
    cents += rng.normal(0.0, rng.uniform(0.0, 4.0), 128)
    return cents / 100.0


def brightness(bank: SampleBank, heard: np.ndarray, pitches: np.ndarray, sample_rate: int) -> np.ndarray:
    """One-pole coefficients: a note softer than its layer was recorded loses an octave of treble per 20 steps."""
    tops = np.append(bank.layer_tops, 127)
    bottoms = np.insert(bank.layer_tops, 0, 0)
    layer = np.searchsorted(bank.layer_tops, heard, side="left")
    below = np.maximum(0.5 * (tops + bottoms)[layer] - heard, 0.0)
    fundamental_hz = 440.0 * 2.0 ** ((pitches - 69) / 12.0)
    cutoff_hz = np.maximum(8000.0 * 2.0 ** (-below / 20.0), 3.0 * fundamental_hz)
    return np.where(below > 0.0, 1.0 - np.exp(-2.0 * np.pi * cutoff_hz / sample_rate), 1.0)


def string_response(sample_rate: int, rng: np.random.Generator, seconds: float = 1.5) -> np.ndarray:
    """What the undamped strings answer to a click: every fourth string's first partials, dying away; energy 1."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    fundamentals_hz = 440.0 * 2.0 ** ((np.arange(24, 80, 4) + rng.integers(4) - 69) / 12.0)
    response = np.zeros(len(time))
    for partial in (1, 2, 3):
        for hz in fundamentals_hz * partial:
            phase = rng.uniform(0.0, 2.0 * np.pi)
            response += np.sin(2.0 * np.pi * hz * time + phase) / partial
    response *= np.exp(-time * rng.uniform(3.0, 7.0))
    return (response / np.sqrt(np.sum(response**2))).astype(np.float32)


def knock_keys(
    out: np.ndarray, notes: np.ndarray, bank: SampleBank, sample_rate: int, rng: np.random.Generator
) -> None:
    """Add the knock of every key that comes up: a sound with an attack and no note."""
    chosen = bank.table[0, notes[:, PITCH].astype(np.int64)]
    gains_db = bank.gains_db[chosen] - rng.uniform(28.0, 48.0) + rng.normal(0.0, 3.0, len(notes))
    ones = np.ones(len(notes))
    mix_notes(
        out,
        out,
        bank.samples,
        bank.starts[chosen],
        bank.lengths[chosen],
        notes[:, KEY_UP] * sample_rate,
        np.inf * ones,
        BANK_RATE / sample_rate * ones,
        10.0 ** (gains_db / 20.0),
        ones,
        ones,
        0.0 * ones,
    )
