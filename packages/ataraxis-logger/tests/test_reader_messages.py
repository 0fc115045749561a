"""LogArchiveReader: the same messages out of archives, npy folders and journals, with the right times."""

import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from archive_helpers import ONSET_US, Entry, npy_bytes, onset, write_journal, write_npy, write_npz
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.discover import discover_log_archives, find_log_archive, read_archive_message_count
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.reader import LogArchiveReader, LogMessage
from ataraxis_logger._errors import DamagedEntryError, DamageWarning, LogFormatError, LogNotFoundError, OnsetError
from ataraxis_logger._formats.journal_layout import WRITER_LOCK
from ataraxis_shm._registry import open_file

MESSAGES = [(time * 10, bytes([time % 256]) * (time % 9)) for time in range(1, 300)]
ENTRIES: list[Entry] = [onset(1), *[(1, time, payload) for time, payload in MESSAGES]]
Maker = Callable[[Path, Iterable[Entry]], Path]


def npy_folder(place: Path, entries: Iterable[Entry]) -> Path:
    write_npy(place / "log", entries)
    return place / "log"


def journal_folder(place: Path, entries: Iterable[Entry]) -> Path:
    write_journal(place / "log", entries)
    return place / "log"


def our_archive(place: Path, entries: Iterable[Entry]) -> Path:
    # Moved, and its sources left alone: thousands of removed files would slow down every test that makes files.
    write_npy(place / "sources", entries)
    compress_npy_logs(place / "sources")
    (place / "log").mkdir()
    return (place / "sources" / "1_log.npz").rename(place / "log" / "1_log.npz")


def numpys_archive(place: Path, entries: Iterable[Entry]) -> Path:
    write_npz(place / "1_log.npz", entries, compressed=True)
    return place / "1_log.npz"


def archived_folder(place: Path, entries: Iterable[Entry]) -> Path:
    return our_archive(place, entries).parent


def archive_and_sources(place: Path, entries: Iterable[Entry]) -> Path:
    write_journal(place / "log", entries)
    compress_npy_logs(place / "log")
    return place / "log"


every_kind = pytest.mark.parametrize(
    "make", [npy_folder, journal_folder, our_archive, numpys_archive, archived_folder, archive_and_sources]
)


def plain(messages: Iterable[LogMessage]) -> list[tuple[int, bytes]]:
    return [(int(time), payload.tobytes()) for time, payload in messages]


ABSOLUTE = [(ONSET_US + time, payload) for time, payload in MESSAGES]


@every_kind
def test_messages_have_absolute_times_and_own_writable_payloads(make: Maker, tmp_path: Path) -> None:
    with LogArchiveReader(make(tmp_path, ENTRIES)) as reader:
        assert plain(reader) == ABSOLUTE
        assert len(reader) == reader.message_count == len(MESSAGES)
        assert reader.onset_timestamp_us == ONSET_US
        assert type(reader.onset_timestamp_us) is np.uint64
        assert reader.source_id == 1
        message = next(reader.iter_messages())
    assert type(message.timestamp_us) is np.uint64
    assert message.payload.dtype == np.uint8
    message.payload[:] = 0


@every_kind
def test_all_messages_come_at_once_too(make: Maker, tmp_path: Path) -> None:
    with LogArchiveReader(make(tmp_path, ENTRIES)) as reader:
        times, payloads = reader.read_all_messages()
    assert times.dtype == np.uint64
    assert list(zip(times.tolist(), [payload.tobytes() for payload in payloads], strict=True)) == ABSOLUTE
    assert all(payload.flags.writeable and payload.dtype == np.uint8 for payload in payloads)


@every_kind
def test_batches_cover_every_message_once_in_order(make: Maker, tmp_path: Path) -> None:
    many = [(1, time, b"") for time in range(1, 2101)]
    with LogArchiveReader(make(tmp_path, [onset(1), *many])) as reader:
        batches = reader.get_batches(workers=3, batch_multiplier=2)
        assert len(batches) == 6
        assert [key for batch in batches for key in batch] == [f"001_{time:020d}" for time in range(1, 2101)]
        assert plain(reader.iter_messages(batches[1])) == [(ONSET_US + time, b"") for time in range(351, 701)]
        assert len(reader.get_batches()) >= 4


@every_kind
def test_a_small_log_is_one_batch(make: Maker, tmp_path: Path) -> None:
    with LogArchiveReader(make(tmp_path, ENTRIES)) as reader:
        (batch,) = reader.get_batches(workers=5)
        assert plain(reader.iter_messages(batch)) == ABSOLUTE


