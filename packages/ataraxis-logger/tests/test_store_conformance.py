"""What every storage promises: stored once, in order, whatever was interrupted and however often it is repeated."""

import errno
import itertools
import os
import struct
from pathlib import Path

import pytest

from ataraxis_logger._formats.journal_layout import BODY_PREFIX, list_segments
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_logger._live import entry_files
from ataraxis_logger._live.claimed_ring import ClaimedRing, stored_count
from ataraxis_logger._live.folder import Folder
from ataraxis_logger._live.journal_store import JournalStore
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_shm import RingConsumer, RingProducer
from ataraxis_shm.testing import killed_at
from live_helpers import HelpedNpyStore, is_cleared_away, numbers_of, read_log, started_log, wait_for


class LinklessFolder(Folder):
    """A folder on a file system without hard links."""

    def link_to(self, name, target, new):  # noqa: ARG002  # as the original's
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def open_npy(folder, page):
    return NpyStore(folder, page)


def open_npy_with_a_helper(folder, page):
    return HelpedNpyStore(folder, page, processes=2)


def open_npy_without_links(folder, page):
    entry_files.Folder = LinklessFolder
    try:
        store = NpyStore(folder, page)
    finally:
        entry_files.Folder = Folder
    assert not store._files.has_links
    return store


def open_journal(folder, page):
    return JournalStore(folder, page)


DESCRIPTORS = Path("/proc/self/fd")

STORES = [open_npy, open_npy_with_a_helper, open_npy_without_links, open_journal]
MODULES = ("npy_store", "entry_files", "crew", "journal_store", "claimed_ring", "folder")


@pytest.fixture(params=STORES, ids=lambda opener: opener.__name__)
def opener(request):
    return request.param


class Bench:
    """A log folder, its session page and one ring with numbered records."""

    def __init__(self, folder):
        self.log, self.state = started_log(folder)
        self.producer = RingProducer.create(self.state / "a.ring", 1 << 16)
        self.count = 0

    def put(self, count, *, per_stamp=3):
        for _ in range(count):
            prefix = BODY_PREFIX.pack(1, 0, self.count // per_stamp + 1)
            self.producer.put(prefix, struct.pack("<I", self.count))
            self.count += 1

    def numbers(self):
        return numbers_of(read_log(self.log).get(1, []))

    def close(self):
        self.producer.close()


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


class Attached:
    """A store and a claimed ring, as a writer holds them."""

    def __init__(self, bench_state, log, opener):
        self.page = SessionPage.attach(bench_state)
        self.consumer = RingConsumer.attach(bench_state / "a.ring")
        assert self.consumer.claim()
        self.ring = ClaimedRing(self.consumer)
        self.store = opener(log, self.page)
        wait_for(self._claim)

    def _claim(self):
        """Claims the ring, unless the helper of a writer that was killed is still storing from it."""
        try:
            self.store.claim(self.ring)
        except BlockingIOError:
            return False
        return True

    def store_one(self, max_records=2048, *, advance=True):
        batch = self.ring.take(max_records)
        if not batch.positions:
            return 0
        self.store.append(self.ring, batch)
        self.store.commit()
        if advance:
            self.ring.advance(batch)
            self.store.settle(self.ring)
        return len(batch)

    def store_all(self, max_records=2048):
        while self.store_one(max_records):
            pass

    def close(self):
        self.store.close()
        self.consumer.close()
        self.page.close()


def test_batches_are_stored_once_and_in_order(bench, opener):
    attached = Attached(bench.state, bench.log, opener)
    for count in (1, 7, 100, 3):
        bench.put(count)
        attached.store_all()
    assert stored_count(attached.consumer) == bench.count
    attached.close()
    assert bench.numbers() == list(range(bench.count))
    assert is_cleared_away(bench.log)


def test_a_batch_that_was_not_advanced_past_is_kept_once(bench, opener):
    bench.put(50)
    for _ in range(3):
        attached = Attached(bench.state, bench.log, opener)
        attached.store_one(advance=False)
        assert stored_count(attached.consumer) == 0
        bench.put(5)
        attached.close()
    attached = Attached(bench.state, bench.log, opener)
    attached.store_all()
    assert stored_count(attached.consumer) == bench.count == 65
    attached.close()
    assert bench.numbers() == list(range(65))


def test_many_entries_of_one_time_stay_in_order(bench, opener):
    attached = Attached(bench.state, bench.log, opener)
    for _ in range(5):
        bench.put(60, per_stamp=10_000)
        attached.store_one(40)
        attached.close()
        attached = Attached(bench.state, bench.log, opener)
    attached.store_all()
    attached.close()
    assert bench.numbers() == list(range(300))


def test_another_folder_in_the_place_of_the_log_is_not_written_to(bench, opener, tmp_path):
    attached = Attached(bench.state, bench.log, opener)
    bench.put(10)
    bench.log.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        attached.store_one()
    bench.log.mkdir()
    with pytest.raises(FileNotFoundError, match="another folder"):
        attached.store_one()
    assert not any(bench.log.iterdir())
    attached.store.close()
    attached.consumer.close()
    bench.log.rmdir()
    (tmp_path / "moved").rename(bench.log)
    again = Attached(bench.state, bench.log, opener)
    again.store_all()
    again.close()
    assert bench.numbers() == list(range(10))


class ReadOnlyFolder(Folder):
    """A folder on a file system that the system has made read-only after an error."""

    def create(self, name):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors as Linux shows them")
def test_a_store_that_cannot_be_opened_keeps_nothing_open(bench, monkeypatch):
    """A writer tries twice a second for as long as the disk refuses, which may be days."""
    monkeypatch.setattr(entry_files, "Folder", ReadOnlyFolder)
    page = SessionPage.attach(bench.state)
    before = set(DESCRIPTORS.iterdir())
    for _ in range(3):
        with pytest.raises(OSError, match="Read-only"):
            NpyStore(bench.log, page)
    assert set(DESCRIPTORS.iterdir()) <= before  # fewer when what another test left is collected meanwhile
    page.close()


class ForgetfulFolder(Folder):
    """A folder on a server whose answer to every second link is lost: asked again, it says that the name is taken."""

    answers = itertools.cycle([False, True])

    def link_to(self, name, target, new):
        super().link_to(name, target, new)
        if not next(ForgetfulFolder.answers):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name, None, new)


