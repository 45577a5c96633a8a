"""Drum kits on this machine: where each comes from, on what terms, and its samples ready for the mixer.

Kits under CC0, CC BY and MIT may train. Kits under copyleft (CC BY-SA, GPL) may be used commercially too, but whether a
model learnt from them is a work based on them is not settled: they are kept for validation, so nothing of them is in
the weights, and every score on them is one on kits never heard.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.render.instruments import BANK_RATE, read_mono, trimmed
from training.render_drums.soundfont import render_keys
from training.render_drums.synthetic import N_KITS, made_up_kit
from training.render_drums.voices import INDEX

LONGEST_SECONDS = {"crash": 4.0, "china": 4.0, "ride": 3.0, "bell": 3.0, "hat_open": 2.0}
LONGEST_USUAL_SECONDS = 1.6
LOUDNESS_SECONDS = 0.02  # a sample is as loud as its loudest stretch of this length
FAINTEST_SAMPLE = 1e-4  # what peaks below this is an empty file

HYDROGEN = Path("/usr/share/hydrogen/data/drumkits")
SONIC_PI = Path("/usr/share/sonic-pi/samples")
SOUNDFONTS = Path("/usr/share/sounds")

# (voice, samples softest first): several rows of one voice are as many instruments of the kit.
Found = tuple[str, list[tuple[np.ndarray, int]]]


@dataclass(frozen=True)
class KitSource:
    """A kit: `place` under the system or the data folder, and for a sound font the preset."""

    name: str
    kind: str  # "hydrogen", "muldjord", "soundfont", "sonic_pi" or "made_up"
    place: str
    licence: str
    credit: str
    preset: int = 0
    held_out: bool = False  # heard in validation only


def _fluid(preset: int, name: str) -> KitSource:
    return KitSource(f"fluid_{name}", "soundfont", "sf2/FluidR3_GM.sf2", "MIT", "FluidR3 GM, Frank Wen", preset)


def _musescore(preset: int, name: str) -> KitSource:
    path, credit = "sf3/MuseScore_General_Full.sf3", "MuseScore General, S. Christian Collins, Frank Wen and others"
    return KitSource(f"musescore_{name}", "soundfont", path, "MIT", credit, preset)


KITS = (
    KitSource("muldjord", "muldjord", "instruments/drums_muldjord", "CC BY 4.0", "Lars Muldjord, DrumGizmo.org"),
    KitSource("rumpf", "hydrogen", "rumpf_kit_z01_h2", "CC BY 3.0", "Rumpf kit, Emanuel Rumpf"),
    KitSource("audiophob", "hydrogen", "Audiophob", "CC0", "Audiophob"),
    KitSource("sonic_pi", "sonic_pi", "", "CC0", "Sonic Pi samples"),
    *(
        _fluid(preset, name)
        for preset, name in ((0, "standard"), (1, "standard1"), (8, "room"), (16, "power"), (24, "electronic"),
                             (25, "tr808"), (32, "jazz"), (40, "brush"))
    ),
    *(_musescore(preset, name) for preset, name in ((0, "standard"), (8, "room"), (16, "power"), (40, "brush"))),
    *(KitSource(f"made_up_{n:02d}", "made_up", "", "made by this program", "Ictus", n) for n in range(N_KITS)),
    *(
        KitSource(name, "hydrogen", place, licence, credit, held_out=True)
        for name, place, licence, credit in (
            ("bja_pacific", "BJA_Pacific", "CC BY-SA 3.0 US", "Luc Tunguay"),
            ("colombo", "ColomboAcousticDrumkit", "GPL-2+", "Marcos Guglielmetti"),
            ("forzee", "ForzeeStereo", "GPL-2", "Vladimir Sadovnikov, Alexander Belokurov"),
            ("millo", "Millo_MultiLayered2", "GPL-2", "Emiliano Grilli"),
            ("electric_empire", "ElectricEmpireKit", "GPL-2+", "Artemiy Pavlov"),
        )
    ),
    *(
        KitSource(name, "soundfont", place, "CC BY-SA 3.0", "AVL Drumkits, Glen MacArthur", held_out=True)
        for name, place in (
            ("black_pearl", "sf2/Black_Pearl_4_LV2.sf2"),
            ("red_zeppelin", "sf2/Red_Zeppelin_4_LV2.sf2"),
        )
    ),
)  # fmt: skip

# Instrument names of Hydrogen kits, first match wins.
_NAMES = (
    (r"agogo|conga|whistle|^click|^drum \d|sample|roll|swish|hat free", ""), (r"kick|bass ?drum", "kick"),
    (r"clap", "clap"), (r"cowbell", "cowbell"), (r"tambourine", "tambourine"), (r"maraca|shaker", "shaker"),
    (r"bell|cup", "bell"), (r"china|splash", "china"), (r"ride", "ride"), (r"crash|cymbal", "crash"),
    (r"hat.*pedal|pedal.*hh|hi-hat pedal", "hat_pedal"), (r"(hat|hh).*op|open.*(hh|hat)", "hat_open"),
    (r"hat|hh", "hat_closed"), (r"rim ?click|stick", "rim"), (r"snare", "snare"),
    (r"floor|tom.*low|low.*tom", "tom_low"), (r"tom.*hi|high.*tom", "tom_high"), (r"tom", "tom_mid"),
)  # fmt: skip
_MULDJORD = {
    "KdrumL": "kick", "KdrumR": "kick", "Snare1": "snare", "Snare2": "snare", "HihatClosed": "hat_closed",
    "HihatOpen": "hat_open", "Tom1": "tom_high", "Tom2": "tom_mid", "Tom3": "tom_mid", "Tom4": "tom_low",
    "CrashL": "crash", "CrashR": "crash", "China": "china", "RideL": "ride", "RideR": "ride", "RideLBell": "bell",
    "RideRBell": "bell",
}  # fmt: skip
_SONIC_PI = {
    "bd_*": "kick", "drum_bass_*": "kick", "drum_heavy_kick": "kick", "sn_*": "snare", "drum_snare_*": "snare",
    "drum_cymbal_closed": "hat_closed", "drum_cymbal_pedal": "hat_pedal", "drum_cymbal_open": "hat_open",
    "drum_cymbal_hard": "crash", "drum_cymbal_soft": "crash", "drum_splash_*": "china", "drum_tom_hi_*": "tom_high",
    "drum_tom_mid_*": "tom_mid", "drum_tom_lo_*": "tom_low", "drum_cowbell": "cowbell", "hat_*": "hat_closed",
    "perc_snap*": "clap",
}  # fmt: skip


@dataclass(frozen=True)
class DrumBank:
    """All samples of a kit end to end; arrays over samples unless said otherwise."""

    samples: np.ndarray  # float32, BANK_RATE, mono; every attack LEAD_SECONDS after its start
    starts: np.ndarray  # int64: where each begins in `samples`
    lengths: np.ndarray  # int64
    voices: np.ndarray  # int64: index into VOICES
    instruments: np.ndarray  # int64: which of the kit's instruments of that voice
    gains_db: np.ndarray  # float64: brings a sample to 0 dB, by its loudest LOUDNESS_SECONDS

    def save(self, folder: Path) -> None:
        """Write `folder` so that `open` can map it; the index last, as it tells that the rest is there."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "samples.npy", self.samples)
        np.savez(folder / "index.npz", **{name: value for name, value in vars(self).items() if name != "samples"})

    @classmethod
    def open(cls, folder: Path) -> DrumBank:
        with np.load(folder / "index.npz") as index:
            return cls(samples=np.load(folder / "samples.npy", mmap_mode="r"), **index)

    def instrument(self, voice: int, chosen: float) -> np.ndarray:
        """Samples, softest first, of one of the kit's instruments of `voice`; `chosen`, 0 to 1, says which. May be
        empty."""
        there = np.unique(self.instruments[self.voices == voice])
        if not len(there):
            return np.zeros(0, np.int64)
        picked = there[min(int(chosen * len(there)), len(there) - 1)]
        return np.flatnonzero((self.voices == voice) & (self.instruments == picked))


