"""What would leave as OSC, as lines of text: for reading along, and where no network is.

    12.480000 /ictus/note siiffii "guitar" 64 98 0.91 21.4 17 12

Seconds of the source when it was known, address, type tags, arguments. Each line is complete as soon as it is there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bridges.osc_table import ADDRESS, KINDS, ROUTES_OF, Route, check_kinds, late_seconds
from engine.bridge import SessionInfo
from engine.events import Event

DEFAULT_KINDS = tuple(kind for kind in KINDS if kind not in ("level", "feature", "genre/probabilities", "status"))


class OscLogBridge:
    """path: of the text file, written anew; events: names from the OSC table."""

    own_file = True

    def __init__(self, path: str, events: Sequence[str] = DEFAULT_KINDS) -> None:
        self.path, self.events = Path(path), tuple(events)
        check_kinds(self.events)
        self._file: TextIO | None = None

    def open(self, session: SessionInfo) -> None:
        self._session = session
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="utf-8", newline="\n", buffering=1)

    def send(self, event: Event) -> None:
        for route in ROUTES_OF.get(type(event), ()):
            if route.kind in self.events:
                self._write(route, event)

    def _write(self, route: Route, event: Event) -> None:
        values = route.values(event, late_seconds(event, self._session) * 1000)
        seconds = event.reported_sample / self._session.sample_rate
        tags = "".join(argument.tag for argument in route.arguments)
        tags += tags[-1] * (len(values) - len(tags))
        texts = (json.dumps(v, ensure_ascii=False) if isinstance(v, str) else f"{v:.6g}" for v in values)
        self._file.write(f"{seconds:.6f} {ADDRESS.format(event=route.place(event))} {tags} {' '.join(texts)}\n")

    def tick(self) -> None:
        """Nothing waits: every line is written at once."""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
