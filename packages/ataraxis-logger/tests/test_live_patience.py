"""Puts of several threads that wait for space: in turn, and not behind one another when they are not to wait."""

import threading
from contextlib import contextmanager

import pytest

from ataraxis_logger import DataLogger, LogFullError
from ataraxis_logger._live import log_queue, patience
from ataraxis_logger._live.pressure import Pressure
from ataraxis_logger._live.spill import SpillFolder
from ataraxis_shm import RingConsumer
from live_helpers import assert_nothing_left, assert_numbered, numbered, wait_for

BUFFER = 1 << 16
LARGE = 50_000

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def logger(tmp_path, monkeypatch):
    """Not started, and put up with for ever: what is stored, and when, is up to the test."""
    monkeypatch.setattr(Pressure, "_look", lambda *_: None)
    logger = DataLogger(tmp_path, buffer_size=BUFFER)
    yield logger
    logger.start()
    logger.stop()
    assert_nothing_left(logger.output_directory)


def fill(queue, source, size=200):
    """Puts packages until there is space for none; returns how many."""
    for number in range(BUFFER):
        try:
            queue.put_nowait(numbered(source, number, size))
        except LogFullError:
            return number
    raise AssertionError("the buffer has no end")


@contextmanager
def in_thread(action, *arguments, **options):
    thread = threading.Thread(target=action, args=arguments, kwargs=options, daemon=True)
    thread.start()
    yield thread
    thread.join()


def test_a_put_that_waits_is_not_overtaken_by_smaller_ones(logger, monkeypatch):
    monkeypatch.setattr(patience, "_SLICE_S", 60.0)
    queue = logger.input_queue
    count = fill(queue, 1)
    ring = queue.producer.ring
    with in_thread(queue.put, numbered(2, 0, BUFFER // 8)) as waiting, RingConsumer.attach(ring.path) as consumer:
        wait_for(lambda: waiting.ident in ring._waiting)
        assert consumer.claim()
        consumer.advance(list(consumer.peek(10).positions)[-1])
        with pytest.raises(LogFullError):
            queue.put_nowait(numbered(1, count, 200))
        assert waiting.is_alive()
        consumer.advance(consumer.head)
        waiting.join()
    queue.put_nowait(numbered(3, 0))
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {2: 1, 3: 1})


def test_a_put_that_waits_keeps_its_place_while_it_looks_whether_that_makes_sense(logger, monkeypatch):
    queue = logger.input_queue
    count, refused = fill(queue, 1), []
    ring = queue.producer.ring
    with RingConsumer.attach(ring.path) as consumer:

        def look(*_):
            """Between two slices there is space for a small one."""
            if not refused:
                monkeypatch.setattr(Pressure, "_look", lambda *_: None)
                assert consumer.claim()
                consumer.advance(list(consumer.peek(10).positions)[-1])
                with in_thread(put_small):
                    pass
                consumer.advance(consumer.head)

        def put_small():
            with pytest.raises(LogFullError) as caught:
                queue.put_nowait(numbered(1, count, 200))
            refused.append(caught)

        monkeypatch.setattr(Pressure, "_look", look)
        queue.put(numbered(2, 0, BUFFER // 8))
    assert len(refused) == 1
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {2: 1})


def test_a_put_that_waits_looks_between_the_slices_whether_that_makes_sense(logger, monkeypatch):
    fill(logger.input_queue, 1)
    looks = []

    def look(*_):
        looks.append(list(patience._waiting.values()))
        if len(looks) == 3:
            raise LogFullError("no writer is running")

    monkeypatch.setattr(Pressure, "_look", look)
    monkeypatch.setattr(patience, "_SLICE_S", 0.001)
    with pytest.raises(LogFullError, match="no writer is running"):
        logger.input_queue.put(numbered(1, 0, 200))
    assert looks == [[logger.input_queue.producer]] * 3
    assert not logger.input_queue.producer.ring._waiting
    assert not patience._waiting


@pytest.mark.parametrize("size", [200, LARGE])
def test_a_put_waits_no_longer_than_it_was_asked_to(logger, monkeypatch, size):
    monkeypatch.setattr(patience, "_SLICE_S", 60.0)
    fill(logger.input_queue, 1)
    with pytest.raises(LogFullError, match="for as long as the call was asked to wait"):
        logger.input_queue.put(numbered(1, 0, size), timeout=0.01)


def test_a_large_put_does_not_wait_behind_one_that_waits_for_space(logger):
    queue = logger.input_queue
    queue.put(numbered(1, 0, LARGE))
    with in_thread(queue.put, numbered(2, 0, LARGE)):
        wait_for(lambda: patience._waiting)
        with pytest.raises(LogFullError, match="asked not to wait"):
            queue.put_nowait(numbered(3, 0, LARGE))
        with pytest.raises(LogFullError, match="for as long as the call was asked to wait"):
            queue.put(numbered(3, 0, LARGE), timeout=0.01)
        logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 1, 2: 1})


def test_a_large_put_waits_for_one_that_is_copied_even_if_it_is_not_to_wait_for_space(logger, monkeypatch):
    """There may well be space, and the copy is done soon."""
    queue, write, wait = logger.input_queue, SpillFolder.write, patience.wait_until
    is_inside, may_end = threading.Event(), threading.Event()

    def slow_write(spills, payload):
        is_inside.set()
        may_end.wait()
        return write(spills, payload)

    def wait_until(ready, timeout):
        assert not ready()
        may_end.set()
        return wait(ready, timeout)

    queue.put(numbered(9, 0))
    monkeypatch.setattr(SpillFolder, "write", slow_write)
    with in_thread(queue.put, numbered(1, 0, BUFFER // 3)):
        is_inside.wait()
        monkeypatch.setattr(patience, "wait_until", wait_until)
        queue.put_nowait(numbered(2, 0, BUFFER // 3))
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 1, 2: 1, 9: 1})


def test_an_interrupt_where_the_lock_was_just_taken_gives_it_back(logger, monkeypatch):
    queue = logger.input_queue
    queue.put(numbered(1, 0))

    def wait_until(ready, _timeout):
        assert ready()
        raise KeyboardInterrupt

    with monkeypatch.context() as ctrl_c:
        ctrl_c.setattr(patience, "wait_until", wait_until)
        with pytest.raises(KeyboardInterrupt):
            queue.put(numbered(1, 1, LARGE))
    assert not log_queue.owns(queue.producer)
    with in_thread(queue.put, numbered(1, 1, LARGE)):
        pass
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 2})