@every_kind
def test_messages_can_be_had_by_key_in_any_order(make: Maker, tmp_path: Path) -> None:
    entries = [*ENTRIES, (1, 50, b"equal time, second"), (1, 50, b"equal time, third")]
    with LogArchiveReader(make(tmp_path, entries)) as reader:
        (keys,) = reader.get_batches()
        assert plain(reader.iter_messages(keys[::-1])) == plain(reader)[::-1]
        assert plain(reader.iter_messages([keys[5], keys[5]])) == [plain(reader)[5]] * 2
        assert plain(reader.iter_messages([])) == []
        for unknown in ("001_00000000000000000011", "001_00000000000000000050_9", "notes", "001_" + "0" * 20):
            with pytest.raises(KeyError, match="There is no message"):
                next(reader.iter_messages([unknown]))


@every_kind
def test_a_stretch_of_time_is_half_open(make: Maker, tmp_path: Path) -> None:
    with LogArchiveReader(make(tmp_path, ENTRIES)) as reader:
        for start, stop in [(0, 2**64), (ONSET_US + 30, ONSET_US + 60), (ONSET_US + 31, ONSET_US + 61), (9, 3)]:
            wanted = [(time, payload) for time, payload in ABSOLUTE if start <= time < stop]
            assert plain(reader.between(start, stop)) == wanted
        assert plain(reader.between(np.uint64(ONSET_US), ONSET_US + 2**64)) == ABSOLUTE


@every_kind
def test_a_reader_travels_to_other_processes(make: Maker, tmp_path: Path) -> None:
    with LogArchiveReader(make(tmp_path, ENTRIES)) as reader:
        copy = pickle.loads(pickle.dumps(reader))
        assert plain(copy) == ABSOLUTE
        assert repr(copy) == repr(reader)
        copy.close()


def test_batches_can_be_read_by_a_process_pool(tmp_path: Path) -> None:
    many = [(1, time, time.to_bytes(2, "little")) for time in range(1, 2501)]
    with (
        LogArchiveReader(our_archive(tmp_path, [onset(1), *many])) as reader,
        ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool,
    ):
        batches = reader.get_batches(workers=2, batch_multiplier=1)
        results = pool.map(read_batch, [reader] * len(batches), batches)
        assert [message for result in results for message in result] == plain(reader)


def read_batch(reader: LogArchiveReader, batch: list[str]) -> list[tuple[int, bytes]]:
    return plain(reader.iter_messages(batch))


# Onsets.


@every_kind
def test_without_an_onset_times_are_ticks(make: Maker, tmp_path: Path) -> None:
    path = make(tmp_path, ENTRIES[1:])
    with LogArchiveReader(path) as reader:
        assert plain(reader) == MESSAGES
        with pytest.raises(OnsetError, match="has no onset") as caught:
            _ = reader.onset_timestamp_us
        assert isinstance(caught.value, ValueError)
        assert "onset_us=unknown" in repr(reader)
    with LogArchiveReader(path, np.uint64(1000)) as reader:
        assert reader.onset_timestamp_us == 1000
        assert plain(reader) == [(time + 1000, payload) for time, payload in MESSAGES]


@every_kind
def test_two_different_onsets_need_a_decision(make: Maker, tmp_path: Path) -> None:
    path = make(tmp_path, [onset(1, 5), *ENTRIES])
    with pytest.raises(OnsetError, match="ambiguous"):
        LogArchiveReader(path)
    with LogArchiveReader(path, onset_us=7) as reader:
        assert plain(reader) == [(time + 7, payload) for time, payload in MESSAGES]


def test_an_onset_that_was_written_twice_counts_once(tmp_path: Path) -> None:
    write_npy(tmp_path, [onset(1), *ENTRIES])
    with LogArchiveReader(tmp_path) as reader:
        assert len(reader) == len(MESSAGES)
        assert plain(reader) == ABSOLUTE


def test_time_zero_without_eight_bytes_is_a_message(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 0, b"message"), onset(1), (1, 0, b"another")])
    with LogArchiveReader(tmp_path) as reader:
        assert plain(reader) == [(ONSET_US, b"message"), (ONSET_US, b"another")]


