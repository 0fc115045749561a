"""Which rings a writer takes, and when it lets them go: what is left of them in the log folder, damage, descriptors."""

import errno
import os
import signal
import struct
import sys
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace

import pytest

from ataraxis_logger import DataLogger
from ataraxis_logger._formats.journal_layout import BODY_PREFIX
from ataraxis_logger._live import npy_store
from ataraxis_logger._live import writer as writer_module
from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.drain import Drain
from ataraxis_logger._live.folder import Folder
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.pending import pending_names
from ataraxis_logger._live.places import folder_identity, make_state_folder, ring_paths
from ataraxis_logger._live.session_page import STARTED, STOPPING, SessionPage
from ataraxis_logger._live.writer import Writer
from ataraxis_shm import RingConsumer, RingProducer, _ring_consumer
from ataraxis_shm._ring_layout import HEAD, TAIL
from ataraxis_shm.testing import Victim
from live_helpers import STORAGES, HelpedNpyStore, is_cleared_away, numbers_of, read_log, wait_for

if sys.platform != "win32":
    import resource

HEADER_CREATED, HEADER_PROCESS = 4, 5  # words of a ring's header


class Rig:
    """A log folder with its session page, whose writers are objects of this process."""

    def __init__(self, folder, storage):
        self.log = folder / "log"
        self.log.mkdir()
        self.states = (make_state_folder(folder / "state"),)
        self.page = SessionPage.provide(self.states[0], self.log, storage)
        self.page.folder_identity = folder_identity(self.log)
        self.page.process_count = 1
        self.page.thread_count = 2
        self.page.state = STARTED

    def ring(self, name, source, count, *, close=True):
        """A ring with numbered packages, whose producer has ended."""
        producer = RingProducer.create(self.states[0] / f"{name}.ring", 1 << 14)
        for number in range(count):
            producer.put(BODY_PREFIX.pack(source, 0, number + 1), struct.pack("<I", number))
        if close:
            producer.close()
        return producer

    def writer(self):
        return Writer(self.states, self.page, 0)

    def numbers(self, source):
        return numbers_of(read_log(self.log).get(source, []))


@pytest.fixture(params=STORAGES)
def rig(request, tmp_path):
    rig = Rig(tmp_path, request.param)
    yield rig
    rig.page.close()


npy_only = pytest.mark.parametrize("rig", ["npy"], indirect=True)


@npy_only
def test_a_ring_is_removed_when_the_helpers_are_done_with_its_pending_names(rig, monkeypatch):
    """A kill between the two would leave names of which nobody knows what they stand for."""
    settle, release, unlink = NpyStore.settle, NpyStore.release, RingConsumer.unlink
    left = []

    def send_to_helper(store, number):
        os.kill(store._crew._helpers[0]._process.pid, number)

    def settle_while_the_helper_sleeps(store, ring):
        send_to_helper(store, signal.SIGSTOP)
        settle(store, ring)

    def wake_and_release(store, ring):
        send_to_helper(store, signal.SIGCONT)
        release(store, ring)

    def note_and_unlink(consumer):
        left.append(pending_names(rig.log))
        unlink(consumer)

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(NpyStore, "_helpers", HelpedNpyStore._helpers)
    monkeypatch.setattr(NpyStore, "settle", settle_while_the_helper_sleeps)
    monkeypatch.setattr(NpyStore, "release", wake_and_release)
    monkeypatch.setattr(RingConsumer, "unlink", note_and_unlink)
    rig.ring("a", 1, 100)
    writer = rig.writer()
    writer.turn()
    writer.close()
    assert left == [set()]
    assert not ring_paths(rig.states)
    assert rig.numbers(1) == list(range(100))


@npy_only
def test_a_writer_says_for_whom_it_waits(rig, monkeypatch):
    """A helper of a writer that was killed may stand still: its drive does not answer."""
    monkeypatch.setattr(npy_store, "is_held_by_helpers", lambda _path: True)
    rig.ring("a", 1, 10)
    writer = rig.writer()
    writer.turn()
    assert "helpers of a writer that was killed still store from" in rig.page.last_error
    assert rig.numbers(1) == []
    monkeypatch.undo()
    writer.turn()
    writer.close()
    assert rig.numbers(1) == list(range(10))


def test_progress_shows_after_every_batch(rig, monkeypatch):
    """Sixteen batches on a slow drive take longer than anybody waits for a sign of life."""
    seen, turn = [], Drain.turn

    def look_and_turn(drain, rings):
        seen.append(rig.page.writer(0).progress)
        stored = turn(drain, rings)
        drain.is_busy = bool(stored)
        return stored

    monkeypatch.setattr(Drain, "turn", look_and_turn)
    monkeypatch.setattr(ClaimedRing, "take", partialmethod(ClaimedRing.take, max_bytes=200))
    rig.ring("a", 1, 20)
    writer = rig.writer()
    writer.turn()
    writer.close()
    assert seen[0] == 0
    assert seen[1:] == sorted(set(seen[1:]))
    assert seen[-1] == 20
    assert len(seen) > 3
    assert rig.numbers(1) == list(range(20))


@npy_only
def test_a_ring_stays_while_the_disk_refuses_to_remove_its_pending_names(rig, monkeypatch):
    is_refusing, unlink = True, Folder.unlink

    def refuse(folder, name):
        if is_refusing and "." in name and folder.path.name == ".pending":
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)
        unlink(folder, name)

    monkeypatch.setattr(Folder, "unlink", refuse)
    rig.page.thread_count = 1
    rig.ring("a", 1, 100)
    writer = rig.writer()
    for _ in range(3):
        writer._retire_at = 0.0
        writer.turn()
        assert ring_paths(rig.states)
    assert "Input/output error" in rig.page.last_error
    is_refusing = False
    wait_for(lambda: writer.turn() or not ring_paths(rig.states))
    assert pending_names(rig.log) == set()
    writer.close()
    assert rig.numbers(1) == list(range(100))
    assert rig.page.writer(0).retired_stored == 100


@npy_only
def test_a_writer_that_is_started_when_the_session_stops_clears_away_what_the_one_before_left(rig, monkeypatch):
    rig.ring("a", 1, 10)
    killed = rig.writer()
    with monkeypatch.context() as before_it_settled:
        before_it_settled.setattr(NpyStore, "settle", lambda _store, _ring: None)
        before_it_settled.setattr(RingConsumer, "exhausted", False)
        killed.turn()
        killed.close()
    assert len(pending_names(rig.log)) == 10
    rig.page.state = STOPPING
    rig.writer().run()
    assert not ring_paths(rig.states)
    assert is_cleared_away(rig.log)
    assert rig.numbers(1) == list(range(10))


def write_tail_beyond_head(ring):
    ring._words[TAIL] = ring.head + 64


def write_head_beyond_capacity(ring):
    ring._words[HEAD] = ring.tail + 2 * ring.capacity


def write_head_amid_a_frame(ring):
    ring._words[HEAD] += 1


DAMAGES = [write_tail_beyond_head, write_head_beyond_capacity, write_head_amid_a_frame]


@pytest.fixture
def hasty(monkeypatch):
    """Damage is believed at once: these tests make it themselves."""
    monkeypatch.setattr(_ring_consumer, "_LOOKS", (0.0,))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("is_claimed", [False, True], ids=["before it is claimed", "afterwards"])
def test_a_ring_whose_head_and_tail_cannot_be_right_is_left_alone_and_holds_up_no_other(rig, damage, is_claimed):
    damaged, other = rig.ring("a", 1, 5, close=False), rig.ring("b", 2, 5)
    writer = rig.writer()
    if is_claimed:
        writer.turn()
        damaged.put(b"unread")
    damage(damaged)
    before = damaged.path.read_bytes()
    later = rig.ring("c", 3, 5)
    for _ in range(3):
        writer._folder_look_at = writer._retire_at = 0.0
        writer._folders_seen = ()
        writer.turn()
    slot = rig.page.writer(0)
    assert slot.damaged == 1
    assert slot.unreadable == 1
    assert f"left a damaged buffer alone: The ring {damaged.path} is damaged" in rig.page.last_error
    assert damaged.path.read_bytes() == before
    # Those of the same process, too, which come after it.
    assert rig.numbers(2) == rig.numbers(3) == list(range(5))
    assert not other.path.exists()
    assert not later.path.exists()
    writer.close()
    assert damaged.path.exists()


@pytest.mark.usefixtures("hasty")
def test_an_idle_writer_sleeps_although_a_ring_was_left_alone(rig, monkeypatch):
    write_tail_beyond_head(rig.ring("a", 1, 5))
    rig.page.sleep_us = 1_000_000
    writer = rig.writer()
    writer.turn()
    slept = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(writer_module, "time", clock)
    writer._rest(writer_module._SHORTEST_PAUSE_S)
    assert sum(slept) >= writer_module._FOLDER_LOOK_S
    writer.close()


FREE = 28
"""Descriptors that a writer of these tests may open; it leaves some twenty of them to its store."""
MANY = 40
"""Rings that are too many for it."""


