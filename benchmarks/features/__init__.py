"""The features beside librosa: how near, how fast, what live costs, and how good the beat is.

    ictus bench features [--quick] [--out FOLDER] [--data DATA]

The bundled song. Processor time, one thread, unless said. DATA, if given, holds midi/groove, which is played on a drum
kit (fluidsynth) so that the beats are known. Exit code 1 when a bound is broken, saying which.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
from joblib import cpu_count

from benchmarks import results
from benchmarks.circumstances import circumstances, typed
from benchmarks.features.beats import beats_report
from benchmarks.features.reference import LIVE_TOLERANCES, TOLERANCES, live, live_frames, plain
from bridges.features_file import analysis, table
from bridges.features_file.tool import FeatureFiles
from engine.demo.source import FOLDER, STEMS
from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE, FeatureBus
from engine.features.catalogue import DEFAULT_NAMES, FEATURES
from engine.features.resample import resample
from engine.sources.whole import read_mono

SECONDS, QUICK_SECONDS = 60.0, 20.0
N_FILES, QUICK_FILES = 24, 6
LIVE_BUDGET_US = 150.0  # of a 10 ms hop, the default features
HOPS_A_SECOND = SAMPLE_RATE // HOP_SAMPLES
WHY = {  # what a causal definition cannot share with librosa's defaults
    "waveform": "librosa has none",
    "logmel": "128 bands up to 8 kHz, librosa's up to 11; a window that ends now, falling in 16 ms; dB of a full-scale "
    "sine, floor -100 dB, where librosa cuts 80 dB below the loudest of the whole file",
    "mfcc13": "of those bands; the first value has another offset",
    "mfcc20": "as mfcc13",
    "chroma": "A4 is 440 Hz: librosa finds the tuning of the whole file first",
    "tonnetz": "of that chroma: librosa takes a constant-Q one, whose low bins hear half a second to either side",
    "zcr": "of the newest 32 ms, librosa 93 ms around",
    "rms": "of the newest 32 ms, librosa 93 ms around",
    "centroid": "up to 8 kHz, librosa up to 11",
    "bandwidth": "up to 8 kHz, librosa up to 11",
    "rolloff": "up to 8 kHz, librosa up to 11",
    "contrast": "up to 8 kHz in the highest band; no cut 80 dB below the file's loudest",
    "onset": "rise in 10 ms rather than 23, from a floor of -80 dB; not moved to be centred",
    "tempo": "followed, by a comb and a memory of 6 s: librosa takes one for the whole file",
    "beat": "foretold half a beat ahead: librosa places all beats when it knows the end",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ictus bench features", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a minute or so")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="FOLDER", help=results.OUT_HELP)
    parser.add_argument("--data", type=Path, help="folder that holds midi/groove")
    chosen = parser.parse_args(arguments)
    page = results.page(chosen.out)
    measured = measure(QUICK_SECONDS if chosen.quick else SECONDS, QUICK_FILES if chosen.quick else N_FILES)
    where = circumstances(typed("ictus bench features", arguments))
    text = report(measured) + beats_report(chosen.data, chosen.quick) + "\n\n" + " · ".join(where.values())
    results.put(page, "features", text)
    results.save(chosen.out / "features_results.json", results.rounded({**measured, "circumstances": where}))
    print(text)
    broken = broken_bounds(measured)
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return int(bool(broken))


def measure(seconds: float, n_files: int) -> dict[str, Any]:
    stems = [read_mono(FOLDER / f"{name}.ogg") for name in STEMS]
    rate = stems[0][1]
    song = np.resize(sum(stem[: min(len(s) for s, *_ in stems)] for stem, *_ in stems), round(seconds * rate))
    sound = librosa.resample(song, orig_sr=rate, target_sr=analysis.SAMPLE_RATE)
    heard = resample(song, rate, SAMPLE_RATE)
    say("parity")
    files, plainly = analysis.analyse(sound, analysis.SAMPLE_RATE, tuple(FEATURES)), plain(sound, analysis.SAMPLE_RATE)
    lively, fixed = live_frames(heard, tuple(LIVE_TOLERANCES)), live(heard)
    say("speed")
    with tempfile.TemporaryDirectory() as folder:
        speed = speeds(song, rate, Path(folder), n_files)
    say("live")
    return {
        "file_parity": {name: apart(files[name], plainly[name]) for name in TOLERANCES},
        "live_parity": {name: apart(lively[name][:, 20:], fixed[name][:, 20:]) for name in LIVE_TOLERANCES},
        "likeness": {name: likeness(lively[name], plainly[name]) for name in LIVE_TOLERANCES},
        "speed": speed,
        "live_us": {
            "the default ones, 50 a second": cost_us(heard, DEFAULT_NAMES, 2),
            "the default ones, 100 a second": cost_us(heard, DEFAULT_NAMES, 1),
            "all, 50 a second": cost_us(heard, tuple(FEATURES), 2),
            **{f"{name}, 100 a second": cost_us(heard, (name,), 1) for name in FEATURES},
        },
    }


def apart(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    return {"most": float(np.abs(ours - theirs).max()), "low": float(theirs.min()), "high": float(theirs.max())}


def likeness(lively: np.ndarray, plainly: np.ndarray) -> dict[str, float]:
    """How alike the live curve is to librosa's of the file, at the delay at which it is most: mean over the values."""
    ends = (1 + np.arange(lively.shape[1])) / HOPS_A_SECOND
    middles = np.arange(plainly.shape[1]) * analysis.HOP_SAMPLES / analysis.SAMPLE_RATE
    best = {"correlation": -1.0, "delay_ms": 0.0}
    for delay_ms in range(0, 110, 10):
        pairs = [(a, np.interp(ends - delay_ms / 1000, middles, b)) for a, b in zip(lively, plainly, strict=True)]
        mean = float(np.mean([np.corrcoef(a[20:-20], b[20:-20])[0, 1] for a, b in pairs]))
        if mean > best["correlation"]:
            best = {"correlation": mean, "delay_ms": float(delay_ms)}
    return best


