"""What `ictus features` calls: jobs from files, and the place where they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bridges.features_file.job import Job, Outcome, Settings, write_index
from engine.features.catalogue import FEATURES

FORMATS = ("npz", "csv", "parquet")


class FeatureFiles:
    """The features of `files`, one job each, under `stems` in `folder`.

    names: of the catalogue; formats: of FORMATS; n_workers: processes here, 0 for one a core; dask: the address of a
    scheduler, to be used instead. ValueError, in one sentence, for what does not exist.
    """

    def __init__(
        self,
        files: Sequence[Path],
        stems: Sequence[str],
        folder: Path,
        names: Sequence[str] = tuple(FEATURES),
        formats: Sequence[str] = ("npz",),
        pictures: bool = True,
        n_workers: int = 0,
        dask: str = "",
    ) -> None:
        names, formats = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(formats))
        for noun, given, known in (("feature", names, tuple(FEATURES)), ("format", formats, FORMATS)):
            if wrong := [one for one in given if one not in known]:
                raise ValueError(f"there is no {noun} {wrong[0]!r}; there are: {', '.join(known)}")
            if not given:
                raise ValueError(f"no {noun} was asked for; there are: {', '.join(known)}")
        settings = Settings(names, formats, pictures)
        folder = folder.resolve()  # for workers that stand elsewhere
        self.jobs = [Job(file.resolve(), folder, stem, settings) for file, stem in zip(files, stems, strict=True)]
        self._n_workers, self._dask = n_workers, dask

    def run(self) -> Iterator[Outcome]:
        """One outcome for each job, as they come. What was done before comes first, at once."""
        left = []
        for job in self.jobs:
            if (note := job.done()) is None:
                left.append(job)
            else:
                yield Outcome(job, note["seconds"], was_done=True)
        if left and self._dask:
            from bridges.features_file import cluster

            yield from cluster.run(left, self._dask)
        elif left:
            from bridges.features_file import batch

            yield from batch.run(left, min(self._n_workers, len(left)))
        write_index(self.jobs)
