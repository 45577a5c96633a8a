"""Who may import whom: the walls between the rooms, read from the source itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"engine", "bridges", "training", "benchmarks", "tests"}
ENGINE_MAY = {"engine", "numpy", "numba", "onnxruntime"}
ENGINE_DOORS = {  # the one place for each further library
    "llvmlite": ["engine/driver/atomics.py", "engine/driver/callback.py", "engine/denormals.py"],
    "soundfile": ["engine/sources/file.py"],
    "av": ["engine/sources/file.py"],
    "sounddevice": ["engine/driver/device.py", "engine/sources/device.py"],
    "cffi": ["engine/driver/device.py", "engine/sources/device.py"],
    "tomli": ["engine/config.py"],
    "typer": ["engine/cli/"],
    "rich": ["engine/cli/"],
}
PROTOCOLS = [{"mido", "rtmidi"}, {"pythonosc"}, {"matplotlib"}]  # a bridge speaks one
PROTOCOLS += [{"librosa"}, {"pyarrow"}, {"joblib"}, {"distributed"}]  # files are a way out too, for work on many
PROTOCOLS += [{"soundfile"}, {"scipy"}, {"h5py"}]  # a rendering is a file, made by geometry
BRIDGES_MAY = {"bridges", "engine", "numpy", "numba"}.union(*PROTOCOLS)


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports anywhere in it, its functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0] if node.module and not node.level else path.relative_to(ROOT).parts[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("__import__", "import_module"):
            found.add(node.args[0].value.split(".")[0] if isinstance(node.args[0], ast.Constant) else "?")
    return found - set(sys.stdlib_module_names)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_walk_sees_every_way_to_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "engine" / "probe.py"
    path.parent.mkdir()
    path.write_text(
        "import numpy.fft as f, os\ndef late():\n    from scipy import signal\n    from . import spec\n"
        "    import importlib\n    importlib.import_module('torch.nn'); __import__('mido')\n"
    )
    assert imported(path) == {"numpy", "scipy", "engine", "torch", "mido"}


@pytest.mark.parametrize("path", files("engine"), ids=name)
def test_engine_imports_only_what_live_listening_needs(path):
    for module in imported(path) - ENGINE_MAY:
        doors = ENGINE_DOORS.get(module, [])
        assert any(name(path).startswith(door) for door in doors), f"{name(path)} imports {module}"


@pytest.mark.parametrize("path", files("bridges"), ids=name)
def test_a_bridge_imports_the_engine_and_one_protocol(path):
    modules = imported(path)
    assert modules <= BRIDGES_MAY, f"{name(path)} imports {sorted(modules - BRIDGES_MAY)}"
    only_for_files = {"librosa", "pyarrow", "joblib", "distributed"}  # of the extras: what is live works without
    assert not modules & only_for_files or name(path).startswith("bridges/features_file/"), name(path)
    assert not modules & {"soundfile", "scipy", "h5py", "numba"} or name(path).startswith("bridges/render/"), name(path)
    spoken = [protocol & modules for protocol in PROTOCOLS if protocol & modules]
    assert len(spoken) <= 1, f"{name(path)} speaks {spoken}"


@pytest.mark.parametrize("path", files("training"), ids=name)
def test_training_knows_no_bridge(path):
    assert not imported(path) & {"bridges", "tests", "rtmidi", "pythonosc", "sounddevice"}  # mido reads its scores


NEEDS_SCIPY = {"dot", "vdot", "linalg"}  # inside what Numba compiles; `@` is one of them


@pytest.mark.parametrize("path", [*files("engine"), *files("bridges")], ids=name)
def test_no_kernel_makes_numba_ask_for_scipy(path):
    for kernel in kernels(path):
        for node in ast.walk(kernel):
            is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
            is_call = isinstance(node, ast.Attribute) and node.attr in NEEDS_SCIPY
            assert not is_product and not is_call, f"{kernel.name}, line {node.lineno}: {ast.unparse(node)}"


def kernels(path: Path) -> list[ast.FunctionDef]:
    """What a file has compiled: functions under a decorator such as @njit(...) or @cfunc(...)."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return [f for f in functions if any(re.search(r"\b(njit|jit|cfunc)\b", ast.unparse(d)) for d in f.decorator_list)]


def test_the_walk_sees_kernels():
    assert {"_look", "_hear"} <= {kernel.name for kernel in kernels(ROOT / "engine" / "features" / "tempo.py")}


def test_the_rooms_are_there():
    for room in ROOMS:
        assert files(room), f"{room}/ holds no code"


def test_a_live_engine_process_never_loads_training_or_a_protocol():
    code = (
        "import engine.session, engine.cli, engine.cli.live, sys; "
        "print(*({'torch', 'librosa', 'joblib', 'mido', 'rtmidi', 'pythonosc', 'matplotlib', 'training', 'bridges'} "
        "& set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []
