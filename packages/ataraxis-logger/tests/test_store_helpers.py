"""The helpers of a writer: what they were given is stored once, whoever is killed, and they leave nothing."""

import errno
import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading

import pytest

from ataraxis_logger._live import crew, tidy
from ataraxis_logger._live.claimed_ring import ClaimedRing, is_held_by_helpers
from ataraxis_logger._live.helper import HOLD, LET_GO, SETTLE, STORE, Helper
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.pending import pending_names
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_logger._live.tidy import remove_exhausted
from ataraxis_shm import RingConsumer, RingProducer
from live_helpers import HelpedNpyStore, is_cleared_away, numbered, numbers_of, read_log, started_log, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a writer has no helpers")


class Session:
    """What a writer has: a store that shares whatever there is with two helpers, and the ring that it has claimed."""

    def __init__(self, log, state):
        self.page = SessionPage.attach(state)
        self.consumer = RingConsumer.attach(state / "a.ring")
        assert self.consumer.claim()
        self.ring = ClaimedRing(self.consumer)
        self.store = HelpedNpyStore(log, self.page, processes=3)

    def helpers(self):
        return [helper._process.pid for helper in self.store._helpers(self.ring)]

    def append(self):
        batch = self.ring.take(1000)
        self.store.append(self.ring, batch)
        return batch

    def store_all(self):
        batch = self.append()
        self.store.commit()
        self.ring.advance(batch)
        self.store.settle(self.ring)

    def close(self):
        self.store.close()
        self.consumer.close()
        self.page.close()


class Rig:
    """A log folder with one ring of numbered packages."""

    def __init__(self, folder):
        self.log, self.state = started_log(folder)
        self.producer = RingProducer.create(self.state / "a.ring", 1 << 16)
        self.count = 0

    def put(self, count):
        for _ in range(count):
            entry = numbered(1, self.count)
            self.producer.put(b"\x01" + bytes(7) + int(entry.time_stamp).to_bytes(8, "little"), entry.serialized_data)
            self.count += 1

    def session(self):
        session = Session(self.log, self.state)
        try:
            session.store.claim(session.ring)
        except OSError:
            session.close()
            raise
        return session

    def session_killed_before_it_settled(self, count):
        """A session that has stored and advanced past so many packages, and let go of its ring as a kill does."""
        session = self.session()
        self.put(count)
        batch = session.append()
        session.store.commit()
        session.ring.advance(batch)
        session.consumer.close()
        return session

    def numbers(self):
        return numbers_of(read_log(self.log).get(1, []))

    def finish(self):
        """A successor stores what is left, and nothing is missing or doubled."""
        session = self.session()
        session.store_all()
        session.store.release(session.ring)
        session.close()
        assert self.numbers() == list(range(self.count))
        assert is_cleared_away(self.log)


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.producer.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_entries_are_shared_out_and_stored_in_their_order(rig):
    session = rig.session()
    rig.put(100)
    session.store_all()
    pids = session.helpers()
    assert len(pids) == 2
    rig.put(50)
    session.store_all()
    assert session.helpers() == pids
    assert is_held_by_helpers(session.ring.path)
    session.store.release(session.ring)
    assert not is_held_by_helpers(session.ring.path)
    session.close()
    assert not any(map(is_alive, pids))
    assert rig.numbers() == list(range(150))
    assert is_cleared_away(rig.log)


@pytest.mark.kill
def test_a_helper_that_is_killed_counts_as_a_refusal_and_its_share_is_stored_once(rig):
    for number in range(2):
        session = rig.session()
        rig.put(60)
        pids = session.helpers()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        session.append()
        os.kill(pids[number % 2], signal.SIGKILL)
        os.kill(pids[1 - number % 2], signal.SIGCONT)
        with pytest.raises(ChildProcessError, match="helper of the writer has ended"):
            session.store.commit()
        session.close()
        rig.finish()


def _append_and_be_killed(log, state, sender):
    session = Session(log, state)
    session.store.claim(session.ring)
    sender.send(session.helpers())
    for pid in session.helpers():
        os.kill(pid, signal.SIGSTOP)
    session.append()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.kill
