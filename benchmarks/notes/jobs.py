"""One recording under one condition through one listener, and many of them, once each, over some processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from benchmarks.notes.disturb import UNDISTURBED, disturbed, playing_of
from benchmarks.notes.listen import Listener
from benchmarks.notes.recordings import Recording
from benchmarks.notes.scores import Take
from benchmarks.notes.summary import Counted, count


@dataclass(frozen=True)
class Job:
    recording: Recording
    listener: Listener
    condition: str = UNDISTURBED
    room: Path | None = None

    @property
    def key(self) -> tuple:
        return self.recording.audio, self.listener, self.condition, self.room


def run(job: Job) -> Counted:
    recording = job.recording
    if job.condition == UNDISTURBED:
        played, cents, heard = recording.played, 50.0, job.listener.hear(recording.audio)
    else:
        worse = disturbed(playing_of(recording), job.condition, job.room)
        heard = job.listener.hear((worse.samples, worse.sample_rate))
        played, cents = worse.played, worse.pitch_cents
    take = Take(recording.name, recording.mic, recording.shift_seconds, heard.seconds, played, heard.notes, cents)
    return count(take, heard.cpu_seconds)


class Desk:
    """Runs jobs over `n_processes`, and each of them only once: tables share recordings."""

    def __init__(self, n_processes: int = 1, say: Callable[[str], None] = print) -> None:
        self._n_processes, self._say = n_processes, say
        self._done: dict[tuple, Counted] = {}

    def counted(self, jobs: Iterable[Job]) -> list[Counted]:
        """In the order of the jobs."""
        jobs = list(jobs)
        missing = [job for job in jobs if job.key not in self._done]
        if self._n_processes == 1 or len(missing) < 2:
            for job in missing:
                self._keep(job, run(job))
        else:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(self._n_processes, mp_context=spawn) as pool:
                running = {pool.submit(run, job): job for job in missing}
                for future in as_completed(running):
                    self._keep(running[future], future.result())
        return [self._done[job.key] for job in jobs]

    def _keep(self, job: Job, counted: Counted) -> None:
        self._done[job.key] = counted
        self._say(f"{job.recording.name}, {job.listener.point}, {job.condition}: onset F1 {counted.f1:.3f}")
