"""`ictus demo`: the bundled song, heard as two sources on the clock."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import typer

from engine.cli import flags


def demo(output: flags.Output = Path("demo_out"), seconds: flags.Seconds = None, sound: flags.Sound = True) -> None:
    """Hear Ictus listen to half a minute of real music; no sound card needed.

    The song is "Feelings" by Sectoid. Its lead guitar and its backing are two
    sources, fed at the pace of music, shown as ictus live shows them, and moved
    through the room by the default model. What was heard is left as a MIDI file,
    a piano roll and a log of every OSC message; where the sources went, as a
    table and a picture.
    """
    from engine.cli.perform import perform
    from engine.demo.player import Player

    output.mkdir(parents=True, exist_ok=True)
    left = [
        ("midi_file", output / "ictus_demo.mid", "the notes, for any player or sequencer"),
        ("piano_roll", output / "ictus_demo.png", "the notes as a picture"),
        ("osc_log", output / "ictus_demo.osc.txt", "every OSC message, as a patch would have got it"),
        ("trajectory_file", output / "ictus_demo.space.csv", "where the sources went: seconds, source, x, y, z"),
        ("trajectory_file", output / "ictus_demo.space.png", "the same as a picture"),
    ]
    tables = {
        "audio": {"type": "demo"},
        "source": [
            {"name": "guitar", "channels": [1]},
            {"name": "backing", "channels": [2], "chain": ["level", "strike", "genre"]},
        ],
        "space": {"model": "space"},
        "bridge": [{"type": name, "path": str(path)} for name, path, _ in left],
    }
    with Player() if sound else nullcontext() as player:
        perform(tables, seconds, player.start if player else lambda: None)
    typer.echo("")
    for _, path, what in left:
        typer.echo(f"{path}  {what}")
    typer.echo("Next: ictus live --help")