def test_a_successor_waits_for_the_helpers_of_a_writer_that_was_killed(rig):
    """They have been given their shares and sleep: nobody else may store these meanwhile, or they would be doubled."""
    rig.put(90)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    writer = context.Process(target=_append_and_be_killed, args=(rig.log, rig.state, sender))
    writer.start()
    pids = receiver.recv()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    with pytest.raises(BlockingIOError, match="still store from"):
        rig.session()
    stored_alone = rig.numbers()
    assert 0 < len(stored_alone) < 90
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not is_held_by_helpers(rig.producer.path))
    assert rig.numbers() == list(range(90))
    rig.finish()
    wait_for(lambda: not any(map(is_alive, pids)))


def test_a_ring_whose_file_was_removed_is_stored_without_help(rig):
    session = rig.session()
    rig.put(40)
    rig.producer.path.unlink()
    session.store_all()
    assert session.helpers() == []
    session.close()
    assert rig.numbers() == list(range(40))


def test_a_helper_does_not_store_in_a_folder_that_has_taken_the_place_of_the_log(rig, tmp_path):
    session = rig.session()
    rig.log.rename(tmp_path / "moved")
    rig.log.mkdir()
    assert session.helpers() == []
    session.close()
    assert list(rig.log.iterdir()) == []


class FilesOnAFullDisk:
    def __init__(self):
        self.asked = []

    def use_part(self, name):
        self.part = name

    def store(self, ring_id, entries):
        self.asked.append((ring_id, entries))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def settle(self, ring_id):
        self.asked.append(ring_id)


def test_a_helper_answers_each_request_and_goes_on_after_a_refusal(rig):
    path, replies, files = str(rig.producer.path), io.BytesIO(), FilesOnAFullDisk()
    requests = [(HOLD, path), (STORE, 5, [(96, b"1")]), (SETTLE, 5), (LET_GO, path), (HOLD, path + "x")]
    cut_off = pickle.dumps((STORE, 5, []))[:-3]  # the writer was killed in its last request
    data = b"".join(map(pickle.dumps, requests)) + cut_off
    Helper(0, files).serve(io.BytesIO(data), replies)
    replies.seek(0)
    answers = [pickle.load(replies) for _ in range(len(requests) + 1)]
    assert [type(answer) for answer in answers] == [type(None)] * 2 + [OSError] + [type(None)] * 2 + [FileNotFoundError]
    assert answers[2].errno == errno.ENOSPC
    assert not replies.read()
    assert files.asked == [(5, [(96, b"1")]), 5]
    assert not is_held_by_helpers(rig.producer.path)


def test_two_helpers_of_one_number_never_hold_a_ring_at_once(rig):
    session = rig.session()
    session.helpers()
    requests, replies = io.BytesIO(pickle.dumps((HOLD, str(rig.producer.path)))), io.BytesIO()
    Helper(1, FilesOnAFullDisk()).serve(requests, replies)
    replies.seek(0)
    assert pickle.load(replies) is None
    assert isinstance(pickle.load(replies), BlockingIOError)
    session.close()


@pytest.mark.parametrize(("counts", "expected"), [((10, 10, 200), [0, 0, 1]), ((200, 200), [0, 1])])
def test_helpers_are_started_when_many_entries_wait_and_the_disk_has_taken_some(rig, counts, expected):
    """A disk that refuses for days must not cost a process for every attempt."""
    session = rig.session()
    store = NpyStore(rig.log, session.page, processes=2)
    store.claim(session.ring)
    started = []
    for count in counts:
        rig.put(count)
        batch = session.ring.take(1000)
        store.append(session.ring, batch)
        started.append(len(store._crew._helpers or ()))
        store.commit()
        session.ring.advance(batch)
        store.settle(session.ring)
    store.close()
    session.close()
    assert started == expected
    assert rig.numbers() == list(range(sum(counts)))


def test_what_a_helper_refused_before_is_not_taken_for_its_answer_about_a_ring(rig):
    session = rig.session()
    helper = session.store._helpers(session.ring)[0]
    helper._ask(STORE, 5, [None])  # what is no entry
    other = RingProducer.create(rig.state / "b.ring", 1 << 12)
    with pytest.raises(OSError, match="a helper of the writer failed: TypeError"):
        helper.holds(other.path)
    assert helper.holds(other.path)
    other.close()
    session.close()


