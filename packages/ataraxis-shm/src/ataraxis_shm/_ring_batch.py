"""Reading a ring: from the frames between tail and head to a batch of verified records."""

from itertools import repeat
from struct import Struct
from typing import TYPE_CHECKING, Final

from ataraxis_shm._checksum import crc32
from ataraxis_shm._errors import RingDamageError
from ataraxis_shm._frame import (
    ALIGNMENT,
    CHECKED_FROM,
    HEADER_SIZE,
    PREFIX,
    RECORD_MAGIC,
    find_aligned,
    frame_size,
    pack_padding,
    prefix_checksum,
)
from ataraxis_shm._ring_layout import DATA_OFFSET, RingMemory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # Length of the body, size of the frame, length of header and body, checksum of magic and length.
    _Plan = tuple[int, int, int, int]

_HEADER_OF_BATCH: Final = Struct("<12sI8xQ")  # magic and length as one, CRC, position
_PLANS: Final = 2048  # lengths of records whose plans are kept


class Batch:
    """Records at the tail of a ring, verified, in order, and not copied.

    What it gives are views into the ring: valid until the consumer advances past them, after which the producer may
    overwrite them. (They stay readable memory for ever.)

    Attributes:
        positions: Position of each record in the ring's endless stream, in bytes.
        lengths: Length of each record's body, in bytes.
        frames: The records as they lie in the ring, headers included: no, one or two read-only views of whole frames,
            the second where the ring wraps. Padding is left out.
        end: What to `RingConsumer.advance` to when all of the batch is done with.

    Example:
        >>> import tempfile, pathlib
        >>> from ataraxis_shm import RingConsumer, RingProducer
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "demo.ring")
        >>> with RingProducer.create(path, 4096) as producer, RingConsumer.attach(path) as consumer:
        ...     _ = producer.put(b"one"), producer.put(b"three"), consumer.claim()
        ...     batch = consumer.peek()
        ...     [(position, bytes(body)) for position, body in batch], batch.end
        ([(0, b'one'), (40, b'three')], 80)
        >>> folder.cleanup()
    """

    __slots__ = ("_capacity", "_data", "end", "frames", "lengths", "positions")

    def __init__(
        self,
        ring: RingMemory,
        positions: "Sequence[int]",
        lengths: "Sequence[int]",
        frames: tuple[memoryview, ...],
        end: int,
    ) -> None:
        self._data = ring.readable
        self._capacity = ring.header.capacity
        self.lengths = lengths
        self.positions = positions
        self.frames = frames
        self.end = end

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.positions)

    def __iter__(self) -> "Iterator[tuple[int, memoryview]]":
        """Yield the position and the body (a read-only view) of each record."""
        data, capacity = self._data, self._capacity
        for position, length in zip(self.positions, self.lengths, strict=True):
            body = DATA_OFFSET + HEADER_SIZE + position % capacity
            yield position, data[body : body + length]

    def __repr__(self) -> str:
        return f"<Batch of {len(self)} records, end={self.end}>"


