"""Sampled instruments: which file is which note, cut to its attack, levelled, ready for the mixer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import firwin, oaconvolve

from training.data import SOURCES
from training.render.scores import LOWEST_PITCH
from training.render.sound import resampled

BANK_RATE = 32_000  # Hz; twice the render's rate, so that a four-point interpolation is clean up to 7.6 kHz
LOW_PASS_HZ = 7_600.0
LONGEST_SECONDS = 10.0
FADE_SECONDS = 0.25  # at the end of every sample
ATTACK_DB = -22.0  # below the early peak: where a sample is said to begin
ATTACK_SEARCH_SECONDS = 0.4
LEAD_SECONDS = 0.001  # kept before the attack
INAUDIBLE_DB = -50.0  # below its peak a note counts as ended
FARTHEST_SEMITONES = 3  # a layer without a sample this close borrows its neighbour's
PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Instrument:
    """How a folder of samples is read: `pattern` names `layer` and one of `note` (C#4, bb3), `number` (MIDI), `key`."""

    name: str
    source: str  # key of training.data.SOURCES
    pattern: str  # matched against the path inside the source's folder, "/" between parts
    layers: tuple[str, ...] = ("",)  # softest first, lower case
    layer_tops: tuple[int, ...] = ()  # highest velocity of each layer but the last
    octave_of_middle_c: int = 4  # what the file names call MIDI note 60
    lowest: int = LOWEST_PITCH  # names without an octave begin here
    family: str = "piano"  # "piano", "guitar" or "bass"
    held_out: bool = False  # heard in validation only


INSTRUMENTS = (
    Instrument(
        "splendid",
        "piano_splendid",
        r"Samples/(?P<layer>\w\w) (?P<note>[A-G]#?-?\d)\.\w+",
        layers=("pp", "mp", "mf", "ff"),
        layer_tops=(40, 67, 84),
        octave_of_middle_c=3,
    ),
    *(
        Instrument(
            f"headroom_{position.lower()}",
            "piano_headroom",
            rf"Samples/HEADROOM PIANO LEVEL(?P<layer>\d) {position} (?P<number>\d+)\.\w+",
            layers=("1", "2", "3", "4", "5"),
            layer_tops=(35, 58, 80, 102),
        )
        for position in ("CLOSE", "DECCA")
    ),
    Instrument("old_fb", "piano_old_fb", r"samples/(?P<note>[A-G]#?\d)\.\w+"),
    Instrument(
        "salamander",
        "piano_salamander",
        r".*?(?P<note>[A-G]#?\d)v(?P<layer>\d+)\.\w+",
        layers=("2", "4", "6", "8", "10", "12", "14", "16"),
        layer_tops=(34, 43, 50, 64, 80, 96, 112),
    ),
    *(  # as training.render.soundfont writes them
        Instrument(
            f"fluid_{family}",
            f"{family}_fluidr3",
            r"n(?P<number>\d+)v(?P<layer>\d+)\.flac",
            layers=("024", "044", "062", "080", "098", "118"),
            layer_tops=(34, 53, 71, 89, 108),
            family=family,
        )
        for family in ("piano", "guitar", "bass")
    ),
    Instrument(
        "upright_kw",
        "piano_upright_kw",
        r"samples/(?P<note>[A-G]#?\d)v(?P<layer>[LH])\.\w+",
        layers=("l", "h"),
        layer_tops=(80,),
        held_out=True,
    ),
    Instrument(
        "timgm6mb",
        "piano_timgm6mb",
        r"n(?P<number>\d+)v(?P<layer>\d+)\.flac",
        layers=("024", "044", "062", "080", "098", "118"),
        layer_tops=(34, 53, 71, 89, 108),
        held_out=True,
    ),
    *(
        Instrument(
            f"guitar_{colour}",
            "guitar_black_green",
            rf"Samples/{colour}/ord/twang_(?P<note>[a-g]b?\d)_(?P<layer>p|mf|f)_rr1\.\w+",
            layers=("p", "mf", "f"),
            layer_tops=(45, 85),
            octave_of_middle_c=5,
            family="guitar",
        )
        for colour in ("black", "green")
    ),
    Instrument("guitar_spanish", "guitar_spanish", r"samples/(?P<note>[A-G]#?\d)\.\w+", family="guitar"),
    *(
        Instrument(f"bass_{way}", "bass_yr", rf"samples/{way}/(?P<note>[A-G]#?)\.\w+", lowest=28, family="bass")
        for way in ("finger", "pick")
    ),
)
# The knock of a key coming up, one sample a key.
KEY_RELEASES = Instrument("key_releases", "piano_salamander", r".*?rel(?P<key>\d+)\.\w+")


@dataclass(frozen=True)
class SampleBank:
    """All samples of one instrument end to end; arrays over samples unless said otherwise."""

    samples: np.ndarray  # float32, BANK_RATE, mono; every attack LEAD_SECONDS after its start
    starts: np.ndarray  # int64: where each begins in `samples`
    lengths: np.ndarray  # int64
    roots: np.ndarray  # int64: MIDI pitch
    gains_db: np.ndarray  # float64: brings a sample's layer to 0 dB
    audible_seconds: np.ndarray  # float64: until INAUDIBLE_DB below its peak
    table: np.ndarray  # int64 [n_layers, 128]: the sample that plays a pitch
    layer_tops: np.ndarray  # int64 [n_layers - 1]

    def save(self, folder: Path) -> None:
        """Write `folder` so that `open` can map it; the index last, as it tells that the rest is there."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "samples.npy", self.samples)
        index = {name: value for name, value in vars(self).items() if name != "samples"}
        np.savez(folder / "part.npz", **index)
        (folder / "part.npz").replace(folder / "index.npz")

    def plays(self, pitches: np.ndarray) -> np.ndarray:
        """bool per MIDI pitch: whether a sample lies close enough."""
        return np.abs(self.roots[:, None] - pitches).min(axis=0) <= FARTHEST_SEMITONES

    @classmethod
    def open(cls, folder: Path) -> SampleBank:
        """Map a saved bank: workers share its memory."""
        with np.load(folder / "index.npz") as index:
            return cls(samples=np.load(folder / "samples.npy", mmap_mode="r"), **index)


def pitch_of(name: str, octave_of_middle_c: int, lowest: int) -> int:
    """MIDI number of a note name such as C#4 or bb3; without an octave, the first such note from `lowest` on."""
    letter, accidental, octave = re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d?)", name).groups()
    pitch_class = PITCH_CLASS[letter.upper()] + {"": 0, "#": 1, "b": -1}[accidental]
    if not octave:
        return lowest + (pitch_class - lowest) % 12
    return 60 + pitch_class + 12 * (int(octave) - octave_of_middle_c)


