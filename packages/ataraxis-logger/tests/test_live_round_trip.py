"""What is put is on disk after `stop`, once, with the bytes it was put with."""

import collections
import multiprocessing
import os
import pickle
import queue
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ataraxis_logger import DataLogger, LogPackage
from ataraxis_logger._errors import LogFullError, LoggerError, PackageTypeError, SettingTypeError, SettingValueError
from ataraxis_logger._live.producers import close_producer
from live_helpers import (
    EVERY_WAY,
    STORAGES,
    assert_nothing_left,
    assert_numbered,
    numbered,
    package,
    put_numbered,
    read_log,
    rings_of,
)


@pytest.fixture(params=STORAGES)
def logger(request, tmp_path):
    logger = DataLogger(tmp_path, "test", storage=request.param)
    yield logger
    logger.stop()


def test_a_package_is_stored_and_nothing_else_is_left(logger):
    logger.start()
    logger.input_queue.put(package(1, 5, b"abc"))
    logger.stop()
    assert read_log(logger.output_directory) == {1: [(5, b"abc")]}
    logger.input_queue.put(package(1, 6, b"d"))
    logger.start()
    logger.stop()
    assert read_log(logger.output_directory) == {1: [(5, b"abc"), (6, b"d")]}
    assert_nothing_left(logger.output_directory)


def test_the_rings_of_one_process_are_stored_in_their_order(logger):
    """A process goes on to put after a `stop` that could not store everything: then it has several rings."""
    for ring in range(8):
        for number in range(10 * ring, 10 * ring + 10):
            logger.input_queue.put(numbered(1, number, per_stamp=1000))
        close_producer(logger.input_queue.producer.place)
    assert len(rings_of(logger.output_directory)) == 8
    logger.start()
    logger.flush()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 80})
    assert_nothing_left(logger.output_directory)


def test_construction_touches_only_the_log_folder(tmp_path):
    logger = DataLogger(tmp_path, "some/where")
    assert logger.name == "some/where"
    assert logger.output_directory == tmp_path / "some" / "where_data_log"
    assert [path.name for path in tmp_path.rglob("*")] == ["some", "where_data_log"]
    assert not logger.started
    assert_nothing_left(logger.output_directory)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(
        st.tuples(st.integers(0, 255), st.integers(1, 2**64 - 1), st.binary(max_size=3000)), min_size=1, max_size=60
    )
)
@pytest.mark.parametrize("storage", STORAGES)
def test_any_packages_come_back_byte_for_byte(tmp_path_factory, storage, entries):
    with DataLogger(tmp_path_factory.mktemp("log"), storage=storage, buffer_size=4096) as logger:
        for source, time_stamp, payload in entries:
            logger.input_queue.put(package(source, time_stamp, payload))
    expected = {}
    for source, time_stamp, payload in entries:
        expected.setdefault(source, []).append((time_stamp, payload))
    found = read_log(logger.output_directory)
    if storage == "npy":  # files are in the order of their times, and of acceptance where these are equal
        expected = {source: sorted(stamped, key=lambda entry: entry[0]) for source, stamped in expected.items()}
    assert found == expected


def test_equal_time_stamps_are_all_kept_in_order(logger):
    with logger:
        for number in range(500):
            logger.input_queue.put(numbered(3, number, per_stamp=1000))
    assert_numbered(logger.output_directory, {3: 500})


def test_all_sources_at_once(logger):
    with logger:
        for source in range(256):
            logger.input_queue.put(numbered(source, 0))
    assert_numbered(logger.output_directory, dict.fromkeys(range(256), 1))


def test_put_many_keeps_order_and_copies_at_once(logger):
    shared = np.zeros(64, dtype=np.uint8)

    def packages():
        for number in range(1000):
            shared[:4] = np.frombuffer(number.to_bytes(4, "little"), np.uint8)
            yield LogPackage(1, number + 1, shared)

    with logger:
        logger.input_queue.put_many(packages())
    assert_numbered(logger.output_directory, {1: 1000})


