"""The frame: how one record of variable length lies in a ring and, byte for byte, in a journal made from it.

A frame is a 32-byte little-endian header, the body, and zero bytes up to the next multiple of eight:

====== ==== ======== ================================================================================
offset size field    meaning
====== ==== ======== ================================================================================
0      4    magic    ``RECORD_MAGIC``, or ``PADDING_MAGIC`` for the unused end of a ring
4      8    length   bytes in the body (padding: bytes to skip after the header)
12     4    crc      CRC-32 (zlib polynomial) of bytes 0-11, then of bytes 16-31 and the body
16     8    ring id  random, never 0, of the ring that the record was put into (0: a frame of another kind)
24     8    position byte offset of this frame in that ring's endless stream
32     n    body
====== ==== ======== ================================================================================

The CRC starts from a 32-bit *salt*. Frames of another salt do not verify, so a journal that is stored as the body of a
record never parses as part of the journal around it. The CRC leaves its own field out (instead of reading it as zero)
so that what depends on salt and length alone can be computed once and kept; the CRC of a padding frame ends with the
header, because the bytes behind it are whatever an earlier lap left there.
"""

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ataraxis_shm._checksum import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

RECORD_MAGIC: Final = b"\x89AxR"
PADDING_MAGIC: Final = b"\x89AxP"
FRAME_HEADER: Final = Struct("<4sQIQQ")
HEADER_SIZE: Final = FRAME_HEADER.size
ALIGNMENT: Final = 8

PREFIX: Final = Struct("<4sQ")
CHECKED_FROM: Final = 16  # where the part of the header begins that the body's checksum continues


class Frame(NamedTuple):
    """An intact frame found in a buffer.

    Attributes:
        offset: Where the frame's header begins in the buffer, in bytes.
        position: Byte offset of the frame in the endless stream of its ring.
        ring_id: The ring that the record was put into; 0 for frames of another kind.
        body: The record, a read-only view into the buffer.
    """

    offset: int
    position: int
    ring_id: int
    body: memoryview

    @property
    def end(self) -> int:
        """Where the next frame begins in the buffer, in bytes."""
        return self.offset + frame_size(len(self.body))


class Damage(NamedTuple):
    """A stretch of a buffer, ``start`` to ``stop`` in bytes, in which no intact frame begins."""

    start: int
    stop: int


def frame_size(body_length: int) -> int:
    """Return how many bytes a frame with a body of that many bytes takes, header and alignment included.

    Example:
        >>> frame_size(0), frame_size(1), frame_size(64)
        (32, 40, 96)
    """
    return (HEADER_SIZE + body_length + ALIGNMENT - 1) & -ALIGNMENT


@lru_cache(maxsize=1024)
def prefix_checksum(salt: int, body_length: int, magic: bytes = RECORD_MAGIC) -> int:
    """Return the CRC-32 of what is the same in all frames of one salt, length and kind: header bytes 0 to 11."""
    return crc32(PREFIX.pack(magic, body_length), salt)


def pack_frame(ring_id: int, position: int, *parts: "Buffer", salt: int = 0) -> bytes:
    """Return a whole frame, zero-padded to a multiple of eight bytes.

    Args:
        ring_id: Identity of the ring, 64 bits; 0 marks frames that never were in a ring.
        position: Byte offset in the ring's endless stream, 64 bits.
        *parts: Bytes-like objects (C-contiguous) that together are the body.
        salt: 32-bit start of the CRC.

    Returns:
        The frame; ``len()`` of it is `frame_size` of the body's length.

    Example:
        >>> frame = pack_frame(7, 0, b"temperature", b"=21")
        >>> [bytes(item.body) for item in scan_frames(frame)]
        [b'temperature=21']
    """
    body = b"".join(parts)
    checked = FRAME_HEADER.pack(RECORD_MAGIC, len(body), 0, ring_id, position)[CHECKED_FROM:]
    crc = crc32(body, crc32(checked, prefix_checksum(salt, len(body))))
    header = FRAME_HEADER.pack(RECORD_MAGIC, len(body), crc, ring_id, position)
    return b"".join((header, body, bytes(-len(body) % ALIGNMENT)))


def pack_padding(ring_id: int, position: int, size: int, *, salt: int = 0) -> bytes:
    """Return the header that declares the ``size`` bytes from ``position`` on unused (``size`` is at least 32)."""
    skipped = size - HEADER_SIZE
    checked = FRAME_HEADER.pack(PADDING_MAGIC, skipped, 0, ring_id, position)[CHECKED_FROM:]
    crc = crc32(checked, prefix_checksum(salt, skipped, PADDING_MAGIC))
    return FRAME_HEADER.pack(PADDING_MAGIC, skipped, crc, ring_id, position)


