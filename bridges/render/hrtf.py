"""How a head hears each direction: impulse responses from a SOFA file (AES69, SimpleFreeFieldHRIR), which is HDF5.

By default the set that libmysofa comes with: KEMAR, normal pinna, free with credit to Gardner & Martin, HRTF
measurements of a KEMAR, JASA 97 (1995), MIT Media Lab.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from pathlib import Path

import h5py
import numpy as np

from bridges.render.layout import unit_vectors
from engine.errors import IctusError

SHIPPED = tuple(
    Path(prefix) / "share/libmysofa/default.sofa" for prefix in ("/usr", "/usr/local", "/opt/homebrew", "/opt/local")
)
CONVENTION = "SimpleFreeFieldHRIR"
FEWEST = 8  # directions


class HrtfError(IctusError):
    """No set of head-related transfer functions, or none that can be used; one sentence for a person."""


@dataclass(frozen=True)
class Hrtf:
    ways: np.ndarray  # [directions, 3] unit vectors, axes as in engine/space/proposer.py
    responses: np.ndarray  # [directions, 2, taps]: left, right
    sample_rate: int


def read_hrtf(path: Path | None = None) -> Hrtf:
    """The set in `path`, or the shipped one, so loud that over all directions its mean power is 1."""
    path = path or next((shipped for shipped in SHIPPED if shipped.exists()), None)
    if path is None:
        raise HrtfError(
            "there is no HRTF set here; install libmysofa (Debian: libmysofa1) or give one: --hrtf FILE.sofa"
        )
    try:
        with h5py.File(path) as file:
            said = file.attrs.get("SOFAConventions", b"")
            convention = said.decode() if isinstance(said, bytes) else str(said)
            if convention != CONVENTION:
                raise HrtfError(f"{path} follows the convention {convention or 'of none'}; it must be {CONVENTION}")
            responses = np.asarray(file["Data.IR"], np.float64)
            delays = np.asarray(file["Data.Delay"], np.float64)
            kind = file["SourcePosition"].attrs.get("Type", b"spherical")
            places = np.asarray(file["SourcePosition"], np.float64)
            sample_rate = int(np.asarray(file["Data.SamplingRate"]).flat[0])
    except (OSError, KeyError, ValueError) as error:
        raise HrtfError(f"{path} is no SOFA file that can be read: {error}") from error
    is_spherical = (kind.decode() if isinstance(kind, bytes) else kind) == "spherical"
    n_ways = len(responses)
    if responses.ndim != 3 or responses.shape[1] != 2 or places.shape != (n_ways, 3) or n_ways < FEWEST:
        raise HrtfError(f"{path} has responses of shape {responses.shape}; it must be [{FEWEST} or more, 2, taps]")
    if not (np.isfinite(responses).all() and responses.any() and np.isfinite(places).all() and sample_rate > 0):
        raise HrtfError(f"{path} has responses or positions that are no numbers, or silence; it cannot be used")
    ways = unit_vectors(places[:, :2]) if is_spherical else _turned(places)
    responses = _delayed(responses, np.broadcast_to(np.round(delays).astype(int), (n_ways, 2)))
    return Hrtf(ways, responses / np.sqrt(np.mean(np.sum(responses**2, axis=2))), sample_rate)


def _turned(places: np.ndarray) -> np.ndarray:
    """Unit vectors; SOFA has x to the front and y to the left."""
    ways = np.stack([-places[:, 1], places[:, 0], places[:, 2]], axis=1)
    return ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)


def _delayed(responses: np.ndarray, delays_samples: np.ndarray) -> np.ndarray:
    late = np.zeros((*responses.shape[:2], responses.shape[2] + int(delays_samples.max())))
    for (way, ear), delay in np.ndenumerate(delays_samples):
        late[way, ear, delay : delay + responses.shape[2]] = responses[way, ear]
    return late


def resampling_ratio(hrtf: Hrtf, sample_rate: int) -> tuple[int, int]:
    """Up, down: what brings the responses to `sample_rate`."""
    shared = gcd(hrtf.sample_rate, sample_rate)
    return sample_rate // shared, hrtf.sample_rate // shared