@every_kind
def test_a_time_that_wraps_around_when_it_counts_from_the_onset_is_refused(make: Maker, tmp_path: Path) -> None:
    last = 2**64 - ONSET_US
    path = make(tmp_path, [onset(1), (1, 10, b"a"), (1, last, b"b")])
    with pytest.raises(OnsetError, match=f"{last}, lies beyond the end"):
        LogArchiveReader(path)
    with LogArchiveReader(path, 0) as reader:
        assert plain(reader) == [(10, b"a"), (last, b"b")]
    path = make(tmp_path / "fits", [onset(1), (1, last - 1, b"b")])
    with LogArchiveReader(path) as reader:
        assert plain(reader) == [(2**64 - 1, b"b")]


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_an_impossible_onset_is_refused(wrong: int, tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    with pytest.raises(OnsetError, match="onset_us must be"):
        LogArchiveReader(tmp_path, wrong)


# Uniform payloads.


def test_uniform_payloads_become_a_structured_array(tmp_path: Path) -> None:
    dtype = np.dtype([("x", "<f8"), ("count", "<u2")])
    values = np.array([(number / 7, number) for number in range(500)], dtype=dtype)
    entries = [onset(1), *[(1, number + 1, values[number].tobytes()) for number in range(500)]]
    for make in (npy_folder, our_archive, journal_folder):
        with LogArchiveReader(make(tmp_path / make.__name__, entries)) as reader:
            array = reader.to_numpy(dtype)
            assert array.dtype.names == ("timestamp_us", "x", "count")
            assert array["timestamp_us"].tolist() == [ONSET_US + number + 1 for number in range(500)]
            assert np.array_equal(array["x"], values["x"])
            assert np.array_equal(array["count"], values["count"])
            flat = reader.to_numpy(("u1", dtype.itemsize))
            assert flat["payload"][7].tobytes() == values[7].tobytes()


def test_payloads_of_another_size_are_named(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 5, bytes(8)), (1, 6, bytes(7))])
    with LogArchiveReader(tmp_path) as reader:
        with pytest.raises(LogFormatError, match="time stamp 6 has 7 bytes, the dtype has 8"):
            reader.to_numpy("<f8")
        with pytest.raises(ValueError, match="Python objects"):
            reader.to_numpy(object)
        with pytest.raises(ValueError, match="field timestamp_us"):
            reader.to_numpy([("timestamp_us", "<u8")])


def test_a_log_of_onsets_only_is_empty(tmp_path: Path) -> None:
    write_npy(tmp_path, [onset(1)])
    with LogArchiveReader(tmp_path) as reader:
        assert len(reader) == 0
        assert list(reader) == []
        assert reader.get_batches() == []
        times, payloads = reader.read_all_messages()
        assert (times.size, payloads) == (0, [])
        assert reader.to_numpy("u1").shape == (0,)


# What is not there, and what is damaged.


def test_all_sources_of_a_folder_are_opened_at_once(tmp_path: Path) -> None:
    write_journal(tmp_path, [*ENTRIES, (2, 5, b"other"), onset(3, 7), (3, 1, b"third")])
    readers = LogArchiveReader.open_all(str(tmp_path))
    assert list(readers) == [1, 2, 3]
    assert plain(readers[1]) == ABSOLUTE
    readers[1].close()
    readers[1].close()
    assert plain(readers[3]) == [(8, b"third")]
    blocks = list(readers[2].iter_blocks())
    assert [(times.tolist(), payloads) for times, payloads in blocks] == [([5], [b"other"])]
    for reader in readers.values():
        reader.close()
    (tmp_path / "empty").mkdir()
    assert LogArchiveReader.open_all(tmp_path / "empty") == {}
    write_npy(tmp_path / "two", [onset(1, 1), onset(1, 2)])
    with pytest.raises(OnsetError):
        LogArchiveReader.open_all(tmp_path / "two")


def test_what_is_missing_or_unclear_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError, match="There is no log"):
        LogArchiveReader(tmp_path / "1_log.npz")
    with pytest.raises(LogFormatError, match="holds no log entries"):
        LogArchiveReader(tmp_path)
    write_npy(tmp_path, [(1, 5, b""), (2, 5, b"")])
    with pytest.raises(LogFormatError, match="holds the sources 1, 2; choose one"):
        LogArchiveReader(tmp_path)
    with pytest.raises(LogNotFoundError, match="no source 3"):
        LogArchiveReader(tmp_path, source_id=3)
    with LogArchiveReader(str(tmp_path), source_id=2) as reader:
        assert len(reader) == 1