def test_a_payload_is_copied_during_put(logger):
    payload = np.full(64, 7, dtype=np.uint8)
    with logger:
        logger.input_queue.put(LogPackage(1, 1, payload))
        payload[:] = 0
    assert read_log(logger.output_directory) == {1: [(1, bytes([7]) * 64)]}


def test_arrays_that_are_not_contiguous_are_stored_as_they_read(logger):
    payload = np.arange(128, dtype=np.uint8)
    with logger:
        logger.input_queue.put(LogPackage(1, 1, payload[::2]))
        logger.input_queue.put(LogPackage(1, 2, payload[::-1]))
    assert read_log(logger.output_directory) == {1: [(1, payload[::2].tobytes()), (2, payload[::-1].tobytes())]}


def test_empty_payloads_are_normal(logger):
    with logger:
        logger.input_queue.put(package(9, 1))
    assert read_log(logger.output_directory) == {9: [(1, b"")]}


@pytest.mark.parametrize("bad", [None, b"abc", (1, 2, b"abc"), LogPackage])
def test_what_is_no_package_is_refused_and_harms_nothing(logger, bad):
    with logger:
        logger.input_queue.put(numbered(1, 0))
        with pytest.raises(PackageTypeError, match="LogPackage"):
            logger.input_queue.put(bad)
        with pytest.raises(TypeError):
            logger.input_queue.put_many([numbered(1, 1), bad, numbered(1, 2)])
        logger.input_queue.put(numbered(1, 2))
    assert_numbered(logger.output_directory, {1: 3})


@pytest.mark.parametrize("size", [8, 1 << 23], ids=["small", "large"])
@pytest.mark.parametrize(
    ("timeout", "error"),
    [(-1, SettingValueError), (float("nan"), SettingValueError), ("1", SettingTypeError), ([], SettingTypeError)],
    ids=repr,
)
def test_a_timeout_that_is_none_is_refused_before_anything_is_accepted(logger, timeout, error, size):
    queue = logger.input_queue
    for first in (True, False):  # without a ring, and with one
        with pytest.raises(error, match="timeout must be"):
            queue.put(numbered(2, 0, size), timeout=timeout)
        if first:
            queue.put(numbered(1, 0), timeout=0)
    queue.put(numbered(1, 1), block=False, timeout=-1)  # not looked at, as in queue.Queue
    with logger:
        pass
    assert_numbered(logger.output_directory, {1: 2})


@pytest.mark.parametrize("bad", [numbered(1, 0), None, 5], ids=["package", "None", "number"])
def test_put_many_takes_nothing_that_is_not_many(logger, bad):
    with pytest.raises(PackageTypeError, match=f"not {type(bad).__name__}.*Use put"):
        logger.input_queue.put_many(bad)
    assert logger.input_queue.empty()


def test_threads_share_the_ring_of_their_process(logger):
    with logger:
        threads = [threading.Thread(target=put_numbered, args=(logger.input_queue, s, 200)) for s in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(rings_of(logger.output_directory)) == 1
    assert_numbered(logger.output_directory, dict.fromkeys(range(10), 200))


def _threads_in_a_process(queue, first):
    threads = [threading.Thread(target=put_numbered, args=(queue, first + s, 50)) for s in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("storage", "method"), EVERY_WAY)
def test_ten_threads_in_each_of_four_processes(tmp_path, storage, method):
    context = multiprocessing.get_context(method)
    with DataLogger(tmp_path, storage=storage) as logger:
        children = [context.Process(target=_threads_in_a_process, args=(logger.input_queue, 10 * n)) for n in range(4)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
    assert_numbered(logger.output_directory, dict.fromkeys(range(40), 50))
    assert_nothing_left(logger.output_directory)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])])
