"""Durable files: short writes, drives that refuse to sync, partial files of killed writers."""

import errno
import os
import time
from pathlib import Path

import pytest

from ataraxis_logger import _files
from ataraxis_logger._files import appear_whole, remove_partials, sync_folder, write_all
from ataraxis_shm.testing import Tally, Victim


def test_everything_is_written_however_little_the_system_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [bytes([number]) * (number % 5) for number in range(200)]
    whole_write = os.writev if hasattr(os, "writev") else None
    if whole_write is None:
        pytest.skip("no writev on this system")

    def short_write(descriptor: int, buffers: list[memoryview]) -> int:
        return os.write(descriptor, b"".join(buffers)[:3])

    monkeypatch.setattr(os, "writev", short_write)
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), [memoryview(part) for part in parts])
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


def test_parts_of_any_size_are_written(tmp_path: Path) -> None:
    parts = [os.urandom(size) for size in (3 << 20, 0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 7)]
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), [memoryview(part) for part in parts])
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


@pytest.mark.skipif(os.name == "nt", reason="folders are not synced on Windows")
def test_a_file_system_that_cannot_sync_folders_is_put_up_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        monkeypatch.setattr(_files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(number, os.strerror(number))))

    refuse(errno.EINVAL)
    sync_folder(tmp_path)
    refuse(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def test_only_partial_files_are_swept(tmp_path: Path) -> None:
    (tmp_path / ".1_log.npz.77.partial").touch()
    (tmp_path / "mine.partial").touch()
    (tmp_path / ".hidden").touch()
    assert remove_partials(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "mine.partial"]


def write_until_killed(tally: Tally, path: Path) -> None:
    with appear_whole(path) as file:
        file.write(b"half")
        file.flush()
        tally.add()
        time.sleep(60)


@pytest.mark.kill
def test_what_killed_writers_left_is_swept_and_what_living_ones_write_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a [1].parquet"
    with Victim(write_until_killed, path) as victim:
        victim.tally.wait_for(1)
        assert remove_partials(tmp_path) == 0
        with appear_whole(path) as file:
            file.write(b"whole")
        assert len(list(tmp_path.iterdir())) == 2
    assert len(list(tmp_path.iterdir())) == 2
    with appear_whole(tmp_path / "a 1.parquet") as file:
        file.write(b"the remains of another file are not its to sweep")
    assert len(list(tmp_path.iterdir())) == 3
    with appear_whole(path) as file:
        file.write(b"whole again")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a 1.parquet", "a [1].parquet"]
    assert path.read_bytes() == b"whole again"


def test_a_kept_old_file_survives_a_failed_replacement(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"), appear_whole(tmp_path / "folder") as file:
        file.write(b"a folder cannot be replaced by a file")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
