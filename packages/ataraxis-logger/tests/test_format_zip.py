"""The archive format: other readers read it, other writers' archives are read, and damage is never taken for data."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_helpers import Entry, npy_bytes, read_source, write_npz
from ataraxis_logger._archive import npz_log
from ataraxis_logger._archive.log import Log
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.write import EntryWriter
from ataraxis_logger._errors import DamagedEntryError
from ataraxis_logger._formats import deflate, zip_layout, zip_reader, zip_writer

PAYLOADS = st.lists(st.binary(max_size=300) | st.integers(0, 3000).map(bytes), min_size=1, max_size=12)


def archive_bytes(payloads: list[bytes], *, compress: bool) -> bytes:
    file = io.BytesIO()
    with TemporaryDirectory() as folder:
        writer = EntryWriter(file, Path(folder), 1, compress=compress)
        times = np.arange(1, len(payloads) + 1, dtype=np.uint64)
        writer.add(times[:1], payloads[:1])
        writer.add(times[1:], payloads[1:])
        writer.close()
    return file.getvalue()


def survivors(log: Log, source: int = 1) -> tuple[list[Entry], list[DamagedEntryError]]:
    """Returns the entries that can be read, and the errors of the others."""
    entries, errors = [], []
    for block in log.read(source):
        errors += block.damaged.values()
        entries += [
            (source, time, bytes(payload))
            for number, (time, payload) in enumerate(zip(block.times.tolist(), block.payloads, strict=True))
            if number not in block.damaged
        ]
    return entries, errors


@given(PAYLOADS, st.booleans())
def test_zipfile_and_numpy_read_our_archives(payloads: list[bytes], compress: bool) -> None:
    data = archive_bytes(payloads, compress=compress)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for number, payload in enumerate(payloads, 1):
            assert archive.read(f"001_{number:020d}.npy") == npy_bytes(1, number, payload)
    with np.load(io.BytesIO(data)) as arrays:
        assert [arrays[name][9:].tobytes() for name in arrays.files] == payloads


def test_a_deflated_archive_is_smaller_and_noise_is_stored() -> None:
    payloads = [bytes(500)] * 20
    stored, deflated = (archive_bytes(payloads, compress=compress) for compress in (False, True))
    assert len(deflated) < len(stored) / 3
    assert stored == archive_bytes(payloads, compress=False)
    noise = [random.Random(1).randbytes(5000)]
    assert len(archive_bytes(noise, compress=True)) < len(archive_bytes(noise, compress=False))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])
def test_archives_of_other_writers_are_read(compression: int, seekable: bool, tmp_path: Path) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return seekable

        def seek(self, *args: int) -> int:
            if not seekable:
                raise OSError("not seekable")
            return super().seek(*args)

    file = Stream()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.comment = b"PK\x05\x06 a comment that looks like an end record"
        for time in (9, 2, 5):
            with archive.open(f"001_{time:020d}.npy", "w", force_zip64=time == 2) as entry:
                entry.write(npy_bytes(1, time, bytes([time])))
        archive.writestr("readme.txt", "no entry")
        archive.writestr("some_key.npy", npy_bytes(1, 7, b"its key is no stem"))
        archive.writestr(zipfile.ZipInfo("folder/"), "")
    (tmp_path / "archive.npz").write_bytes(file.getvalue())
    log = NpzLog(tmp_path / "archive.npz")
    assert read_source(log, 1) == [(1, time, bytes([time])) for time in (2, 5)] + [
        (1, 7, b"its key is no stem"),
        (1, 9, bytes([9])),
    ]
    assert log.keys(1)[2] == "some_key"
    assert [(problem.key, problem.is_foreign) for problem in log.problems] == [("readme.txt", True), ("folder/", True)]
    log.close()


def test_encrypted_and_unknown_methods_are_named(tmp_path: Path) -> None:
    data = archive_bytes([b"first", b"second", b"third"], compress=False)
    directory = zip_reader.find_directory(memoryview(data))
    assert directory is not None
    spoiled = bytearray(data)
    record = zip_layout.CENTRAL.itemsize + 28
    spoiled[directory.start + 8] |= zip_layout.FLAG_ENCRYPTED
    spoiled[directory.start + record + 10] = 99
    (tmp_path / "a.npz").write_bytes(spoiled)
    entries, errors = survivors(NpzLog(tmp_path / "a.npz"))
    assert entries == [(1, 3, b"third")]
    assert [error.key for error in errors] == [f"001_{time:020d}" for time in (1, 2)]
    assert all("encrypted, or compressed in a way" in str(error) for error in errors)


@pytest.mark.parametrize("compress", [False, True])
def test_an_archive_cut_at_any_byte_names_the_entry_and_spares_the_rest(compress: bool, tmp_path: Path) -> None:
    payloads = [b"first payload", b"", b"third" * 30]
    data = archive_bytes(payloads, compress=compress)
    whole = [(1, time, payload) for time, payload in enumerate(payloads, 1)]
    path = tmp_path / "cut.npz"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        log = NpzLog(path)
        entries, errors = survivors(log)
        assert entries == whole[: len(entries)]
        assert len(log.problems) >= 1
        assert len(errors) <= 1
        if errors:
            assert errors[0].key == f"001_{len(entries) + 1:020d}"
        log.close()
    directory = zip_reader.find_directory(memoryview(data))
    assert directory is not None
    path.write_bytes(data[: directory.start])
    assert survivors(NpzLog(path)) == (whole, [])


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.data())
def test_a_flipped_bit_costs_at_most_one_entry_and_never_alters_one(compress: bool, data: st.DataObject) -> None:
    payloads = [b"first payload", b"", b"third" * 30, bytes(range(200))]
    archive = bytearray(archive_bytes(payloads, compress=compress))
    bit = data.draw(st.integers(0, 8 * len(archive) - 1))
    archive[bit // 8] ^= 1 << bit % 8
    whole = [(1, time, payload) for time, payload in enumerate(payloads, 1)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "flipped.npz"
        path.write_bytes(archive)
        log = NpzLog(path)
        found = [entry for source in log.sources() for entry in survivors(log, source)[0]]
        errors = [error for source in log.sources() for error in survivors(log, source)[1]]
        assert set(found) <= set(whole)
        assert len(found) >= len(whole) - 1
        if len(found) < len(whole):
            assert errors or log.problems, "a lost entry is never passed over in silence"
        log.close()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.data())
def test_garbage_never_crashes_the_reader(garbage: bytes, data: st.DataObject) -> None:
    archive = archive_bytes([b"one", b"two" * 20], compress=True)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(archive)), st.integers(0, len(archive)))))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "garbage.npz"
        path.write_bytes(archive[:start] + garbage + archive[stop:])
        log = NpzLog(path)
        found = [entry for source in log.sources() for entry in survivors(log, source)[0]]
        assert set(found) <= {(1, 1, b"one"), (1, 2, b"two" * 20)}
        log.close()


def test_zip64_is_used_where_sizes_offsets_or_counts_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limits lowered, everything above them must go to zip64 fields; zipfile checks them."""
    monkeypatch.setattr(zip_layout, "LIMIT_16", 3)
    payloads = [bytes([number]) * 40 for number in range(5)]
    (tmp_path / "count.npz").write_bytes(archive_bytes(payloads, compress=False))
    data = (tmp_path / "count.npz").read_bytes()
    assert zip_layout.END64_MAGIC in data
    assert read_source(NpzLog(tmp_path / "count.npz"), 1) == [(1, n, p) for n, p in enumerate(payloads, 1)]


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_entries_and_archives_above_4_gib(tmp_path: Path) -> None:
    """An entry above 4 GiB, and small ones behind it whose offsets are, for NumPy and for us."""
    size = (4 << 30) + 5
    large = np.zeros(size, dtype=np.uint8)
    large[-1] = 7
    path = tmp_path / "large.npz"
    with path.open("w+b") as file:
        writer = EntryWriter(file, tmp_path, 1, compress=False)
        writer.add(np.array([1, 2, 3], dtype=np.uint64), [b"before", large.data, b"behind"])
        writer.add(np.array([4], dtype=np.uint64), [b"behind as well"])
        writer.close()
    del large
    with np.load(path) as archive:
        assert [archive[name][9:].tobytes() for name in archive.files if not name.endswith("2")] == [
            b"before",
            b"behind",
            b"behind as well",
        ]
        assert archive[archive.files[1]].size == size + 9
    log = NpzLog(path)
    blocks = [payload for block in log.read(1) for payload in block.payloads]
    assert [len(payload) for payload in blocks] == [6, size, 6, 14]
    assert blocks[1][-1] == 7
    assert log.problems == []
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 50)
    cut = NpzLog(path)
    assert cut.count(1) == 4
    assert [len(payload) for block in cut.read(1) for payload in block.payloads] == [6, size, 6, 14]


