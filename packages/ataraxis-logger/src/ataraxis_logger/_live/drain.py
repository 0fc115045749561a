"""Moving packages from rings into a store, again and again, whatever the disk says."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._live.spill import Reference
from ataraxis_logger._live.stores import open_store
from ataraxis_shm._errors import RingDamageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ataraxis_logger._live.claimed_ring import ClaimedRing, Store
    from ataraxis_logger._live.session_page import SessionPage, WriterSlot
    from ataraxis_shm._ring_batch import Batch

_SHORTEST_RETRY_S: Final = 0.02
_LONGEST_RETRY_S: Final = 0.5
_MANY_RECORDS: Final = 256
_MANY_BYTES: Final = 1 << 18


class Drain:
    """Stores what rings hold, and keeps trying when the disk refuses.

    A store that was refused something is closed, and the next attempt opens another one, as after a kill. So there is
    one way back, and it is the one that the kill tests take thousands of times.

    Args:
        page: The session page.
        slot: The writer's slot in it.
        processes: How many processes may make files while many packages wait.

    Attributes:
        is_busy: Whether the last turn had so much to do that the next one will, too.
        set_aside: Rings that can be neither stored nor skipped.
    """

    def __init__(self, page: "SessionPage", slot: "WriterSlot", processes: int) -> None:
        self._page = page
        self._slot = slot
        self._folder = page.folder
        self._processes = processes
        self._store: Store | None = None
        self._unclaimed: set[ClaimedRing] = set()
        self._claimed: set[ClaimedRing] = set()
        self._retry_at = 0.0
        self._retry_after = _SHORTEST_RETRY_S
        self.is_busy = False
        self.set_aside: set[ClaimedRing] = set()
        slot.unreadable = 0

    def add(self, ring: "ClaimedRing") -> None:
        """Takes up a ring: what an earlier writer left of it is cleared away first."""
        self._unclaimed.add(ring)

    def release(self, ring: "ClaimedRing") -> bool:
        """Ends the work on an empty ring.

        Returns:
            Whether nothing of it is left to be cleared away. Otherwise it has to stay, or a kill would leave in the log
            folder what nobody knows the meaning of; it may be released after another turn.
        """
        if self._store is None or ring not in self._claimed or ring in self.set_aside:
            return False
        try:
            self._store.release(ring)
        except OSError as error:
            self._refuse(error)
            return False
        self._claimed.discard(ring)
        return True

    def forget(self, ring: "ClaimedRing") -> None:
        """Does no more for a ring that somebody else has removed."""
        self._unclaimed.discard(ring)
        self._claimed.discard(ring)

    def turn(self, rings: "Iterable[ClaimedRing]") -> int:
        """Stores a batch of each ring that holds anything.

        Returns:
            How many packages were stored; 0 also when the disk refused, or refused a moment ago.
        """
        self.is_busy = False
        if self._retry_at > time.monotonic():
            return 0
        try:
            store = self._open()
            batches = [(ring, batch) for ring in rings if (batch := self._append(store, ring)) is not None]
            if batches:
                store.commit()
        except OSError as error:
            self._refuse(error)
            return 0
        for ring, batch in batches:
            _advance(ring, batch)
        try:
            for ring, _ in batches:
                store.settle(ring)
        except OSError as error:
            self._refuse(error)
        else:
            self._accept()
        self.is_busy = any(_is_large(batch) for _, batch in batches)
        return sum(len(batch) for _, batch in batches)

    def sync(self) -> None:
        """Forces what was stored to the drive."""
        if self._store is not None:
            try:
                self._store.sync()
            except OSError as error:
                self._refuse(error)

    def close(self) -> None:
        """Ends the store; a refusal is reported and changes nothing about what was stored."""
        try:
            self._close_store()
        except OSError as error:
            self._page.report_error(f"unable to end the log properly: {error}")

    def _open(self) -> "Store":
        if self._store is None:
            self._store = open_store(self._folder, self._page, self._processes)
        for ring in list(self._unclaimed):
            try:
                self._store.claim(ring)
            except BlockingIOError as error:  # its turn comes when helpers of a writer that was killed have ended
                self._page.report_error(str(error))
            else:
                self._unclaimed.discard(ring)
                self._claimed.add(ring)
        return self._store

    def _append(self, store: "Store", ring: "ClaimedRing") -> "Batch | None":
        """Hands a ring's next batch to the store, or nothing when there is none or it is damaged."""
        if not ring.consumer.backlog or ring in self.set_aside or ring not in self._claimed:
            return None
        try:
            batch = ring.take(store.batch_records)
        except RingDamageError as damage:
            if damage.resume > damage.offset:
                self._give_up(ring, damage.resume, str(damage))
            else:
                self._set_aside(ring, str(damage))
            return None
        if not batch.positions:
            return None
        try:
            store.append(ring, batch)
        except LogFormatError as damage:
            self._give_up(ring, batch.end, str(damage))
            return None
        return batch

    def _give_up(self, ring: "ClaimedRing", position: int, reason: str) -> None:
        """Skips what can never be stored. Memory has to be altered by somebody else for this to happen."""
        ring.skip(position)
        self._slot.damaged += 1
        self._page.report_error(f"skipped damaged data: {reason}")

    def _set_aside(self, ring: "ClaimedRing", reason: str) -> None:
        """Leaves a ring alone in which there is no way on: the others must not wait for it."""
        self.set_aside.add(ring)
        self._slot.damaged += 1
        self._slot.unreadable += 1
        self._page.report_error(f"left a damaged buffer alone: {reason}")

    def _refuse(self, error: OSError) -> None:
        """Notes a refusal where the producers see it, and waits a little longer each time."""
        slot = self._slot
        if not slot.refused_since:
            slot.refused_since = time.monotonic_ns()
        slot.refused_code = error.errno or 0
        self._page.report_error(str(error))
        self._retry_at = time.monotonic() + self._retry_after
        self._retry_after = min(2 * self._retry_after, _LONGEST_RETRY_S)
        with suppress(OSError):  # the refusal that matters is the first one
            self._close_store()

    def _accept(self) -> None:
        if self._retry_at:
            self._retry_at = 0.0
            self._retry_after = _SHORTEST_RETRY_S
            self._slot.refused_since = 0

    def _close_store(self) -> None:
        store, self._store = self._store, None
        self._unclaimed |= self._claimed
        self._claimed.clear()
        if store is not None:
            store.close()


def _advance(ring: "ClaimedRing", batch: "Batch") -> None:
    spilled = Reference.of(next(iter(batch))[1]) if len(batch) == 1 else None
    ring.advance(batch)
    if spilled is not None:
        ring.spills.discard(spilled.number)


def _is_large(batch: "Batch") -> bool:
    return len(batch) >= _MANY_RECORDS or batch.end - batch.positions[0] >= _MANY_BYTES
