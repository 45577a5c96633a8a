"""A user's own recordings with labels (MAESTRO, MAPS, GuitarSet), written as the same shards that rendering makes."""

from training.corpora.importing import import_corpus

__all__ = ["import_corpus"]
