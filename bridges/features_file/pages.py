"""What the pictures are looked at with: a page for each file, and one for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from bridges.beside import written_beside

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
h1 { font-size: 1.5em } h2 { font-size: 1.05em; margin: 1.6em 0 0 } a { color: #1f4e79 }
p { margin: 0 0 .3em; color: #666 } img { max-width: 100%; display: block }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .35em .6em; vertical-align: middle }
tr { border-bottom: 1px solid #e3e3e3 } td img { width: 26em }
"""


def write_page(path: Path, title: str, facts: str, pictures: Sequence[str], data: Sequence[str]) -> None:
    """`pictures`: names, found in the folder of the page's name; `data`: file names beside the page."""
    links = " · ".join(f'<a href="{quote(name)}">{escape(name)}</a>' for name in data)
    links += ' · <a href="index.html">all files</a>'
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(facts)}</p>", f"<p>{links}</p>"]
    for name in pictures:
        parts.append(f"<h2>{name}</h2>{_image(path.stem, name)}")
    _write(path, title, parts)


def write_index(path: Path, rows: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """`rows`: (name, facts, pictures) of each file that has a page beside `path`."""
    parts = [f"<h1>{len(rows)} files</h1><table><tr><th>file</th><th></th><th></th></tr>"]
    for name, facts, pictures in rows:
        shown = [picture for picture in ("waveform", "logmel", *pictures) if picture in pictures][:2]
        images = "".join(_image(name, picture) for picture in shown)
        target = f'<a href="{quote(name)}.html">{escape(name)}</a>' if pictures else escape(name)
        parts.append(f"<tr><td>{target}</td><td>{escape(facts)}</td><td>{images}</td></tr>")
    _write(path, "features", [*parts, "</table>"])


def _image(folder: str, name: str) -> str:
    return f'<img src="{quote(folder)}/{name}.png" alt="{name} over time" loading="lazy">'


def _write(path: Path, title: str, parts: Sequence[str]) -> None:
    body = "\n".join(parts)
    with written_beside(path) as beside:
        beside.write_text(
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
            f"<style>{STYLE}</style>\n{body}\n</html>\n",
            encoding="utf-8",
        )
