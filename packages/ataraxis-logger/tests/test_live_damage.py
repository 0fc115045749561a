"""Memory that somebody else has written to: one ring is lost for now, and nobody is told that all is well."""

import errno

import pytest

from ataraxis_logger import DataLogger, LogFullError, LoggerStateError, recover_logs
from ataraxis_logger._live import owner
from ataraxis_logger._live.producers import close_producer
from ataraxis_shm._ring_layout import HEAD, TAIL
from live_helpers import STORAGES, assert_nothing_left, assert_numbered, numbered, put_numbered, wait_for


@pytest.mark.parametrize("word", [HEAD, TAIL], ids=["head", "tail"])
def test_a_buffer_that_was_damaged_before_the_start_is_told_of_and_the_others_are_stored(tmp_path, word, caplog):
    logger = DataLogger(tmp_path, storage="journal")
    put_numbered(logger.input_queue, 1, 3)
    ring = logger.input_queue.producer.ring
    intact = ring._words[word]
    ring._words[word] = 1 << 40
    close_producer(logger.input_queue.producer.place)
    logger.start()
    assert "1 buffers cannot be read" in caplog.text
    put_numbered(logger.input_queue, 2, 50)
    logger.flush()
    wait_for(lambda: logger.statistics.damaged == 1)
    assert f"left a damaged buffer alone: The ring {ring.path}" in logger.statistics.last_error
    with pytest.raises(LoggerStateError, match=f"1 buffers are damaged .*{ring.path}"):
        logger.stop()
    assert not logger.started
    assert_numbered(logger.output_directory, {2: 50})
    report = recover_logs(logger.output_directory)
    assert (report.recovered, report.discarded) == (0, 1)
    assert report.problems[0].startswith("a buffer cannot be read, and was left: ")
    assert str(ring.path) in report.problems[0]
    ring._words[word] = intact
    assert recover_logs(logger.output_directory).recovered == 3
    assert_numbered(logger.output_directory, {1: 3, 2: 50})
    assert_nothing_left(logger.output_directory)


def test_a_flush_does_not_wait_for_ever_for_a_buffer_that_is_damaged_under_the_writer(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path, storage="journal", buffer_size=1 << 12)
    logger.start()
    put_numbered(logger.input_queue, 1, 3)
    logger.flush()
    ring = logger.input_queue.producer.ring
    head = ring.head
    ring._words[HEAD] = head + (1 << 40)
    with monkeypatch.context() as impatient:
        impatient.setattr(owner, "PATIENCE_S", 0.2)
        impatient.setattr(owner, "_NOTICE_S", 0.2)
        with pytest.raises(LoggerStateError, match="a buffer cannot be read: left a damaged buffer alone"):
            logger.flush()
    ring._limit = 0  # the producer looks at the words again, as at the end of each lap
    with pytest.raises(LogFullError, match="somebody else has written to the memory") as caught:
        logger.input_queue.put(numbered(1, 3))
    assert caught.value.errno == errno.EIO
    assert str(ring.path) in str(caught.value)
    ring._words[HEAD] = head
    logger.input_queue.put(numbered(1, 3))
    for process in logger.processes:
        process.kill()  # its successor looks at the ring anew
    logger.stop()
    assert_numbered(logger.output_directory, {1: 4})
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_stop_is_no_success_when_a_buffer_was_damaged_under_the_writer(tmp_path, storage):
    """The tail is beyond the head, as if everything were stored."""
    logger = DataLogger(tmp_path, storage=storage)
    logger.start()
    put_numbered(logger.input_queue, 1, 3)
    logger.flush()
    ring = logger.input_queue.producer.ring
    tail = ring.tail
    ring._words[TAIL] = tail + 640
    with pytest.raises(LoggerStateError, match="1 buffers are damaged"):
        logger.stop()
    put_numbered(logger.input_queue, 2, 5)  # waits in another buffer
    close_producer(logger.input_queue.producer.place)
    report = recover_logs(logger.output_directory)
    assert (report.recovered, report.discarded) == (5, 1)
    ring._words[TAIL] = tail
    recover_logs(logger.output_directory)
    assert_numbered(logger.output_directory, {1: 3, 2: 5})
    assert_nothing_left(logger.output_directory)
