"""Features as files: NAME.npz of arrays; NAME.csv and NAME.parquet of one row a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from bridges.beside import written_beside

FORMATS = ("npz", "csv", "parquet")
SPARSE = ("tempo", "beat")  # not one value a frame


def write(path: Path, values: dict[str, np.ndarray], n_frames: int, frame_seconds: float) -> None:
    """`path`: ends in one of FORMATS. `values`: as analysis.analyse gives them. There whole or not at all."""
    with written_beside(path) as beside, beside.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, **values, frame_seconds=np.array(frame_seconds))
        elif path.suffix == ".csv":
            pyarrow.csv.write_csv(_table(values, n_frames, frame_seconds), file)
        else:
            pyarrow.parquet.write_table(_table(values, n_frames, frame_seconds), file)


def _table(values: dict[str, np.ndarray], n_frames: int, frame_seconds: float) -> pyarrow.Table:
    """A row a frame: seconds, the features' values (NAME, or NAME_0 ...), beat 1 where one falls, and the tempo."""
    framed = {name: rows for name, rows in values.items() if name not in SPARSE}
    columns = {"seconds": np.arange(n_frames) * frame_seconds}
    for name, rows in framed.items():
        for i, row in enumerate(rows):
            column = np.full(n_frames, np.nan, np.float32)
            column[: len(row)] = row
            columns[name if len(rows) == 1 else f"{name}_{i}"] = column
    if "beat" in values:
        columns["beat"] = np.zeros(n_frames, np.int8)
        columns["beat"][np.clip(np.round(values["beat"] / frame_seconds).astype(int), 0, n_frames - 1)] = 1
    if "tempo" in values:
        columns["tempo"] = np.full(n_frames, values["tempo"][0], np.float32)
    return pyarrow.table(columns)