@pytest.mark.parametrize("content", [b"", b"no archive at all", bytes(10_000)])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "1_log.npz"
    path.write_bytes(content)
    with pytest.raises(LogFormatError, match="holds no log entries"):
        LogArchiveReader(path)
    with pytest.raises(LogFormatError, match="not an archive of log entries"):
        read_archive_message_count(path)


def test_an_iteration_goes_on_behind_a_damaged_entry(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    (tmp_path / "001_00000000000000000030.npy").write_bytes(npy_bytes(1, 30, b"torn")[:-1])
    with LogArchiveReader(tmp_path) as reader:
        messages, found, errors = reader.iter_messages(), [], []
        while True:
            try:
                found.append(next(messages))
            except StopIteration:
                break
            except DamagedEntryError as error:
                errors.append(error)
        assert plain(found) == [message for message in ABSOLUTE if message[0] != ONSET_US + 30]
        assert [(error.key, error.path) for error in errors] == [
            ("001_00000000000000000030", tmp_path / "001_00000000000000000030.npy")
        ]
        for read in (reader.read_all_messages, lambda: reader.to_numpy("u1")):
            with pytest.raises((DamagedEntryError, LogFormatError)):
                read()
        copy = pickle.loads(pickle.dumps(errors[0]))
        assert (str(copy), copy.key, copy.path) == (str(errors[0]), errors[0].key, errors[0].path)


@pytest.mark.parametrize("order", ["reversed", "every second"])
def test_keys_in_any_order_are_looked_up_in_linear_time(
    order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    names = NpzLog.keys

    def count(log: NpzLog, source: int, start: int = 0, stop: int | None = None) -> list[str]:
        nonlocal asked
        found = names(log, source, start, stop)
        asked += len(found)
        return found

    with LogArchiveReader(our_archive(tmp_path, ENTRIES)) as reader:
        keys = [key for batch in reader.get_batches() for key in batch]
        wanted = keys[::-1] if order == "reversed" else keys[::2]
        monkeypatch.setattr(NpzLog, "keys", count)
        found = plain(reader.iter_messages(wanted))
    assert found == (ABSOLUTE[::-1] if order == "reversed" else ABSOLUTE[::2])
    assert asked <= 4 * len(wanted)


def test_a_reader_follows_a_growing_journal(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ENTRIES)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with open_file(path) as writer:
        assert writer.try_lock_byte(WRITER_LOCK)
        with LogArchiveReader(tmp_path) as reader:
            found = plain(reader)
    assert 0 < len(found) < len(MESSAGES)
    assert found == ABSOLUTE[: len(found)]
    with pytest.warns(DamageWarning, match="may be missing: segment_00000001.axj: bytes .* hold no intact record"):
        reader = LogArchiveReader(tmp_path)
    with reader:
        assert plain(reader) == found, "nobody will end the record that was begun"


# Finding archives.


def test_archives_are_found_in_folders_below(tmp_path: Path) -> None:
    for folder, source in (("a", 2), ("b/c", 10)):
        write_npz(tmp_path / folder / f"{source}_log.npz", [onset(source), (source, 5, b"")])
    (tmp_path / "x_log.npz").touch()
    (tmp_path / "007_log.npz").touch()
    (tmp_path / "999_log.npz").touch()
    found = discover_log_archives(tmp_path)
    assert list(found.items()) == [("2", tmp_path / "a" / "2_log.npz"), ("10", tmp_path / "b" / "c" / "10_log.npz")]
    assert find_log_archive(str(tmp_path), "10") == find_log_archive(tmp_path, 10) == found["10"]
    assert read_archive_message_count(found["2"]) == 1
    with pytest.raises(LogNotFoundError, match=r"There is no archive 3_log\.npz"):
        find_log_archive(tmp_path, "3")
    with pytest.raises(LogNotFoundError, match="There is no folder"):
        discover_log_archives(tmp_path / "nowhere")
    with pytest.raises(LogNotFoundError, match="There is no archive"):
        read_archive_message_count(tmp_path / "nowhere.npz")


def test_two_archives_of_a_source_are_not_chosen_from(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_npz(tmp_path / folder / "2_log.npz", [(2, 5, b"")])
    with pytest.raises(LogFormatError, match="Source 2 has two archives"):
        discover_log_archives(tmp_path)
    with pytest.raises(LogFormatError, match="Source 2 has 2 archives"):
        find_log_archive(tmp_path, 2)