def test_many_producers_that_live_for_one_package_each(logger, count):
    """Each of them makes a ring and leaves it behind: nothing of that piles up."""
    context, living = multiprocessing.get_context("fork"), collections.deque()
    with logger:
        for number in range(count):
            child = context.Process(target=put_numbered, args=(logger.input_queue, number % 256, 1))
            child.start()
            living.append(child)
            if len(living) == 8:
                living.popleft().join()
        for child in living:
            child.join()
        logger.flush()
        statistics = logger.statistics
    assert (statistics.accepted, statistics.written, statistics.restarts) == (count, count, 0)
    entries = read_log(logger.output_directory)
    assert {source: len(found) for source, found in entries.items()} == {
        source: len(range(source, count, 256)) for source in range(min(count, 256))
    }
    assert_nothing_left(logger.output_directory)


def test_a_queue_that_was_used_is_used_again_after_a_fork(logger):
    with logger:
        put_numbered(logger.input_queue, 1, 10)
        child = multiprocessing.get_context("fork").Process(target=put_numbered, args=(logger.input_queue, 2, 10))
        child.start()
        child.join()
        assert child.exitcode == 0
        logger.input_queue.put(numbered(1, 10))
    assert_numbered(logger.output_directory, {1: 11, 2: 10})


def test_a_queue_pickles_before_the_start_and_leads_to_the_same_log(logger):
    copy = pickle.loads(pickle.dumps(logger.input_queue))
    copy.put(numbered(1, 0))
    assert logger.input_queue.qsize() == copy.qsize() == 1
    assert not logger.input_queue.empty()
    logger.start()
    logger.input_queue.put(numbered(1, 1))
    logger.flush()
    assert copy.empty()
    assert_numbered(logger.output_directory, {1: 2})


def test_what_is_put_before_the_start_and_after_the_stop_waits(logger):
    put_numbered(logger.input_queue, 1, 10)
    with logger:
        pass
    assert_numbered(logger.output_directory, {1: 10})
    put_numbered(logger.input_queue, 2, 5)
    assert_numbered(logger.output_directory, {1: 10})
    with logger:
        pass
    assert_numbered(logger.output_directory, {1: 10, 2: 5})
    assert_nothing_left(logger.output_directory)


def test_a_full_buffer_without_a_logger_raises_at_once_and_keeps_what_it_took(tmp_path):
    logger = DataLogger(tmp_path, buffer_size=8192)
    accepted = 0
    with pytest.raises(LogFullError, match="no logger is started") as caught:  # noqa: PT012  # one of the puts
        for accepted in range(10_000):  # the count is used below
            logger.input_queue.put(numbered(1, accepted))
    assert isinstance(caught.value, queue.Full)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, LoggerError)
    assert logger.input_queue.full()
    with pytest.raises(queue.Full):
        logger.input_queue.put_nowait(numbered(1, accepted))
    with pytest.raises(queue.Full):
        logger.input_queue.put(numbered(1, accepted), timeout=0.05)
    with logger:
        logger.flush()
        assert not logger.input_queue.full()
        logger.input_queue.put(numbered(1, accepted))
    assert_numbered(logger.output_directory, {1: accepted + 1})


@pytest.mark.parametrize("size", [1024, 1025, 4096, 5000, 300_000])
def test_payloads_larger_than_the_buffer_work(tmp_path, size):
    for storage in STORAGES:
        payloads = [bytes([number]) * (size + number) for number in range(6)]
        with DataLogger(tmp_path, storage, storage=storage, buffer_size=4096) as logger:
            for number, payload in enumerate(payloads):
                logger.input_queue.put(package(2, 2 * number + 1, payload))
                logger.input_queue.put(package(2, 2 * number + 2, b"small"))
        expected = [
            (2 * number + 1 + small, b"small" if small else payload)
            for number, payload in enumerate(payloads)
            for small in (0, 1)
        ]
        assert read_log(logger.output_directory) == {2: expected}
        assert_nothing_left(logger.output_directory)


def test_large_and_small_payloads_keep_their_order_in_put_many(logger):
    sizes = [10, 5_000_000, 25, 41, 5_000_000, 5_000_000, 24]
    with logger:
        logger.input_queue.put_many(package(1, n + 1, bytes([n]) * size) for n, size in enumerate(sizes))
    assert read_log(logger.output_directory) == {1: [(n + 1, bytes([n]) * size) for n, size in enumerate(sizes)]}
