"""What bridges share that keep a performance and write one file of it at the end, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from bridges.beside import write_at_last
from bridges.performance import Performance
from engine.bridge import SessionInfo
from engine.events import Event


class PerformanceFile:
    """A bridge; subclasses say in `write` what the file holds. path: of the file."""

    own_file = file_at_end = True

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.performance = Performance()
        self.session: SessionInfo | None = None

    def open(self, session: SessionInfo) -> None:
        """OSError if its folder is not there and cannot be made."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.session = session

    def send(self, event: Event) -> None:
        self.performance.hear(event)

    def tick(self) -> None:
        """Nothing is due before the end."""

    def close(self) -> None:
        if self.session is not None:
            write_at_last(self.path, self.write)

    def write(self, path: Path) -> None:
        raise NotImplementedError
