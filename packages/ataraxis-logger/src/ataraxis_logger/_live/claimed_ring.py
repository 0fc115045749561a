"""A ring that a writer has claimed: what it hands to the store, and the counts that survive the writer.

A kill between storing a batch and advancing past it must neither lose the batch nor count it twice. So the count of
stored packages lies in the ring's scratch words twice, each time with the position it belongs to. The one whose
position is the ring's tail is right. The other one is of the batch that is being stored, and its position tells the
next writer which batch that was: it gets the very same one, and finishes it.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from ataraxis_logger._live.spill import REFERENCE_BODY, Reference, SpillFiles
from ataraxis_shm._registry import open_file
from ataraxis_shm._ring_batch import Batch
from ataraxis_shm._ring_consumer import RingConsumer

MAX_BYTES: Final = 4 << 20

HELPER_LOCKS: Final = 16
"""The first of the lock bytes of a ring's file that say which helpers of its writer store from it."""
MAX_HELPERS: Final = 7
"""More would wait for one another: the system makes one name in a folder at a time."""

_SLOTS: Final = ((0, 1), (2, 3))  # position and count, twice


def stored_count(ring: RingConsumer) -> int:
    """Returns how many packages of a ring were stored and advanced past, for any process that looks."""
    while True:
        tail = ring.tail
        stored = next((ring.scratch[count] for position, count in _SLOTS if ring.scratch[position] == tail), 0)
        if ring.tail == tail:  # else both counts may have been replaced meanwhile
            return stored


def is_held_by_helpers(ring: Path) -> bool:
    """Tells whether helpers, of whatever writer, may be storing from a ring."""
    with suppress(FileNotFoundError), open_file(ring) as file:
        return any(file.byte_is_locked(HELPER_LOCKS + number) for number in range(MAX_HELPERS))
    return False


def is_unfinished(ring: RingConsumer) -> bool:
    """Tells whether a batch of a ring was staged and not advanced past: some of it may be stored already."""
    return max(ring.scratch[position] for position, _ in _SLOTS) > ring.tail


class ClaimedRing:
    """A ring that this process has claimed.

    Attributes:
        consumer: The ring's reading end.
        path: The ring's file.
        spills: Its spill files.
        ring_id: The ring's identity.
        stored: Packages of this ring that were stored so far, by any writer.
        staged: The end of the batch that was staged last. Beyond the tail, it is one that an earlier writer, or an
            earlier attempt, did not finish.
    """

    def __init__(self, consumer: RingConsumer, states: "tuple[Path, ...]" = ()) -> None:
        self.consumer = consumer
        self.path: Path = consumer.path
        self.spills = SpillFiles(consumer.path, states)
        self.ring_id = consumer.ring_id
        self.stored = stored_count(consumer)
        self.staged = max(consumer.scratch[position] for position, _ in _SLOTS)

    @property
    def tail(self) -> int:
        """Position of the oldest record that was not advanced past."""
        return self.consumer.tail

    def take(self, max_records: int, max_bytes: int = MAX_BYTES) -> Batch:
        """Shows the records to be stored next: without spilled payloads, or a single spilled one.

        Raises:
            RingDamageError: The oldest record does not verify.
        """
        batch = self.consumer.peek(max_records, max_bytes)
        if not batch.positions:
            return batch
        if batch.positions[0] < self.staged:
            # Exactly the batch that was staged: whoever stored part of it cannot tell the parts of another one.
            return self.consumer.peek(None, self.staged - batch.positions[0])
        if REFERENCE_BODY in batch.lengths:
            spilled = next((place for place, (_, body) in enumerate(batch) if Reference.of(body)), None)
            if spilled is not None:
                return self.consumer.peek(max(spilled, 1))
        return batch

    def stage(self, batch: Batch) -> None:
        """Notes that a batch is staged: a successor will finish this one, whatever else the ring holds by then."""
        if batch.end > self.staged:
            self._note(batch.end, self.stored + len(batch))

    def advance(self, batch: Batch) -> None:
        """Gives the space of a batch that was staged and stored back to the producer."""
        self.consumer.advance(batch.end)
        self.stored += len(batch)

    def skip(self, position: int) -> None:
        """Goes on behind records that cannot be stored."""
        self._note(position, self.stored)
        self.consumer.advance(position)

    def _note(self, end: int, count: int) -> None:
        scratch, tail = self.consumer.scratch, self.consumer.tail
        other = _SLOTS[1] if scratch[_SLOTS[0][0]] == tail else _SLOTS[0]
        scratch[other[0]] = 0  # a kill between the next two stores must not pair the count with another position
        scratch[other[1]] = count
        scratch[other[0]] = end
        self.staged = end


class Store(Protocol):
    """Where packages end up. Both storages keep these promises and pass one conformance suite.

    After `commit` has returned, no kill undoes what was appended before; and the same batch appended again, by this
    store or by the next one, keeps each package once. A store that has raised OSError is closed; another one may be
    opened, and given the same batches, when the cause is gone.
    """

    batch_records: int
    """How many records a batch should have at most."""

    def claim(self, ring: ClaimedRing) -> None:
        """Takes up a ring that an earlier writer may have left in the middle of a batch; before its first batch."""

    def append(self, ring: ClaimedRing, batch: Batch) -> None:
        """Begins to store a batch that `ring.take` gave, and stages it on the way. One batch a ring until `commit`.

        Raises:
            OSError: The disk refused.
            LogFormatError: The spilled payload that this batch refers to is gone or damaged.
        """

    def commit(self) -> None:
        """Returns when all that was appended is stored.

        Raises:
            OSError: The disk refused; part of what was appended may be stored.
        """

    def settle(self, ring: ClaimedRing) -> None:
        """Begins to clear away what was kept of a ring's last batch for a successor; the ring was advanced past it.

        Raises:
            OSError: The disk refused.
        """

    def release(self, ring: ClaimedRing) -> None:
        """Forgets a ring that is empty, when all that was kept of its batches is cleared away.

        Raises:
            OSError: The disk refused.
        """

    def sync(self) -> None:
        """Forces what was committed to the drive."""

    def close(self) -> None:
        """Ends the store. What was committed is as safe as before, whatever this raises."""
