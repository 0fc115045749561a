"""`LogSource`: onsets, time stamps, and what it takes."""

import multiprocessing
import pickle
import struct
import threading
import time
import warnings

import numpy as np
import pytest

from ataraxis_logger import (
    DataLogger,
    LogPackage,
    LogSource,
    OnsetWarning,
    PackageTypeError,
    PackageValueError,
    SettingTypeError,
    SettingValueError,
)
from ataraxis_logger._live.session_page import SessionPage
from live_helpers import START_METHODS, STORAGES, assert_nothing_left, package, read_log, run_script, state_of


@pytest.fixture(params=STORAGES)
def logger(request, tmp_path):
    logger = DataLogger(tmp_path, storage=request.param)
    yield logger
    logger.stop()


def onset_of(entries):
    time_stamp, payload = entries[0]
    assert (time_stamp, len(payload)) == (0, 8)
    return struct.unpack("<q", payload)[0]


def test_the_onset_comes_first_and_times_count_from_it(logger):
    before = time.time_ns() // 1000
    with logger:
        source = logger.source(5)
        source.log(b"one")
        time.sleep(0.01)  # time has to pass for times to differ
        source.log(b"two")
    after = time.time_ns() // 1000
    entries = read_log(logger.output_directory)[5]
    onset = onset_of(entries)
    assert before <= onset <= after
    assert source.onset_us == onset
    assert [payload for _, payload in entries[1:]] == [b"one", b"two"]
    first, second = (time_stamp for time_stamp, _ in entries[1:])
    assert first >= 1
    assert first + 10_000 <= second <= after - onset + 1000


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview")[2:],
        np.arange(5, dtype=np.uint8),
        np.arange(6, dtype=np.float64).reshape(2, 3),
        np.arange(6, dtype=">i2").reshape(2, 3).T,
        np.arange(10, dtype=np.uint16)[::3],
        np.float32(1.5),
        np.array(7, dtype=np.int32),
        np.zeros(0, dtype=np.int64),
        b"",
    ],
    ids=lambda data: f"{type(data).__name__}-{len(bytes(data))}",
)
def test_anything_with_bytes_is_logged_in_c_order(logger, data):
    expected = np.asarray(data).tobytes() if isinstance(data, np.ndarray | np.generic) else bytes(data)
    with logger:
        logger.source(1).log(data)
    assert read_log(logger.output_directory)[1][1][1] == expected


def test_what_has_no_bytes_is_refused(logger):
    logger.start()
    source = logger.source(1)
    for bad in ("text", 5, [1, 2], None, np.array([object()])):
        with pytest.raises(PackageTypeError):
            source.log(bad)
    for bad in (-1, 0, 2**64):
        with pytest.raises(PackageValueError):
            source.log(b"", time_us=bad)
    with pytest.raises(PackageTypeError):
        source.log(b"", time_us=1.5)


@pytest.mark.parametrize(("bad", "error"), [(-1, SettingValueError), (256, SettingValueError), ("1", SettingTypeError)])
def test_source_ids_are_bytes(logger, bad, error):
    with pytest.raises(error, match="source id"):
        logger.source(bad)


def test_given_times_are_taken(logger):
    with logger:
        source = logger.source(np.uint8(9))
        assert source.source_id == 9
        for time_us in (1, np.uint64(500), 2**63):
            source.log(b"x", time_us=time_us)
    assert [time_stamp for time_stamp, _ in read_log(logger.output_directory)[9]] == [0, 1, 500, 2**63]


def _log_in_child(source, payload):
    source.log(payload)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_source_pickles_and_keeps_its_onset(logger, method):
    with logger:
        source = logger.source(3)
        source.log(b"parent")
        child = multiprocessing.get_context(method).Process(target=_log_in_child, args=(source, b"child"))
        child.start()
        child.join()
        assert child.exitcode == 0
        copy = pickle.loads(pickle.dumps(source))
        copy.log(b"copy")
        assert copy.onset_us == source.onset_us
        assert "3" in repr(copy)
    # A journal holds the packages of a producer in order; those of two lie as they were stored.
    entries = sorted(read_log(logger.output_directory)[3])
    assert onset_of(entries) == source.onset_us
    assert sorted(payload for _, payload in entries[1:]) == [b"child", b"copy", b"parent"]
    times = {payload: time_stamp for time_stamp, payload in entries[1:]}
    assert times[b"parent"] < times[b"child"] < times[b"copy"]
    assert_nothing_left(logger.output_directory)


