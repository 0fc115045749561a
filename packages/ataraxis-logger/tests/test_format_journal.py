"""The journal format: every intact record is found, whatever happened to the bytes around it, and no other."""

import errno
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._formats import journal_writer
from ataraxis_logger._formats.journal_layout import (
    FLAG_INLINED,
    HEADER_SIZE,
    SegmentHeader,
    is_being_written,
    list_segments,
    segment_name,
    segment_number,
)
from ataraxis_logger._formats.journal_reader import Damage, Record, SegmentScan
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_logger._formats.positions import Seen
from ataraxis_shm._frame import frame_size
from journal_helpers import SALT, FakeRing, frames_of, write_segment

ENTRIES = [
    (source, time, bytes([source]) * size) for source, time, size in [(1, 0, 8), (2, 5, 0), (1, 9, 64), (3, 9, 1)]
]
Entry = tuple[int, int, bytes]


def entries_in(scan: SegmentScan) -> list[Entry]:
    return [(record.source, record.time, bytes(record.payload)) for record in scan]


def segment_bytes(entries: list[Entry], folder: Path) -> bytes:
    return write_segment(folder, frames_of(FakeRing(7), entries)).read_bytes()


@given(st.integers(0, 2**32 - 1), st.binary(min_size=16, max_size=16), st.integers(-(2**62), 2**62))
def test_a_header_reads_back_from_either_copy(salt: int, session: bytes, moment: int) -> None:
    header = SegmentHeader(salt, session, moment, -moment)
    packed = header.pack()
    assert len(packed) == HEADER_SIZE
    for bit in range(0, 8 * HEADER_SIZE, 7):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        assert SegmentHeader.unpack(damaged) == header


def test_a_header_of_a_newer_version_is_refused_and_says_so() -> None:
    packed = bytearray(SegmentHeader(SALT).pack())
    packed[8] = 9
    copy = bytes(packed[:60])
    newer = copy + zlib.crc32(copy).to_bytes(4, "little")
    with pytest.raises(LogFormatError, match=r"version 9.*reads version 1"):
        SegmentScan(newer * 2)


def test_what_is_appended_is_read_back_with_its_footer(tmp_path: Path) -> None:
    ring = FakeRing(7)
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT, bytes(16), 3, 4))
    first, second = frames_of(ring, ENTRIES[:2]), frames_of(ring, ENTRIES[2:])
    writer.append_frames([memoryview(b"".join(first)), memoryview(b"")], 2)
    writer.sync()
    writer.append_frames([memoryview(frame) for frame in second], 2)
    assert writer.records == 4
    writer.close()
    writer.close()
    scan = SegmentScan(writer.path.read_bytes())
    assert entries_in(scan) == ENTRIES
    assert scan.header == SegmentHeader(SALT, bytes(16), 3, 4)
    assert scan.damage == []
    assert scan.torn_tail is None
    assert scan.synced == HEADER_SIZE + sum(map(len, first))
    assert scan.footer is not None
    assert scan.footer.records == 4
    assert scan.footer.spans == ((7, 0, ring.position),)


def test_a_closed_writer_refuses_to_append(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT))
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.append_frames([memoryview(FakeRing(1).frame(1, 1, b""))], 1)


def test_numbers_rise_and_are_never_taken_twice(tmp_path: Path) -> None:
    (tmp_path / "segment_notes.axj").touch()
    (tmp_path / segment_name(41)).touch()
    writers = [SegmentWriter(tmp_path, SegmentHeader(SALT)) for _ in range(3)]
    assert [segment_number(writer.path.name) for writer in writers] == [42, 43, 44]
    assert [path.name for path in list_segments(tmp_path)] == [segment_name(number) for number in (41, 42, 43, 44)]
    for writer in writers:
        assert is_being_written(writer.path)
        writer.abandon()
        assert not is_being_written(writer.path)


def test_segments_are_listed_by_number_not_by_name(tmp_path: Path) -> None:
    for number in (100_000_000, 99_999_999):
        (tmp_path / segment_name(number)).touch()
    assert [segment_number(path.name) for path in list_segments(tmp_path)] == [99_999_999, 100_000_000]


