"""The same files on a Dask cluster, whose workers see the same folders under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from distributed import Client, as_completed

from bridges.features_file.job import Job, Outcome, work
from engine.errors import IctusError

CONNECT_SECONDS = 10.0


class ClusterError(IctusError):
    """There is no cluster to be had; one sentence for a person."""


def run(jobs: Sequence[Job], address: str, work: Callable[[Job], Outcome] = work) -> Iterator[Outcome]:
    """Outcomes as they come. What a worker that died was at is done by another; a file that kills three is given up."""
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
        raise ClusterError(f"{address!r}, such as tcp://10.0.0.7:8786, is no Dask scheduler: {error}") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise ClusterError(f"the Dask scheduler at {address!r} has no workers; start some with `dask worker`")
        jobs_of = dict(zip(client.map(work, jobs, pure=False, batch_size=200), jobs, strict=True))
        for future in as_completed(jobs_of, loop=client.loop):
            job = jobs_of.pop(future)
            if error := future.exception():
                yield Outcome(job, error=f"{job.file} was given up: {_sentence(error)}")
            else:
                yield future.result()
            future.release()


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
