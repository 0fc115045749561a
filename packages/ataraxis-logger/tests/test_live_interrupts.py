"""Puts that are interrupted, forked in the middle of, or overtaken by other threads: stored once or not at all."""

import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

from ataraxis_logger import DataLogger, LogPackage
from ataraxis_logger._live import log_queue, owner, spill
from ataraxis_logger._live.producers import close_producer
from ataraxis_logger._live.spill import SpillFolder
from ataraxis_shm import RingProducer
from live_helpers import STORAGES, assert_nothing_left, numbered, numbers_of, read_log

BUFFER = 1 << 16
LARGE = 40_000

pytestmark = pytest.mark.timeout(30)
needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")


@pytest.fixture(params=STORAGES)
def logger(request, tmp_path):
    logger = DataLogger(tmp_path, storage=request.param, buffer_size=BUFFER)
    yield logger
    logger.stop()
    assert_nothing_left(logger.output_directory)


def stored_numbers(logger, source=1):
    logger.start()
    logger.stop()
    return numbers_of(read_log(logger.output_directory).get(source, []))


def test_put_many_interrupted_after_the_ring_has_the_packages(logger, monkeypatch):
    put_many = RingProducer.put_many

    def interrupted(ring, records, timeout=None):
        put_many(ring, records, timeout)
        raise KeyboardInterrupt

    logger.input_queue.put(numbered(1, 0))
    with monkeypatch.context() as ctrl_c:
        ctrl_c.setattr(RingProducer, "put_many", interrupted)
        with pytest.raises(KeyboardInterrupt):
            logger.input_queue.put_many([numbered(1, number) for number in range(1, 300)])
    # A chunk of 256 went in before the interrupt; what comes behind it is not accepted.
    assert stored_numbers(logger) == list(range(257))


def test_put_many_while_another_thread_stops_the_logger(logger, monkeypatch):
    """The ring is closed in the middle of a chunk; what it has of the chunk is not put into the next one again."""
    put_chunk, calls = RingProducer._put_chunk, []

    def put_some_and_close(ring, records):
        done = put_chunk(ring, records[:3])
        calls.append(done)
        if len(calls) == 1:
            close_producer(logger.input_queue.producer.place)
        return done

    logger.input_queue.put(numbered(1, 0))
    monkeypatch.setattr(RingProducer, "_put_chunk", put_some_and_close)
    logger.input_queue.put_many([numbered(1, number) for number in range(1, 10)])
    assert calls[0] == 3
    assert stored_numbers(logger) == list(range(10))


