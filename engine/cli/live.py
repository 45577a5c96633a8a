"""`ictus live`: listen to a device, show what is heard, send it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.cli import flags, options
from engine.cli.errors import USAGE, CliError


def live(
    device: flags.Device = None,
    host_api: flags.HostApi = None,
    rate: flags.Rate = None,
    block: flags.Block = None,
    input_: flags.Input = None,
    file: flags.File = None,
    config: flags.ConfigFile = None,
    chain: flags.Chain = None,
    set_: flags.Set = None,
    model: flags.Model = None,
    look_ahead: flags.LookAhead = None,
    space: flags.Space = False,
    space_model: flags.SpaceModel = None,
    midi: flags.Midi = None,
    osc: flags.Osc = None,
    space_osc: flags.SpaceOsc = None,
    render: flags.Render = None,
    render_device: flags.RenderDevice = None,
    osc_in: flags.OscIn = None,
    midi_in: flags.MidiIn = None,
    record: flags.Record = None,
    pedal: flags.Pedal = False,
    seconds: flags.Seconds = None,
) -> None:
    """Listen to an instrument, show what is heard, and send it on as MIDI and OSC. Ctrl-C ends it.

    ictus live --midi virtual

    ictus live --look-ahead 20 --midi virtual

    ictus live -i voice=1 -i guitar=2 --osc 127.0.0.1:9000 --chain voice=level,notes

    ictus live -i voice=1 -i drums=2+3 -i click=4 --space-osc adm@127.0.0.1:4001

    ictus live -i voice=1 -i guitar=2 --render binaural --render-device Headphones

    ictus live --device USB --block 64 --config stage.toml --record tonight.mid
    """
    from engine.cli.perform import perform
    from engine.config import Config, load_config

    tables: dict[str, Any] = load_config(config).to_dict() if config else {}
    options.lay_inputs(tables, input_ or [])
    _lay_audio(tables, file, bool(input_), device=device, host_api=host_api, sample_rate=rate, block_samples=block)
    options.lay_chains(tables, chain or [])
    options.lay_settings(tables, set_ or [])
    options.lay_notes(tables, model=model, look_ahead=look_ahead)
    options.lay_space(tables, bool(space or space_osc or midi_in or render), space_model)
    if midi == "off":
        options.drop_bridge(tables, "midi")
    elif midi:
        options.lay_bridge(tables, "midi", port=None if midi == "virtual" else midi)
    if osc:
        options.lay_bridge(tables, "osc", targets=osc)
    if space_osc:
        options.lay_bridge(tables, "space_osc", targets=space_osc)
    options.lay_render(tables, render, render_device)
    if osc_in:
        options.lay_bridge(tables, "osc_in", port=osc_in)
    if midi_in:
        options.lay_bridge(tables, "midi_in", port=None if midi_in == "virtual" else midi_in)
    if record:
        options.lay_bridge(tables, "midi_file", path=str(record))
    if pedal:
        options.lay_pedal(tables)
    Config.from_dict(tables)  # refuses what cannot be, before a process is started for it
    perform(tables, seconds)


def _lay_audio(tables: options.Tables, file: Path | None, named: bool, **device_options: Any) -> None:
    given = {name: value for name, value in device_options.items() if value is not None}
    if file is None:
        audio = tables.setdefault("audio", {"type": "device"})
        if given and audio.get("type", "device") != "device":
            flag = f"--{next(iter(given)).replace('_', '-')}"
            raise CliError(f"{flag} is for a device, but the configuration listens to {audio['type']!r}", USAGE)
        if "device" in given and given["device"].isdecimal():
            given["device"] = int(given["device"])
        audio.update(given)
    elif "device" in given or "host_api" in given:
        raise CliError("--file and --device were both given; sound comes from one of them", USAGE)
    else:
        tables["audio"] = {"type": "file", "path": str(file), "paced": True, "mix": "channels" if named else "mono"}