def sample_files(instrument: Instrument, folder: Path) -> list[tuple[int, int, Path]]:
    """(layer, MIDI pitch, path) of every sample the instrument names below `folder`, sorted."""
    found = []
    for path in folder.rglob("*"):
        match = re.fullmatch(instrument.pattern, path.relative_to(folder).as_posix())
        if not match or path.suffix.lower() not in (".ogg", ".flac", ".wav"):
            continue
        named = match.groupdict()
        if "note" in named:
            pitch = pitch_of(named["note"], instrument.octave_of_middle_c, instrument.lowest)
        else:
            pitch = int(named["number"]) if "number" in named else int(named["key"]) + 20
        layer = named.get("layer", "").lower()
        if layer in instrument.layers:
            found.append((instrument.layers.index(layer), pitch, path))
    return sorted(found)


def load_bank(instrument: Instrument, data: Path) -> SampleBank | None:
    """Read, trim and level the instrument's samples, but for silent ones; None where its source is not in `data`."""
    folder = SOURCES[instrument.source].find(data)
    files = sample_files(instrument, folder) if folder else []
    heard = [(layer, pitch, trimmed(*read)) for layer, pitch, path in files if (read := read_mono(path))[0].any()]
    if not heard:
        return None
    sounds = [sound for _, _, sound in heard]
    layers = np.array([layer for layer, _, _ in heard])
    roots = np.array([pitch for _, pitch, _ in heard])
    lengths = np.array([len(sound) for sound in sounds])
    early = [20 * np.log10(np.sqrt(np.mean(sound[: int(0.3 * BANK_RATE)] ** 2)) + 1e-9) for sound in sounds]
    # Some collections normalise each layer, others keep its level: either way velocity alone sets the level.
    medians = np.array([np.median(np.array(early)[layers == layer]) for layer in layers])
    return SampleBank(
        samples=np.concatenate(sounds),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        lengths=lengths,
        roots=roots,
        gains_db=-medians,
        audible_seconds=np.array([audible_seconds(sound) for sound in sounds]),
        table=note_table(layers, roots, len(instrument.layers)),
        layer_tops=np.array(instrument.layer_tops, dtype=np.int64),
    )