def test_an_interrupted_put_of_a_large_payload_is_no_damage(logger, monkeypatch):
    put = RingProducer.put

    def interrupted(ring, *parts, timeout=None):
        put(ring, *parts, timeout=timeout)
        raise KeyboardInterrupt

    logger.start()
    logger.input_queue.put(numbered(1, 0))
    with monkeypatch.context() as ctrl_c:
        ctrl_c.setattr(RingProducer, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            logger.input_queue.put(numbered(1, 1, LARGE))
    logger.flush()
    assert logger.statistics.damaged == 0
    assert stored_numbers(logger) == [0, 1]


def test_a_large_payload_while_another_thread_makes_the_ring(logger, monkeypatch):
    queue, pack = logger.input_queue, log_queue._pack_prefix

    def overtaken(*fields):
        # Where a thread may be that has seen no ring yet.
        threading.Thread(target=lambda: queue.producer).start()
        while queue._producer is None:
            pass
        return pack(*fields)

    monkeypatch.setattr(log_queue, "_pack_prefix", overtaken)
    queue.put(numbered(1, 0, LARGE))
    assert stored_numbers(logger) == [0]


def test_a_signal_handler_puts_a_large_payload_while_its_thread_puts_one(logger, monkeypatch):
    write, numbers = SpillFolder.write, iter([1, 2])

    def interrupted(spills, payload):
        reference = write(spills, payload)
        if (number := next(numbers, None)) is not None:
            logger.input_queue.put(numbered(2, number, 20_000))  # as from a handler
        return reference

    logger.start()
    monkeypatch.setattr(SpillFolder, "write", interrupted)
    logger.input_queue.put(numbered(1, 0, 20_000))
    assert stored_numbers(logger) == [0]
    assert stored_numbers(logger, 2) == [2, 1]


class Interrupted(int):
    """A size that is added up while a signal handler puts a large payload."""

    def __radd__(self, other):
        self.spills.committed(999, 1)
        return other + int(self)


def test_a_signal_handler_puts_a_large_payload_while_those_that_wait_are_counted(tmp_path):
    spills = SpillFolder(tmp_path / "a.ring", 100)
    Interrupted.spills = spills
    spills.committed(0, Interrupted(20))
    spills.committed(8, 20)
    assert spills.has_space(50, 0)
    assert not spills.has_space(80, 8)


def forked(action):
    """Starts a forked child that does something, is killed when it hangs, and tells by its exit status how it went."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are other threads, as in many a rig
        child = os.fork()
    if not child:
        try:
            signal.alarm(10)
            action()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001  # there is no test in the child to fail
            os.write(2, repr(error).encode())
            os._exit(1)
    return child


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def held_by_another_thread(lock):
    is_held, is_done = threading.Event(), threading.Event()

    def hold():
        with lock:
            is_held.set()
            is_done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


@needs_fork
def test_the_first_put_of_a_forked_child_is_large(logger):
    """The spill files that it has inherited the numbers of are its parent's."""
    queue = logger.input_queue
    queue.put(numbered(1, 0))
    receive, send = os.pipe()
    child = forked(lambda: (os.read(receive, 1), queue.put(numbered(2, 0, LARGE))))
    queue.put(numbered(1, 1, LARGE))
    os.write(send, b"x")
    assert status_of(child) == 0
    os.close(receive)
    os.close(send)
    assert stored_numbers(logger) == [0, 1]
    assert stored_numbers(logger, 2) == [0]


@needs_fork
def test_fork_while_another_thread_puts_a_large_payload(logger):
    queue = logger.input_queue
    queue.put(numbered(1, 0))
    with held_by_another_thread(queue.producer.spill_lock):
        assert status_of(forked(lambda: queue.put(numbered(2, 0, LARGE)))) == 0
    assert stored_numbers(logger, 2) == [0]


@needs_fork
def test_fork_while_another_thread_counts(logger):
    queue = logger.input_queue
    queue.put(numbered(1, 0))
    assert queue.qsize() == 1
    with held_by_another_thread(queue._watch._lock):
        assert status_of(forked(lambda: queue.qsize() == 1 or os._exit(2))) == 0
    assert stored_numbers(logger) == [0]


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_a_large_payload_that_its_owner_changes_during_the_put_is_stored_and_no_damage(logger, monkeypatch, piece):
    """A camera writes its next frame into the array: what is stored may be of both, but it is not lost."""
    array = np.zeros(LARGE, dtype=np.uint8)
    write = spill.write_all

    def write_and_change(descriptor, parts):
        write(descriptor, parts)
        array[:] = 255

    monkeypatch.setattr(spill, "COPY_BYTES", piece)
    monkeypatch.setattr(spill, "write_all", write_and_change)
    with logger:
        logger.input_queue.put(LogPackage(1, 1, array))
        logger.flush()
        assert logger.statistics.damaged == 0
    assert read_log(logger.output_directory) == {1: [(1, bytes(min(piece, LARGE)).ljust(LARGE, b"\xff"))]}


@pytest.mark.parametrize("number", [1, 2])  # it waits until all is stored, then until the keeper has ended
def test_a_signal_handler_that_stops_and_starts_the_logger_inside_its_stop(logger, monkeypatch, number):
    """The stop that was interrupted must not end what the handler has started, wherever it was waiting."""
    wait, calls = owner.wait_until, []

    def interrupted(condition, timeout):
        calls.append(condition)
        if len(calls) == number:
            monkeypatch.setattr(owner, "wait_until", wait)
            logger.stop()
            logger.start()
        return wait(condition, timeout)

    logger.start()
    logger.input_queue.put(numbered(1, 0))
    monkeypatch.setattr(owner, "wait_until", interrupted)
    logger.stop()
    assert logger.started
    assert logger.statistics.is_running
    logger.input_queue.put(numbered(1, 1))
    assert stored_numbers(logger) == [0, 1]
