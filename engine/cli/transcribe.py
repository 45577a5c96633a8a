"""`ictus transcribe FILE... -o DIR`: files, as fast as the machine can."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import flags, options
from engine.cli.errors import CliError, explain
from engine.config import Config, load_config
from engine.events import Event, Fault

if TYPE_CHECKING:
    from engine.bridge import SessionInfo

OUTPUTS = {
    "midi_file": ".mid", "notes_csv": ".notes.csv", "strikes_csv": ".strikes.csv", "pedal_csv": ".pedal.csv",
    "piano_roll": ".png",
}  # fmt: skip


def transcribe(
    files: flags.Files,
    output: flags.Output = Path("."),
    config: flags.ConfigFile = None,
    chain: flags.Chain = None,
    set_: flags.Set = None,
    model: flags.Model = None,
    look_ahead: flags.LookAhead = None,
    quality: flags.Quality = None,
    pedal: flags.Pedal = False,
) -> None:
    """Write down what is played in sound files: MIDI, tables of notes, strikes and pedal, a picture.

    Each FILE, mixed to mono, gives NAME.mid, NAME.notes.csv, NAME.strikes.csv,
    NAME.pedal.csv and NAME.png in DIR; older ones of that name are replaced.
    Nobody waits for a file, so notes are as sure as the model can be; with
    --look-ahead 40 they are those ictus live would send: reported_at_seconds
    is when it knew. With --quality best they are heard by a larger model that
    knows what follows.

    ictus transcribe takes/*.wav -o out
    """
    tables: dict[str, Any] = load_config(config).to_dict() if config else {}
    tables["source"] = [{**(tables.get("source") or [{}])[0], "name": "mono", "channels": [1]}]
    options.lay_chains(tables, chain or [])
    options.lay_settings(tables, set_ or [])
    model = options.model_for(quality, model, look_ahead)
    options.lay_notes(tables, model=model, look_ahead=look_ahead)
    options.lay_surest(tables)
    output.mkdir(parents=True, exist_ok=True)
    files = list(dict.fromkeys(files))
    writer = _Writer(Config.from_dict(tables), pedal)
    failed = _transcribe_all(writer, dict(zip(files, distinct_names(files), strict=True)), output)
    if failed:
        raise CliError(f"{len(failed)} of {len(files)} files could not be transcribed: {', '.join(failed)}")


def distinct_names(files: list[Path]) -> list[str]:
    """A name for each file's results: its own without the ending; the second of a name gets -2, and so on."""
    names: list[str] = []
    taken: set[str] = set()
    for file in files:
        name, number = file.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{file.stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _transcribe_all(writer: _Writer, names: dict[Path, str], output: Path) -> list[str]:
    """Every file it can; the names of those it could not."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    errors, failed = Console(stderr=True, soft_wrap=True), []
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        for file, name in names.items():
            task = progress.add_task(file.name, total=None)
            try:
                summary = writer.transcribe(file, output / name, _ProgressBar(progress, task))
                print(f"{file}: {summary} -> {output / name}{', '.join(OUTPUTS.values())}", flush=True)
            except Exception as error:
                errors.print(f"ictus: {file}: {explain(error)[0]}", markup=False, highlight=False)
                failed.append(str(file))
            progress.remove_task(task)
    return failed


class _Writer:
    """What hears every file: one chain, so that models are loaded once, and what would fail for all fails at once."""

    def __init__(self, config: Config, pedal: bool) -> None:
        from engine.build import build_chain

        self._config, self._pedal = config, pedal
        try:
            self._chain = build_chain(config, config.sources[0])
        except ValueError as error:
            raise CliError(str(error)) from error

    def transcribe(self, file: Path, stem: Path, watcher: _ProgressBar) -> str:
        """Hear `file`, write its results; what it came to."""
        from engine.build import build_session
        from engine.registry import BRIDGES, make
        from engine.sources.file import FileSource

        source = FileSource(file)
        paths = {name: stem.with_name(stem.name + ending) for name, ending in OUTPUTS.items()}
        made = {name: {"path": path} for name, path in paths.items()}
        made["midi_file"]["pedal"] = self._pedal
        bridges = {name: make(BRIDGES, name, given) for name, given in made.items()}
        session = build_session(self._config, source, [*bridges.items(), ("progress", watcher)], [self._chain])
        watcher.set_length(source.n_frames)
        session.run()
        for sentence in dict.fromkeys((source.warning, *watcher.faults)):
            if sentence:
                watcher.say(f"{file}: {sentence}")
        status = session.status()
        if status["bridge_errors"] or not all(path.exists() for path in paths.values()):
            raise CliError("its results could not be written in full")
        written = bridges["notes_csv"].performance
        return f"{len(written.notes())} notes, {len(written.strikes())} strikes in {status['seconds']:.1f} s"


class _ProgressBar:
    """A bridge like any other: the session ticks it, and it looks how far the session is."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task
        self._n_frames: int | None = None
        self.faults: list[str] = []

    def set_length(self, n_frames: int | None) -> None:
        self._n_frames = n_frames

    def say(self, sentence: str) -> None:
        self._progress.console.print(f"ictus: {sentence}", markup=False, highlight=False)

    def open(self, session: SessionInfo) -> None:
        self._session = session

    def send(self, event: Event) -> None:
        if isinstance(event, Fault):
            self.faults.append(event.message)

    def tick(self) -> None:
        if self._n_frames:
            heard = self._session.status()["seconds"] * self._session.sample_rate
            self._progress.update(self._task, completed=heard, total=self._n_frames)

    def close(self) -> None:
        self.tick()
