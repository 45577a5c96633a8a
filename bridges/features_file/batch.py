"""Hundreds of files at once, on every core of this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from joblib import Parallel, cpu_count, delayed, parallel_config

from bridges.features_file.job import Job, Outcome, work

Work = Callable[[Job], Outcome]


def run(jobs: Sequence[Job], n_workers: int = 0, work: Work = work) -> Iterator[Outcome]:
    """Outcomes as they come. `n_workers`: processes; 0: one for each core.

    A file that kills the process that reads it takes its fellows along: they are begun anew, one by one in a process
    aside until it is found, then side by side again.
    """
    if len(jobs) == 1:  # has no fellows, and another process would take longer to start than most files take
        yield work(jobs[0])
        return
    n_workers = n_workers or cpu_count()
    left = list(jobs)
    if n_workers > 1:
        yield from _taken(left, _side_by_side(list(left), n_workers, work))
    while left:
        yield from _taken(left, _one_by_one(list(left), work))
        if left:
            culprit = left.pop(0)
            yield Outcome(culprit, error=f"{culprit.file} killed the process that read it")
            if n_workers > 1:
                yield from _taken(left, _side_by_side(list(left), n_workers, work))


def _taken(left: list[Job], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """`outcomes`, whose jobs are taken out of `left`, until there are no more or a process dies."""
    try:
        for outcome in outcomes:
            left.remove(outcome.job)
            yield outcome
    except BrokenProcessPool:
        pass


def _side_by_side(jobs: Sequence[Job], n_workers: int, work: Work) -> Iterator[Outcome]:
    with parallel_config("loky", inner_max_num_threads=1):
        tasks = (delayed(work)(job) for job in jobs)
        yield from Parallel(n_workers, return_as="generator_unordered", batch_size=1)(tasks)


def _one_by_one(jobs: Sequence[Job], work: Work) -> Iterator[Outcome]:
    """In order; when the process dies, it was the first one whose outcome did not come."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)
