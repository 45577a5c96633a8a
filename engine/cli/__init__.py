"""The `ictus` command: `app.py` is its door, each subcommand has a file. Only here may typer and rich be imported."""