def test_a_refused_append_leaves_the_segment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FakeRing(7)
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT))
    writer.append_frames([memoryview(ring.frame(*ENTRIES[0]))], 1)

    def half(descriptor: int, parts: list[memoryview]) -> None:
        os.write(descriptor, parts[0][: parts[0].nbytes // 2])
        raise OSError(errno.ENOSPC, "no space left on device")

    frame = ring.frame(*ENTRIES[2])
    with monkeypatch.context() as patch:
        patch.setattr(journal_writer, "write_all", half)
        with pytest.raises(OSError, match="no space"):
            writer.append_frames([memoryview(frame)], 1)
    assert entries_in(SegmentScan(writer.path.read_bytes())) == ENTRIES[:1]
    writer.append_frames([memoryview(ring.frame(*ENTRIES[1]))], 1)
    writer.append_frames([memoryview(frame)], 1)
    writer.close()
    scan = SegmentScan(writer.path.read_bytes())
    assert entries_in(scan) == ENTRIES[:3]
    assert scan.damage == []


def test_abandoning_after_a_refused_append_cuts_the_remains_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT))

    def half(descriptor: int, parts: list[memoryview]) -> None:
        os.write(descriptor, parts[0][:20])
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(journal_writer, "write_all", half)
    with pytest.raises(OSError, match="no space"):
        writer.append_frames([memoryview(FakeRing(7).frame(1, 2, b"x"))], 1)
    writer.abandon()
    assert writer.path.stat().st_size == HEADER_SIZE


def test_a_segment_whose_header_cannot_be_written_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _parts: list[memoryview]) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(journal_writer, "write_all", refuse)
    with pytest.raises(OSError, match="no space"):
        SegmentWriter(tmp_path, SegmentHeader(SALT))
    assert list(tmp_path.iterdir()) == []


def test_a_spilled_payload_is_inlined_and_told_from_its_repeat(tmp_path: Path) -> None:
    ring = FakeRing(7)
    before = ring.frame(1, 1, b"before")
    place = ring.position
    ring.frame(1, 2, bytes(32))  # the frame in the ring that refers to the spill file
    after = ring.frame(1, 3, b"after")
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT))
    writer.append_frames([memoryview(before)], 1)
    for _ in range(2):
        writer.append_inlined(7, place, 1, 2, memoryview(bytes(range(256)) * 300))
    writer.append_frames([memoryview(after)], 1)
    writer.close()
    seen = Seen()
    records = list(SegmentScan(writer.path.read_bytes()))
    assert [record.flags for record in records] == [0, FLAG_INLINED, FLAG_INLINED, 0]
    kept = [bytes(record.payload) for record in records if seen.add(*record.span)]
    assert kept == [b"before", bytes(range(256)) * 300, b"after"]


def test_a_segment_cut_at_any_byte_gives_every_whole_record(tmp_path: Path) -> None:
    data = segment_bytes(ENTRIES, tmp_path)
    ends = [HEADER_SIZE]
    for _, _, payload in ENTRIES:
        ends.append(ends[-1] + frame_size(16 + len(payload)))
    for length in range(len(data)):
        scan = SegmentScan(data[:length])
        # The zero bytes that align the next frame are not needed to verify a record.
        whole = sum(length >= ends[n] + 48 + len(payload) for n, (_, _, payload) in enumerate(ENTRIES))
        intact_header = length >= HEADER_SIZE // 2
        assert entries_in(scan) == (ENTRIES[:whole] if intact_header else []), length
        if intact_header and whole < len(ENTRIES) and length > ends[whole]:
            assert scan.torn_tail == Damage(ends[whole], length)


