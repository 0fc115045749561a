"""`recover_logs`: what a killed session left is stored, what is damaged is counted, and nothing altered is accepted."""

import os
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ataraxis_logger import DataLogger, LoggerStateError, LogNotFoundError, RecoveryReport, recover_logs
from ataraxis_logger._entry import ENTRY_PREFIX
from ataraxis_logger._formats.journal_layout import HEADER_SIZE, list_segments, segment_name
from ataraxis_logger._formats.npy import npy_header
from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.pending import PENDING_FOLDER, PROBE, pending_name, pending_names
from ataraxis_logger._live.places import folder_identity, state_folders
from ataraxis_logger._live.producers import close_producer
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_logger._live.stores import open_store
from ataraxis_shm import RingConsumer
from ataraxis_shm._ring_layout import DATA_OFFSET
from live_helpers import (
    STORAGES,
    assert_nothing_left,
    assert_numbered,
    numbered,
    numbers_of,
    package,
    put_numbered,
    read_log,
    rings_of,
    state_of,
)

RECORDS = 20


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """The bytes of an intact segment of twenty numbered records."""
    with DataLogger(tmp_path_factory.mktemp("intact"), storage="journal") as logger:
        put_numbered(logger.input_queue, 1, RECORDS)
    (segment,) = list_segments(logger.output_directory)
    return segment.read_bytes()


def folder_with(tmp_path_factory, *segments):
    folder = tmp_path_factory.mktemp("mutated")
    for number, data in enumerate(segments, 1):
        (folder / f"segment_{number:08d}.axj").write_bytes(data)
    return folder


def test_nothing_to_recover(tmp_path, journal, tmp_path_factory):
    assert recover_logs(tmp_path) == RecoveryReport()
    assert recover_logs(str(folder_with(tmp_path_factory, journal))) == RecoveryReport(intact=RECORDS)
    with pytest.raises(LogNotFoundError):
        recover_logs(tmp_path / "missing")
    (tmp_path / "rig_data_log").mkdir()
    with pytest.raises(LogNotFoundError, match="name one of rig_data_log"):
        recover_logs(tmp_path)


@pytest.mark.parametrize("storage", STORAGES)
def test_what_waits_is_stored_in_the_storage_it_was_put_for(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage)
    put_numbered(logger.input_queue, 1, 50)
    assert recover_logs(logger.output_directory).recovered == 50
    assert bool(list_segments(logger.output_directory)) == (storage == "journal")
    again = recover_logs(logger.output_directory)
    assert (again.recovered, again.discarded) == (0, 0)
    assert_numbered(logger.output_directory, {1: 50})


def test_a_running_logger_is_left_alone(tmp_path):
    with DataLogger(tmp_path) as logger:
        with pytest.raises(LoggerStateError, match="runs on"):
            recover_logs(logger.output_directory)
        put_numbered(logger.input_queue, 1, 5)
    assert_numbered(logger.output_directory, {1: 5})


def test_every_truncation_keeps_what_is_whole(journal, tmp_path_factory):
    folder = folder_with(tmp_path_factory, journal)
    path = folder / "segment_00000001.axj"
    for size in range(len(journal), -1, -1):
        os.truncate(path, size)
        report = recover_logs(folder)
        numbers = numbers_of(read_log(folder).get(1, []))
        assert numbers == list(range(len(numbers)))
        assert report.intact == len(numbers)
        # Cut between two frames, or to nothing at all, nothing can be seen to be missing.
        assert report.discarded in (0, 1)
        assert len(report.problems) == report.discarded


mutations = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(0, 7)),
        st.tuples(st.just("cut"), st.floats(0, 1), st.floats(0, 0.3)),
        st.tuples(st.just("repeat"), st.floats(0, 1), st.floats(0, 0.3)),
        st.tuples(st.just("noise"), st.floats(0, 1), st.binary(min_size=1, max_size=200)),
    ),
    min_size=1,
    max_size=5,
)


def mutate(data, changes):
    data = bytearray(data)
    for kind, where, what in changes:
        at = int(where * len(data))
        if kind == "flip" and data:
            data[at] ^= 1 << what
        elif kind == "cut":
            del data[at : at + int(what * len(data))]
        elif kind == "repeat":
            data[at:at] = data[at : at + int(what * len(data))]
        elif kind == "noise":
            data[at:at] = what
    return bytes(data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=mutations)
def test_no_altered_record_is_ever_accepted(journal, tmp_path_factory, changes):
    original = {struct.pack("<I", number) + bytes(60) for number in range(RECORDS)}
    folder = folder_with(tmp_path_factory, mutate(journal, changes))
    report = recover_logs(folder)
    entries = read_log(folder).get(1, [])
    assert {payload for _, payload in entries} <= original
    numbers = numbers_of(entries)
    assert len(set(numbers)) == len(numbers) == report.intact
    assert report.recovered == 0
    assert len(report.problems) == report.discarded
    assert bool(report.discarded) >= bool(report.discarded_bytes)
    assert recover_logs(folder) == report


