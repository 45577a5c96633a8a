"""How numbers of things are written for people, everywhere the same."""

from __future__ import annotations


def counted(n: float, noun: str) -> str:
    """`n`, a whole number, and what there are so many of: 1 note, 2 notes."""
    return f"{n:.0f} {noun}" if n == 1 else f"{n:.0f} {noun}s"
