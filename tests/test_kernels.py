"""Laws of kept code: it is forgotten when any source it may come from has changed, and only then."""

import os
import subprocess
import sys

import pytest

from engine.kernels import forget_stale_kernels


@pytest.fixture
def package(tmp_path):
    for folder in (tmp_path, tmp_path / "inner"):
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "code.py").write_text("x = 1\n")
    forget_stale_kernels(tmp_path)
    keep(tmp_path)
    return tmp_path


def keep(package):
    for folder in (package, package / "inner"):
        for ending in ("nbi", "1.nbc"):
            (folder / "__pycache__" / f"code.f-1.py311.{ending}").write_text("compiled")


def kept(package):
    return len([*package.rglob("*.nbi"), *package.rglob("*.nbc")])


def test_unchanged_sources_keep_their_code(package):
    assert not forget_stale_kernels(package) and kept(package) == 4


@pytest.mark.parametrize("change", ["edit", "touch", "add", "remove"])
def test_a_change_anywhere_forgets_all_of_it_once(package, change):
    path = package / "inner" / "code.py"
    if change == "edit":
        path.write_text("x = 22\n")
    elif change == "touch":
        os.utime(path, (1, 1))
    elif change == "add":
        (package / "more.py").write_text("")
    else:
        path.unlink()
    assert forget_stale_kernels(package) and kept(package) == 0
    keep(package)
    assert not forget_stale_kernels(package) and kept(package) == 4


def test_a_package_that_cannot_be_written_is_left_alone(package, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (package / "code.py").write_text("x = 333\n")
    monkeypatch.setattr(os, "replace", refuse)
    assert not forget_stale_kernels(package)


TELLING = """
import sys
sys.path.insert(0, {folder!r})
from engine.kernels import load_compiler
load_compiler(print)
assert "scipy" not in sys.modules, "loaded without being asked for"
import hummer
assert hummer.hum(3.0) == hummer.drone(2.0) == 4.0
import importlib.util
assert importlib.util.find_spec("scipy"), "hidden from those who ask for it"
"""
HUMMER = """
from numba import njit
@njit(cache=True)
def hum(x):
    return x + 1.0
@njit(cache=True)
def drone(x):
    return x * 2.0
"""


def test_each_module_that_is_compiled_is_told_once_and_what_is_kept_is_not(tmp_path):
    (tmp_path / "hummer.py").write_text(HUMMER)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = [
        subprocess.run(
            [sys.executable, "-c", TELLING.format(folder=str(tmp_path))],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert told == [["hummer"], []]
