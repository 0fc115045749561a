r"""What a journal is made of: segments of records, each record the ring frame byte for byte.

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
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ataraxis_logger._errors import LogFormatError
from ataraxis_shm._frame import FRAME_HEADER
from ataraxis_shm._registry import open_file

if TYPE_CHECKING:
    from typing_extensions import Buffer

SUFFIX: Final = ".axj"
_NAME: Final = re.compile(r"segment_([0-9]{8,})\.axj")

_MAGIC: Final = b"\x89AXJ\r\n\x1a\n"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sHHI16sqq12x")
_CHECKSUM: Final = struct.Struct("<I")
HEADER_COPY_SIZE: Final = _HEADER.size + _CHECKSUM.size
HEADER_SIZE: Final = 2 * HEADER_COPY_SIZE

BODY_PREFIX: Final = struct.Struct("<BB6xQ")
"""Source, flags and time: the first 16 bytes of the body of every record."""

FLAG_SPILLED: Final = 1
"""The payload lies in a spill file and the body only names it. Lives in rings, never in a journal."""
FLAG_INLINED: Final = 2
"""The payload came out of a spill file: the frame is longer here than it was in its ring."""

FRAME_AND_PREFIX: Final = struct.Struct(FRAME_HEADER.format + BODY_PREFIX.format.removeprefix("<"))
CHECKED_FROM: Final = 16
"""Where the part of a frame's header begins that its body's CRC continues."""

RECORD_PAYLOAD: Final = FRAME_AND_PREFIX.size
"""Where the payload begins within a record."""

CONTROL_RING: Final = 0
"""The ring id of what is no record: sync records and the footer."""
SYNC_KIND: Final = b"SYNC"
SYNC: Final = struct.Struct("<4sQQq")
"""Body of a sync record: its kind, bytes and records before it, UTC in microseconds."""
FOOTER_KIND: Final = b"FOOT"
FOOTER: Final = struct.Struct("<4sQQI")
"""Begin of a footer's body: its kind, records and bytes before it, number of spans."""
SPAN: Final = struct.Struct("<QQQ")
"""Ring id, first and one past the last position."""

WRITER_LOCK: Final = 1
"""The lock of the file that a segment's writer holds for as long as it may still append."""


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


class SegmentHeader(NamedTuple):  # a dataclass would take the writers fifteen milliseconds to import
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
        for start in (0, HEADER_COPY_SIZE):
            if (header := cls._unpack_copy(bytes(view[start : start + HEADER_COPY_SIZE]))) is not None:
                return header
        return None

    @classmethod
    def _unpack_copy(cls, copy: bytes) -> "SegmentHeader | None":
        if len(copy) < HEADER_COPY_SIZE or _CHECKSUM.unpack_from(copy, _HEADER.size)[0] != zlib.crc32(
            copy[: _HEADER.size]
        ):
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