def load_kit(source: KitSource, data: Path) -> DrumBank | None:
    """Read, trim and level the kit; None where it is not on this machine."""
    sounds: list[np.ndarray] = []
    voices: list[int] = []
    instruments: list[int] = []
    for number, (voice, layers) in enumerate(_found(source, data)):
        longest = int(LONGEST_SECONDS.get(voice, LONGEST_USUAL_SECONDS) * BANK_RATE)
        for sound, sample_rate in layers:
            if len(sound) and np.abs(sound).max() > FAINTEST_SAMPLE:
                sounds.append(_cut(trimmed(sound, sample_rate), longest))
                voices.append(INDEX[voice])
                instruments.append(number)
    if not sounds:
        return None
    lengths = np.array([len(sound) for sound in sounds])
    return DrumBank(
        samples=np.concatenate(sounds),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        lengths=lengths,
        voices=np.array(voices),
        instruments=np.array(instruments),
        gains_db=np.array([-_loudness_db(sound) for sound in sounds]),
    )


def _cut(sound: np.ndarray, longest: int) -> np.ndarray:
    if len(sound) <= longest:
        return sound
    fade = longest // 4
    return np.concatenate([sound[: longest - fade], sound[longest - fade : longest] * np.linspace(1, 0, fade)]).astype(
        np.float32
    )