def test_the_same_records_in_two_segments_count_once(journal, tmp_path_factory):
    report = recover_logs(folder_with(tmp_path_factory, journal, journal))
    assert (report.intact, report.repeats, report.discarded) == (RECORDS, RECORDS, 0)


def test_a_torn_end_that_the_next_segment_has_again_is_no_loss(journal, tmp_path_factory):
    torn = journal[: len(journal) // 2 - 3]
    assert recover_logs(folder_with(tmp_path_factory, torn)).discarded == 1
    assert recover_logs(folder_with(tmp_path_factory, torn, journal)).discarded == 0


def entry_file(source, time_stamp, payload):
    entry = ENTRY_PREFIX.pack(source, time_stamp) + payload
    return npy_header(len(entry)) + entry


def test_pending_entries_whose_ring_is_gone(tmp_path):
    """After a power cut: the rings were in memory, the pending files are on the disk."""
    pending = tmp_path / PENDING_FOLDER
    pending.mkdir()
    complete = entry_file(1, 7, b"complete")
    (pending / pending_name(5, 0)).write_bytes(complete)
    (pending / pending_name(5, 96)).write_bytes(complete)
    (pending / pending_name(5, 192)).write_bytes(complete[:-1])
    (pending / pending_name(5, 288)).write_bytes(b"")
    stored = pending / pending_name(5, 384)
    stored.write_bytes(entry_file(2, 8, b"stored"))
    (tmp_path / "002_00000000000000000008.npy").hardlink_to(stored)
    (pending / f"{PROBE}1").touch()
    report = recover_logs(tmp_path)
    assert (report.recovered, report.discarded) == (2, 2)
    assert len(report.problems) == 2
    assert read_log(tmp_path) == {1: [(7, b"complete"), (7, b"complete")], 2: [(8, b"stored")]}
    assert not pending.exists()
    assert recover_logs(tmp_path) == RecoveryReport()


def test_pending_entries_of_one_time_keep_their_order_over_the_parts_of_helpers(tmp_path):
    part = tmp_path / PENDING_FOLDER / "123"
    part.mkdir(parents=True)
    for number in range(20):
        folder = part if number % 3 else part.parent
        (folder / pending_name(5, number * 96)).write_bytes(entry_file(1, 7, bytes([number])))
    assert recover_logs(tmp_path).recovered == 20
    assert read_log(tmp_path) == {1: [(7, bytes([number])) for number in range(20)]}
    assert not part.parent.exists()


def test_names_of_stored_entries_go_before_a_session_in_the_other_storage(tmp_path):
    logger = DataLogger(tmp_path)
    put_numbered(logger.input_queue, 1, 3)
    ring = logger.input_queue.producer.ring
    with RingConsumer.attach(ring.path) as consumer:  # a writer that stored and advanced, and was killed with the rest
        assert consumer.claim()
        claimed = ClaimedRing(consumer)
        batch = claimed.take(10)
        claimed.stage(batch)
        claimed.advance(batch)
    pending = logger.output_directory / PENDING_FOLDER
    pending.mkdir(parents=True)
    (pending / pending_name(ring.ring_id, 0)).write_bytes(entry_file(1, 1, b"stored"))
    with DataLogger(tmp_path, storage="journal"):
        assert pending_names(logger.output_directory) == set()
    assert_nothing_left(logger.output_directory)
    assert recover_logs(logger.output_directory).recovered == 0
    assert read_log(logger.output_directory) == {}


def test_the_end_of_a_session_removes_every_part_that_is_empty(tmp_path):
    with DataLogger(tmp_path) as logger:
        put_numbered(logger.input_queue, 1, 3)
        logger.flush()
        pending = logger.output_directory / PENDING_FOLDER
        (pending / "123").mkdir(parents=True)
        (pending / "124").mkdir()
        (pending / f"{PROBE}1").touch()  # its writer was killed while it tried for hard links
        (pending / "124" / "strange").touch()
        logger.stop()
        assert [path.name for path in pending.iterdir()] == ["124"]
        (pending / "124" / "strange").unlink()
        logger.start()
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("part", ["", "123"])
def test_pending_entries_of_a_ring_that_waits_are_left_to_it(tmp_path, part):
    logger = DataLogger(tmp_path)
    put_numbered(logger.input_queue, 1, 3)
    pending = logger.output_directory / PENDING_FOLDER / part
    pending.mkdir(parents=True)
    ring_id = logger.input_queue.producer.ring.ring_id
    (pending / pending_name(ring_id, 0)).write_bytes(entry_file(1, 1, b"written half"))
    with logger:
        logger.flush()
    assert_numbered(logger.output_directory, {1: 3})
    assert_nothing_left(logger.output_directory)


def test_damage_in_a_ring_is_reported_and_passed_over(tmp_path):
    """Memory that somebody else has written to: one record is lost, the others are not, and the logger says so."""
    logger = DataLogger(tmp_path)
    put_numbered(logger.input_queue, 1, 10)
    (ring,) = state_of(logger)[0].glob("*.ring")
    data = bytearray(ring.read_bytes())
    at = data.find(struct.pack("<I", 4) + bytes(60), DATA_OFFSET)  # words of the header may look like it
    with ring.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff")
    with logger:
        logger.flush()
        statistics = logger.statistics
    assert statistics.damaged == 1
    assert "damaged" in statistics.last_error
    assert numbers_of(read_log(logger.output_directory)[1]) == [n for n in range(10) if n != 4]


@pytest.mark.parametrize("storage", STORAGES)
def test_a_spill_file_that_is_gone_is_reported_and_passed_over(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage, buffer_size=4096)
    logger.input_queue.put(numbered(1, 0))
    logger.input_queue.put(numbered(1, 1, size=4000))
    logger.input_queue.put(numbered(1, 2))
    (spill,) = state_of(logger)[0].glob("*.spill")
    spill.write_bytes(bytes(np.frombuffer(spill.read_bytes(), np.uint8) ^ 1))
    with logger:
        logger.flush()
        assert logger.statistics.damaged == 1
        assert "spill" in logger.statistics.last_error
    assert numbers_of(read_log(logger.output_directory)[1]) == [0, 2]
    assert_nothing_left(logger.output_directory)


def test_a_torn_large_payload_that_the_next_segment_has_is_no_loss(tmp_path):
    """Its ring held a short reference in its place, so its bytes in the journal are no positions of the ring."""
    payload = os.urandom(100_000)
    with DataLogger(tmp_path, storage="journal", buffer_size=1 << 14) as logger:
        logger.input_queue.put(package(1, 5, payload))
        logger.input_queue.put(package(1, 6, b"small"))
    folder = logger.output_directory
    (first,) = list_segments(folder)
    content = first.read_bytes()
    for torn in (36, 60, 5000, 99_000):
        (folder / segment_name(1)).write_bytes(content[: HEADER_SIZE + torn])
        (folder / segment_name(2)).write_bytes(content)
        report = recover_logs(folder)
        assert (report.discarded, report.intact) == (0, 2), torn
    (folder / segment_name(2)).unlink()
    assert recover_logs(folder).discarded == 1


@pytest.mark.parametrize("storage", STORAGES)
def test_a_buffer_that_cannot_be_read_is_reported(tmp_path, storage, caplog):
    logger = DataLogger(tmp_path, storage=storage)
    put_numbered(logger.input_queue, 1, 3)
    close_producer(logger.input_queue.producer.place)
    (ring,) = rings_of(logger.output_directory)
    content = ring.read_bytes()
    ring.write_bytes(b"\xff" * 8 + content[8:])
    report = recover_logs(logger.output_directory)
    assert report.discarded == 1
    assert "cannot be read" in report.problems[0]
    assert str(ring) in report.problems[0]
    with logger:
        assert "1 buffers cannot be read" in caplog.text
    ring.write_bytes(content)
    assert recover_logs(logger.output_directory).recovered == 3
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("storage", STORAGES)
def test_packages_of_a_folder_that_was_renamed_are_announced(tmp_path, storage, caplog):
    logger = DataLogger(tmp_path, storage=storage)
    with logger:
        put_numbered(logger.input_queue, 1, 2)
    put_numbered(logger.input_queue, 2, 3)
    folder = logger.output_directory
    page = SessionPage.attach(state_folders(folder.resolve())[0])
    page.folder_identity = folder_identity(folder)  # as a session leaves it that was killed
    page.close()
    folder.rename(tmp_path / "renamed_data_log")
    with DataLogger(tmp_path, storage=storage) as again:
        assert "3 packages wait that were put for another folder of this name" in caplog.text
    assert_numbered(again.output_directory, {2: 3})


@pytest.mark.parametrize(("first", "second"), [STORAGES, STORAGES[::-1]])
def test_a_batch_that_a_killed_writer_began_is_finished_in_the_storage_it_began_in(tmp_path, first, second):
    logger = DataLogger(tmp_path, storage=first)
    put_numbered(logger.input_queue, 1, 100)
    # What a writer does until it is killed: everything but the advance.
    producer = logger.input_queue.producer
    page = producer.open_page()
    page.folder_identity = folder_identity(logger.output_directory)
    store = open_store(logger.output_directory, page, 1)
    with RingConsumer.attach(producer.ring.path) as consumer:
        assert consumer.claim()
        ring = ClaimedRing(consumer)
        store.claim(ring)
        store.append(ring, ring.take(40))
        store.commit()
    store.close()
    page.close()
    with DataLogger(tmp_path, storage=second) as logger:
        logger.input_queue.put(numbered(1, 100))
    found = sorted(numbers_of(read_log(logger.output_directory)[1]))
    assert found == list(range(101))
    assert_nothing_left(logger.output_directory)
