"""What any file may do that is given as a configuration: be read, to the same again, or be refused in one sentence.

python -m benchmarks.fuzz.config --seconds 60
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from engine.config import Config, ConfigError, load_config

LONGEST_BYTES = 4096


def check(data: bytes) -> None:
    """AssertionError, or whatever else than ConfigError, if reading `data` does what it may not."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(data)
        try:
            config = load_config(Path(file.name))
        except ConfigError as error:
            assert "\n" not in str(error), f"not one sentence: {error}"
            return
    # Compared as text: a TOML file may hold a number that is none, which equals nothing.
    assert repr(Config.from_dict(config.to_dict())) == repr(config), f"read again, {config} is another"


if __name__ == "__main__":
    from benchmarks import fuzz

    sys.exit(fuzz.main(["config", *sys.argv[1:]]))
