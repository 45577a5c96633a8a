"""Where training material comes from, on what terms, and which pieces no model may be trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

HELD_OUT_ONE_IN = 12  # pieces
# Works that MAPS holds too, on which models are measured: held out, so that such a score is one on unheard music.
MEASURED_WORKS = (
    "Chopin_Etudes_Op10_g0hoN6_HDVU_no_12",
    "Debussy_Suite_bergamasque",
    "Liszt_Hungarian_Rhapsody_No9",
    "Liszt_Reminiscences_de_Don_Juan",
    "Schubert_Fantasie_in_C_major_D760",
    "Schubert_Impromptus_D899",
)


@dataclass(frozen=True)
class Source:
    """A collection as it lies under the data folder. Every set and every model card repeats its licence."""

    name: str
    folders: tuple[str, ...]  # below the data folder; the first that exists is used
    licence: str
    credit: str
    commercial: bool = True  # whether what was trained on it may be used commercially

    def find(self, data: Path) -> Path | None:
        """The source's folder, or None where it was not downloaded."""
        return next((data / folder for folder in self.folders if (data / folder).is_dir()), None)


SOURCES = {
    source.name: source
    for source in (
        Source("piano_splendid", ("instruments/piano_splendid",), "public domain", "Splendid Grand Piano, AKAI"),
        Source("piano_headroom", ("instruments/piano_headroom",), "CC BY 4.0", "Headroom Piano, Bengt Nilsson"),
        Source("piano_upright_kw", ("instruments/piano_upright_kw",), "CC0", "Upright Piano KW, FreePats"),
        Source("piano_old_fb", ("instruments/piano_old_fb",), "CC0", "Piano FB, Piotr Barcz, FreePats"),
        Source(
            "piano_salamander",
            ("instruments/piano_salamander", "piano_salamander_npm"),
            "CC BY 3.0",
            "Salamander Grand Piano V3, Alexander Holm",
        ),
        *(
            Source(name, (f"instruments/{name}", name), "MIT", "Fluid (R3) SoundFont, Frank Wen")
            for name in ("piano_fluidr3", "guitar_fluidr3", "bass_fluidr3")
        ),
        Source(
            "piano_timgm6mb",  # heard in validation only: whether a model learnt from it would be a work based on it
            ("instruments/piano_timgm6mb",),  # is not settled
            "GPL-2, for validation only",
            "TimGM6mb SoundFont, Tim Brechbill",
        ),
        Source("guitar_black_green", ("instruments/guitar_black_green",), "CC0", "Black And Green Guitars, Karoryfer"),
        Source("guitar_spanish", ("instruments/guitar_spanish",), "CC0", "Spanish Classical Guitar, FreePats"),
        Source("bass_yr", ("instruments/bass_yr",), "CC0", "Electric Bass YR, FreePats"),
        Source("pop909", ("midi/pop909",), "MIT", "POP909, Music X Lab"),
        Source("giantmidi", ("midi/giantmidi",), "CC BY 4.0", "GiantMIDI-Piano, ByteDance"),
        Source("groove", ("midi/groove",), "CC BY 4.0", "Groove MIDI Dataset, Google Magenta"),
        Source("maestro", ("maestro-v3.0.0",), "CC BY-NC-SA 4.0", "MAESTRO, Hawthorne et al., 2019", commercial=False),
        Source("maps", ("MAPS",), "CC BY-NC-SA 2.0", "MAPS, Emiya, Bertin, David, Badeau, 2010", commercial=False),
        Source("guitarset", ("GuitarSet",), "CC BY 4.0", "GuitarSet, Xi, Bittner, Pauwels, Ye, Bello, 2018"),
        Source(  # espeak-ng is GPL-3; what it says carries no licence of its own, and the words are made up here
            "speech_espeak", ("speech_espeak",), "no licence of its own: output of a program", "spoken by espeak-ng"
        ),
        Source(
            "percussion",
            ("percussion",),
            "MIT; CC BY 4.0; CC BY 3.0; CC0",
            "Fluid (R3) SoundFont, Frank Wen (MIT); MuldjordKit, Lars Muldjord (CC BY 4.0); Rumpf kit, Emanuel Rumpf "
            "(CC BY 3.0); Audiophob, Sonic Pi samples (CC0); Groove MIDI Dataset, Google Magenta (CC BY 4.0)",
        ),
        Source("rir", ("rir",), "Voxengo: free for any use; EMT 140: CC BY", "Aleksey Vaneev; Greg Hopkins"),
    )
}


def held_out(piece: str, one_in: int = HELD_OUT_ONE_IN) -> bool:
    """Whether `piece` (a name that stays the same on every machine) is kept for validation.

    One in so many, except where a collection has works that models are measured on: those, and no other.
    """
    if piece.startswith("giantmidi/"):
        return any(work in piece for work in MEASURED_WORKS)
    return int.from_bytes(blake2b(piece.encode(), digest_size=8).digest(), "little") % one_in == 0


def terms(names: Iterable[str]) -> dict[str, object]:
    """What a set's manifest says of the sources it was made from, and whether what learns from it may be sold."""
    used = [SOURCES[name] for name in sorted(names)]
    return {
        "sources": [{"name": one.name, "licence": one.licence, "credit": one.credit} for one in used],
        "commercial_use": all(one.commercial for one in used),
    }