def speeds(song: np.ndarray, rate: int, folder: Path, n_files: int) -> dict[str, float]:
    """Seconds of sound a second: file in, npz out; of processor time in one process, and by the clock for a batch."""
    paths = [folder / f"{i}.flac" for i in range(n_files)]
    for i, path in enumerate(paths):
        soundfile.write(path, np.roll(song, i * rate) * 0.9, rate)
    seconds = len(song) / rate

    def plain_script(path: Path) -> None:
        y, sr = librosa.load(path)
        np.savez(folder / "plain.npz", **plain(y, sr))

    def ours(path: Path) -> None:
        samples, sample_rate, _ = read_mono(path)
        values = analysis.analyse(samples, sample_rate, tuple(TOLERANCES))
        table.write(folder / "ours.npz", values, 0, 0.0)

    for work in (plain_script, ours):
        work(paths[0])  # compiles, loads
    took = {plain_script: [], ours: []}
    for path in paths:  # by turns: what disturbs one disturbs the other
        for work, all_took in took.items():
            all_took.append(cpu_seconds(lambda work=work, path=path: work(path)))
    medians = {work: float(np.median(all_took)) for work, all_took in took.items()}
    began = time.perf_counter()
    for path in paths:
        plain_script(path)
    plain_clock = time.perf_counter() - began
    batch(paths[:1] * 2 * cpu_count(), folder / "warm", pictures=True)  # the workers start, load and compile
    batches = {}
    for pictures in (False, True):
        began = time.perf_counter()
        batch(paths, folder / f"out{pictures}", pictures)
        batches[pictures] = time.perf_counter() - began
    return {
        "n_files": n_files,
        "seconds": seconds,
        "plain": seconds / medians[plain_script],
        "ours": seconds / medians[ours],
        "ratio": medians[plain_script] / medians[ours],
        "plain_clock": n_files * seconds / plain_clock,
        "batch_clock": n_files * seconds / batches[False],
        "batch_ratio": plain_clock / batches[False],
        "pictures_clock": n_files * seconds / batches[True],
    }


def batch(paths: Sequence[Path], out: Path, pictures: bool) -> None:
    """What `ictus features` does, on every core."""
    out.mkdir()
    files = FeatureFiles(paths, [str(i) for i in range(len(paths))], out, tuple(TOLERANCES), pictures=pictures)
    if errors := [outcome.error for outcome in files.run() if outcome.error]:
        raise ValueError(errors[0])