def note_table(layers: np.ndarray, roots: np.ndarray, n_layers: int) -> np.ndarray:
    """[n_layers, 128] sample per pitch: the nearest of its layer, or of the nearest layer that has one close by."""
    pitches = np.arange(128)
    distance = np.abs(roots[:, None] - pitches)  # [n_samples, 128]
    too_far, tuned_up = distance > FARTHEST_SEMITONES, roots[:, None] < pitches
    table = np.empty((n_layers, 128), dtype=np.int64)
    for layer in range(n_layers):
        # Wishes in order: close enough, the right layer, the nearest, rather tuned down than up.
        cost = 1e6 * too_far * distance + 1e3 * np.abs(layers - layer)[:, None] + distance + 0.1 * tuned_up
        table[layer] = cost.argmin(axis=0)
    return table


def read_mono(path: Path) -> tuple[np.ndarray, int]:
    """float32 mono and its rate; no more than is used."""
    with soundfile.SoundFile(path) as file:
        frames = int((LONGEST_SECONDS + 1.0) * file.samplerate)
        return file.read(frames, dtype="float32", always_2d=True).mean(axis=1), file.samplerate


def trimmed(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """`sound` at BANK_RATE, low-passed, LEAD_SECONDS before its attack first, faded out at its end."""
    sound = resampled(sound, sample_rate, BANK_RATE)
    lead = int(LEAD_SECONDS * BANK_RATE)
    start = attack_sample(sound)
    sound = np.concatenate([np.zeros(lead, np.float32), sound])[start : start + int(LONGEST_SECONDS * BANK_RATE)]
    sound = oaconvolve(sound, firwin(127, LOW_PASS_HZ, fs=BANK_RATE), mode="same").astype(np.float32)
    rise = lead // 2
    sound[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
    fade = min(len(sound) // 4, int(FADE_SECONDS * BANK_RATE))
    sound[len(sound) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return sound


def attack_sample(sound: np.ndarray) -> int:
    """Where the sound first comes within ATTACK_DB of its early peak, by 1 ms energy in steps of 1/8 ms."""
    step, steps = BANK_RATE // 8000, 8
    head = sound[: int(ATTACK_SEARCH_SECONDS * BANK_RATE)]
    energy = np.square(head[: len(head) // step * step], dtype=np.float64).reshape(-1, step).sum(axis=1)
    energy = np.convolve(energy, np.ones(steps))[: len(energy)]  # of the last 1 ms
    return int(np.argmax(energy > energy.max() * 10 ** (ATTACK_DB / 10))) * step


def audible_seconds(sound: np.ndarray) -> float:
    """Until the last 20 ms block louder than INAUDIBLE_DB below the loudest one."""
    block = BANK_RATE // 50
    if len(sound) < block:
        return len(sound) / BANK_RATE
    energy = np.square(sound[: len(sound) // block * block]).reshape(-1, block).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (INAUDIBLE_DB / 10))
    return float(loud[-1] + 1) * block / BANK_RATE