def test_an_entry_stored_before_is_found_although_the_log_was_away_from_its_path(rig, tmp_path):
    """A mount that comes back between a look and the next: what is not seen must not be taken for not there."""
    session = rig.session()
    rig.put(30)
    session.append()
    session.store.commit()  # and killed: nothing is advanced past
    session.store.close()
    session.consumer.close()
    rig.log.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        rig.session()
    (tmp_path / "away").rename(rig.log)
    store = NpyStore(rig.log, session.page)
    session.consumer = RingConsumer.attach(rig.producer.path)
    assert session.consumer.claim()
    session.ring, session.store = ClaimedRing(session.consumer), store
    rig.log.rename(tmp_path / "away")
    store.claim(session.ring)
    (tmp_path / "away").rename(rig.log)
    session.store_all()
    session.close()
    assert rig.numbers() == list(range(30))
    assert is_cleared_away(rig.log)


def test_what_lies_behind_a_batch_is_kept_for_the_next_one(rig):
    """The batch may be shorter than the one that was stored before: a record in the middle was damaged since."""
    session = rig.session()
    rig.put(10)
    session.append()
    session.store.commit()
    session.close()
    session = rig.session()
    for count in (4, 6):
        batch = session.consumer.peek(count)
        session.store.append(session.ring, batch)
        session.store.commit()
        session.ring.advance(batch)
        session.store.settle(session.ring)
    session.close()
    assert rig.numbers() == list(range(10))
    assert is_cleared_away(rig.log)


def test_a_writer_that_ends_takes_nothing_from_under_another_one(rig):
    session = rig.session()
    other = NpyStore(rig.log, session.page)
    rig.put(5)
    session.store_all()
    other.close()
    rig.put(5)
    session.store_all()
    session.close()
    assert rig.numbers() == list(range(10))


def test_a_session_ends_when_helpers_of_a_killed_writer_have(rig):
    """They are settling what it advanced past; one that sleeps is waited for."""
    session = rig.session_killed_before_it_settled(30)
    stopper = threading.Timer(0.3, session.store._crew.close)
    stopper.start()
    remove_exhausted((rig.state,), rig.log)
    stopper.join()
    assert rig.producer.path.exists()  # its producer lives
    assert pending_names(rig.log) == set()
    session.close()


@pytest.mark.parametrize("refusal", [errno.EMFILE, errno.ENOLCK, errno.ENOENT])
def test_a_ring_that_a_helper_cannot_hold_is_stored_without_it(rig, monkeypatch, refusal):
    session = rig.session()
    helper = session.store._helpers(session.ring)[0]
    answers = [None, OSError(refusal, os.strerror(refusal))]
    with monkeypatch.context() as answered:
        answered.setattr(crew.HelperProcess, "wait", lambda _helper: answers.pop(0))
        answered.setattr(crew.HelperProcess, "_ask", lambda _helper, *_request: None)
        assert not helper.holds(rig.state / "b.ring")
    session.close()


def test_helpers_are_asked_through_descriptors_of_any_number():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1600:
        pytest.skip("the system grants too few descriptors")
    receive, send = os.pipe()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1600), hard))
    try:
        os.dup2(receive, 1500)
        with os.fdopen(1500, "rb") as channel:
            assert not crew._is_readable(channel)
            os.write(send, b"1")
            assert crew._is_readable(channel)
    finally:
        os.close(receive)
        os.close(send)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_ring_goes_after_the_pending_names_that_a_killed_writer_left(rig, monkeypatch):
    """An entry that was archived since has a single link, as one that was not stored: it would come back."""
    session = rig.session_killed_before_it_settled(30)
    rig.producer.close()
    monkeypatch.setattr(tidy, "_HELPERS_END_S", 0.05)
    remove_exhausted((rig.state,), rig.log)
    assert rig.producer.path.exists()  # its helpers might still be storing
    session.store.close()
    assert len(pending_names(rig.log)) == 30
    remove_exhausted((rig.state,), rig.log)
    assert not rig.producer.path.exists()
    assert pending_names(rig.log) == set()
    session.page.close()
    assert rig.numbers() == list(range(30))
