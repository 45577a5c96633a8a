"""What `ictus genre` calls: files heard by the very stage that listens live, one after the other, with one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridges.genre_file import table, timeline
from engine.bridge import SessionInfo
from engine.build import build_chain, build_session
from engine.config import Config
from engine.errors import IctusError
from engine.events import Event, Fault, Genre
from engine.genre.card import GenreCard
from engine.genre.verdict import Verdict, verdict_of
from engine.models.card import find_model
from engine.sources.file import FileSource


@dataclass(frozen=True)
class Outcome:
    """What became of a file. verdict: None, and a sentence in `error`, where it could not be heard."""

    file: Path
    seconds: float = 0.0
    genres: tuple[Genre, ...] = ()  # every answer; at_sample in frames of the file
    sample_rate: int = 0
    verdict: Verdict | None = None
    warnings: tuple[str, ...] = ()
    error: str = ""


class GenreFiles:
    """The genres of `files`; `model`: a shipped model's name or the path of an .onnx file.

    folder: None, or where STEM.csv and STEM.png are written for each of `stems`, and genre.csv for all.
    """

    def __init__(
        self, files: Sequence[Path], stems: Sequence[str], folder: Path | None = None, model: str = "genre"
    ) -> None:
        self.card = GenreCard.load(find_model(model))
        self._names = list(zip(files, stems, strict=True))
        self._folder = folder
        self._config = Config.from_dict({
            "source": [{"name": "file", "channels": [1], "chain": ["genre"]}],
            "stage": {"genre": {"model": model}},
        })  # fmt: skip
        self._chain = build_chain(self._config, self._config.sources[0])  # hears them all

    def run(self) -> Iterator[Outcome]:
        """One for each file, in order, whatever is wrong with it."""
        outcomes = []
        for file, stem in self._names:
            outcomes.append(self._outcome(file, stem))
            yield outcomes[-1]
        if self._folder is not None:
            table.write_verdicts(self._folder / "genre.csv", self.card.classes, outcomes)

    def _outcome(self, file: Path, stem: str) -> Outcome:
        try:
            outcome = self._hear(file)
            if self._folder is not None:
                table.write_answers(self._folder / f"{stem}.csv", self.card.classes, outcome)
                timeline.draw(self._folder / f"{stem}.png", self.card.classes, outcome)
            return outcome
        except (IctusError, OSError, MemoryError) as error:
            return Outcome(file, error=str(error).rstrip(".") or type(error).__name__)
        except Exception as error:  # one file must not stop the others
            return Outcome(file, error=f"{file} could not be heard: {type(error).__name__}: {error}")

    def _hear(self, file: Path) -> Outcome:
        source, said = FileSource(file), _Said()
        session = build_session(self._config, source, [("said", said)], [self._chain])
        session.run()
        seconds = session.status()["seconds"]
        rate = said.sample_rate
        genres = tuple(genre for genre in said.genres if genre.at_sample <= seconds * rate)  # none of what is no more
        warnings = tuple(dict.fromkeys(filter(None, (source.warning, *said.faults))))
        verdict = verdict_of(genres, self.card.classes, self.card.unknown_below)
        return Outcome(file, seconds, genres, rate, verdict, warnings)


class _Said:
    """A bridge that keeps what it is told."""

    def open(self, session: SessionInfo) -> None:
        self.sample_rate = session.sample_rate
        self.genres: list[Genre] = []
        self.faults: list[str] = []

    def send(self, event: Event) -> None:
        if isinstance(event, Genre):
            self.genres.append(event)
        elif isinstance(event, Fault):
            self.faults.append(event.message)

    def tick(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
