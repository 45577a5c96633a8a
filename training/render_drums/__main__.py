"""`python -m training.render_drums --data DIR --out DIR --hours H --seed S --workers N`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from training.render_drums.shards import render_set


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.render_drums", description=render_set.__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with instruments/, midi/groove and rir/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the set; an unfinished one is continued")
    parser.add_argument("--hours", type=float, default=10.0, help="of training audio")
    parser.add_argument("--valid-hours", type=float, help="of validation audio; default a twentieth of --hours")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    chosen = parser.parse_args(arguments)
    try:
        with Progress() as bar:
            task = bar.add_task("rendering", total=None)
            manifest = render_set(
                chosen.data,
                chosen.out,
                chosen.hours,
                chosen.valid_hours,
                chosen.seed,
                chosen.workers,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
    except (ValueError, OSError) as error:
        print(f"render_drums: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("render_drums: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for split, counts in manifest["splits"].items():
        print(f"{split}: {counts['shards']} shards, {counts['hours']} h, {counts['hits']} hits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
