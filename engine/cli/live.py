"""`ictus live`: listen to a device, show what is heard, send it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import options
from engine.cli.errors import USAGE, CliError

AUDIO, LISTEN, OUT = "Where sound comes from", "How it is heard", "Where the news goes"


def live(
    device: Annotated[str | None, typer.Option("--device", "-d", metavar="NAME|INDEX", help="Input device, as ictus devices lists it.", rich_help_panel=AUDIO)] = None,
    host_api: Annotated[str | None, typer.Option(metavar="NAME", help="Such as JACK, CoreAudio, ASIO, WASAPI.", rich_help_panel=AUDIO)] = None,
    rate: Annotated[int | None, typer.Option(metavar="HZ", min=1, help="Sample rate; the device's own otherwise.", rich_help_panel=AUDIO)] = None,
    block: Annotated[int | None, typer.Option(metavar="SAMPLES", min=0, help="Block size; 0: the driver's choice. It changes the delay, never the events.", rich_help_panel=AUDIO)] = None,
    input_: Annotated[list[str] | None, typer.Option("--input", "-i", metavar="NAME=CHANNEL", help="A source: voice=1, or piano=3+4 for the average of two. Repeat for more.", rich_help_panel=AUDIO)] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Listen to this file instead, at its own pace.", rich_help_panel=AUDIO)] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="A TOML file with all of this; flags go before it.", rich_help_panel=LISTEN)] = None,
    chain: Annotated[list[str] | None, typer.Option(metavar="[SOURCE=]STAGE,STAGE", help="Stages in order, for every source or for one: drums=level,strike.", rich_help_panel=LISTEN)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="[SOURCE:]STAGE.OPTION=VALUE", help="An option of a stage: strike.threshold=0.4.", rich_help_panel=LISTEN)] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME|PATH", help="The model that listens for notes.", rich_help_panel=LISTEN)] = None,
    midi: Annotated[str | None, typer.Option(metavar="PORT|virtual|off", help="MIDI out: an existing port, or one of our own named Ictus.", rich_help_panel=OUT)] = None,
    osc: Annotated[list[str] | None, typer.Option(metavar="HOST:PORT", help="OSC out; repeat for more.", rich_help_panel=OUT)] = None,
    osc_in: Annotated[int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Take commands by OSC at this port of this machine.", rich_help_panel=OUT)] = None,
    record: Annotated[Path | None, typer.Option("--record", "-r", metavar="FILE.mid", help="Write what is heard as MIDI; readable even after a crash.", rich_help_panel=OUT)] = None,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Stop by itself after this long.")] = None,
) -> None:  # fmt: skip
    """Listen to an instrument, show what is heard, and send it on as MIDI and OSC. Ctrl-C ends it.

    ictus live --midi virtual                       the default input, for a synthesiser that you connect to "Ictus"

    ictus live -i voice=1 -i guitar=2 --osc 127.0.0.1:9000 --chain voice=level,notes

    ictus live --device USB --block 64 --config stage.toml --record tonight.mid
    """
    from engine.cli.perform import perform
    from engine.config import Config, load_config

    tables: dict[str, Any] = load_config(config).to_dict() if config else {}
    options.lay_inputs(tables, input_ or [])
    _lay_audio(tables, file, bool(input_), device=device, host_api=host_api, sample_rate=rate, block_samples=block)
    options.lay_chains(tables, chain or [])
    options.lay_settings(tables, set_ or [])
    if model:
        options.lay_model(tables, model)
    options.drop_unused_stage_options(tables)
    if midi == "off":
        options.drop_bridge(tables, "midi")
    elif midi:
        options.lay_bridge(tables, "midi", port=None if midi == "virtual" else midi)
    if osc:
        options.lay_bridge(tables, "osc", targets=osc)
    if osc_in:
        options.lay_bridge(tables, "osc_in", port=osc_in)
    if record:
        options.lay_bridge(tables, "midi_file", path=str(record))
    Config.from_dict(tables)  # refuses what cannot be, before a process is started for it
    perform(tables, seconds)


def _lay_audio(tables: options.Tables, file: Path | None, named: bool, **device_options: Any) -> None:
    given = {name: value for name, value in device_options.items() if value is not None}
    if file is None:
        audio = tables.setdefault("audio", {"type": "device"})
        if given and audio.get("type", "device") != "device":
            raise CliError(f"--{next(iter(given)).replace('_', '-')} is for a device; the file says {audio['type']}", USAGE)
        if "device" in given and given["device"].isdecimal():
            given["device"] = int(given["device"])
        audio.update(given)
    elif "device" in given or "host_api" in given:
        raise CliError("--file and --device were both given; sound comes from one of them", USAGE)
    else:
        tables["audio"] = {"type": "file", "path": str(file), "paced": True, "mix": "channels" if named else "mono"}
