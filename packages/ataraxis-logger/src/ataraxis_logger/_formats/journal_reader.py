"""Reading segments of a journal: every intact record, and the stretches that hold none."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ataraxis_logger._formats.journal_layout import (
    BODY_PREFIX,
    CHECKED_FROM,
    CONTROL_RING,
    FLAG_INLINED,
    FOOTER,
    FOOTER_KIND,
    FRAME_AND_PREFIX,
    HEADER_COPY_SIZE,
    HEADER_SIZE,
    SPAN,
    SYNC,
    SYNC_KIND,
    SegmentHeader,
)
from ataraxis_shm._frame import FRAME_HEADER, RECORD_MAGIC, frame_size, prefix_checksum

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ANY_MAGIC: Final = re.compile(re.escape(RECORD_MAGIC))


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
        verified = min(start, HEADER_COPY_SIZE)
        unpack, checksum, crc32 = FRAME_AND_PREFIX.unpack_from, prefix_checksum, zlib.crc32
        header_size, smallest = FRAME_HEADER.size, FRAME_AND_PREFIX.size
        while offset < end:
            body = offset + header_size
            if offset + smallest <= end:
                magic, length, crc, ring_id, position, source, flags, time_stamp = unpack(view, offset)
                stop = body + length
                if (
                    magic == RECORD_MAGIC
                    and stop <= end
                    and crc32(view[offset + CHECKED_FROM : stop], checksum(salt, length)) == crc
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
        kind = bytes(body[: len(SYNC_KIND)])
        if kind == SYNC_KIND and body.nbytes == SYNC.size:
            self.synced = SYNC.unpack(body)[1]
        elif kind == FOOTER_KIND and body.nbytes >= FOOTER.size:
            _, records, size, count = FOOTER.unpack_from(body)
            spans = (
                tuple(SPAN.iter_unpack(body[FOOTER.size :])) if body.nbytes == FOOTER.size + count * SPAN.size else ()
            )
            self.footer = Footer(records, size, spans)


def _next_frame(view: memoryview, start: int, salt: int) -> int:
    """Returns the offset of the first intact frame at or after `start`, or the end of the view.

    Not only at multiples of eight: a splice shifts everything behind it.
    """
    end = len(view)
    while found := _ANY_MAGIC.search(view, start):
        offset = found.start()
        body = offset + FRAME_HEADER.size
        if body <= end:
            _, length, crc, *_ = FRAME_HEADER.unpack_from(view, offset)
            if length <= end - body:
                checked = view[offset + CHECKED_FROM : body + length]
                if zlib.crc32(checked, prefix_checksum(salt, length)) == crc:
                    return offset
        start = offset + 1
    return end


def frame_at(view: memoryview, offset: int) -> tuple[int, int] | None:
    """Returns ring id and position of the frame whose header begins at an offset, whether or not it is intact.

    None when there is no whole header of a record. What is returned is only a claim: nothing was verified.
    """
    if offset + FRAME_HEADER.size > len(view):
        return None
    magic, _, _, ring_id, position = FRAME_HEADER.unpack_from(view, offset)
    return (ring_id, position) if magic == RECORD_MAGIC else None