def test_threads_that_open_a_source_at_once_agree_on_its_onset(logger):
    with logger:
        sources = [logger.source(4) for _ in range(8)]
        threads = [threading.Thread(target=source.log, args=(b"x",)) for source in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({source.onset_us for source in sources}) == 1
    entries = read_log(logger.output_directory)[4]
    assert [time_stamp for time_stamp, _ in entries].count(0) == 1
    assert len(entries) == 9


def test_a_source_continues_the_onset_of_an_earlier_session(logger):
    with logger:
        logger.source(2).log(b"first")
    with logger:
        again = LogSource(logger.input_queue, 2)
        again.log(b"second")
    entries = read_log(logger.output_directory)[2]
    assert [payload for _, payload in entries[1:]] == [b"first", b"second"]
    assert onset_of(entries) == again.onset_us
    assert entries[1][0] < entries[2][0] < time.time_ns() // 1000 - again.onset_us + 1000


def test_a_source_continues_the_onset_that_is_in_an_archive(tmp_path):
    logger = DataLogger(tmp_path)
    with logger:
        source = logger.source(2)
        source.log(b"first")
    logger.compress_logs(remove_sources=True)
    assert read_log(logger.output_directory) == {}
    with logger:
        again = logger.source(2)
        again.log(b"second")
        assert again.onset_us == source.onset_us
    assert [payload for _, payload in read_log(logger.output_directory)[2]] == [b"second"]


@pytest.mark.kill
def test_a_source_continues_after_its_process_was_killed(logger):
    program = """
        import os, signal, sys
        from pathlib import Path
        from ataraxis_logger import DataLogger
        folder, storage = sys.argv[1:]
        source = DataLogger(folder, storage=storage).source(6)
        source.log(b"last words")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with logger:
        for _ in range(2):
            done = run_script(program, logger.output_directory.parent, logger.input_queue._storage)
            assert done.returncode == -9, done.stderr
        logger.source(6).log(b"still here")
    # Each process has a ring of its own, and no order holds between rings: here it is the order of the clock.
    entries = sorted(read_log(logger.output_directory)[6])
    onset_of(entries)
    assert [payload for _, payload in entries[1:]] == [b"last words", b"last words", b"still here"]


def test_an_onset_that_was_chosen_and_not_put_is_put_by_the_next(logger):
    with logger:
        logger.input_queue.put(package(1, 1))  # makes the ring, and a page to choose an onset in
        page = SessionPage.attach(state_of(logger)[0])
        page.choose_onset(7, 123_456, time.monotonic_ns() // 1000, is_put=False)
        page.close()
        logger.source(7).log(b"x")
    assert onset_of(read_log(logger.output_directory)[7]) == 123_456


def onset_package(source, onset_us):
    return LogPackage(source, 0, np.frombuffer(struct.pack("<q", onset_us), dtype=np.uint8))


def test_a_second_different_onset_is_kept_and_warned_about(logger):
    with logger:
        logger.input_queue.put(onset_package(1, 1000))
        logger.input_queue.put(onset_package(2, 5))
        with pytest.warns(OnsetWarning, match="Source 1 has the onset 1000") as caught:
            logger.input_queue.put(onset_package(1, 2000))
        assert caught[0].filename == __file__
        logger.source(1).log(b"x")
    entries = read_log(logger.output_directory)[1]
    assert [struct.unpack("<q", payload)[0] for time_stamp, payload in entries if not time_stamp] == [1000, 2000]


def test_an_equal_onset_is_no_reason_to_warn(logger):
    with logger:
        for _ in range(2):
            logger.input_queue.put(onset_package(1, 1000))


def test_the_onset_of_an_earlier_session_is_warned_about(logger):
    with logger:
        logger.input_queue.put(onset_package(1, 1000))
    with logger, pytest.warns(OnsetWarning):
        logger.input_queue.put(onset_package(1, 2000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.input_queue.put(onset_package(2, 3000))
    logger.start()


def test_a_warning_that_is_an_error_leaves_the_package_accepted(logger):
    with logger:
        logger.input_queue.put(onset_package(1, 1000))
        with pytest.raises(OnsetWarning):
            logger.input_queue.put(onset_package(1, 2000))
        logger.input_queue.put(package(1, 5, b"later"))
    assert len(read_log(logger.output_directory)[1]) == 3


def test_time_zero_with_another_payload_is_no_onset(logger):
    with logger:
        logger.input_queue.put(package(1, 0, b"abc"))
        logger.input_queue.put(package(1, 0, b"12345678"))
        logger.input_queue.put(package(1, 0, b"xyz"))
    assert sorted(payload for _, payload in read_log(logger.output_directory)[1]) == [b"12345678", b"abc", b"xyz"]


def test_a_clock_that_was_set_back_does_not_stop_a_source(logger, monkeypatch):
    real = time.time_ns
    with logger:
        monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * 10**9)
        logger.source(1).log(b"an hour early")
        monkeypatch.setattr(time, "time_ns", real)
    with logger:
        source = logger.source(1)
        source.log(b"first")
        time.sleep(0.002)
        source.log(b"second")
    entries = {payload: time_stamp for time_stamp, payload in read_log(logger.output_directory)[1][1:]}
    assert 1 <= entries[b"first"] <= entries[b"second"] - 2000


def test_another_folder_has_other_onsets(tmp_path):
    with DataLogger(tmp_path, "a") as first, DataLogger(tmp_path, "b") as second:
        first.input_queue.put(onset_package(1, 1000))
        second.input_queue.put(onset_package(1, 2000))
    for folder, onset_us in ((first.output_directory, 1000), (second.output_directory, 2000)):
        assert onset_of(read_log(folder)[1]) == onset_us


def test_a_source_that_was_used_before_the_start_keeps_its_onset_when_it_is_opened_again(logger):
    first = logger.source(7)
    first.log(b"before")
    logger.start()
    second = logger.source(7)
    second.log(b"after")
    logger.stop()
    assert second.onset_us == first.onset_us
    assert [payload for _, payload in read_log(logger.output_directory)[7][1:]] == [b"before", b"after"]
