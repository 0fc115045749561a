"""The page on formats is true: a reader written from it alone reads what the packages write."""

import os
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from ataraxis_logger import DataLogger, LogPackage
from ataraxis_logger._formats.journal_layout import SegmentHeader
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_shm._frame import pack_frame
from journal_by_the_page import frame_at, read_folder

HERE = Path(__file__).resolve().parent
READER = HERE / "journal_by_the_page.py"
PAGE = HERE.parent / "docs" / "internals" / "formats.md"
SALT = 0x5EED5A17


class Stream:
    """Frames as one producer's ring would hand them to a writer."""

    def __init__(self, ring_id: int, salt: int = SALT) -> None:
        self.ring_id, self.salt, self.position = ring_id, salt, 0

    def frame(self, source: int, time: int, payload: bytes) -> bytes:
        made = pack_frame(self.ring_id, self.position, struct.pack("<BB6xQ", source, 0, time), payload, salt=self.salt)
        self.position += len(made)
        return made


def entries_of(count: int) -> list[tuple[int, int, bytes]]:
    return [(number % 3, number * 7, bytes([number % 256]) * (number % 41)) for number in range(count)]


def write_segment(folder: Path, frames: list[bytes], *, salt: int = SALT, close: bool = True) -> Path:
    writer = SegmentWriter(folder, SegmentHeader(salt=salt, session=bytes(16)))
    for frame in frames:
        writer.append_frames([memoryview(frame)], 1)
    if close:
        writer.sync()
        writer.close()
    else:
        writer.abandon()
    return writer.path


def test_the_reader_is_short_and_needs_nothing_but_the_standard_library():
    text = READER.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imports == {"struct", "sys", "zlib", "pathlib"}


def test_it_reads_every_entry_in_order(tmp_path):
    stream, entries = Stream(11), entries_of(500)
    frames = [stream.frame(*entry) for entry in entries]
    write_segment(tmp_path, frames[:200])
    write_segment(tmp_path, frames[200:])
    assert read_folder(tmp_path) == (entries, 0)


def test_it_drops_what_a_second_writer_stored_again(tmp_path):
    stream, entries = Stream(11), entries_of(50)
    frames = [stream.frame(*entry) for entry in entries]
    write_segment(tmp_path, frames[:30], close=False)
    write_segment(tmp_path, frames[20:])
    assert read_folder(tmp_path) == (entries, 0)


def test_it_reads_payloads_that_went_around_the_ring(tmp_path):
    writer = SegmentWriter(tmp_path, SegmentHeader(salt=SALT))
    writer.append_inlined(3, 64, source=9, time_stamp=5, payload=b"large" * 1000)
    writer.close()
    assert read_folder(tmp_path) == ([(9, 5, b"large" * 1000)], 0)


def test_it_goes_on_behind_damage_and_says_how_much_is_lost(tmp_path):
    stream, entries = Stream(11), entries_of(20)
    frames = [stream.frame(*entry) for entry in entries]
    path = write_segment(tmp_path, frames)
    content = bytearray(path.read_bytes())
    content[128 + sum(map(len, frames[:7])) + 33] ^= 1
    path.write_bytes(content)
    assert read_folder(tmp_path) == (entries[:7] + entries[8:], len(frames[7]))


def test_it_finds_a_frame_that_lost_the_zeros_before_it(tmp_path):
    stream = Stream(11)
    entries = [(1, 1, b"x"), (1, 2, b"y"), (1, 3, b"z")]
    frames = [stream.frame(*entry) for entry in entries]
    path = write_segment(tmp_path, frames, close=False)
    content = path.read_bytes()
    cut = 128 + len(frames[0]) - 3  # a splice takes the last three of the zeros behind the first body
    path.write_bytes(content[:cut] + content[cut + 3 :])
    assert read_folder(tmp_path) == (entries, 0)


@pytest.mark.parametrize("cut", [1, 8, 33])
def test_it_stops_at_a_torn_end(tmp_path, cut):
    stream, entries = Stream(11), entries_of(20)
    frames = [stream.frame(*entry) for entry in entries]
    path = write_segment(tmp_path, frames, close=False)
    path.write_bytes(path.read_bytes()[: -len(frames[-1]) + cut])
    read, damaged = read_folder(tmp_path)
    assert read == entries[:-1]
    assert damaged == cut


@pytest.mark.parametrize("copy", [0, 64])
def test_one_damaged_header_is_no_loss(tmp_path, copy):
    stream, entries = Stream(11), entries_of(5)
    path = write_segment(tmp_path, [stream.frame(*entry) for entry in entries])
    content = bytearray(path.read_bytes())
    content[copy + 13] ^= 0xFF
    path.write_bytes(content)
    assert read_folder(tmp_path) == (entries, 0)


def test_a_journal_inside_a_payload_stays_a_payload(tmp_path):
    inner = Stream(5, salt=1)
    logged = b"".join(inner.frame(1, time, b"inner") for time in range(4))
    outer = Stream(6)
    path = write_segment(tmp_path, [outer.frame(2, 0, logged), outer.frame(2, 1, b"behind")])
    content = bytearray(path.read_bytes())
    content[128 + 33] ^= 1  # now a reader has to search, and meets the inner frames
    path.write_bytes(content)
    assert read_folder(tmp_path)[0] == [(2, 1, b"behind")]


