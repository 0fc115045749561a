"""The manifest: a copy is whole, or the report says exactly what is not."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from archive_helpers import onset, write_npy
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.manifest import MANIFEST_NAME, verify_manifest, write_manifest
from ataraxis_logger._errors import LogFormatError, LogNotFoundError


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    write_npy(folder / "a_data_log", [onset(1), (1, 5, b"payload"), (2, 5, b"other")])
    compress_npy_logs(folder / "a_data_log", remove_sources=True)
    (folder / "notes \u00b5.txt").write_text("notes")
    (folder / "empty").touch()
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "lock").touch()
    return folder


def test_an_honest_copy_is_whole(session: Path, tmp_path: Path) -> None:
    assert write_manifest(str(session)) == session / MANIFEST_NAME
    write_manifest(session)  # an earlier manifest is replaced, not listed
    shutil.copytree(session, tmp_path / "copy")
    report = verify_manifest(str(tmp_path / "copy"))
    assert report.whole
    assert (report.intact, report.missing, report.changed, report.added) == (4, [], [], [])
    listed = json.loads((session / MANIFEST_NAME).read_text())["files"]
    assert sorted(listed) == ["a_data_log/1_log.npz", "a_data_log/2_log.npz", "empty", "notes \u00b5.txt"]


def test_what_differs_is_named(session: Path) -> None:
    write_manifest(session)
    (session / "a_data_log" / "1_log.npz").unlink()
    data = bytearray((session / "a_data_log" / "2_log.npz").read_bytes())
    data[100] ^= 1
    (session / "a_data_log" / "2_log.npz").write_bytes(data)
    (session / "empty").write_text("no longer")
    (session / "new").touch()
    report = verify_manifest(session)
    assert not report.whole
    assert report.missing == ["a_data_log/1_log.npz"]
    assert report.changed == ["a_data_log/2_log.npz", "empty"]
    assert report.added == ["new"]
    assert report.intact == 1


def test_an_added_file_alone_does_not_break_a_copy(session: Path) -> None:
    write_manifest(session)
    (session / "new").touch()
    assert verify_manifest(session).whole


def test_progress_counts_the_bytes(session: Path) -> None:
    counted: list[int] = []
    write_manifest(session, counted.append)
    size = sum(path.stat().st_size for path in session.rglob("*") if path.is_file() and path.name != MANIFEST_NAME)
    assert sum(counted) == size
    verify_manifest(session, counted.append)
    assert sum(counted) == 2 * size


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        '{"format": "another", "version": 1, "files": {}}',
        '{"format": "ataraxis-logger manifest", "version": 2, "files": {}}',
        '{"format": "ataraxis-logger manifest", "version": 1, "files": {"../passwd": {"size": 1, "sha256": ""}}}',
        '{"format": "ataraxis-logger manifest", "version": 1, "files": {"/etc/passwd": {"size": 1, "sha256": ""}}}',
        '{"format": "ataraxis-logger manifest", "version": 1, "files": {"x": {"size": 1}}}',
    ],
)
def test_what_is_no_manifest_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_text(content)
    with pytest.raises(LogFormatError, match="manifest"):
        verify_manifest(tmp_path)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError, match="There is no manifest"):
        verify_manifest(tmp_path)
    for function in (write_manifest, verify_manifest):
        with pytest.raises(LogNotFoundError, match="There is no folder"):
            function(tmp_path / "nowhere")


def test_a_manifest_too_deep_for_pythons_parser_is_refused(session: Path) -> None:
    (session / MANIFEST_NAME).write_text("[" * 100_000)
    with pytest.raises(LogFormatError, match="cannot be read"):
        verify_manifest(session)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes in the file system")
def test_links_to_nothing_and_pipes_are_not_files(session: Path) -> None:
    (session / "link").symlink_to("notes \u00b5.txt")
    (session / "broken").symlink_to("nothing")
    (session / "circle").symlink_to("circle")
    os.mkfifo(session / "pipe")
    write_manifest(session)
    report = verify_manifest(session)
    assert (report.whole, report.intact, report.added) == (True, 5, [])
    (session / "notes \u00b5.txt").rename(session / "moved")
    report = verify_manifest(session)
    assert (report.missing, report.added) == (["link", "notes \u00b5.txt"], ["moved"])


def test_a_folder_that_cannot_be_listed_is_not_left_out(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: str) -> Any:
        if os.fspath(path).endswith("a_data_log"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        write_manifest(session)
    assert not (session / MANIFEST_NAME).exists()