entries_lists = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=80)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(entries_lists, st.data())
def test_flipped_bits_lose_at_most_their_own_record(entries: list[Entry], data: st.DataObject) -> None:
    frames = frames_of(FakeRing(7), entries)
    whole = SegmentHeader(SALT).pack() + b"".join(frames)
    damaged = bytearray(whole)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    scan = SegmentScan(bytes(damaged))
    found = entries_in(scan)
    place, hit = HEADER_SIZE, None
    for number, frame in enumerate(frames):
        if place <= bit // 8 < place + len(frame):
            hit = number
        place += len(frame)
    spared = [entry for number, entry in enumerate(entries) if number != hit]
    assert found in (spared, entries), "only the padding behind a record may be altered without losing it"
    if found == spared and hit is not None:
        assert len(scan.damage) == 1


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_frame_that_begins_in_the_padding_before_it_is_found(cut: int) -> None:
    entries = [(0, 0, b""), (0, 0, b"x"), (0, 0, b"")]
    first, second, third = frames_of(FakeRing(7), entries)
    scan = SegmentScan(SegmentHeader(SALT).pack() + first + second[:-cut] + third)
    assert len(list(scan)) == 3
    assert sum(damage.stop - damage.start for damage in scan.damage) == 7 - cut


@settings(max_examples=150, deadline=None)
@given(entries_lists, st.data())
def test_spliced_and_repeated_blocks_leave_every_intact_record_and_no_other(
    entries: list[Entry], data: st.DataObject
) -> None:
    frames = frames_of(FakeRing(7), entries)
    whole = SegmentHeader(SALT).pack() + b"".join(frames)
    edges = st.integers(HEADER_SIZE, len(whole))
    start, stop = sorted((data.draw(edges), data.draw(edges)))
    place = data.draw(edges)
    mutated = data.draw(
        st.sampled_from(
            [
                whole[:start] + whole[stop:],
                whole[:place] + whole[start:stop] + whole[place:],
                whole[:start] + data.draw(st.binary(max_size=100)) + whole[stop:],
            ]
        )
    )
    scan = SegmentScan(mutated)
    seen = Seen()
    records: list[Record] = [record for record in scan if seen.add(*record.span)]
    positions = dict(zip(_positions(frames), entries, strict=True))
    for record in records:
        assert positions[record.position] == (record.source, record.time, bytes(record.payload))
    needed = {
        position
        for position, frame, (_, _, payload) in zip(_positions(frames), frames, entries, strict=True)
        if frame[: 48 + len(payload)] in mutated
    }
    assert {record.position for record in records} == needed


def _positions(frames: list[bytes]) -> list[int]:
    return [sum(map(len, frames[:number])) for number in range(len(frames))]


def test_a_journal_inside_a_payload_never_parses(tmp_path: Path) -> None:
    inner_ring = FakeRing(9, salt=SALT + 1)
    inner = SegmentHeader(SALT + 1).pack() + b"".join(frames_of(inner_ring, ENTRIES))
    (tmp_path / "outer").mkdir()
    data = bytearray(segment_bytes([(1, 1, inner), (1, 2, b"next")], tmp_path / "outer"))
    assert entries_in(SegmentScan(bytes(data))) == [(1, 1, inner), (1, 2, b"next")]
    data[HEADER_SIZE + 40] ^= 1
    assert entries_in(SegmentScan(bytes(data))) == [(1, 2, b"next")]


def test_without_a_header_the_salt_of_a_neighbour_serves(tmp_path: Path) -> None:
    data = bytearray(segment_bytes(ENTRIES, tmp_path))
    data[:HEADER_SIZE] = bytes(HEADER_SIZE)
    assert entries_in(SegmentScan(bytes(data))) == []
    scan = SegmentScan(bytes(data), salts=(1, SALT))
    assert entries_in(scan) == ENTRIES
    assert scan.damage == [Damage(0, HEADER_SIZE)]


def test_an_empty_file_is_a_segment_without_records() -> None:
    scan = SegmentScan(b"")
    assert entries_in(scan) == []
    assert scan.damage == []


def test_a_scan_can_be_repeated(tmp_path: Path) -> None:
    scan = SegmentScan(segment_bytes(ENTRIES, tmp_path)[:-1])
    assert entries_in(scan) == entries_in(scan) == ENTRIES
    assert len(scan.damage) == 1
