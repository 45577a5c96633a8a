"""`ictus devices`: what there is to listen to, and where MIDI can go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def devices() -> None:
    """List the inputs that ictus live --device can use, the outputs of --render-device, and the ports of --midi.

    A device is named by its index, its name, or a part of its name that no other has.
    """
    from rich.console import Console
    from rich.table import Table

    from engine.driver.device import list_devices

    with quiet_drivers():
        inputs, outputs, ports = list_devices(), list_devices("output"), _midi_ports()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("index", "input", "host API", "channels", "Hz"):
        table.add_column(title, justify="left" if title in ("input", "host API") else "right", overflow="fold")
    for device in inputs:
        name = f"{device.name}  (default)" if device.is_default else device.name
        table.add_row(str(device.index), name, device.host_api, str(device.n_channels), str(device.sample_rate))
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if inputs:
        console.print(table)
    else:
        console.print("No input device: plug one in, allow access to it, or start the JACK server; files work without.")
    console.print()
    console.print(f"Outputs, for --render-device: {', '.join(map(str, outputs)) or 'none'}.")
    console.print(f"MIDI ports: {', '.join(ports) or 'none yet'}; or --midi virtual for one of our own (macOS, Linux).")


def _midi_ports() -> list[str]:
    """Asked of the bridge: the engine itself knows no MIDI."""
    from engine.registry import BRIDGES, find

    return find(BRIDGES, "midi").ports()


@contextmanager
def quiet_drivers() -> Iterator[None]:
    """Drivers print pages on standard error while they look for devices; none of it is for people."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
