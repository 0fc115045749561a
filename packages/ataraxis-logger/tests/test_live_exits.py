"""What stays of a logger that was stopped, until the exit; and Ctrl-C that has to wait."""

import gc
import signal
import sys
import weakref
from multiprocessing import util
from types import SimpleNamespace

import pytest

from ataraxis_logger import DataLogger
from ataraxis_logger._live import exits
from ataraxis_logger._live.exits import at_exit, ctrl_c_put_off, drain_at_exit, leave_at_exit
from live_helpers import assert_nothing_left, assert_numbered, numbered, put_numbered
from test_live_interrupts import forked, status_of

pytestmark = pytest.mark.timeout(30)


def test_a_stopped_logger_lets_go_of_its_rings(tmp_path):
    logger = DataLogger(tmp_path)
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    assert logger.input_queue.qsize() <= 10  # looks at the rings
    kept = [
        weakref.ref(logger.input_queue.producer.ring),
        *map(weakref.ref, logger.input_queue._watch._rings.values()),
    ]
    assert len(kept) == 2
    logger.stop()
    gc.collect()
    assert [reference() for reference in kept] == [None, None]
    logger.input_queue.put(numbered(1, 10))
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 11})
    assert_nothing_left(logger.output_directory)


def test_a_queue_that_was_left_with_a_ring_and_no_way_to_it_finds_it(tmp_path):
    """As when one thread connects it and another one disconnects it."""
    logger = DataLogger(tmp_path)
    queue = logger.input_queue
    producer = queue.producer
    queue.hold(None)
    queue._producer = producer
    put_numbered(queue, 1, 10)
    assert queue._way == (producer.ring.put, producer.spill_above)
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 10})


def test_a_stopped_logger_lets_go_of_its_page_and_leaves_one_hook_of_each_kind(tmp_path):
    logger = DataLogger(tmp_path)
    registered, pages = set(), []
    for number in range(3):
        logger.start()
        pages.append(weakref.ref(logger._session.page))
        logger.input_queue.put(numbered(1, number))
        logger.stop()
        registered.add(len(util._finalizer_registry))
    gc.collect()
    assert [page() for page in pages] == [None] * 3
    assert len(registered) == 1
    assert_numbered(logger.output_directory, {1: 3})


class Last:
    states = ()

    def reopen(self):
        raise AssertionError("nobody reopens it")


def test_hooks_are_registered_once(tmp_path, monkeypatch):
    monkeypatch.setattr(exits, "_to_drain", {})
    drain_at_exit(tmp_path, Last())
    registered = len(util._finalizer_registry)
    for _ in range(3):
        leave_at_exit(tmp_path)
        drain_at_exit(tmp_path, Last())
    assert len(util._finalizer_registry) == registered


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_registers_its_own_hooks():
    """Those of its parent do nothing there."""

    def hook():
        raise AssertionError("the tests end before")

    def register():
        registered = len(util._finalizer_registry)
        for _ in range(2):
            at_exit(hook, 0)
        assert len(util._finalizer_registry) == registered + 1

    register()
    assert status_of(forked(register)) == 0
    exits._hooks.discard(hook)
    (finalizer,) = [one for one in util._finalizer_registry.values() if one._callback is hook]
    finalizer.cancel()


@pytest.fixture
def handled():
    """Has SIGINT noted, and then raised as usual."""
    calls = []

    def handler(number, frame):
        calls.append(number)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, handler)
    yield calls
    signal.signal(signal.SIGINT, before)


def interrupted_block(handled, error=None):
    with ctrl_c_put_off():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert handled == []
        if error is not None:
            raise error


def test_ctrl_c_waits_for_the_end_of_the_block(handled):
    with pytest.raises(KeyboardInterrupt):
        interrupted_block(handled)
    assert len(handled) == 1


def test_ctrl_c_is_not_lost_when_the_block_raises(handled):
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted_block(handled, OSError("the disk is full"))
    assert str(caught.value.__context__) == "the disk is full"
    assert len(handled) == 1


def test_an_error_is_not_lost_when_the_handler_of_ctrl_c_does_not_raise():
    handled = []
    before = signal.signal(signal.SIGINT, lambda number, _: handled.append(number))
    try:
        with pytest.raises(OSError, match="the disk is full"):
            interrupted_block(handled, OSError("the disk is full"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert handled == [signal.SIGINT]


def test_ctrl_c_in_a_block_that_takes_too_long_is_handled_there_and_once(handled, monkeypatch):
    def long_block():
        with ctrl_c_put_off():
            signal.raise_signal(signal.SIGINT)
            monkeypatch.setattr(exits, "time", SimpleNamespace(monotonic=lambda: float("inf")))
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        long_block()
    assert caught.value.__context__ is None
    assert len(handled) == 1
