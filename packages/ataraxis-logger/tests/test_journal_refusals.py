"""A segment that could not be begun leaves no file, whatever refused it: the writer tries again twice a second."""

import errno
import os
from pathlib import Path

import pytest

from ataraxis_logger._formats import journal_writer
from ataraxis_logger._formats.journal_layout import SegmentHeader, list_segments
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_shm._registry import OpenFile


def refuse(code: int, *_: object) -> None:
    raise OSError(code, os.strerror(code))


def refuse_locks(patch: pytest.MonkeyPatch) -> None:
    """As network file systems do whose lock server is not there."""
    patch.setattr(OpenFile, "try_lock_byte", lambda *_: refuse(errno.ENOLCK))


def refuse_descriptors(patch: pytest.MonkeyPatch) -> None:
    """As the system does when another thread has taken the last one."""
    patch.setattr(journal_writer, "open_file", lambda *_: refuse(errno.EMFILE))


def refuse_memory(patch: pytest.MonkeyPatch) -> None:
    def refuse_to_sync(_folder: Path) -> None:
        raise MemoryError

    patch.setattr(journal_writer, "sync_folder", refuse_to_sync)


@pytest.mark.parametrize("refusal", [refuse_locks, refuse_descriptors, refuse_memory])
def test_a_segment_that_was_refused_after_its_file_was_made_leaves_none(tmp_path, monkeypatch, refusal):
    with monkeypatch.context() as refused:
        refusal(refused)
        for _ in range(3):
            with pytest.raises((OSError, MemoryError)):
                SegmentWriter(tmp_path, SegmentHeader(1))
    assert not list(tmp_path.iterdir())
    SegmentWriter(tmp_path, SegmentHeader(1)).close()
    assert [path.name for path in list_segments(tmp_path)] == ["segment_00000001.axj"]


def test_a_refused_segment_removes_no_other_one_that_has_its_name(tmp_path, monkeypatch):
    """An archiver took the empty file for an abandoned one, and another writer took its number."""
    path = tmp_path / "segment_00000001.axj"

    def replace_and_refuse(_file: OpenFile, _offset: int) -> bool:
        path.rename(tmp_path / "removed")  # it keeps its inode, which the other file must not get
        path.write_bytes(b"another writer's")
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(OpenFile, "try_lock_byte", replace_and_refuse)
    with pytest.raises(OSError, match="No locks"):
        SegmentWriter(tmp_path, SegmentHeader(1))
    assert path.read_bytes() == b"another writer's"
