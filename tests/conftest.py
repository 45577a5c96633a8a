"""Fixtures shared by every test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from benchmarks.rig.jack import JackServer

settings.register_profile("ictus", deadline=None)  # how long an example takes is no law
settings.load_profile("ictus")


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Tests that learn share the machine with others."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., JackServer]]:
    """Starts real JACK servers, `jack(period_samples=64)`; the newest is the default one until the test ends."""
    _require_jack()
    servers: list[JackServer] = []

    def start(period_samples: int = 128, sample_rate: int = 48_000, synchronous: bool = True) -> JackServer:
        server = JackServer(tmp_path, period_samples, sample_rate, synchronous)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def _require_jack() -> None:
    """Skip the test where there is no JACK; on CI, fail it."""
    missing = [program for program in ("jackd", "jack_wait") if shutil.which(program) is None]
    try:
        import jack  # noqa: F401
    except (ImportError, OSError) as error:
        missing.append(f"JACK-Client ({error})")
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {', '.join(missing)} (package jackd2)")
