"""What is packed is found again, whatever lies around it."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ataraxis_shm._frame import (
    FRAME_HEADER,
    HEADER_SIZE,
    PADDING_MAGIC,
    RECORD_MAGIC,
    Damage,
    Frame,
    check_frame,
    frame_size,
    pack_frame,
    pack_padding,
    scan_frames,
)

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
RECORDS = st.lists(st.tuples(U64, U64, st.binary(max_size=90)), max_size=12)


def bodies(items):
    return [bytes(item.body) for item in items if isinstance(item, Frame)]


def damages(items):
    return [item for item in items if isinstance(item, Damage)]


@given(RECORDS, U32)
def test_scan_returns_every_packed_record_and_nothing_else(records, salt):
    buffer = b"".join(pack_frame(ring_id, position, body, salt=salt) for ring_id, position, body in records)
    found = list(scan_frames(buffer, salt))
    assert [(frame.ring_id, frame.position, bytes(frame.body)) for frame in found] == records
    assert [frame.offset for frame in found] == [
        sum(frame_size(len(body)) for _, _, body in records[:count]) for count in range(len(records))
    ]


@given(U64, U64, st.binary(max_size=90), U32)
def test_layout_is_the_documented_one(ring_id, position, body, salt):
    frame = pack_frame(ring_id, position, body, salt=salt)
    assert len(frame) == frame_size(len(body))
    assert len(frame) % 8 == 0
    magic, length, crc = struct.unpack_from("<4sQI", frame)
    assert (magic, length) == (RECORD_MAGIC, len(body))
    assert struct.unpack_from("<QQ", frame, 16) == (ring_id, position)
    assert frame[32 : 32 + length] == body
    assert not any(frame[32 + length :])
    assert crc == zlib.crc32(frame[16 : 32 + length], zlib.crc32(frame[:12], salt))


def test_the_parts_of_a_body_are_joined():
    parts = (b"one", bytearray(b"two"), memoryview(b"three"))
    assert pack_frame(1, 8, *parts) == pack_frame(1, 8, b"onetwothree")
    assert pack_frame(1, 8) == pack_frame(1, 8, b"")


@given(RECORDS, U32, U32)
def test_another_salt_finds_nothing(records, salt, other):
    buffer = b"".join(pack_frame(*record, salt=salt) for record in records)
    if salt != other and buffer:
        assert list(scan_frames(buffer, other)) == [Damage(0, len(buffer))]


@given(st.binary(max_size=60), st.data())
def test_any_changed_bit_before_the_alignment_is_noticed(body, data):
    frame = bytearray(pack_frame(3, 4096, body, salt=9))
    bit = data.draw(st.integers(0, 8 * (HEADER_SIZE + len(body)) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert check_frame(frame, 0, 9) is None


@given(st.binary(max_size=60), st.integers(0, 100))
def test_a_cut_frame_is_never_believed(body, kept):
    frame = pack_frame(3, 4096, body)
    whole = HEADER_SIZE + len(body)
    found = check_frame(frame[:kept])
    assert (found is not None) == (kept >= whole)


@given(RECORDS, st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=3))
def test_rubbish_between_frames_costs_no_frame(records, rubbish):
    chunks = [pack_frame(*record) for record in records]
    for index, words in rubbish:
        chunks.insert(index, b"\xa5" * 8 * words)
    buffer = b"".join(chunks)
    found = list(scan_frames(buffer))
    assert bodies(found) == [body for _, _, body in records]
    assert sum(damage.stop - damage.start for damage in damages(found)) == sum(8 * words for _, words in rubbish)


@given(RECORDS, st.data())
def test_a_damaged_frame_costs_only_itself(records, data):
    if not records:
        return
    victim = data.draw(st.integers(0, len(records) - 1))
    chunks = [bytearray(pack_frame(*record)) for record in records]
    chunks[victim][data.draw(st.integers(0, HEADER_SIZE + len(records[victim][2]) - 1))] ^= 0x10
    start = sum(len(chunk) for chunk in chunks[:victim])
    found = list(scan_frames(b"".join(chunks)))
    assert bodies(found) == [body for index, (_, _, body) in enumerate(records) if index != victim]
    assert damages(found) == [Damage(start, start + len(chunks[victim]))]


def test_a_journal_inside_a_record_does_not_parse_when_the_record_is_damaged():
    inner = b"".join(pack_frame(5, 40 * index, b"inner%d" % index, salt=1) for index in range(5))
    outer = bytearray(pack_frame(6, 0, inner, salt=2) + pack_frame(6, 999, b"after", salt=2))
    outer[20] ^= 1
    assert bodies(scan_frames(outer, salt=2)) == [b"after"]


def test_a_magic_off_the_alignment_is_not_a_frame():
    frame = pack_frame(1, 0, b"shifted")
    assert list(scan_frames(b"\0\0\0" + frame + bytes(5))) == [Damage(0, len(frame) + 8)]


def test_alignment_counts_from_the_start_of_the_scan():
    frame = pack_frame(1, 0, b"shifted")
    assert bodies(scan_frames(b"\0\0\0" + frame, start=3)) == [b"shifted"]


def test_padding_is_passed_over_and_checked():
    one, two = pack_frame(1, 0, b"one"), pack_frame(1, 104, b"two")
    padding = bytearray(pack_padding(1, 40, 64) + b"\xff" * 32)
    assert bodies(scan_frames(one + padding + two)) == [b"one", b"two"]
    assert damages(scan_frames(one + padding + two)) == []
    assert padding.startswith(PADDING_MAGIC)
    padding[30] ^= 1
    found = list(scan_frames(one + padding + two))
    assert bodies(found) == [b"one", b"two"]
    assert damages(found) == [Damage(40, 104)]


def test_padding_that_reaches_beyond_the_end_ends_the_scan():
    assert list(scan_frames(pack_padding(1, 0, 4096))) == []
    assert list(scan_frames(b"rubbish!" + pack_padding(1, 0, 4096))) == [Damage(0, 8)]


def test_padding_is_no_record():
    assert check_frame(pack_padding(1, 0, 32)) is None


def test_a_padding_header_with_an_unaligned_length_is_damage():
    assert len(list(scan_frames(pack_padding(1, 0, 37) + bytes(8)))) == 1


def test_a_length_beyond_the_buffer_is_damage():
    frame = bytearray(pack_frame(1, 0, b"x"))
    FRAME_HEADER.pack_into(frame, 0, RECORD_MAGIC, 2**64 - 1, 0, 1, 0)
    assert list(scan_frames(frame)) == [Damage(0, 40)]


def test_a_last_record_without_its_alignment_is_intact():
    frame = pack_frame(1, 0, b"abc")[:35]
    assert bodies(scan_frames(frame)) == [b"abc"]
    assert damages(scan_frames(frame)) == []


@pytest.mark.parametrize("length", [1, 8, 31])
def test_fewer_bytes_than_a_header_are_damage(length):
    assert list(scan_frames(bytes(length))) == [Damage(0, length)]


def test_an_empty_buffer_holds_nothing():
    assert list(scan_frames(b"")) == []
    assert check_frame(b"") is None


def test_bodies_are_read_only_views_into_the_buffer():
    buffer = bytearray(pack_frame(1, 0, b"live"))
    (frame,) = scan_frames(buffer)
    assert frame.body.readonly
    buffer[HEADER_SIZE] = ord("L")
    assert bytes(frame.body) == b"Live"


def test_any_contiguous_buffer_is_read_as_bytes():
    numpy = pytest.importorskip("numpy")
    words = numpy.frombuffer(pack_frame(1, 0, b"12345678"), dtype=">u4").reshape(2, 5)
    assert bodies(scan_frames(words)) == [b"12345678"]
    assert bodies(scan_frames(numpy.empty((0, 3)))) == []


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (9, None), (0, 9), (5, 4)])
def test_offsets_outside_the_buffer_are_refused_at_once(start, stop):
    with pytest.raises(ValueError, match="expected 0 <= start <= stop <= 8"):
        scan_frames(bytes(8), start=start, stop=stop)


def test_stop_hides_what_follows():
    one, two = pack_frame(1, 0, b"one"), pack_frame(1, 40, b"two")
    assert bodies(scan_frames(one + two, stop=40)) == [b"one"]
    assert bodies(scan_frames(one + two, start=40)) == [b"two"]
