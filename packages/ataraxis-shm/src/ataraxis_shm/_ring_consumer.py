"""The reading end of a ring."""

import os
import sys
import time
import weakref
from pathlib import Path
from typing import Final, Self

from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._frame import ALIGNMENT
from ataraxis_shm._ring_batch import Batch, BatchReader
from ataraxis_shm._ring_end import RingEnd
from ataraxis_shm._ring_layout import (
    CONSUMER_LOCK,
    HEAD,
    PRODUCER_LOCK,
    RECORDS,
    SCRATCH,
    SCRATCH_WORDS,
    TAIL,
    RingMemory,
    wait_until,
)

# Seconds between looks at a frame that does not verify. On weakly ordered processors a head can become visible before
# the bytes below it, for well under a microsecond; what is still wrong after this long is damage.
_LOOKS: Final = (0.0, 0.0, 1e-4, 1e-3, 1e-2, 5e-2)

_consumers: "Final[weakref.WeakSet[RingConsumer]]" = weakref.WeakSet()


class RingConsumer(RingEnd):
    """The reading end of a ring: any process of the user may attach, one at a time may claim and read.

    Reading is two steps, so that a reader that is killed loses nothing: `peek` shows the oldest records and leaves them
    where they are; `advance`, when they are safe, gives their space back. What was shown but not advanced past is shown
    again, to this consumer or to the next. Not for several threads at a time.

    Attributes:
        scratch: Four unsigned 64-bit words in the ring's header, zero at first, that belong to whoever has claimed the
            ring. They survive the consumer's death.

    Example:
        >>> import tempfile, pathlib
        >>> from ataraxis_shm import RingConsumer, RingProducer
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "demo.ring")
        >>> producer = RingProducer.create(path, 4096)
        >>> producer.put(b"one"), producer.put(b"two")
        (0, 40)
        >>> consumer = RingConsumer.attach(path)
        >>> consumer.claim()
        True
        >>> batch = consumer.peek()
        >>> [(position, bytes(body)) for position, body in batch]
        [(0, b'one'), (40, b'two')]
        >>> consumer.advance(batch.end)
        >>> producer.backlog
        0
        >>> producer.close()
        >>> consumer.exhausted
        True
        >>> consumer.unlink()
        >>> consumer.close()
        >>> folder.cleanup()
    """

    __slots__ = ("_claimed", "_reader", "scratch")

    def __init__(self, ring: RingMemory) -> None:
        """Take over a mapped ring; use `attach`."""
        super().__init__(ring)
        self._claimed = False
        self._reader = BatchReader(ring)
        self.scratch = ring.words[SCRATCH : SCRATCH + SCRATCH_WORDS]
        _consumers.add(self)

    @classmethod
    def attach(cls, path: str | os.PathLike[str], *, strict: bool = True) -> Self:
        """Open a ring, dead or alive. This alone disturbs nobody.

        Args:
            path: The file of the ring.
            strict: Refuse a ring that is not `consistent`: nothing can be read from it, nor advanced in it.

        Raises:
            FileNotFoundError: There is no such file.
            RingFormatError: The file is no ring, of another version, cut off, or not consistent; also a ValueError.
        """
        consumer = cls(RingMemory.open(Path(path)))
        if strict and not consumer.consistent:
            consumer.close()
            raise RingFormatError(
                f"Unable to open the ring {path}: its head {consumer.head} and its tail {consumer.tail} cannot both be "
                "right, somebody else has written to its memory. Remove the file to give up the records in it."
            )
        return consumer

    @property
    def created(self) -> int:
        """When the ring was made, in microseconds of UTC."""
        return self._ring.header.created

    @property
    def process(self) -> int:
        """Identifier of the process that made the ring; whether that lives is `producer_alive`."""
        return self._ring.header.process

    @property
    def records(self) -> int:
        """How many records were put into the ring since it was made."""
        return self._ring.words[RECORDS]

    @property
    def producer_alive(self) -> bool:
        """Whether the process that made the ring lives and has not closed it."""
        return not self._closed and self._ring.file.byte_is_locked(PRODUCER_LOCK)

    @property
    def exhausted(self) -> bool:
        """Whether the ring is empty and will stay so, because its producer closed it or died."""
        # In this order: a record that is put after the backlog was read comes from a producer that was alive before.
        alive = self.producer_alive
        return not alive and self.backlog == 0

    @property
    def claimed(self) -> bool:
        """Whether this object has claimed the ring."""
        return self._claimed

    def claim(self) -> bool:
        """Become the one consumer of the ring.

        Returns:
            Whether it worked; not when another process, or another object of this process, has claimed the ring. The
            claim ends with `release`, `close` or the death of the process.

        Raises:
            RuntimeError: This consumer is closed.
        """
        if self._closed:
            raise RuntimeError(f"Unable to claim the ring {self.path}: this consumer was closed.")
        if not self._claimed:
            self._claimed = self._ring.file.try_lock_byte(CONSUMER_LOCK)
        return self._claimed

    def release(self) -> None:
        """Let another consumer claim the ring. May be repeated."""
        if self._claimed:
            self._claimed = False
            self._ring.file.unlock_byte(CONSUMER_LOCK)

    def peek(self, max_records: int | None = None, max_bytes: int | None = None) -> Batch:
        """Show the oldest records and leave them in the ring.

        Args:
            max_records: At most so many.
            max_bytes: End with the record with which the frames reach so many bytes. At least one record is shown
                whatever its size.

        Returns:
            The batch; empty when the ring is. Takes time linear in its bytes, each of which is verified.

        Raises:
            RingDamageError: The oldest record is damaged. What precedes damage is shown first. When the ring is not
                `consistent` there is no way on: ``resume`` equals ``offset``.
            RuntimeError: The ring is not claimed.
            ValueError: A limit is below 1.
        """
        self._require_claim("peek at")
        limits = (max_records, max_bytes)
        if any(limit is not None and limit < 1 for limit in limits):
            raise ValueError(
                f"Unable to peek at {max_records} records, {max_bytes} bytes: expected at least 1 of each."
            )
        for pause in _LOOKS:
            tail, head = self._ring.words[TAIL], self._ring.words[HEAD]
            batch = self._reader.verify(tail, head, *limits)
            if batch.positions or head == tail:
                return batch
            time.sleep(pause)
        raise self._reader.damage(tail, head)

    def advance(self, position: int) -> None:
        """Give the space of all records before a position back to the producer.

        Args:
            position: `Batch.end`, the position of any record of a batch (which then is the oldest one left), or the
                ``resume`` of a `RingDamageError`.

        Raises:
            ValueError: The position does not lie between tail and head, or is no multiple of 8.
            RuntimeError: The ring is not claimed.
        """
        self._require_claim("advance")
        words = self._ring.words
        if not words[TAIL] <= position <= words[HEAD] or position % ALIGNMENT:
            raise ValueError(
                f"Unable to advance the ring {self.path} to {position}: expected a multiple of {ALIGNMENT} from "
                f"{words[TAIL]} (tail) to {words[HEAD]} (head)."
            )
        words[TAIL] = position

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there are records, the producer closes the ring, or the time is over.

        Args:
            timeout: Seconds; None to wait for ever (also for a producer that was killed: see `exhausted`), 0 to look.

        Returns:
            Whether there are records.
        """
        wait_until(lambda: self.backlog > 0 or self.closed, timeout)
        return self.backlog > 0

    def close(self) -> None:
        """Give up the claim and let go of the ring's file. May be repeated; batches stay readable."""
        if not self._closed:
            self.release()
            self._closed = True
            self._ring.file.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "claimed" if self._claimed else "attached"
        return f"<RingConsumer {self.ring_id:016x} {state}, {self.backlog} of {self.capacity} bytes, {self.path}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("Unable to pickle a RingConsumer: pass its path and attach there.")

    def _require_claim(self, action: str) -> None:
        if not self._claimed:
            raise RuntimeError(f"Unable to {action} the ring {self.path}: it is not claimed by this consumer.")

    def _forget_claim(self) -> None:
        """Know, in a forked child, that the claim stayed with the parent."""
        self._claimed = False


def _forget_all_claims() -> None:
    for consumer in _consumers:
        consumer._forget_claim()  # noqa: SLF001 - the class's own fork hook


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all_claims)