@pytest.mark.kill
def test_it_reads_what_a_logger_wrote_whose_writer_was_killed(tmp_path):
    with DataLogger(tmp_path, "page", storage="journal") as logger:
        for number in range(400):
            if number == 200:
                logger.flush()
                os.kill(logger.processes[0].pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
            logger.input_queue.put(LogPackage(number % 2, number + 1, np.frombuffer(b"%d" % number, np.uint8)))
    expected = [(number % 2, number + 1, b"%d" % number) for number in range(400)]
    assert read_folder(logger.output_directory) == (expected, 0)
    assert len(list(logger.output_directory.glob("*.axj"))) == 2


def test_entries_are_npy_files_as_described(tmp_path):
    with DataLogger(tmp_path, "page") as logger:
        for _ in range(2):
            logger.input_queue.put(LogPackage(7, 1_500_000, np.arange(3, dtype=np.uint8)))
    names = ["007_00000000000001500000.npy", "007_00000000000001500000_1.npy"]
    assert sorted(path.name for path in logger.output_directory.iterdir()) == names
    content = (logger.output_directory / names[0]).read_bytes()
    assert content[:10] == b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    text = content[10:128]
    assert text.rstrip(b" \n") == b"{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }"
    assert text.endswith(b"\n")
    assert content[128:] == b"\x07" + (1_500_000).to_bytes(8, "little") + bytes([0, 1, 2])


@pytest.mark.parametrize("compress", [True, False])
def test_archives_are_zip_files_of_npy_files_in_the_order_of_time(tmp_path, compress):
    times = [0, 5, 5, 40, 7]
    with DataLogger(tmp_path, "page", storage="journal") as logger:
        for number, time in enumerate(times):
            logger.input_queue.put(LogPackage(7, time, np.full(8, number, np.uint8)))
    logger.compress_logs(compress=compress)
    with zipfile.ZipFile(logger.output_directory / "7_log.npz") as archive:
        names = archive.namelist()
        contents = [archive.read(name) for name in names]
    stems = [f"007_{time:020d}" for time in sorted(times)]
    stems[2] += "_1"
    assert names == [f"{stem}.npy" for stem in stems]
    for content, time, number in zip(contents, sorted(times), [0, 1, 2, 4, 3], strict=True):
        assert content[128:] == b"\x07" + time.to_bytes(8, "little") + bytes([number]) * 8


def test_it_is_a_program_too(tmp_path):
    stream = Stream(11)
    write_segment(tmp_path, [stream.frame(7, 42, b"hello")])
    done = subprocess.run([sys.executable, str(READER), str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "(7, 42, b'hello')\n"


def test_the_page_names_the_numbers_that_the_reader_uses():
    page = PAGE.read_text(encoding="utf-8")
    for fact in ("89 41 58 4A 0D 0A 1A 0A", "89 41 78 52", "Start at offset 128", "without\nthe zero bytes behind it"):
        assert fact in page


def test_the_layout_of_a_ring_is_the_pages(tmp_path):
    from ataraxis_shm import RingProducer

    producer = RingProducer.create(tmp_path / "page.ring", 256, salt=SALT)
    try:
        for _ in range(5):  # frames of 40 bytes; the seventh begins the second lap
            producer.put(b"12345678")
        content = (tmp_path / "page.ring").read_bytes()
        magic, version, salt, capacity, ring_id = struct.unpack_from("<8sIIQQ", content)
        assert (magic, version, salt, capacity) == (b"AXS-RING", 1, SALT, 256)
        assert ring_id == producer.ring_id
        assert struct.unpack_from("<Q", content, 256)[0] == producer.head == 200
        assert struct.unpack_from("<Q", content, 384)[0] == producer.tail == 0
        assert struct.unpack_from("<Q", content, 128)[0] == 0
        assert len(content) == 4096 + 256
        for position in range(0, 200, 40):
            assert frame_at(content, 4096 + position, salt) == (ring_id, position, b"12345678")
    finally:
        producer.close()
        producer.unlink()


def test_the_unused_end_of_a_ring_is_a_padding_frame(tmp_path):
    from ataraxis_shm import RingConsumer, RingProducer

    with RingProducer.create(tmp_path / "page.ring", 256, salt=SALT) as producer:
        for _ in range(5):
            producer.put(b"12345678")
        with RingConsumer.attach(producer.path) as consumer:
            consumer.claim()
            consumer.advance(consumer.peek().end)
        assert producer.put(b"1" * 40) == 256  # 72 bytes do not fit into the 56 left
        content = producer.path.read_bytes()
        start = 4096 + 200
        magic, skipped, crc, ring_id, position = struct.unpack_from("<4sQIQQ", content, start)
        assert (magic, skipped, ring_id, position) == (b"\x89AxP", 256 - 200 - 32, producer.ring_id, 200)
        header_crc = zlib.crc32(content[start + 16 : start + 32], zlib.crc32(content[start : start + 12], SALT))
        assert crc == header_crc
        assert frame_at(content, 4096, SALT) == (producer.ring_id, 256, b"1" * 40)
    producer.unlink()