def test_a_link_that_was_made_although_the_server_says_that_its_name_is_taken_is_the_only_one(bench, monkeypatch):
    monkeypatch.setattr(entry_files, "Folder", ForgetfulFolder)
    for _ in range(2):  # the first link of a store is the one by which it finds out whether there are any
        monkeypatch.setattr(ForgetfulFolder, "answers", itertools.cycle([False, True]))
        attached = Attached(bench.state, bench.log, open_npy)
        assert attached.store._files.has_links
        bench.put(31)
        attached.store_all()
        attached.close()
    assert bench.numbers() == list(range(62))
    assert is_cleared_away(bench.log)


def test_segments_to_which_nothing_could_be_appended_are_removed(bench, monkeypatch):
    def refuse(segment, frames, records):  # noqa: ARG001  # as the original's
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bench.put(3)
    with monkeypatch.context() as full_disk:
        full_disk.setattr(SegmentWriter, "append_frames", refuse)
        for _ in range(3):
            attached = Attached(bench.state, bench.log, open_journal)
            with pytest.raises(OSError, match="No space"):
                attached.store_one()
            attached.close()
    assert not list_segments(bench.log)
    attached = Attached(bench.state, bench.log, open_journal)
    attached.store_all()
    attached.close()
    assert bench.numbers() == [0, 1, 2]


def test_an_empty_segment_removes_no_other_one_that_has_its_name(bench):
    page = SessionPage.attach(bench.state)
    store = JournalStore(bench.log, page)
    path = store._segment(0).path
    path.unlink()
    path.write_bytes(b"another writer's")
    store.close()
    page.close()
    assert path.read_bytes() == b"another writer's"


class BusyRing:
    """A ring whose writer stores two batches between any two looks at it, until the tail has reached 1,000."""

    def __init__(self):
        self._tail = 0

    @property
    def tail(self):
        if self._tail < 1000:
            self._tail += 2
        return self._tail

    @property
    def scratch(self):
        return (self._tail + 1, self._tail + 1, self._tail, self._tail)


def test_the_stored_count_is_never_that_of_another_moment():
    ring = BusyRing()
    assert stored_count(ring) == ring.tail == 1000


def _store_in_two_batches(tally, state, log, opener):
    attached = Attached(state, log, opener)
    for _ in range(2):
        attached.store_one(4)
        tally.add()
    attached.close()


def _kill_and_recover(folder, opener, module, step):
    """Returns whether the process was killed before it came to its end."""
    bench = Bench(folder)
    bench.put(8)
    victim = killed_at(step, f"ataraxis_logger._live.{module}", _store_in_two_batches, bench.state, bench.log, opener)
    bench.put(2)
    attached = Attached(bench.state, bench.log, opener)
    attached.store_all()
    assert stored_count(attached.consumer) == 10
    attached.close()
    bench.close()
    assert bench.numbers() == list(range(10)), f"killed at line {step} of {module}"
    wait_for(lambda: is_cleared_away(bench.log))  # helpers of the killed one end by themselves
    return victim.was_killed


@pytest.mark.kill
@pytest.mark.parametrize("module", MODULES)
def test_a_kill_at_many_lines_loses_and_doubles_nothing(tmp_path, opener, module):
    # A stride that shares no factor with the loops over a batch's records meets their lines in turn. A longer one where
    # each step starts helpers; `torture` has every line.
    for step in itertools.count(1, 53 if opener is open_npy_with_a_helper else 13):
        if not _kill_and_recover(tmp_path / str(step), opener, module, step):
            break


@pytest.mark.kill
@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("module", MODULES)
def test_a_kill_at_any_line_loses_and_doubles_nothing(tmp_path, opener, module):
    for step in itertools.count(1):
        if not _kill_and_recover(tmp_path / str(step), opener, module, step):
            break
