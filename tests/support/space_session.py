"""A small session with sound in it: three instruments and a click, moved by hand, in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.space.session_folder import Papers, SessionFolder, TakeWriter, write_cues, write_tempos
from engine.space.tables import Section, Tempo

RATE = 8000
BEAT_SECONDS = 0.5
INSTRUMENTS = {"voice": (2,), "guitar": (3,), "bass": (4,)}
PAPERS = Papers("Zoe", INSTRUMENTS, click=1, simulated=True, licence="CC0",
                credits=({"name": "noise", "licence": "CC0", "credit": "nobody"},))  # fmt: skip


def band(seconds: float, seed: int = 0) -> np.ndarray:
    """[n, 4]: a click every half second, a tone with gaps, a plucked line, a low tone."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    rng = np.random.default_rng(seed)
    click = np.zeros(n)
    for beat in range(int(seconds / BEAT_SECONDS)):
        at = round(beat * BEAT_SECONDS * RATE)
        pitch = 800 if beat % 4 else 1600
        click[at : at + 80] = 0.6 * np.sin(2 * np.pi * pitch * t[:80])
    voice = 0.3 * np.sin(2 * np.pi * 330 * t) * (np.sin(2 * np.pi * t / 4 + seed) > 0)
    pluck = 0.4 * np.sin(2 * np.pi * 660 * t) * np.exp(-(t % BEAT_SECONDS) / 0.1)
    bass = 0.3 * np.sin(2 * np.pi * 80 * t)
    noise = 1e-4 * rng.standard_normal((n, 4))
    return (np.stack([click, voice, pluck, bass], axis=1) + noise).astype(np.float32)


def record(session: SessionFolder, title: str, seconds: float = 12.0, seed: int = 0, table: bool = False) -> None:
    """One take: each source goes round, the next a third of a turn behind."""
    writer = TakeWriter(session.new_take(title), RATE, 4)
    writer.hear(band(seconds, seed))
    for k in range(int(seconds * 25)):
        for s, name in enumerate(INSTRUMENTS):
            angle = 2 * np.pi * (k / 25 / (6 + seed) + s / 3)
            writer.place(k / 25, name, 3 * np.cos(angle), 3 * np.sin(angle))
    writer.close()
    write_cues(writer.take, [Section(0.0, "intro"), Section(seconds / 2, "Chorus 1")])
    if table:
        write_tempos(writer.take, [Tempo(0.0, 60 / BEAT_SECONDS, 4)])


def make_session(folder: Path, n_songs: int = 3, seconds: float = 12.0, table: bool = False) -> SessionFolder:
    session = SessionFolder.make(folder, PAPERS)
    for i in range(n_songs):
        record(session, f"Song {i}", seconds, i, table)
    return session
