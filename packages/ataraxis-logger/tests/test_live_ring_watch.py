"""Looks at rings that are interrupted by other looks, or that the system has no descriptors for."""

import contextlib
import errno
import os
import sys
from pathlib import Path

import pytest

from ataraxis_logger import DataLogger, FlushTimeoutError, read_statistics
from ataraxis_logger._live import ring_watch
from ataraxis_logger._live.places import ring_paths
from ataraxis_logger._live.ring_watch import Goal, RingView, RingWatch
from ataraxis_shm import RingConsumer, RingProducer
from ataraxis_shm._registry import OpenFile
from live_helpers import assert_nothing_left, assert_numbered, numbered, put_numbered

pytestmark = pytest.mark.timeout(30)
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of descriptors to lower")


def make_rings(folder, count):
    """Rings with a record each, of processes that have ended."""
    for number in range(count):
        with RingProducer.create(folder / f"{number}.ring", 64) as ring:
            ring.put(b"")


def interrupt_once(monkeypatch, owner, name, handler):
    """Has a handler run before a function does its work, the first time."""
    function, pending = getattr(owner, name), [handler]

    def interrupted(*arguments):
        if pending:
            pending.pop()()
        return function(*arguments)

    monkeypatch.setattr(owner, name, interrupted)


@contextlib.contextmanager
def descriptors_left(count):
    """Lets this process open so many more files."""
    import resource

    highest = max(int(path.name) for path in Path("/dev/fd").iterdir())
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(count + 1)]
    while taken[-1] <= highest + count:  # those before it filled the gaps
        taken.append(os.open(os.devnull, os.O_RDONLY))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, limits[1]))
    try:
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)


PLACES = [(ring_watch, "ring_paths"), (ring_watch, "stored_count"), (RingConsumer, "__init__")]


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_a_signal_handler_looks_while_its_thread_looks(tmp_path, monkeypatch, owner, name):
    make_rings(tmp_path, 3)
    watch, inner = RingWatch((tmp_path,)), []
    interrupt_once(monkeypatch, owner, name, lambda: inner.append(watch.look()))
    assert sorted(watch.look()) == sorted(*inner) == sorted(watch.look())
    assert len(watch.look()) == 3


def test_a_signal_handler_looks_when_rings_have_gone(tmp_path, monkeypatch):
    """Both find that they are gone, and each lets go of some."""
    make_rings(tmp_path, 3)
    watch = RingWatch((tmp_path,))
    watch.look()
    for path in ring_paths((tmp_path,)):
        path.unlink()
    inner = []
    interrupt_once(monkeypatch, OpenFile, "close", lambda: inner.append(watch.look()))
    assert watch.look() == []
    assert inner == [[]]


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_a_signal_handler_closes_the_watch_while_its_thread_looks(tmp_path, monkeypatch, owner, name):
    make_rings(tmp_path, 3)
    watch = RingWatch((tmp_path,))
    interrupt_once(monkeypatch, owner, name, watch.close)
    assert len(watch.look()) == 3


def test_a_signal_handler_stops_the_logger_while_its_thread_looks(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path)
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    interrupt_once(monkeypatch, ring_watch, "ring_paths", logger.stop)
    logger.flush()
    assert not logger.started
    assert_numbered(logger.output_directory, {1: 10})
    assert_nothing_left(logger.output_directory)


def test_a_signal_handler_stops_and_starts_the_logger_while_its_thread_stops_it(tmp_path, monkeypatch):
    """The thread ends the session that it began to end, and not the one that was started since, on the same page."""
    logger = DataLogger(tmp_path)
    state = logger._place.states[0]
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    with RingProducer.create(state / "another process.ring", 64):  # keeps the page
        interrupt_once(monkeypatch, ring_watch, "ring_paths", lambda: (logger.stop(), logger.start()))
        logger.stop()
        assert logger.started
        logger.input_queue.put(numbered(1, 10))
        logger.flush(timeout=20)
    logger.stop()
    assert_numbered(logger.output_directory, {1: 11})
    assert_nothing_left(logger.output_directory)