def _loudness_db(sound: np.ndarray) -> float:
    block = int(LOUDNESS_SECONDS * BANK_RATE)
    padded = np.append(sound, np.zeros(-len(sound) % block, np.float32)).reshape(-1, block)
    return float(10.0 * np.log10(np.square(padded, dtype=np.float64).mean(axis=1).max() + 1e-12))


def _found(source: KitSource, data: Path) -> Iterable[Found]:
    match source.kind:
        case "hydrogen":
            return _hydrogen(HYDROGEN / source.place)
        case "muldjord":
            return _muldjord(data / source.place / "samples")
        case "sonic_pi":
            return _sonic_pi(SONIC_PI)
        case "soundfont":
            path = SOUNDFONTS / source.place
            return render_keys(path, source.preset) if path.exists() else ()
    return made_up_kit(source.preset)


def _hydrogen(folder: Path) -> Iterable[Found]:
    if not folder.is_dir():
        return
    text = (folder / "drumkit.xml").read_text(encoding="utf-8", errors="replace")
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"|\sxsi:\w+="[^"]*"', "", text)
    for instrument in ElementTree.fromstring(text).iter("instrument"):
        name = (instrument.findtext("name") or "").lower()
        voice = next((voice for pattern, voice in _NAMES if re.search(pattern, name)), "")
        files = [
            (float(layer.findtext("min") or 0.0), layer.findtext("filename")) for layer in instrument.iter("layer")
        ]
        files = files or [(0.0, instrument.findtext("filename"))]
        paths = [folder / file for _, file in sorted(files, key=lambda row: row[0]) if file]
        if voice and (layers := [read_mono(path) for path in paths if path.is_file()]):
            yield voice, layers


def _muldjord(folder: Path) -> Iterable[Found]:
    for name, voice in _MULDJORD.items():
        files = sorted((folder / name).glob("*-*"), key=lambda path: int(path.name.split("-")[0]))
        if files:
            yield voice, [read_mono(path) for path in files]


def _sonic_pi(folder: Path) -> Iterable[Found]:
    for pattern, voice in _SONIC_PI.items():
        for path in sorted(folder.glob(pattern + ".flac")):
            yield voice, [read_mono(path)]
