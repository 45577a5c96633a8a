"""What any file may do that lies beside a model as its card: be believed, or be refused as no card.

python -m benchmarks.fuzz.card --seconds 60
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from engine.models.card import Card, ModelError, card_path, read_card

LONGEST_BYTES = 4096
MODEL = b"no model"  # every card of the corpus knows the sha256 of these bytes


def check(data: bytes) -> None:
    """AssertionError, or whatever else than ModelError, if reading `data` does what it may not."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "any.onnx"
        model.write_bytes(MODEL)
        card_path(model).write_bytes(data)
        try:
            card = read_card(model)
        except ModelError:
            return
    assert isinstance(card, Card) and card.operating_points, "a card without an operating point"


if __name__ == "__main__":
    from benchmarks import fuzz

    sys.exit(fuzz.main(["card", *sys.argv[1:]]))
