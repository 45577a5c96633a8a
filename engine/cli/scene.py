"""What the terminal knows of a performance, from the same OSC that any patch gets (`bridges/osc_table.py`)."""

from __future__ import annotations

import math
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from engine.events import RETRACTED
from engine.pitch import pitch_name

KEPT_LINES = 1000
SILENCE_DB = -120.0
CLICK = "click"  # as the space calls the source that is no instrument
PLACE = re.compile(r"/source/(\d+)/xy")  # what a patch gets, too
TOLD_METRES = 1.5  # from where a source was last said to be, until it is said anew
ANY_DRUM = "any"  # what OSC says of a strike that no stage put a name to
LATENCY = re.compile(r"latency_(\w+)_ms")  # what the session calls the declared latency of a stage


@dataclass
class SourceView:
    rms_db: float = SILENCE_DB
    peak_db: float = SILENCE_DB
    sounding: dict[int, int] = field(default_factory=dict)  # note id -> pitch
    pedal_is_down: bool = False
    struck_seconds: float = float("-inf")  # monotonic time of the last strike
    last_strike_id: int = 0
    place: tuple[float, float] | None = None  # metres to the right, to the front; None: nothing moves it
    told_place: tuple[float, float] | None = None  # where it was last said to be
    genre: str = ""  # "": no stage tells it
    genre_probability: float = 0.0
    n_notes: int = 0
    n_strikes: int = 0
    n_taken_back: int = 0  # of them
    lowest: int = 128  # pitches heard
    highest: int = -1


class Scene:
    """Tell it every message; read its fields. `latency_ms`: declared, by stage; follows the dial."""

    def __init__(self, sources: list[str], latency_ms: dict[str, float]) -> None:
        self.sources = {name: SourceView() for name in sources}
        self.latency_ms = latency_ms
        self.status: dict[str, float] = {}
        self.recent: deque[str] = deque(maxlen=KEPT_LINES)  # lines for people, the newest last
        self.n_lines = 0  # ever
        self.faults: list[str] = []
        self.n_deaths = 0  # of the engine's process
        self.before: dict[str, float] = defaultdict(float)  # counted in earlier lives of it
        self._started_seconds = time.monotonic()
        self._hearers = {
            "/ictus/note": self._note,
            "/ictus/notes/off": self._all_notes_off,
            "/ictus/strike": self._strike,
            "/ictus/pedal": self._pedal,
            "/ictus/level": self._level,
            "/ictus/genre": self._genre,
            "/ictus/cue": self._cue,
            "/ictus/fault": self._fault,
            "/ictus/status": self._status,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it listens to, as an OSC target names it: all but what is for drawing."""
        return tuple(address.removeprefix("/ictus/") for address in self._hearers)

    def hear(self, address: str, arguments: list) -> None:
        """One OSC message; one that is not for us, or comes from no source of ours, is passed over."""
        hearer = self._hearers.get(address)
        if hearer is not None:
            hearer(*arguments)
        elif placed := PLACE.fullmatch(address):
            self._place(int(placed[1]), *arguments)

    def note_death(self, message: str) -> None:
        """The engine's process is gone; another will begin to count anew."""
        self.n_deaths += 1
        for name, value in self.status.items():
            self.before[name] += value
        self.status = {}
        for view in self.sources.values():
            view.sounding.clear()
            view.pedal_is_down, view.last_strike_id = False, 0
        self._fault("engine", "engine", message)

    def _note(
        self,
        source: str,
        pitch: int,
        velocity: int,
        confidence: float,
        late_ms: float,
        note_id: int,
        strike_id: int,
        at_sample: int,
    ) -> None:
        view = self.sources.get(source)
        if view is None:
            return
        if velocity == 0:
            view.sounding.pop(note_id, None)
            return
        view.sounding[note_id] = pitch
        view.n_notes += 1
        view.lowest, view.highest = min(view.lowest, pitch), max(view.highest, pitch)
        self._say(source, f"note {pitch_name(pitch)}, velocity {velocity}, {late_ms:.0f} ms late")

    def _all_notes_off(self, source: str, reason: str) -> None:
        if source in self.sources:
            self.sources[source].sounding.clear()
            self.sources[source].pedal_is_down = False
            self._say(source, f"all notes off: {reason}")

    def _strike(
        self,
        source: str,
        state: str,
        strength: float,
        confidence: float,
        late_ms: float,
        strike_id: int,
        at_sample: int,
        drum: str,
    ) -> None:
        view = self.sources.get(source)
        if view is None:
            return
        if strike_id <= view.last_strike_id:  # news of one that was shown
            view.n_taken_back += state == RETRACTED
            return
        view.last_strike_id = strike_id
        view.struck_seconds = time.monotonic()
        view.n_strikes += 1
        struck = "strike" if drum == ANY_DRUM else drum
        self._say(source, f"{struck}, strength {strength:.2f}, {late_ms:.0f} ms late")

    def _pedal(self, source: str, is_down: int, late_ms: float, at_sample: int) -> None:
        if source in self.sources:
            self.sources[source].pedal_is_down = bool(is_down)
            self._say(source, f"pedal {'down' if is_down else 'up'}, {late_ms:.0f} ms late")

    def _place(self, number: int, x: float, y: float) -> None:
        """`number`: of the sources in their order, from 1, a click track having none."""
        numbered = dict(enumerate((name for name in self.sources if name != CLICK), 1))
        name = numbered.get(number)
        if name is None:
            return
        view = self.sources[name]
        view.place = x, y
        if view.told_place is None or math.dist(view.place, view.told_place) >= TOLD_METRES:
            view.told_place = view.place
            self._say(name, f"is heard {where(x, y)}")

    def _level(self, source: str, rms_db: float, peak_db: float) -> None:
        if source in self.sources:
            self.sources[source].rms_db, self.sources[source].peak_db = rms_db, peak_db

    def _genre(self, source: str, label: str, probability: float) -> None:
        view = self.sources.get(source)
        if view is None:
            return
        if label != view.genre:
            self._say(source, f"genre {label}")
        view.genre, view.genre_probability = label, probability

    def _cue(self, source: str, name: str, late_ms: float, at_sample: int) -> None:
        self._say(source, f"cue {name}")

    def _fault(self, source: str, where: str, message: str) -> None:
        self.faults.append(message)
        self._say(source, f"fault: {message}")

    def _status(self, name: str, value: float) -> None:
        self.status[name] = value
        if latency := LATENCY.fullmatch(name):
            self.latency_ms[latency[1]] = value

    def _say(self, source: str, what: str) -> None:
        self.recent.append(f"{time.monotonic() - self._started_seconds:8.2f}  {source}  {what}")
        self.n_lines += 1


def where(x: float, y: float) -> str:
    """For people: x metres to the right, y to the front."""
    degrees = round(math.degrees(math.atan2(abs(x), y)))
    side = "in front" if degrees == 0 else "behind" if degrees == 180 else f"{degrees}° {'left' if x < 0 else 'right'}"
    return f"{side}, {math.hypot(x, y):.1f} m"
