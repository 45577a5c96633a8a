"""An engine that goes on: should its process die, another takes over, and its first word is that nothing sounds.

While a device plays, an heir stands by: a second process that has loaded and compiled everything and waits for a word.
What does not play on by itself (a file, the demo) is not taken up again: there an heir is called only to end the notes
that were left sounding, and to finish the files.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from engine.cli.errors import CliError
from engine.cli.process import EngineDied, EngineProcess
from engine.scratch import new_folder

HEIR_AFTER_SECONDS = 2.0  # of listening: not while the first notes are played
RETRY_SECONDS = 1.0  # when an heir cannot start, such as while its device is away
MOST_DEATHS = 5  # within DEATHS_SECONDS: beyond that it is no accident
DEATHS_SECONDS = 20.0


class Keeper:
    """As EngineProcess, but `poll` has more to say: {"state": "died", "message": ...}, after which it will say that it
    is "listening" again; and {"state": "left"} when it was stopped before it ever was. CliError only when it never
    listened, plays on no more, or dies over and over."""

    def __init__(self, tables: dict[str, Any], seconds: float | None) -> None:
        self._tables, self._seconds = tables, seconds
        self._memory = new_folder()
        self._life = 1
        self._engine: EngineProcess | None = EngineProcess(tables, seconds, self._memory)
        self._unsettled: list[int] = []  # lives whose files are not finished yet
        self._settlers: list[EngineProcess] = []  # at work on that
        self._heir: EngineProcess | None = None
        self._until: float | None = None  # monotonic seconds
        self._heir_due = self._retry_at = float("inf")
        self._listened = self._endless = self._stopping = False
        self._deaths: list[float] = []  # monotonic seconds
        self._trouble = ""  # why no engine can start just now, as told

    def poll(self, timeout_seconds: float) -> dict[str, Any] | None:
        now = time.monotonic()
        if self._stopping and not self._listened:
            return {"state": "left"}
        if self._engine is None:
            if self._stopping:
                self._give_up(CliError(self._trouble))
            time.sleep(timeout_seconds)
            if now >= self._retry_at:
                self._succeed()
            return None
        if self._heir is None and now >= self._heir_due:
            self._settle("settle")
            self._heir = self._new_heir()
        try:
            news = self._engine.poll(timeout_seconds)
        except EngineDied as error:
            return self._bury(error)
        except CliError as error:
            return self._wait(error)
        if news and news["state"] == "listening":
            self._note_listening(news)
        elif news and news["state"] == "ended":
            self._clear_up()
        return news

    def stop(self) -> None:
        self._stopping = True
        if not self._listened:
            self._engine.discard()  # nothing was begun that would have to be ended
        elif self._engine is not None:
            self._engine.stop()

    def kill(self) -> None:
        if self._engine is not None:
            self._engine.kill()
        self._clear_up()

    def _note_listening(self, news: dict[str, Any]) -> None:
        now = time.monotonic()
        self._trouble = ""
        self._endless = news["endless"]
        if self._until is None and self._seconds is not None:
            self._until = now + self._seconds
        self._listened = True
        if self._endless:
            self._heir_due = now + HEIR_AFTER_SECONDS

    def _bury(self, error: EngineDied) -> dict[str, Any]:
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < DEATHS_SECONDS] + [now]
        if not self._listened:
            self._give_up(error)
        self._unsettled.append(self._life)
        if self._stopping or not self._endless or len(self._deaths) > MOST_DEATHS:
            self._settle("silence")
            self._give_up(error)
        self._succeed()
        return {"state": "died", "message": f"{error}; another takes over"}

    def _wait(self, error: CliError) -> dict[str, Any] | None:
        """An heir could not start: its device is away too, or so. Again in a while."""
        if not self._listened:
            self._give_up(error)
        self._life -= 1  # it was none
        self._engine, self._retry_at = None, time.monotonic() + RETRY_SECONDS
        is_told, self._trouble = str(error) == self._trouble, str(error)
        return None if is_told else {"state": "died", "message": f"the engine cannot start: {error}; it is tried again"}

    def _succeed(self) -> None:
        self._engine = self._heir or self._new_heir()
        self._heir, self._heir_due = None, float("inf")
        self._life += 1
        self._engine.play(None if self._until is None else max(0.0, self._until - time.monotonic()))

    def _new_heir(self) -> EngineProcess:
        return EngineProcess(self._tables, None, self._memory, self._life + 1, "stand by")

    def _settle(self, do: str) -> None:
        for life in self._unsettled:
            self._settlers.append(EngineProcess(self._tables, None, self._memory, life, do))
        self._unsettled.clear()

    def _give_up(self, error: CliError) -> None:
        self._clear_up()
        raise error

    def _clear_up(self) -> None:
        if self._heir is not None:
            self._heir.discard()
            self._heir = None
        self._settle("settle")
        for settler in self._settlers:
            settler.wait()
        self._settlers.clear()
        self._heir_due = float("inf")
        shutil.rmtree(self._memory, ignore_errors=True)