def check_frame(buffer: "Buffer", offset: int = 0, salt: int = 0) -> Frame | None:
    """Return the record at an offset if all of it is there and its CRC agrees, else None.

    Args:
        buffer: Bytes-like, C-contiguous.
        offset: Where the frame would begin, in bytes.
        salt: 32-bit start of the CRC.

    Returns:
        The frame, its body a read-only view; None for padding frames too. The zero bytes that align the next frame are
        not looked at and may be cut off. Takes time linear in the length of the body.

    Example:
        >>> frame = pack_frame(7, 4096, b"x")
        >>> check_frame(frame).position
        4096
        >>> check_frame(frame[:-8]) is None
        True
    """
    return _check_record(_as_bytes(buffer), offset, salt)


def scan_frames(buffer: "Buffer", salt: int = 0, start: int = 0, stop: int | None = None) -> "Iterator[Frame | Damage]":
    """Find all intact records between two offsets, in order, and what lies damaged between them.

    After damage the scan goes on at the next magic that begins an intact frame; frames begin at multiples of eight
    bytes from ``start``.

    Args:
        buffer: Bytes-like, C-contiguous; read through, never copied.
        salt: 32-bit start of the CRC.
        start: Offset of the first frame, in bytes.
        stop: Where to stop, in bytes; None for the end of the buffer.

    Yields:
        A `Frame` for each record, a `Damage` for each stretch in which there is none. Padding frames are passed over.
        Takes linear time in an intact buffer; within damage each false start costs the length that it claims.

    Raises:
        ValueError: ``start`` and ``stop`` do not lie in the buffer in this order.

    Example:
        >>> journal = pack_frame(7, 0, b"one") + bytes(16) + pack_frame(7, 40, b"two")
        >>> for item in scan_frames(journal):
        ...     print(item if isinstance(item, Damage) else bytes(item.body))
        b'one'
        Damage(start=40, stop=56)
        b'two'
    """
    view = _as_bytes(buffer)
    end = len(view) if stop is None else stop
    if not 0 <= start <= end <= len(view):
        raise ValueError(
            f"Unable to scan from {start} to {stop}: expected 0 <= start <= stop <= {len(view)}, the buffer's length."
        )
    return _scan(view[:end], salt, start)


def _scan(view: memoryview, salt: int, start: int) -> "Iterator[Frame | Damage]":
    offset, end = start, len(view)
    while offset < end:
        frame = _check_record(view, offset, salt)
        if frame is not None:
            yield frame
            offset = min(frame.end, end)
        elif skipped := _check_padding(view, offset, salt):
            offset = min(offset + skipped, end)
        else:
            resumed = _resynchronise(view, offset, salt)
            yield Damage(offset, resumed)
            offset = resumed


def _resynchronise(view: memoryview, damaged: int, salt: int) -> int:
    """Return the offset of the first intact frame behind a damaged one, or the end of the view."""
    resumed = damaged + ALIGNMENT
    for start in find_aligned(view[resumed:], RECORD_MAGIC, PADDING_MAGIC):
        if _check_record(view, resumed + start, salt) or _check_padding(view, resumed + start, salt):
            return resumed + start
    return len(view)


def find_aligned(view: memoryview, *magics: bytes) -> "Iterator[int]":
    """Yield the multiples of eight at which one of the magics stands in a view, in order."""
    import re  # noqa: PLC0415 - only damage needs it, and importing it would double the time this module takes

    for found in re.finditer(b"|".join(map(re.escape, magics)), view):
        if found.start() % ALIGNMENT == 0:
            yield found.start()


def _check_record(view: memoryview, offset: int, salt: int) -> Frame | None:
    body = offset + HEADER_SIZE
    if body > len(view):
        return None
    magic, length, crc, ring_id, position = FRAME_HEADER.unpack_from(view, offset)
    if magic != RECORD_MAGIC or length > len(view) - body:
        return None
    end = body + length
    if crc32(view[offset + CHECKED_FROM : end], prefix_checksum(salt, length)) != crc:
        return None
    return Frame(offset, position, ring_id, view[body:end])


def _check_padding(view: memoryview, offset: int, salt: int) -> int:
    """Return the size of the padding frame at an offset, 0 when there is none."""
    body = offset + HEADER_SIZE
    if body > len(view):
        return 0
    magic, skipped, crc, _, _ = FRAME_HEADER.unpack_from(view, offset)
    if magic != PADDING_MAGIC or skipped % ALIGNMENT:
        return 0
    expected = crc32(view[offset + CHECKED_FROM : body], prefix_checksum(salt, skipped, PADDING_MAGIC))
    return HEADER_SIZE + skipped if crc == expected else 0


def _as_bytes(buffer: "Buffer") -> memoryview:
    """Return a read-only view of unsigned bytes, whatever the items of the buffer are."""
    view = memoryview(buffer).toreadonly()
    # A view without elements cannot be cast when it has several dimensions, and has nothing to scan.
    return view.cast("B") if view.nbytes else memoryview(b"")
