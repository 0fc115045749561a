"""One conformance suite for every kind of log: npy folder, journal folder, archive, and all of them together."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_helpers import Entry, in_order, onset, read_log, read_source, write_journal, write_npy, write_npz
from ataraxis_logger._archive import log as log_module
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.folder_log import FolderLog, open_log
from ataraxis_logger._archive.journal_log import JournalLog
from ataraxis_logger._archive.log import Log
from ataraxis_logger._archive.npy_log import NpyLog
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.ordering import RowSorter

ENTRIES: list[Entry] = [
    onset(1),
    (1, 5, b"first"),
    (2, 7, b""),
    (1, 9, b"equal time, first"),
    (1, 9, b"equal time, second"),
    (1, 9, b""),
    (255, 2**64 - 1, b"last"),
    (1, 3, b"late in the file, early in time"),
    (2, 0, b"time zero, no onset"),
]


def npy_log(folder: Path, entries: list[Entry]) -> Log:
    write_npy(folder, entries)
    return NpyLog(folder)


def mapped_npy_log(folder: Path, entries: list[Entry]) -> Log:
    write_npy(folder, entries)
    return NpyLog(folder, memory_mapping=True)


def journal_log(folder: Path, entries: list[Entry]) -> Log:
    half = len(entries) // 2
    write_journal(folder, entries[:half], ring_id=7)
    write_journal(folder, entries[half:], ring_id=9)
    return JournalLog(folder)


def numpy_archive(folder: Path, entries: list[Entry]) -> Log:
    write_npz(folder / "archive.npz", entries)
    return NpzLog(folder / "archive.npz")


def numpy_compressed_archive(folder: Path, entries: list[Entry]) -> Log:
    write_npz(folder / "archive.npz", entries, compressed=True)
    return NpzLog(folder / "archive.npz")


def our_archives(folder: Path, entries: list[Entry]) -> Log:
    write_npy(folder, entries)
    compress_npy_logs(folder, remove_sources=True)
    return FolderLog(folder)


def archive_and_what_came_since(folder: Path, entries: list[Entry]) -> Log:
    half = len(entries) // 2
    write_npy(folder, entries[:half])
    compress_npy_logs(folder)
    write_journal(folder, entries[half:])
    return FolderLog(folder)


def index_on_disk(folder: Path, entries: list[Entry]) -> Log:
    write_journal(folder, entries)
    return JournalLog(folder, RowSorter(run=2))


KINDS = [
    npy_log,
    mapped_npy_log,
    journal_log,
    numpy_archive,
    numpy_compressed_archive,
    our_archives,
    archive_and_what_came_since,
    index_on_disk,
]
Kind = Callable[[Path, list[Entry]], Log]
every_kind = pytest.mark.parametrize("kind", KINDS)


@contextmanager
def opened(kind: Kind, entries: list[Entry]) -> Iterator[Log]:
    with TemporaryDirectory() as folder:
        log = kind(Path(folder) / "log", entries)
        try:
            yield log
        finally:
            log.close()


@every_kind
def test_entries_come_back_by_source_in_time_order_byte_for_byte(kind: Kind) -> None:
    with opened(kind, ENTRIES) as log:
        assert read_log(log) == in_order(ENTRIES)
        assert log.sources() == (1, 2, 255)
        assert [log.count(source) for source in (0, 1, 2, 255)] == [0, 6, 2, 1]
        assert log.problems == []


@every_kind
def test_any_slice_of_a_source_can_be_had(kind: Kind) -> None:
    with opened(kind, ENTRIES) as log:
        whole = read_source(log, 1)
        keys = log.keys(1)
        times = [time for _, time, _ in whole]
        for start in range(8):
            for stop in (None, *range(8)):
                assert read_source(log, 1, start, stop) == whole[start:stop]
                assert log.stamps(1, start, stop).tolist() == times[start:stop]
                assert log.keys(1, start, stop) == keys[start:stop]
        assert log.stamps(1).dtype == np.uint64
        assert len(set(keys)) == len(keys)
        assert keys[3:] == ["001_" + "9".zfill(20) + suffix for suffix in ("", "_1", "_2")]


@every_kind
def test_find_gives_the_first_entry_at_or_after_a_time(kind: Kind) -> None:
    with opened(kind, ENTRIES) as log:
        times = log.stamps(1).tolist()
        for time in (0, 1, 3, 4, 5, 8, 9, 10, 2**64 - 1):
            assert log.find(1, time) == sum(other < time for other in times)
        assert log.find(9, 5) == 0


@every_kind
def test_blocks_are_bounded_and_join_seamlessly(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(1, time // 2, bytes([time]) * (time % 40)) for time in range(1, 200)]
    with opened(kind, entries) as log:
        monkeypatch.setattr(log_module, "BLOCK_ENTRIES", 7)
        for module in ("npy_log", "journal_log", "npz_log", "union_log"):
            monkeypatch.setattr(f"ataraxis_logger._archive.{module}.BLOCK_BYTES", 300)
        assert read_source(log, 1) == entries
        blocks = list(log.read(1))
        assert len(blocks) > 199 // 7
        assert max(len(block.payloads) for block in blocks) <= 7


@every_kind
def test_removal_takes_what_was_named_and_nothing_else(kind: Kind) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "log"
        log = kind(folder, ENTRIES)
        (folder / "notes.txt").write_text("mine")
        assert log.remove({1, 2, 255}) == []
        log.close()
        assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@every_kind
def test_removal_of_one_source_keeps_the_others(kind: Kind) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "log"
        log = kind(folder, ENTRIES)
        log.remove({255})
        log.close()
        rest = open_log(folder / "archive.npz" if (folder / "archive.npz").exists() else folder)
        assert [entry for entry in read_log(rest) if entry[0] != 255] == in_order(ENTRIES)[:-1]
        rest.close()


@pytest.mark.parametrize("run", [2, 100])
@pytest.mark.parametrize("kind", [NpyLog, JournalLog])
def test_one_source_of_a_log_can_be_sent_to_another_process(
    kind: type[NpyLog | JournalLog], run: int, tmp_path: Path
) -> None:
    (write_npy if kind is NpyLog else write_journal)(tmp_path, ENTRIES)
    log = kind(tmp_path, RowSorter(tmp_path, named=True, run=run))
    read_log(log)
    copy = pickle.loads(pickle.dumps(log.only(1)))
    assert read_log(copy) == [entry for entry in in_order(ENTRIES) if entry[0] == 1]
    copy.close()
    assert read_log(log) == in_order(ENTRIES)
    log.close()


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    write_journal(tmp_path, ENTRIES)
    log = JournalLog(tmp_path, RowSorter(run=2))
    log.close()
    with pytest.raises(ValueError, match="closed"):
        read_log(log)


entries_lists = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1) | st.integers(0, 4), st.binary(max_size=60)), max_size=25
)


@every_kind
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entries=entries_lists)
def test_any_entries_come_back(kind: Kind, entries: list[Entry]) -> None:
    if kind is archive_and_what_came_since:
        entries = list(dict.fromkeys(entries))  # equal entries of two sessions count once, by design
    if kind is numpy_archive or kind is numpy_compressed_archive:
        entries = entries or [(1, 1, b"")]  # an empty archive has no end record of its own to test
    with opened(kind, entries) as log:
        found = read_log(log)
    if kind is archive_and_what_came_since or kind is journal_log:
        # Equal times of different rings, or of archive and later log, have an order of their own.
        assert sorted(found) == sorted(entries)
        assert [entry[:2] for entry in found] == [entry[:2] for entry in in_order(entries)]
    else:
        assert found == in_order(entries)


def test_an_unknown_path_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="There is no log at nowhere"):
        open_log(Path("nowhere"))
