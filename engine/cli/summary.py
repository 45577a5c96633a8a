"""What a performance came to, in a few lines."""

from __future__ import annotations

from typing import Any

from engine.cli.scene import Scene
from engine.pitch import pitch_name
from engine.words import counted

LOSSES = {
    "dropped_frames": "frames lost before the engine",
    "xruns": "xruns reported by the driver",
    "reopened": "times the device was gone and came back",
    "deadline_misses": "hops dealt with too late",
    "slow_skipped_hops": "hops that slow stages skipped",
    "bad_samples": "samples that were no sound",
    "dropped_events": "events a bridge was too slow for",
    "bridge_errors": "errors of bridges",
    "refused_commands": "commands refused",
    "render_underruns": "times the rendering was late",
    "faults": "faults",
}


def summary(scene: Scene, ended: dict[str, Any]) -> str:
    """`ended`: the engine's last word, with `status` and `warning`."""
    status = dict(ended["status"])
    for name in ("seconds", "notes", "strikes", *LOSSES):
        status[name] = status.get(name, 0) + scene.before[name]
    n_taken_back = sum(view.n_taken_back for view in scene.sources.values())
    heard = _heard(status["notes"], "", status["strikes"], n_taken_back)
    lines = [f"Listened for {status['seconds']:.1f} s: {heard}."]
    for name, view in scene.sources.items():
        span = f" from {pitch_name(view.lowest)} to {pitch_name(view.highest)}" if view.n_notes else ""
        lines.append(f"  {name}: {_heard(view.n_notes, span, view.n_strikes, view.n_taken_back)}")
    declared = ", ".join(f"{stage} {ms:.1f}" for stage, ms in scene.latency_ms.items())
    measured = f"median {status['late_p50_ms']:.0f} ms, p99 {status['late_p99_ms']:.0f} ms"
    lines.append(f"From sound to message: {measured}; the stages declare (ms): {declared}.")
    if rendered_ms := status.get("render_latency_ms"):
        lines.append(f"Rendered {rendered_ms:.0f} ms later, at {100 * status['render_load']:.0f} % of a core.")
    losses = [f"{status[key]:.0f} {words}" for key, words in LOSSES.items() if status.get(key)]
    lost = f"Counted: {'; '.join(losses)}." if losses else "Nothing was lost."
    lines.append(f"Load {100 * status['load']:.0f} %. {lost}")
    if scene.n_deaths:
        times = "once" if scene.n_deaths == 1 else f"{scene.n_deaths} times"
        lines.append(f"The engine's process died {times}, and another took over.")
    lines += filter(None, [ended["warning"], *ended["faults"]])
    return "\n".join(lines)


def _heard(n_notes: float, pitches: str, n_strikes: float, n_taken_back: int) -> str:
    taken_back = f", {n_taken_back} of them taken back" if n_taken_back else ""
    return f"{counted(n_notes, 'note')}{pitches}, {counted(n_strikes, 'strike')}{taken_back}"
