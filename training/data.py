"""Where training material comes from, on what terms, and which pieces no model may be trained on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

HELD_OUT_ONE_IN = 12  # pieces


@dataclass(frozen=True)
class Source:
    """A collection as it lies under the data folder. Every set and every model card repeats its licence."""

    name: str
    folders: tuple[str, ...]  # below the data folder; the first that exists is used
    licence: str
    credit: str

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
        Source(
            "piano_fluidr3", ("instruments/piano_fluidr3", "piano_fluidr3"), "MIT", "Fluid (R3) SoundFont, Frank Wen"
        ),
        Source("guitar_black_green", ("instruments/guitar_black_green",), "CC0", "Black And Green Guitars, Karoryfer"),
        Source("guitar_spanish", ("instruments/guitar_spanish",), "CC0", "Spanish Classical Guitar, FreePats"),
        Source("bass_yr", ("instruments/bass_yr",), "CC0", "Electric Bass YR, FreePats"),
        Source("pop909", ("midi/pop909",), "MIT", "POP909, Music X Lab"),
        Source("giantmidi", ("midi/giantmidi",), "CC BY 4.0", "GiantMIDI-Piano, ByteDance"),
        Source("rir", ("rir",), "Voxengo: free for any use; EMT 140: CC BY", "Aleksey Vaneev; Greg Hopkins"),
    )
}


def held_out(piece: str) -> bool:
    """Whether `piece` (a name that stays the same on every machine) is kept for validation: one in twelve."""
    return int.from_bytes(blake2b(piece.encode(), digest_size=8).digest(), "little") % HELD_OUT_ONE_IN == 0
