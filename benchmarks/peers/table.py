"""The peers whose notes Ictus is measured beside, on the same recordings."""

from __future__ import annotations

from benchmarks.peers.ask import Peer

PITCHED = ("piano", "solo voice")
PEERS = (
    Peer("aubio notes", "aubio", "run_aubio_notes.py", kinds=PITCHED, is_live=True),
    Peer("SwiftF0", "swiftf0", "run_swift_f0.py", kinds=("solo voice",)),
    Peer("basic-pitch", "basicpitch", "run_basic_pitch.py", kinds=PITCHED),
    Peer("madmom piano", "madmom", "run_madmom_piano.py"),
    Peer(
        "basic-pitch, live",
        "basicpitch",
        "run_basic_pitch.py",
        ("--live",),
        kinds=PITCHED,
        is_live=True,
        is_slow=True,
        look_ahead_ms=96.0,  # 50 of guard, 46 of hop
    ),
    Peer("transkun", "transkun", "run_transkun.py", is_slow=True),
)
