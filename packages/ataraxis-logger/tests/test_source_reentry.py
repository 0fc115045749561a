"""Signal handlers and finalizers that log while their own thread is choosing an onset."""

import struct
import time

import numpy as np
import pytest

from ataraxis_logger import DataLogger, LogPackage, LogQueue, OnsetWarning
from ataraxis_logger._live import onsets
from ataraxis_logger._live.session_page import ONSET_LOCK
from live_helpers import read_log

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def logger(tmp_path):
    logger = DataLogger(tmp_path)
    logger.input_queue.put(LogPackage(200, 1, np.zeros(1, dtype=np.uint8)))  # the ring is there already
    yield logger
    logger.stop()


def interrupt_once(monkeypatch, owner, name, handler):
    """Has a handler run where a function returns, the first time."""
    function, pending = getattr(owner, name), [handler]

    def interrupted(*arguments):
        result = function(*arguments)
        if pending:
            pending.pop()()
        return result

    monkeypatch.setattr(owner, name, interrupted)


def stored_onsets(logger, source):
    log = read_log(logger.output_directory)[source]
    return [struct.unpack("<q", payload)[0] for stamp, payload in log if not stamp]


def store(logger):
    logger.start()
    logger.stop()


PLACES = [
    (onsets, "_journal_onsets"),  # first: they are read once
    (onsets, "_stored_onset"),
    (onsets, "wait_until"),
    (time, "time_ns"),
    (onsets, "onset_payload"),
    (LogQueue, "put_onset"),
]


def test_a_handler_logs_another_source_wherever_its_thread_is(logger, monkeypatch):
    pairs = [(logger.source(2 * number), logger.source(2 * number + 1)) for number in range(len(PLACES))]
    for place, (outer, inner) in zip(PLACES, pairs, strict=True):
        with monkeypatch.context() as handler:
            interrupt_once(handler, *place, lambda inner=inner: inner.log(b"tick"))
            outer.log(b"x")
    store(logger)
    for source in (source for pair in pairs for source in pair):
        assert stored_onsets(logger, source.source_id) == [source.onset_us]


def test_a_handler_logs_the_very_source_wherever_its_thread_is(logger, monkeypatch):
    """There is one onset. When the handler comes just before it is put, it is put twice, which readers take for one."""
    pairs = [(logger.source(number), logger.source(number)) for number in range(len(PLACES))]
    for place, (outer, inner) in zip(PLACES, pairs, strict=True):
        with monkeypatch.context() as handler:
            interrupt_once(handler, *place, lambda inner=inner: inner.log(b"tick"))
            outer.log(b"x")
    store(logger)
    for outer, inner in pairs:
        assert inner.onset_us == outer.onset_us
        assert set(stored_onsets(logger, outer.source_id)) == {outer.onset_us}
        payloads = [payload for stamp, payload in read_log(logger.output_directory)[outer.source_id] if stamp]
        assert sorted(payloads) == [b"tick", b"x"]


def test_a_handler_chooses_an_onset_while_the_package_with_another_is_noted(logger, monkeypatch):
    source = logger.source(1)
    interrupt_once(monkeypatch, onsets, "_stored_onset", lambda: source.log(b"tick"))
    with pytest.warns(OnsetWarning, match="Source 1 has the onset"):
        logger.input_queue.put(LogPackage(1, 0, np.frombuffer(struct.pack("<q", 1000), dtype=np.uint8)))
    monkeypatch.undo()
    store(logger)
    assert stored_onsets(logger, 1) == [1000, source.onset_us]


def test_a_handler_does_not_take_the_wait_for_the_lock_for_the_lock(logger, monkeypatch):
    """Another process has it while the thread waits, and the handler has to wait too."""
    other = logger.input_queue.producer.open_page()
    assert other.file.try_lock_byte(ONSET_LOCK)
    outer, inner = logger.source(1), logger.source(1)
    waits = []

    def wait_until(ready, _timeout):
        waits.append(ready())
        if len(waits) == 1:
            inner.log(b"tick")
        else:
            other.close()
        return ready() or pytest.fail("the lock is free, and not to be had")

    monkeypatch.setattr(onsets, "wait_until", wait_until)
    outer.log(b"x")
    monkeypatch.undo()
    assert waits == [False, False]
    store(logger)
    assert stored_onsets(logger, 1) == [outer.onset_us]
    assert inner.onset_us == outer.onset_us


def test_a_thread_that_has_the_lock_does_not_let_another_thread_in(logger):
    with onsets._locked_page(logger.input_queue.producer) as page:
        again = page.file.again()
        assert not again.try_lock_byte(ONSET_LOCK)
        again.close()
        with onsets._locked_page(logger.input_queue.producer) as below:
            assert below is page
        assert page.holds(ONSET_LOCK)
    assert not onsets._pages
    assert not page.holds(ONSET_LOCK)
