"""The flags of the commands, each defined once: name, what it stands for, its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option


def _flag(kind: Any, panel: str, help_text: str, *names: str, **more: Any) -> Any:
    return Annotated[kind | None, Option(*names, help=help_text, rich_help_panel=panel, show_default=False, **more)]


AUDIO = "Where sound comes from"
Device = _flag(str, AUDIO, "Input device, as ictus devices lists it.", "--device", "-d", metavar="NAME|INDEX")
HostApi = _flag(str, AUDIO, "Such as JACK, Core Audio, ASIO, WASAPI.", "--host-api", metavar="NAME")
Rate = _flag(int, AUDIO, "Sample rate; the device's own otherwise.", "--rate", metavar="HZ", min=1)
Block = _flag(
    int, AUDIO, "Block size; 0: the driver's choice. It changes the delay, never the events.", "--block",
    metavar="SAMPLES", min=0,
)  # fmt: skip
Input = _flag(
    list[str], AUDIO, "A source: voice=1, or piano=3+4 for the average of two. Repeat for more.", "--input", "-i",
    metavar="NAME=CHANNEL",
)  # fmt: skip
File = _flag(Path, AUDIO, "Listen to this file instead, at its own pace.", "--file", "-f", metavar="FILE")

LISTEN = "How it is heard"
ConfigFile = _flag(
    Path, LISTEN, "A TOML file with all of this; flags go before it.", "--config", "-c", metavar="FILE.toml"
)
Chain = _flag(
    list[str], LISTEN, "Stages in order, for every source or for one: drums=level,strike.", "--chain",
    metavar="[SOURCE=]STAGE,STAGE",
)  # fmt: skip
Set = _flag(
    list[str], LISTEN, "An option of a stage: strike.threshold=0.4.", "--set", metavar="[SOURCE:]STAGE.OPTION=VALUE"
)
Model = _flag(str, LISTEN, "The model that listens for notes.", "--model", "-m", metavar="NAME|PATH")
LookAhead = _flag(
    int, LISTEN, "Notes early or sure: how late they may be known, in milliseconds.", "--look-ahead",
    metavar="20|40|80|160",
)  # fmt: skip

Space = Annotated[
    bool, Option("--space", help="Move the sources through the room; positions go out.", rich_help_panel=LISTEN)
]
SpaceModel = _flag(
    str, LISTEN, "The same, and what moves them: rules, home (by hand alone), or a trained model.", "--space-model",
    metavar="NAME|PATH",
)  # fmt: skip

OUT = "Where the news goes"
Midi = _flag(
    str, OUT, "MIDI out: an existing port, or one of our own named Ictus.", "--midi", metavar="PORT|virtual|off"
)
Osc = _flag(list[str], OUT, "OSC out; repeat for more.", "--osc", metavar="HOST:PORT")
SpaceOsc = _flag(
    list[str], OUT, "Positions to a spatialiser, which turns --space on; repeat for more.", "--space-osc",
    metavar="DIALECT@HOST:PORT",
)  # fmt: skip
Render = _flag(
    str, OUT, "Hear it in a room: quad, 5.1, ring8, binaural, or a layout in a file; turns --space on.", "--render",
    metavar="LAYOUT",
)  # fmt: skip
RenderDevice = _flag(
    str, OUT, "The output it is heard on; the default one otherwise.", "--render-device", metavar="NAME|INDEX"
)
OscIn = _flag(
    int, OUT, "Take commands by OSC at this port of this machine.", "--osc-in", metavar="PORT", min=1, max=65535
)
MidiIn = _flag(
    str, OUT, "The space by MIDI controllers and clock: an existing port, or our own named Ictus control.",
    "--midi-in", metavar="PORT|virtual",
)  # fmt: skip
Record = _flag(
    Path, OUT, "Write what is heard as MIDI; readable even after a crash.", "--record", "-r", metavar="FILE.mid"
)
Quality = _flag(
    str, LISTEN, "best: by the model for whole files, which hears what follows as well; slower.", "--quality",
    metavar="usual|best",
)  # fmt: skip

Pedal = Annotated[
    bool, Option("--pedal", help="MIDI gets the sustain pedal too, as controller 64.", rich_help_panel=OUT)
]

Seconds = Annotated[float | None, Option(help="Stop by itself after this long.", min=0.0, show_default=False)]
Output = Annotated[Path, Option("--output", "-o", metavar="DIR", help="Folder for what is written; made if need be.")]
Files = Annotated[list[Path], Argument(metavar="FILE...", help="wav, flac, ogg, mp3, m4a ...", show_default=False)]
Sound = Annotated[bool, Option(help="Play it aloud, where there is a sound output.")]
