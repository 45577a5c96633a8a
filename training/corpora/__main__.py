"""`python -m training.corpora --data FOLDER --out DIR [--kind maestro|maps|guitarset] [--workers N]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from training.corpora.importing import CORPORA, import_corpus


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.corpora", description="Shards to train on, from a corpus of recordings with labels."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpus, as it was published")
    parser.add_argument("--out", type=Path, required=True, help="folder of the set; an unfinished one is continued")
    parser.add_argument("--kind", choices=CORPORA, help="which corpus; default: the one whose layout fits")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    chosen = parser.parse_args(arguments)
    try:
        with Progress() as bar:
            task = bar.add_task("listening", total=None)
            manifest = import_corpus(
                chosen.data,
                chosen.out,
                chosen.kind,
                chosen.workers,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
    except (ValueError, OSError) as error:
        print(f"corpora: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("corpora: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for split, counts in manifest["splits"].items():
        print(f"{split}: {counts['shards']} shards, {counts['hours']} h, {counts['notes']} notes")
    if manifest["left_out"]:
        print(f"left out: {manifest['left_out']} recordings that share a player or a piece with both splits")
    if not manifest["commercial_use"]:
        licences = ", ".join(source["licence"] for source in manifest["sources"])
        print(f"not for commercial use, nor are models that learn from it: {licences}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