@needs_limits
def test_flush_stores_what_it_could_not_see_at_first(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path)
    logger.start()
    put_numbered(logger.input_queue, 1, 500)
    attach, refused = RingConsumer.attach, []

    def refuse_first(path):
        if not refused:
            refused.append(path)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return attach(path)

    monkeypatch.setattr(RingConsumer, "attach", refuse_first)
    logger.flush()
    assert refused
    assert_numbered(logger.output_directory, {1: 500})
    logger.stop()


@needs_limits
def test_one_descriptor_is_enough_for_any_number_of_rings(tmp_path):
    make_rings(tmp_path, 20)
    watch = RingWatch((tmp_path,))
    with descriptors_left(1):
        views = watch.look()
        again = watch.look()
    assert views == again
    assert sum(view.waiting for view in views if view.is_seen) == 20


@needs_limits
def test_rings_that_cannot_be_opened_now_count_as_waiting(tmp_path):
    make_rings(tmp_path, 2)
    watch = RingWatch((tmp_path,))
    with descriptors_left(0):
        (everything,) = watch.look()
    assert (everything.path, everything.is_seen, everything.waiting) == (tmp_path, False, 1)
    assert everything.backlog > 0
    before = watch.look()
    with descriptors_left(0):
        assert watch.look() == [*before, everything]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_ring_that_cannot_be_opened_is_seen_later(tmp_path, monkeypatch, number):
    make_rings(tmp_path, 2)
    watch, attach = RingWatch((tmp_path,)), RingConsumer.attach

    def refuse_one(path):
        if path.name == "1.ring":
            raise OSError(number, os.strerror(number))
        return attach(path)

    with monkeypatch.context() as exhausted:
        exhausted.setattr(RingConsumer, "attach", refuse_one)
        assert {view.path.name: (view.is_seen, view.waiting) for view in watch.look()} == {
            "0.ring": (True, 1),
            "1.ring": (False, 1),
        }
    assert all(view.is_seen for view in watch.look())


def test_what_is_wrong_otherwise_is_told(tmp_path, monkeypatch):
    make_rings(tmp_path, 1)

    def refuse(*_):
        raise OSError(errno.EIO, "broken")

    watch = RingWatch((tmp_path,))
    for owner, name in ((ring_watch, "ring_paths"), (RingConsumer, "attach")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refuse)
            with pytest.raises(OSError, match="broken"):
                watch.look()


@needs_limits
def test_flush_is_no_success_and_statistics_no_error_without_descriptors(tmp_path):
    logger = DataLogger(tmp_path)
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    logger.flush()
    with descriptors_left(0):
        with pytest.raises(FlushTimeoutError, match="1 packages"):
            logger.flush(timeout=0.05)
        assert logger.statistics.backlog == 1
        assert logger.input_queue.qsize() == 1
        assert not logger.input_queue.empty()
    logger.flush()
    assert logger.input_queue.empty()
    assert read_statistics(logger.output_directory).backlog == 0
    logger.stop()
    assert_numbered(logger.output_directory, {1: 10})


def view(name, head, tail, *, is_seen=True):
    return RingView(Path(name), head, tail, 0, 0, is_seen)


def test_a_goal_is_what_was_accepted_when_all_rings_could_be_opened():
    looks = [
        [view("a", 8, 0)],
        [view("a", 16, 7), view("new", 8, 0)],
        [view("a", 16, 8), view("b", 8, 0)],
    ]
    goal = Goal(lambda: looks.pop(0))
    assert not goal.is_reached()
    assert goal.is_reached()


def test_a_goal_waits_for_rings_that_cannot_be_opened():
    looks = [
        [view("a", 8, 0), view("b", 1, 0, is_seen=False)],
        [view("a", 8, 8), view("b", 1, 0, is_seen=False)],
        [view("a", 24, 16), view("b", 24, 16)],
        [view("a", 32, 24), view("b", 32, 16)],
        [view("a", 32, 24), view("c", 1, 0, is_seen=False)],
        [view("a", 32, 24)],
    ]
    goal = Goal(lambda: looks.pop(0))
    assert [goal.is_reached() for _ in list(looks)] == [False, False, False, False, True]