def cpu_seconds(call: Callable[[], None]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def cost_us(heard: np.ndarray, names: tuple[str, ...], n_hops: int) -> float:
    """Median processor time of a hop, in microseconds, over blocks of a second."""
    bus = FeatureBus(names, n_hops)
    hops = heard[: len(heard) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES)

    def second(first: int) -> None:
        for k, hop in enumerate(hops[first : first + HOPS_A_SECOND]):
            bus.hear(hop)
            if k % n_hops == 0:
                bus.values()

    took = [cpu_seconds(lambda at=at: second(at)) for at in range(0, len(hops) - HOPS_A_SECOND, HOPS_A_SECOND)]
    return float(np.median(took)) / HOPS_A_SECOND * 1e6


def report(measured: dict[str, Any]) -> str:
    parity, speed = measured["file_parity"], measured["speed"]
    files = [
        [name, f"{parity[name]['low']:.4g} to {parity[name]['high']:.4g}", f"{parity[name]['most']:.2g}",
         f"{tolerance:.2g}"] for name, tolerance in TOLERANCES.items()
    ]  # fmt: skip
    lively = []
    for name in FEATURES:
        most = f"{measured['live_parity'][name]['most']:.2g}" if name in LIVE_TOLERANCES else ""
        alike = measured["likeness"].get(name)
        cells = [f"{alike['correlation']:.3f}", f"{alike['delay_ms']:.0f} ms"] if alike else ["", ""]
        lively.append([name, most, *cells, WHY[name]])
    fast = [
        ["plain librosa script, one process", f"{speed['plain']:.0f}", "1"],
        ["ictus, one process", f"{speed['ours']:.0f}", f"**{speed['ratio']:.2f}**"],
        [f"plain script, {speed['n_files']} files, by the clock", f"{speed['plain_clock']:.0f}", "1"],
        [f"ictus features --no-pictures, {speed['n_files']} files, every core, workers started, by the clock",
         f"{speed['batch_clock']:.0f}", f"{speed['batch_ratio']:.2f}"],
        ["the same with pictures", f"{speed['pictures_clock']:.0f}", ""],
    ]  # fmt: skip
    costs = [[what, f"{us:.0f}"] for what, us in measured["live_us"].items()]
    return "\n".join([
        "Features of files: the greatest difference from librosa's defaults.\n",
        results.markdown(["feature", "librosa", "apart by", "tolerance"], files),
        "\nLive features: the greatest difference from librosa given the same window, right-aligned, and a fixed "
        "reference; then how alike they are to librosa's defaults on the file (mean correlation over the values, at "
        "the delay at which it is greatest), and what makes the difference.\n",
        results.markdown(["feature", "same window: apart by", "alike", "delay", "why the causal one differs"], lively),
        f"\nSpeed: {speed['seconds']:.0f} s files, FLAC in, npz out, all features but the waveform.\n",
        results.markdown(["", "seconds of sound a second", "ratio"], fast),
        "\nLive: processor time of a 10 ms hop.\n",
        results.markdown(["features", "µs"], costs),
    ])  # fmt: skip


def broken_bounds(measured: dict[str, Any]) -> list[str]:
    broken = [
        f"{name} of {kind} is {parts[name]['most']:.3g} from librosa's; at most {tolerance:.3g} is allowed"
        for kind, parts, tolerances in (
            ("files", measured["file_parity"], TOLERANCES), ("live sound", measured["live_parity"], LIVE_TOLERANCES)
        )
        for name, tolerance in tolerances.items()
        if parts[name]["most"] > tolerance
    ]  # fmt: skip
    if (ratio := measured["speed"]["ratio"]) <= 1.0:
        broken.append(f"files are described {ratio:.2f} times as fast as by a plain librosa script; it must be above 1")
    if (us := measured["live_us"]["the default ones, 50 a second"]) > LIVE_BUDGET_US:
        broken.append(f"the default live features take {us:.0f} µs a hop; at most {LIVE_BUDGET_US:.0f} are allowed")
    return broken


def say(what: str) -> None:
    print(f"features: {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