def of_process(ring, process):
    """Makes a ring one of another process."""
    ring._words[HEADER_PROCESS] = process


def drain_with_few_descriptors(tally, states, turns, cues=None):
    """Runs a writer that may open few files, until there are no rings or it had so many turns with a look around."""
    page = SessionPage.attach(states[0])
    writer = Writer(states, page, 0)
    used = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    limit = [number for number in range(len(used) + FREE + 1) if number not in used][FREE]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for _ in range(turns):
        if cues is not None:
            os.read(cues, 1)
        writer._folder_look_at = writer._scan_at = writer._retire_at = 0.0
        writer.turn()
        tally.add()
        if not ring_paths(states):
            break
    writer.close()


few_descriptors = pytest.mark.skipif(sys.platform != "linux", reason="looks at its descriptors as Linux shows them")


@few_descriptors
@pytest.mark.parametrize("processes", ["of many processes", "of one process"])
def test_more_rings_than_descriptors_are_stored_some_at_a_time(rig, processes):
    """A process has many rings when it went on to put after stops that could not store; they come in their order."""
    for number in range(MANY):
        ring = RingProducer.create(rig.states[0] / f"{os.urandom(4).hex()}.ring", 1 << 12)
        for part in range(2):
            ring.put(BODY_PREFIX.pack(1, 0, 1), struct.pack("<I", 2 * number + part))
        ring._words[HEADER_CREATED] = number  # some are made in the same microsecond
        if processes == "of many processes":
            of_process(ring, number)
        ring.close()
    with Victim(drain_with_few_descriptors, rig.states, 2 * MANY) as victim:
        assert victim.join() == 0
    assert not ring_paths(rig.states)
    numbers = rig.numbers(1)
    assert sorted(numbers) == list(range(2 * MANY))
    if processes == "of one process":
        assert numbers == sorted(numbers)
    assert "some buffers have to wait, they cannot be opened now: [Errno 24]" in rig.page.last_error
    assert rig.page.writer(0).unreadable == 0
    assert rig.page.writer(0).retired_stored == 2 * MANY


@few_descriptors
def test_more_living_producers_than_descriptors_have_their_turns(rig):
    """Their rings stay, so that the writer has to let go of some for others."""
    cues, cue = os.pipe()
    # It is forked first: the rings that this process has open would be open in it as well.
    with Victim(drain_with_few_descriptors, rig.states, 24, cues, method="fork") as victim:
        producers = [rig.ring(f"{number:x}", number, 1, close=False) for number in range(MANY)]
        for number, producer in enumerate(producers):
            of_process(producer, number)
        os.write(cue, bytes(12))
        victim.tally.wait_for(12)
        for number, producer in enumerate(producers):
            producer.put(BODY_PREFIX.pack(number, 0, 2), struct.pack("<I", 1))
        os.write(cue, bytes(12))
        assert victim.join() == 0
    os.close(cues)
    os.close(cue)
    found = read_log(rig.log)
    assert {source: numbers_of(found[source]) for source in found} == {number: [0, 1] for number in range(MANY)}
    for producer in producers:
        producer.close()


def test_a_ring_that_cannot_be_opened_is_told_of_once_and_holds_up_no_other(rig, monkeypatch):
    refused, other = rig.ring("a", 1, 5), rig.ring("b", 2, 5)
    attach, code = RingConsumer.attach, errno.EACCES
    reports = []

    def refuse(path, *, strict=True):
        if path == refused.path and code:
            raise OSError(code, os.strerror(code), str(path))
        return attach(path, strict=strict)

    def look_around(writer):
        for _ in range(3):
            writer._folder_look_at = writer._scan_at = writer._retire_at = 0.0
            writer.turn()

    monkeypatch.setattr(RingConsumer, "attach", refuse)
    writer = rig.writer()
    monkeypatch.setattr(writer._unclaimed, "_report", reports.append)
    for code in (errno.EACCES, errno.EIO, 0, errno.EIO):
        look_around(writer)
        assert rig.page.writer(0).unreadable == (code != 0 and refused.path.exists())
    assert [text.rpartition("[")[2].partition("]")[0] for text in reports] == ["Errno 13", "Errno 5"]
    assert str(refused.path) in reports[0]
    assert rig.numbers(1) == rig.numbers(2) == list(range(5))
    assert not other.path.exists()
    writer.close()


@few_descriptors
def test_a_writer_takes_as_many_descriptors_as_the_system_grants(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, most))
    try:
        with DataLogger(tmp_path) as logger:
            (process,) = logger.processes
            wait_for(lambda: resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (most, most))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