class BatchReader:
    """Verifies what lies between a tail and a head. It stores nothing and believes nothing."""

    __slots__ = ("_capacity", "_plans", "_readable", "_ring", "_ring_id", "_salt")

    def __init__(self, ring: RingMemory) -> None:
        self._ring = ring
        self._readable = ring.readable
        self._capacity = ring.header.capacity
        self._ring_id = ring.header.ring_id
        self._salt = ring.header.salt
        self._plans: dict[bytes, _Plan] = {}

    def verify(self, tail: int, head: int, max_records: int | None, max_bytes: int | None) -> Batch:
        """Collect the intact records from the tail on, over the end of the ring if there are more behind it."""
        positions: list[int] = []
        lengths: list[int] = []
        frames: list[memoryview] = []
        if head == tail or not self._ring.can_be(tail, head):
            return Batch(self._ring, positions, lengths, (), tail)
        position = end = self._skip_padding(tail)
        stop = head if max_bytes is None else min(head, position + max_bytes)
        count = (head - tail) // HEADER_SIZE if max_records is None else max_records
        while position < stop and len(positions) < count:
            end = self._verify_lap(
                position, min(stop, self._lap_end(position)), count - len(positions), positions, lengths
            )
            if end == position:
                break
            offset = self._offset(position)
            frames.append(self._readable[offset : offset + end - position])
            position = self._skip_padding(end)
        return Batch(self._ring, positions, lengths, tuple(frames), end)

    def _verify_lap(self, position: int, stop: int, count: int, positions: list[int], lengths: list[int]) -> int:
        """Collect intact records up to the end of the ring or the first that is not; return where the last one ends.

        A record costs one unpacking and one CRC. Magic and length are looked up together, with what follows from them;
        the ring id is not compared, because the CRC covers it and nobody else ever writes here.
        """
        readable, plans, unpack_from = self._readable, self._plans, _HEADER_OF_BATCH.unpack_from
        add_position, add_length = positions.append, lengths.append
        shift = self._offset(position) - position
        stop = min(stop, self._lap_end(position) - HEADER_SIZE + 1)
        for _ in repeat(None, count):
            if position >= stop:
                break
            offset = position + shift
            prefix, crc, stamp = unpack_from(readable, offset)
            plan = plans.get(prefix) or self._plan(prefix)
            if plan is None or stamp != position:
                break
            length, size, end, checksum = plan
            if crc32(readable[offset + CHECKED_FROM : offset + end], checksum) != crc:
                break
            add_position(position)
            add_length(length)
            position += size
        return position

    def _plan(self, prefix: bytes) -> "_Plan | None":
        """Return, and keep, what follows from magic and length; None if no record of this ring begins so."""
        magic, length = PREFIX.unpack(prefix)
        if magic != RECORD_MAGIC or length > self._capacity:
            return None
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        plan = (length, frame_size(length), HEADER_SIZE + length, prefix_checksum(self._salt, length))
        self._plans[prefix] = plan
        return plan

    def _offset(self, position: int) -> int:
        return DATA_OFFSET + position % self._capacity

    def _lap_end(self, position: int) -> int:
        """Return the position at which the ring wraps next."""
        return position + self._capacity - position % self._capacity

    def _skip_padding(self, position: int) -> int:
        """Return where the ring goes on if the producer left the rest of this lap unused, else the same position.

        A rest that is shorter than a header has no padding frame.
        """
        lap_end = self._lap_end(position)
        size = lap_end - position
        if size >= HEADER_SIZE:
            offset = self._offset(position)
            padding = pack_padding(self._ring_id, position, size, salt=self._salt)
            if self._readable[offset : offset + HEADER_SIZE] != padding:
                return position
        return lap_end

    def damage(self, tail: int, head: int) -> RingDamageError:
        """Describe what is wrong at the tail."""
        if not self._ring.can_be(tail, head):
            return RingDamageError(
                f"The ring {self._ring.path} is damaged: its head {head} and its tail {tail} cannot both be right.",
                tail,
                tail,
            )
        position = self._skip_padding(tail)
        resume = self._find_intact(position + ALIGNMENT, head)
        return RingDamageError(
            f"The ring {self._ring.path} is damaged: no intact record at {position}. The next one (or the end) is at "
            f"{resume}: advance to it to go on without the {resume - position} bytes between.",
            position,
            resume,
        )

    def _find_intact(self, position: int, head: int) -> int:
        """Return the position of the first intact record from a position on, or the head."""
        while position < head:
            lap_end = self._lap_end(position)
            offset = self._offset(position)
            lap = self._readable[offset : offset + min(head, lap_end) - position]
            for start in find_aligned(lap, RECORD_MAGIC):
                if self._verify_lap(position + start, position + start + 1, 1, [], []) > position + start:
                    return position + start
            position = lap_end
        return head
