r"""The journal: segments of records, each record the ring frame byte for byte.

A segment, `segment_<number:08d>.axj`, is a header and then frames (`ataraxis_shm` describes the frame). Three kinds:

- a *record* has the ring id and position it had in its producer's ring; its body is a 16-byte prefix (source u8, flags
  u8, six zero bytes, time u64 little-endian) and the payload;
- a *sync record* (ring id 0, body kind `SYNC`) follows each fdatasync and says how many bytes and records were safe;
- the *footer* (ring id 0, body kind `FOOT`) is the last frame of a segment that was closed properly: its record count
  and the stretches of each ring's stream it holds. It is advice: nothing depends on it, but it shows what is missing.

The header is written twice, so that no single damaged byte takes the salt away, without which no record verifies:

====== ==== ==========================================================================
offset size field
====== ==== ==========================================================================
0      8    magic, ``\x89AXJ\r\n\x1a\n`` (shows a text-mode copy, like PNG's)
8      2    version, 1
10     2    size of both headers together, 128
12     4    salt of every CRC in the segment
16     16   session id (random, one per start of a logger)
32     8    UTC at the start of the session, microseconds, i64
40     8    monotonic clock at the same moment, microseconds, i64
48     12   zero
60     4    CRC-32 of bytes 0 to 59
64     64   the same again
====== ==== ==========================================================================

Writing is at least once: after a crash a writer may store a record again, in another segment. A record is identified
by (ring id, position), and every reader drops repeats with `Seen`. Nothing here imports NumPy: the writers start
without it.
"""

import os
import re
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import sync_data, sync_folder, write_all
from ataraxis_logger._formats.positions import Seen
from ataraxis_shm._frame import FRAME_HEADER, RECORD_MAGIC, frame_size, pack_frame, prefix_checksum
from ataraxis_shm._registry import OpenFile, open_file

if TYPE_CHECKING:
    from typing_extensions import Buffer

SUFFIX: Final = ".axj"
_NAME: Final = re.compile(r"segment_([0-9]{8,})\.axj")

_MAGIC: Final = b"\x89AXJ\r\n\x1a\n"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sHHI16sqq12x")
_CHECKSUM: Final = struct.Struct("<I")
_COPY_SIZE: Final = _HEADER.size + _CHECKSUM.size
HEADER_SIZE: Final = 2 * _COPY_SIZE

BODY_PREFIX: Final = struct.Struct("<BB6xQ")
"""Source, flags and time: the first 16 bytes of the body of every record."""

FLAG_SPILLED: Final = 1
"""The payload lies in a spill file and the body only names it. Lives in rings, never in a journal."""
FLAG_INLINED: Final = 2
"""The payload came out of a spill file: the frame is longer here than it was in its ring."""

_FRAME_AND_PREFIX: Final = struct.Struct(FRAME_HEADER.format + BODY_PREFIX.format.removeprefix("<"))
_FRAME_HEADER_SIZE: Final = FRAME_HEADER.size
_CHECKED_FROM: Final = 16  # the part of a frame's header that its body's CRC continues
_ANY_MAGIC: Final = re.compile(re.escape(RECORD_MAGIC))

RECORD_PAYLOAD: Final = _FRAME_AND_PREFIX.size
"""Where the payload begins within a record."""

CONTROL_RING: Final = 0
_SYNC: Final = struct.Struct("<4sQQq")
_FOOTER: Final = struct.Struct("<4sQQI")
_SPAN: Final = struct.Struct("<QQQ")
_SYNC_KIND: Final = b"SYNC"
_FOOTER_KIND: Final = b"FOOT"

WRITER_LOCK: Final = 1
"""The lock of the file that a segment's writer holds for as long as it may still append."""

_FILE_MODE: Final = 0o666  # the umask takes what the user does not want


def segment_name(number: int) -> str:
    """Returns the file name of a segment.

    >>> segment_name(12)
    'segment_00000012.axj'
    """
    return f"segment_{number:08d}{SUFFIX}"


