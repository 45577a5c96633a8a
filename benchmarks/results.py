"""Where measurements are kept: a folder with numbers in JSON files, pictures, and tables between markers in RESULTS.md.

A part of RESULTS.md that a program writes stands between `<!-- NAME -->` and `<!-- end of NAME -->`; whatever stands
outside is people's and stays as it is.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUT = Path("bench_out")
OUT_HELP = f"folder for tables, numbers and pictures (default: {OUT}; benchmarks: the project's own)"
NAME = "RESULTS.md"
NOT_MEASURED = "*Not measured here.*"
_NUMBERS = re.compile(r"\[\s+(?:-?[\d.e+-]+|null)(?:,\s+(?:-?[\d.e+-]+|null))*\s+\]")
_OURS = Path(__file__).resolve().parent / NAME
_MEASURED = re.compile(r"(<!-- (?P<name>[^>]+) -->\n).*?(\n<!-- end of (?P=name) -->)", re.DOTALL)


def page(folder: Path) -> Path:
    """RESULTS.md of `folder`. A new one has the words of the project's own, and says that nothing was measured yet."""
    path = folder / NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        ours = _OURS.read_text(encoding="utf-8") if _OURS.exists() else "# Results\n"
        _replace(path, _MEASURED.sub(rf"\1{NOT_MEASURED}\3", ours))
    return path


def put(path: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of `name`; a document without them gets them at its end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    document = path.read_text(encoding="utf-8") if path.exists() else ""
    block = f"{begin}\n{text.strip()}\n{end}"
    if begin in document and end in document:
        before, rest = document.split(begin, 1)
        document = before + block + rest.split(end, 1)[1]
    else:
        document = f"{document.rstrip()}\n\n{block}\n".lstrip()
    _replace(path, document)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def load(path: Path) -> dict[str, Any]:
    """Parts by name; empty where nothing was measured yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save(path: Path, parts: dict[str, Any]) -> None:
    """A line for each value, and for each list of numbers."""
    text = json.dumps(parts, indent=1, ensure_ascii=False, allow_nan=False)
    _replace(path, _NUMBERS.sub(lambda numbers: " ".join(numbers[0].split()), text) + "\n")


def rounded(value: Any) -> Any:
    """Four decimals are more than is measured; what is not a number is null."""
    if isinstance(value, dict):
        return {str(key): rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
