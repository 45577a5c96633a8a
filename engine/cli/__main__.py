"""python -m engine.cli is the `ictus` command."""

from engine.cli.app import main

main()
