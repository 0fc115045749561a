"""Durable files: short writes, drives that refuse to sync, partial files of killed writers."""

import errno
import os
from pathlib import Path

import pytest

from ataraxis_logger import _files
from ataraxis_logger._files import appear_whole, remove_partials, sync_folder, write_all


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


def test_a_kept_old_file_survives_a_failed_replacement(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"), appear_whole(tmp_path / "folder") as file:
        file.write(b"a folder cannot be replaced by a file")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
