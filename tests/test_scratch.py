"""Laws of what lasts as long as a performance: in memory where there is room, and where there is none all the same."""

import os
from types import SimpleNamespace

import pytest

from engine import scratch


@pytest.fixture
def shared_memory(tmp_path, monkeypatch):
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(scratch, "_SHARED_MEMORY", folder)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return folder


def test_a_file_is_zeros_and_a_folder_is_empty_and_both_are_in_memory(shared_memory):
    file = scratch.new_file(1000)
    folder = scratch.new_folder()
    assert file.read_bytes() == bytes(1000) and os.listdir(folder) == []
    assert file.parent == shared_memory and os.path.dirname(folder) == str(shared_memory)
    assert scratch.new_file(1) != file and scratch.new_folder() != folder


@pytest.mark.parametrize("why", ["full", "absent"])
def test_where_there_is_no_such_place_or_no_room_in_it_temporary_files_do(shared_memory, tmp_path, monkeypatch, why):
    if why == "absent":
        shared_memory.rmdir()
    else:
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=999))
    assert scratch.new_file(1000).read_bytes() == bytes(1000)
    assert os.path.dirname(scratch.new_folder()) == str(tmp_path) and not list(shared_memory.glob("*"))
