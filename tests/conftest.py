"""Fixtures shared by every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.jack import JackServer, require_jack


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., JackServer]]:
    """Starts real JACK servers, `jack(period_samples=64)`; the newest is the default one until the test ends."""
    require_jack()
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
