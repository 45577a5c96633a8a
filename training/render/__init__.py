"""Performances (MIDI or made up) played on sampled instruments, placed in rooms, written as features and notes."""

from training.render.shards import render_set

__all__ = ["render_set"]
