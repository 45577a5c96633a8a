"""One file's features, from sound to pictures; done once, and known to be done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bridges.beside import written_beside
from engine.errors import IctusError
from engine.features.catalogue import FEATURES
from engine.sources.whole import read_mono

EDITION = 1  # of what is computed and how: a new one makes everything anew


@dataclass(frozen=True)
class Settings:
    """names: of catalogue.FEATURES; formats: of npz, csv, parquet; pictures: whether any are drawn."""

    names: tuple[str, ...] = tuple(FEATURES)
    formats: tuple[str, ...] = ("npz",)
    pictures: bool = True


@dataclass(frozen=True)
class Job:
    """`file` becomes `folder`/NAME.npz and so on, for `stem` NAME."""

    file: Path
    folder: Path
    stem: str
    settings: Settings

    @property
    def note(self) -> Path:
        """The file that is written last, and says what was done."""
        return self.folder / f"{self.stem}.json"

    def wanted(self) -> dict:
        """What the note has to say for the work to be done; OSError where the file cannot be seen."""
        status = self.file.stat()
        settings = json.loads(json.dumps(asdict(self.settings)))
        of = {"file": str(self.file.resolve()), "bytes": status.st_size, "modified_ns": status.st_mtime_ns}
        return {"edition": EDITION, "settings": settings, **of}

    def done(self) -> dict | None:
        """The note, if it tells of this very file and these settings, and all it names is there."""
        try:
            note, wanted = json.loads(self.note.read_text(encoding="utf-8")), self.wanted()
            is_same = {name: note[name] for name in wanted} == wanted
            return note if is_same and all((self.folder / name).is_file() for name in note["wrote"]) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Outcome:
    """What became of a job. error: one sentence, "" if all is well; was_done: nothing had to be done."""

    job: Job
    seconds: float = 0.0  # of sound
    error: str = ""
    warning: str = ""
    was_done: bool = False


def work(job: Job) -> Outcome:
    """Do it, unless it is done; whatever is wrong with the file ends up in the outcome."""
    if (note := job.done()) is not None:
        return Outcome(job, note["seconds"], was_done=True)
    try:
        return _work(job)
    except ImportError:  # will be so for all of them
        raise
    except (IctusError, OSError, MemoryError) as error:
        return Outcome(job, error=str(error).rstrip(".") or type(error).__name__)
    except Exception as error:  # one file must not stop hundreds
        return Outcome(job, error=f"{job.file} could not be analysed: {type(error).__name__}: {error}")


def _work(job: Job) -> Outcome:
    from bridges.features_file import analysis  # librosa takes a second, which files done before need not wait for

    wanted = job.wanted()
    samples, sample_rate, warning = read_mono(job.file)
    values = analysis.analyse(samples, sample_rate, job.settings.names)
    seconds = len(samples) / sample_rate
    wrote = _write(job, values, seconds)
    note = {**wanted, "seconds": seconds, "facts": _facts(values, seconds), "wrote": wrote}
    with written_beside(job.note) as beside:
        beside.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return Outcome(job, seconds, warning=warning)


def _write(job: Job, values: dict[str, np.ndarray], seconds: float) -> list[str]:
    """The names of all that was written, as seen from the folder."""
    from bridges.features_file import pages, pictures, table
    from bridges.features_file.analysis import HOP_SAMPLES, SAMPLE_RATE

    data = [f"{job.stem}.{ending}" for ending in job.settings.formats]
    n_frames = 1 + int(seconds * SAMPLE_RATE) // HOP_SAMPLES
    for name in data:
        table.write(job.folder / name, values, n_frames, HOP_SAMPLES / SAMPLE_RATE)
    if not job.settings.pictures:
        return data
    drawn = pictures.draw(values, seconds, job.folder / job.stem)
    page = job.folder / f"{job.stem}.html"
    pages.write_page(page, job.file.name, _facts(values, seconds), drawn, data)
    return [*data, page.name, *(f"{job.stem}/{name}.png" for name in drawn)]


def _facts(values: dict[str, np.ndarray], seconds: float) -> str:
    tempo = f", {values['tempo'][0]:.0f} bpm" if "tempo" in values else ""
    return f"{seconds:.1f} s{tempo}"


def write_index(jobs: Sequence[Job]) -> None:
    """index.html in the folder, of every job that is done."""
    from bridges.features_file import pages

    rows = []
    for job in jobs:
        if (note := job.done()) is not None:
            pictures = [Path(name).stem for name in note["wrote"] if name.endswith(".png")]
            rows.append((job.stem, note["facts"], pictures))
    if rows:
        pages.write_index(jobs[0].folder / "index.html", rows)
