"""`python -m training.render.percussion --data DIR`: drum kits on their own, for a listener who should hear no note."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from training.data import SOURCES
from training.render_drums.grooves import choose_hits, find_takes
from training.render_drums.kits import KITS, load_kit
from training.render_drums.play import draw_kit, play

SAMPLE_RATE = 16_000
SECONDS = 15.0
SEED = 20_262
PER_KIT = 8  # recordings
PLAYED = {
    "train": ("muldjord", "rumpf", "audiophob", "sonic_pi", "fluid_standard", "fluid_standard1", "fluid_power",
              "fluid_electronic", "fluid_tr808", "fluid_jazz", "fluid_brush", *(f"made_up_{n:02d}" for n in range(6))),
    "valid": ("fluid_room", "made_up_06"),
}  # fmt: skip


def drum(data: Path, per_kit: int = PER_KIT) -> int:
    """Write the recordings that are not there yet, DATA/percussion/SPLIT/KIT_N.flac; how many there are.

    Kits that this machine lacks are left out. ValueError where the Groove MIDI Dataset is not in `data`.
    """
    folder, count = data / SOURCES["percussion"].folders[0], 0
    sources = {source.name: source for source in KITS}
    for split, names in PLAYED.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        takes = find_takes(data, split)
        for name in names:
            paths = [folder / split / f"{name}_{number}.flac" for number in range(per_kit)]
            if not all(path.exists() for path in paths):
                bank = load_kit(sources[name], data)
                if bank is None:
                    continue
                for number, path in enumerate(paths):
                    rng = np.random.default_rng([SEED, *name.encode(), number])
                    hits, _ = choose_hits(takes, SECONDS, rng)
                    n_samples = int(SECONDS * SAMPLE_RATE)
                    sound, _ = play(hits, draw_kit([bank], SAMPLE_RATE, rng), n_samples, SAMPLE_RATE, rng)
                    part = path.with_suffix(".part")
                    soundfile.write(part, 0.7 * sound / (np.abs(sound).max() + 1e-9), SAMPLE_RATE, format="FLAC")
                    part.replace(path)
            count += len(paths)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.render.percussion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with instruments/ and midi/")
    try:
        count = drum(parser.parse_args(arguments).data)
    except (ValueError, OSError) as error:
        print(f"percussion: {error}", file=sys.stderr)
        return 1
    print(f"{count} recordings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
