"""Make the default model of a finished run: `python -m training.genre.ship --run runs/genre`.

    python -m training.genre.gather --out DATA/genre --data DATA
    python -m training.render.speech --data DATA
    ictus train genre DATA/genre/catalogue.csv --negatives DATA/speech_espeak/train --out runs/genre
    python -m training.genre.ship --run runs/genre

The run's split goes into catalogue.csv, and into the card goes everyone whose music was learnt from, with licence and
source, and what the model is not good for.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.models.card import MODELS_FOLDER
from training.data import SOURCES
from training.exporting import ParityError
from training.genre.catalogue import CATALOGUE, Excerpt, read_catalogue, write_catalogue
from training.genre.export import export_run
from training.genre.gather import SOUNDFONTS
from training.genre.learn import Knobs
from training.render.instruments import INSTRUMENTS

LICENCE = (
    "Apache-2.0; trained on the material listed under training.data, each under its own licence, all of which allow "
    "commercial use; whether weights are a work made from it, so that share-alike reaches them, is not settled"
)
COMMAND = (
    "python -m training.genre.gather --out DATA/genre --data DATA; {}; python -m training.genre.ship --run runs/genre"
)
SPEECH = "speech_espeak"  # what --negatives is; its other half, valid/, is spoken by the benchmark's voices
SPEAK = "python -m training.render.speech --data DATA; "
NOT_GOOD_FOR = (
    "classes it was not taught (hip-hop, reggae, latin, pop with voices, opera, non-Western art music): they are named "
    "after what they sound like, or unknown",
    "voices: hardly any of its music is sung",
    "telling music from all else: it was shown noises, hums, tones, clicks and a synthesiser's speech, whose like it "
    "mostly calls unknown; but a hum without any noise is ambient to it, and drums alone, a voice that sings alone, "
    "people's speech and other sounds it may name",
    "fine distinctions: its labels are weak, few were listened to, and ambient and electronic music run into another",
    "jazz by real players and folk by real players: most of what it knows of them was rendered from scores",
)


def sides_of(run: Path) -> dict[str, str]:
    """file -> "train", "valid" or "test", as the run split them. ValueError where there is no run."""
    try:
        with (run / "split.csv").open(newline="", encoding="utf-8") as lines:
            return {row["file"]: row["side"] for row in csv.DictReader(lines)}
    except OSError as error:
        raise ValueError(f"there is no finished run in {run}; ictus train genre makes one") from error


def credits(excerpts: Sequence[Excerpt]) -> list[dict[str, Any]]:
    """Everyone whose music was used: an entry for each artist, licence and source."""
    entries: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in excerpts:
        if one.side:
            entry = entries.setdefault(
                (one.artist, one.licence, one.source),
                {"name": one.artist, "licence": one.licence, "source": one.source, "side": one.side}
                | {"classes": [], "titles": [], "rendered": one.is_rendering},
            )
            entry["titles"].append(one.title)
            if one.label not in entry["classes"]:
                entry["classes"].append(one.label)
    return [*(entries[key] for key in sorted(entries)), *_made_with(excerpts)]


def _made_with(excerpts: Sequence[Excerpt]) -> list[dict[str, Any]]:
    """What the renderings sound like: collections, pianos and SoundFonts."""
    pianos = {one.name: one.source for one in INSTRUMENTS}
    used = {one.source.removeprefix("data:") for one in excerpts if one.source.startswith("data:")}
    used |= {pianos[one.player] for one in excerpts if one.player in pianos}
    found = [(SOURCES[name].credit, SOURCES[name].licence, name) for name in sorted(used)]
    fonts = {one.player.split()[0] for one in excerpts if one.player} & set(SOUNDFONTS)
    found += [(f"SoundFont {SOUNDFONTS[name][1].split('/')[-1]}", "MIT", SOUNDFONTS[name][0]) for name in sorted(fonts)]
    return [{"name": credit, "licence": licence, "source": source} for credit, licence, source in found]


def _other_knobs(knobs: dict[str, Any]) -> str:
    """As they are said on the command line, those that are neither usual nor have a flag of their own."""
    usual = json.loads(json.dumps(asdict(Knobs()))) | {name: knobs[name] for name in ("minutes", "seed")}
    unusual = {name: value for name, value in knobs.items() if value != usual[name]}
    return f" --knobs '{json.dumps(unusual)}'" if unusual else ""


def ship(run: Path, catalogue: Path = CATALOGUE, out: Path = MODELS_FOLDER / "genre.onnx") -> None:
    """Write the sides into `catalogue`, the papers into the run, and the model with its card to `out`."""
    sides = sides_of(run)
    excerpts = [replace(one, side=sides.get(one.file, "")) for one in read_catalogue(catalogue)]
    path = run / "choice.json"
    choice = json.loads(path.read_text(encoding="utf-8"))
    training = choice["training"]
    if "sides" not in training:  # else it was shipped before
        training["sides"] = training["data"]
        train = training["command"].replace("FOLDER", "DATA/genre/catalogue.csv")
        speak = SPEAK if "NEGATIVES" in train else ""
        train = train.replace("NEGATIVES", f"DATA/{SPEECH}/train")
        training["command"] = COMMAND.format(speak + train + _other_knobs(training["knobs"]))
    training["data"] = credits(excerpts)
    if training.get("negatives", {}).get("train", {}).get("voices"):
        speech = SOURCES[SPEECH]
        training["data"].append({"name": speech.credit, "licence": speech.licence, "source": SPEECH})
    training["not_good_for"] = list(NOT_GOOD_FOR)
    path.write_text(json.dumps(choice, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    export_run(run, out, LICENCE)
    write_catalogue(excerpts, catalogue)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.genre.ship", description=__doc__.split("\n\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/genre"), help="folder of the run (%(default)s)")
    parser.add_argument("--out", type=Path, default=MODELS_FOLDER / "genre.onnx", help="the model (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        ship(chosen.run, out=chosen.out)
    except (ValueError, OSError, ParityError) as error:
        print(f"ship: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