def segment_number(name: str) -> int | None:
    """Returns the number in a segment's file name, or None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def list_segments(folder: Path) -> list[Path]:
    """Returns the segments of a folder in the order of their numbers."""
    numbered = [(number, entry.name) for entry in os.scandir(folder) if (number := segment_number(entry.name))]
    return [folder / name for _, name in sorted(numbered)]


def is_being_written(path: Path) -> bool:
    """Tells whether a writer, of this process or another, may still append to a segment."""
    file = open_file(path)
    try:
        return file.byte_is_locked(WRITER_LOCK)
    finally:
        file.close()


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What is true of a whole segment.

    Attributes:
        salt: where the CRC of every frame starts, 32 bits.
        session: 16 random bytes, the same in all segments of one start of a logger.
        utc_us: UTC when the session started, microseconds since 1970.
        monotonic_us: the monotonic clock at the same moment, microseconds.
    """

    salt: int
    session: bytes = bytes(16)
    utc_us: int = 0
    monotonic_us: int = 0

    def pack(self) -> bytes:
        """Returns the 128 bytes at the start of a segment."""
        fields = _HEADER.pack(_MAGIC, _VERSION, HEADER_SIZE, self.salt, self.session, self.utc_us, self.monotonic_us)
        return 2 * (fields + _CHECKSUM.pack(zlib.crc32(fields)))

    @classmethod
    def unpack(cls, data: "Buffer") -> "SegmentHeader | None":
        """Returns the header at the start of a segment, from whichever copy is intact; None when neither is.

        Raises:
            LogFormatError: an intact header has a version that this release does not know.
        """
        view = memoryview(data)
        for start in (0, _COPY_SIZE):
            if (header := cls._unpack_copy(bytes(view[start : start + _COPY_SIZE]))) is not None:
                return header
        return None

    @classmethod
    def _unpack_copy(cls, copy: bytes) -> "SegmentHeader | None":
        if len(copy) < _COPY_SIZE or _CHECKSUM.unpack_from(copy, _HEADER.size)[0] != zlib.crc32(copy[: _HEADER.size]):
            return None
        magic, version, _, salt, session, utc_us, monotonic_us = _HEADER.unpack_from(copy)
        if magic != _MAGIC:
            return None
        if version != _VERSION:
            raise LogFormatError(
                f"The segment has format version {version}, this release of ataraxis-logger reads version {_VERSION}. "
                "Update the package to read it."
            )
        return cls(salt, session, utc_us, monotonic_us)