def test_directories_of_mixed_record_sizes_are_walked(tmp_path: Path) -> None:
    entries = [(1, time // 13, bytes([time % 256])) for time in range(1, 4000)]
    write_npz(tmp_path / "mixed.npz", entries)
    log = NpzLog(tmp_path / "mixed.npz")
    assert read_source(log, 1) == entries
    assert log.problems == []


def test_many_odd_keys_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_reader, "_BLOCK", 4)
    monkeypatch.setattr(npz_log, "_AT_ONCE", 4)
    names = [("x" * (number % 5 + 1)) + str(number) for number in range(30)]
    arrays = {
        name: np.frombuffer(npy_bytes(1, number, b"p")[128:], dtype=np.uint8) for number, name in enumerate(names, 1)
    }
    np.savez(tmp_path / "odd.npz", **arrays)
    log = NpzLog(tmp_path / "odd.npz")
    assert read_source(log, 1) == [(1, number, b"p") for number in range(1, 31)]
    assert log.keys(1) == names


def test_a_large_directory_is_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_writer, "_BUFFERED", 100)
    payloads = [bytes([number]) for number in range(40)]
    with np.load(io.BytesIO(archive_bytes(payloads, compress=False))) as archive:
        assert [archive[name][9:].tobytes() for name in archive.files] == payloads


