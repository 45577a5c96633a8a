"""The peers whose strikes Ictus is measured beside, on the same recordings. All hear sound as it comes."""

from __future__ import annotations

from benchmarks.peers.ask import Peer

KINDS = ("drums", "drums-in-mix")
STRIKE_PEERS = (
    Peer("madmom OnsetDetectorLL", "madmom", "run_madmom_onsets.py", kinds=KINDS, is_live=True),
    Peer("aubio default", "aubio", "run_aubio_onsets.py", kinds=KINDS, is_live=True),
    Peer(
        "aubio specflux",
        "aubio",
        "run_aubio_onsets.py",
        ("--method", "specflux", "--window", "1024", "--hop", "256"),
        kinds=KINDS,
        is_live=True,
    ),
)