class SegmentWriter:
    """Appends frames to a new segment. One writer a segment, one segment a writer; nobody appends later.

    The number is taken by exclusive creation, and the file's `WRITER_LOCK` is held until `close`, so that an archiver
    knows which segments may still grow. A refused append leaves the segment as it was and can be repeated.

    Args:
        folder: the log folder.
        header: what the segment starts with.
        number: the first number to try; None for the one after the last.

    Raises:
        OSError: the segment cannot be created.
    """

    def __init__(self, folder: Path, header: SegmentHeader, number: int | None = None) -> None:
        file = _create_segment(folder, number)
        self._file: OpenFile | None = file
        self.path = file.path
        self.header = header
        self.records = 0
        self._spans = Seen()
        self._size = 0
        self._dirty = False
        try:
            self._append([memoryview(header.pack())])
            sync_folder(folder)
        except OSError:
            # An empty segment would be reported as damaged for ever.
            self.path.unlink(missing_ok=True)
            self.abandon()
            raise

    @property
    def size(self) -> int:
        """Bytes in the segment so far."""
        return self._size

    def append_frames(self, views: Sequence[memoryview], records: int) -> None:
        """Appends runs of whole frames as they lie in a ring.

        Args:
            views: each a contiguous run of frames without padding frames between them.
            records: how many frames that is together.

        Raises:
            OSError: the system refused; nothing was appended.
        """
        self._append(list(views))
        self.records += records
        for view in views:
            if view.nbytes:
                ring_id, position = FRAME_HEADER.unpack_from(view)[3:]
                self._spans.add(ring_id, position, position + view.nbytes)

    def append_inlined(self, ring_id: int, position: int, source: int, time_stamp: int, payload: "Buffer") -> None:
        """Appends the record whose frame at this place of its ring refers to a spill file, with the payload itself.

        The payload is written from where it lies, so a mapped spill file of any size needs no memory.

        Raises:
            OSError: the system refused; nothing was appended.
        """
        view = memoryview(payload).cast("B")
        prefix = BODY_PREFIX.pack(source, FLAG_INLINED, time_stamp)
        length = len(prefix) + view.nbytes
        place = FRAME_HEADER.pack(RECORD_MAGIC, length, 0, ring_id, position)[_CHECKED_FROM:]
        crc = zlib.crc32(place + prefix, prefix_checksum(self.header.salt, length))
        head = FRAME_HEADER.pack(RECORD_MAGIC, length, zlib.crc32(view, crc), ring_id, position) + prefix
        padding = bytes(frame_size(length) - _FRAME_HEADER_SIZE - length)
        self._append([memoryview(head), view, memoryview(padding)])
        self.records += 1
        self._spans.add(ring_id, position, position + 1)

    def sync(self) -> None:
        """Forces everything appended so far to the drive and leaves a sync record behind it.

        Raises:
            OSError: the system refused.
        """
        sync_data(self._descriptor)
        body = _SYNC.pack(_SYNC_KIND, self._size, self.records, time.time_ns() // 1000)
        self._append([memoryview(pack_frame(CONTROL_RING, self._size, body, salt=self.header.salt))])

    def close(self) -> None:
        """Writes the footer, forces the segment to the drive and lets go of it; harmless when repeated.

        Raises:
            OSError: the system refused the footer or the sync. The records are as safe as before the call, and the
                segment is let go of all the same.
        """
        if self._file is None:
            return
        try:
            self._append([memoryview(self._footer())])
            sync_data(self._descriptor)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Lets go of the segment without a footer."""
        file, self._file = self._file, None
        if file is not None:
            if self._dirty:
                with suppress(OSError):  # the remains are damage that every reader passes over
                    os.ftruncate(file.fd, self._size)
            file.unlock_byte(WRITER_LOCK)
            file.close()

    @property
    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError(f"The segment {self.path.name} is closed; open a new one.")
        return self._file.fd

    def _footer(self) -> bytes:
        spans = list(self._spans)
        body = _FOOTER.pack(_FOOTER_KIND, self.records, self._size, len(spans))
        return pack_frame(CONTROL_RING, self._size, body, *(_SPAN.pack(*span) for span in spans), salt=self.header.salt)

    def _append(self, parts: list[memoryview]) -> None:
        self._drop_remains()
        descriptor = self._descriptor
        os.lseek(descriptor, self._size, os.SEEK_SET)
        self._dirty = True
        write_all(descriptor, parts)
        self._dirty = False
        self._size += sum(part.nbytes for part in parts)

    def _drop_remains(self) -> None:
        """Cuts off what an append that failed half way left behind the last whole frame."""
        if self._dirty:
            os.ftruncate(self._descriptor, self._size)
            self._dirty = False


def _create_segment(folder: Path, number: int | None) -> OpenFile:
    if number is None:
        last = list_segments(folder)[-1:]
        number = (segment_number(last[0].name) or 0) + 1 if last else 1
    while True:
        path = folder / segment_name(number)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE))
        except FileExistsError:
            number += 1
            continue
        file = open_file(path)
        if file.try_lock_byte(WRITER_LOCK) and _is_still(path, file):
            return file
        # An archiver that took the empty file for an abandoned one was faster: leave it to it.
        file.close()
        number += 1


def _is_still(path: Path, file: OpenFile) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fd))
    except FileNotFoundError:
        return False


class Record(NamedTuple):
    """One intact record of a segment.

    Attributes:
        offset: where its frame begins in the segment, in bytes.
        ring_id: the ring it travelled through.
        position: the place of its frame in that ring's endless stream.
        source: the source, 0 to 255.
        flags: `FLAG_INLINED` or 0.
        time: the time stamp.
        payload: a read-only view into the segment.
    """

    offset: int
    ring_id: int
    position: int
    source: int
    flags: int
    time: int
    payload: memoryview

    @property
    def span(self) -> tuple[int, int, int]:
        """Ring id, first and one past the last position that this record took in its ring: what `Seen.add` takes."""
        size = 1 if self.flags & FLAG_INLINED else frame_size(BODY_PREFIX.size + self.payload.nbytes)
        return self.ring_id, self.position, self.position + size


class Damage(NamedTuple):
    """A stretch of a segment, in bytes, that holds no intact frame."""

    start: int
    stop: int


class Footer(NamedTuple):
    """What a properly closed segment says about itself.

    Attributes:
        records: how many records were appended.
        size: bytes in the segment before the footer.
        spans: ring id, first and one past the last position, of each stretch of a ring's stream.
    """

    records: int
    size: int
    spans: tuple[tuple[int, int, int], ...]


@dataclass
class SegmentScan:
    """Reads a segment from its bytes: every intact record, whatever lies between them.

    Iterate it for the records in the order of the file, repeats included; afterwards `damage` and `footer` say what
    else was met. A scan can be repeated. Takes linear time; after damage it goes on at the next frame that verifies, at
    any byte.

    Args:
        data: the segment, mapped or in memory.
        salts: salts to try when both copies of the header are damaged, for instance those of neighbouring segments.

    Raises:
        LogFormatError: the segment was written by a newer version.
    """

    data: "Buffer"
    salts: Sequence[int] = ()
    header: SegmentHeader | None = field(init=False)
    footer: Footer | None = field(init=False, default=None)
    synced: int = field(init=False, default=0)
    damage: list[Damage] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._view = memoryview(self.data).toreadonly().cast("B")
        self.header = SegmentHeader.unpack(self._view)

    @property
    def torn_tail(self) -> Damage | None:
        """The damage that reaches to the end of the segment: what a killed writer was about to write, as a rule."""
        last = self.damage[-1] if self.damage else None
        return last if last is not None and last.stop == len(self._view) else None

    def __iter__(self) -> Iterator[Record]:
        self.damage.clear()
        self.footer, self.synced = None, 0
        salt, start = self._salt_and_start()
        if salt is None:
            if self._view.nbytes:
                self.damage.append(Damage(0, len(self._view)))
            return
        if start:
            self.damage.append(Damage(0, start))
        yield from self._records(salt, start or min(HEADER_SIZE, len(self._view)))

    def _salt_and_start(self) -> tuple[int | None, int]:
        """Returns the salt, and where the first record lies when the header does not tell (0 when it does)."""
        if self.header is not None:
            return self.header.salt, 0
        for salt in self.salts:
            if (start := _next_frame(self._view, 0, salt)) < len(self._view):
                return salt, start
        return None, 0

    def _records(self, salt: int, start: int) -> Iterator[Record]:
        # The one loop that runs once a record; names are local and the frame is checked in place for that reason.
        view, end, offset = self._view, len(self._view), start
        # Where the last thing that verified ends. A splice may cut the zeros behind it, or the second header, so that
        # the next frame begins before its place.
        verified = min(start, _COPY_SIZE)
        unpack, checksum, crc32 = _FRAME_AND_PREFIX.unpack_from, prefix_checksum, zlib.crc32
        smallest = _FRAME_AND_PREFIX.size
        while offset < end:
            body = offset + _FRAME_HEADER_SIZE
            if offset + smallest <= end:
                magic, length, crc, ring_id, position, source, flags, time_stamp = unpack(view, offset)
                stop = body + length
                if (
                    magic == RECORD_MAGIC
                    and stop <= end
                    and crc32(view[offset + _CHECKED_FROM : stop], checksum(salt, length)) == crc
                ):
                    if ring_id == CONTROL_RING:
                        self._control(view[body:stop])
                    elif length >= BODY_PREFIX.size:
                        yield Record(
                            offset, ring_id, position, source, flags, time_stamp, view[body + BODY_PREFIX.size : stop]
                        )
                    verified = stop
                    offset += frame_size(length)
                    continue
            resumed = _next_frame(view, verified, salt)
            begin = offset if resumed >= offset else verified
            if resumed > begin:
                self.damage.append(Damage(begin, resumed))
            offset = resumed

    def _control(self, body: memoryview) -> None:
        kind = bytes(body[: len(_SYNC_KIND)])
        if kind == _SYNC_KIND and body.nbytes == _SYNC.size:
            self.synced = _SYNC.unpack(body)[1]
        elif kind == _FOOTER_KIND and body.nbytes >= _FOOTER.size:
            _, records, size, count = _FOOTER.unpack_from(body)
            spans = (
                tuple(_SPAN.iter_unpack(body[_FOOTER.size :]))
                if body.nbytes == _FOOTER.size + count * _SPAN.size
                else ()
            )
            self.footer = Footer(records, size, spans)


def _next_frame(view: memoryview, start: int, salt: int) -> int:
    """Returns the offset of the first intact frame at or after `start`, or the end of the view.

    Not only at multiples of eight: a splice shifts everything behind it.
    """
    end = len(view)
    while found := _ANY_MAGIC.search(view, start):
        offset = found.start()
        body = offset + _FRAME_HEADER_SIZE
        if body <= end:
            _, length, crc, *_ = FRAME_HEADER.unpack_from(view, offset)
            if length <= end - body:
                checked = view[offset + _CHECKED_FROM : body + length]
                if zlib.crc32(checked, prefix_checksum(salt, length)) == crc:
                    return offset
        start = offset + 1
    return end


def frame_at(view: memoryview, offset: int) -> tuple[int, int] | None:
    """Returns ring id and position of the frame whose header begins at an offset, whether or not it is intact.

    None when there is no whole header of a record. What is returned is only a claim: nothing was verified.
    """
    if offset + _FRAME_HEADER_SIZE > len(view):
        return None
    magic, _, _, ring_id, position = FRAME_HEADER.unpack_from(view, offset)
    return (ring_id, position) if magic == RECORD_MAGIC else None
