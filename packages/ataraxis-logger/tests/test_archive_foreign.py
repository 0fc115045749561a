"""What is no file, or under a wrong name, is named and left; the rest of the log is read and archived."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from archive_helpers import Entry, archived, in_order, onset, read_log, write_journal, write_npy, write_npz
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.folder_log import FolderLog
from ataraxis_logger._archive.ordering import RowSorter
from ataraxis_logger._archive.reader import LogArchiveReader
from ataraxis_logger._archive.verify import verify_log
from ataraxis_logger._errors import ArchiveError, ForeignFileWarning

ENTRIES: list[Entry] = [onset(1), *[(1, time, b"%d" % time) for time in range(1, 20)], (2, 5, b"two")]

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and sockets in the file system")


def make_pipe(path: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(path)


def make_socket(path: Path) -> None:
    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.fspath(path))


NO_FILES: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "pipe": make_pipe,
    "socket": make_socket,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The address of a socket has few characters.
    monkeypatch.chdir(tmp_path)
    write_npy(tmp_path / "log", ENTRIES)
    return Path("log")


@posix_only
@pytest.mark.parametrize("name", ["9_log.npz", "segment_00000009.axj"])
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_named_as_foreign_and_the_rest_is_archived(kind: str, name: str, folder: Path) -> None:
    NO_FILES[kind](folder / name)
    report = verify_log(folder)
    assert report.intact
    assert [problem.path.name for problem in report.foreign] == [name]
    for source, reader in LogArchiveReader.open_all(folder).items():
        assert reader.message_count == {1: 19, 2: 1}[source]
        reader.close()
    if name.endswith(".axj"):
        with pytest.warns(ForeignFileWarning, match="segment_00000009.axj: it is not a file"):
            compress_npy_logs(folder, remove_sources=True)
    else:
        compress_npy_logs(folder, remove_sources=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["1_log.npz", "2_log.npz", name])
    (folder / name).rename("elsewhere")
    assert archived(folder) == ENTRIES


@posix_only
@pytest.mark.parametrize("time", [0, 7])
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_under_an_entrys_name_is_a_damaged_entry(kind: str, time: int, folder: Path) -> None:
    name = f"001_{time:020d}_1.npy"
    NO_FILES[kind](folder / name)
    assert [problem.path.name for problem in verify_log(folder).damaged] == [name]
    with pytest.warns(ForeignFileWarning, match=name):
        report = compress_npy_logs(folder, remove_sources=True)
    assert [problem.path.name for problem in report.problems] == [name]
    assert sorted(path.name for path in folder.iterdir()) == [name, "1_log.npz", "2_log.npz"]
    assert archived(folder) == ENTRIES


@posix_only
def test_an_archive_behind_a_broken_link_is_not_replaced(folder: Path) -> None:
    """The link may lead to a drive that is not mounted."""
    (folder / "1_log.npz").symlink_to("nothing")
    with pytest.raises(ArchiveError, match=r"Source 1: .*No such file"):
        compress_npy_logs(folder, remove_sources=True)
    assert (folder / "1_log.npz").is_symlink()
    assert len(list(folder.glob("001_*.npy"))) == 20
    assert not list(folder.glob("002_*.npy")), "the other source is archived"


@posix_only
def test_linked_segments_are_archived_and_only_the_links_removed(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "elsewhere", ENTRIES)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / path.name).symlink_to(path)
    compress_npy_logs(tmp_path / "log", remove_sources=True)
    assert archived(tmp_path / "log") == ENTRIES
    assert not (tmp_path / "log" / path.name).is_symlink()
    assert path.exists()


def test_an_archive_under_another_sources_name_is_read_for_what_it_holds(tmp_path: Path) -> None:
    seven = [(7, time, b"seven") for time in range(5)]
    write_npz(tmp_path / "5_log.npz", [(5, 1, b"five"), *seven])
    assert verify_log(tmp_path).entries == {5: 1, 7: 5}
    with closing(FolderLog(tmp_path)) as log:
        assert read_log(log) == [(5, 1, b"five"), *seven]
    # With files and with an archive under the right name: each entry once.
    write_npy(tmp_path, [*seven[:2], (7, 9, b"new")])
    write_npz(tmp_path / "7_log.npz", [*seven[1:4], (7, 4, b"other")])
    with closing(FolderLog(tmp_path)) as log:
        assert sorted(read_log(log)) == sorted([(5, 1, b"five"), *seven, (7, 4, b"other"), (7, 9, b"new")])


def test_indexes_of_a_merge_stay_in_the_log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's temporary folder may be small, or memory."""
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True)
    more = [(1, time, b"more") for time in range(40)]
    write_npy(tmp_path, more)
    monkeypatch.setitem(RowSorter.__init__.__kwdefaults__, "run", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    compress_npy_logs(tmp_path, remove_sources=True, max_workers=1)
    assert sorted(archived(tmp_path)) == sorted([*ENTRIES, *more])
    assert archived(tmp_path) == in_order(archived(tmp_path))