# Deflate.


def engines() -> Iterator[object]:
    yield deflate._deflate_with_zlib
    if deflate._isal is not None:
        yield deflate._deflate_with_isal


@given(st.binary(max_size=6000) | st.integers(0, 9000).map(bytes))
def test_whatever_is_deflated_inflates(data: bytes) -> None:
    for engine in engines():
        stream = deflate.deflated_npy_header(len(data)) + engine(data)  # type: ignore[operator]
        assert deflate.inflate(stream, 128 + len(data))[128:] == data
        assert zlib.decompress(stream, -15)[128:] == data


def test_a_stream_that_holds_more_or_less_is_refused() -> None:
    stream = deflate.deflate(bytes(1000))
    for size in (0, 999, 1001):
        with pytest.raises(ValueError, match="does not hold"):
            deflate.inflate(stream, size)
    for damaged in (stream[:-1], b"", b"\xff" * 20):
        with pytest.raises(ValueError, match="deflate stream"):
            deflate.inflate(damaged, 1000)


def test_a_bomb_takes_no_more_memory_than_it_promises() -> None:
    bomb = b"".join(deflate.deflate_large([bytes(1 << 20)] * 64))
    with pytest.raises(ValueError, match="does not hold the 10 bytes"):
        deflate.inflate(bomb, 10)


def test_a_lying_zip64_field_makes_the_entry_unreadable(tmp_path: Path) -> None:
    data = bytearray(archive_bytes([b"first", b"second"], compress=False))
    directory = zip_reader.find_directory(memoryview(data))
    assert directory is not None
    struct.pack_into("<I", data, directory.start + 20, zip_layout.LIMIT_32)
    (tmp_path / "lie.npz").write_bytes(data)
    entries, errors = survivors(NpzLog(tmp_path / "lie.npz"))
    assert entries == [(1, 2, b"second")]
    assert len(errors) == 1


def with_wide_sizes(data: bytes, whole: int) -> bytes:
    """Returns an archive in whose directory the first entry has a zip64 field with another size."""
    directory = zip_reader.find_directory(memoryview(data))
    assert directory is not None
    record, end = bytearray(data[directory.start : directory.stop]), bytearray(data[directory.stop :])
    struct.pack_into("<I", record, 24, zip_layout.LIMIT_32)
    struct.pack_into("<H", record, 30, 12)
    name_end = zip_layout.CENTRAL.itemsize + 28
    struct.pack_into("<I", end, 12, len(record) + 12)
    extra = struct.pack("<HHQ", zip_layout.EXTRA64_ID, 8, whole)
    return data[: directory.start] + bytes(record[:name_end]) + extra + bytes(record[name_end:]) + bytes(end)


@pytest.mark.parametrize("whole", [1 << 40, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("compress", [False, True])
def test_a_size_that_no_memory_holds_is_damage_and_not_allocated(compress: bool, whole: int, tmp_path: Path) -> None:
    data = archive_bytes([bytes(200), b"second"], compress=compress)
    (tmp_path / "lie.npz").write_bytes(with_wide_sizes(data, whole))
    log = NpzLog(tmp_path / "lie.npz")
    assert log.problems == []
    entries, errors = survivors(log)
    assert entries == [(1, 2, b"second")]
    assert [error.key for error in errors] == [f"001_{1:020d}"]


def test_headers_of_healthy_archives_do_not_contradict_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "healthy.npz"
    for compressed in (False, True):
        write_npz(path, [(1, 5, b"payload"), (1, 5, b"again")], compressed=compressed)
        assert list(NpzLog(path).contradictions(1)) == []
    # As beyond 4 GiB, where the directory needs zip64 and the local header does not.
    monkeypatch.setattr(zip_layout, "LIMIT_32", 200)
    path.write_bytes(archive_bytes([b"first", b"second", b"third"], compress=False))
    assert NpzLog(path).count(1) == 3
    assert list(NpzLog(path).contradictions(1)) == []
