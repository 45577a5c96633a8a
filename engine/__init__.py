"""Ictus, live: sound in, what was heard out. `engine.session` is the place to start reading."""

from pathlib import Path

from engine.kernels import forget_stale_kernels

forget_stale_kernels(Path(__file__).parent)
