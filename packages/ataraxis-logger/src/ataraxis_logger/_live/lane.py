"""A lane: one store, and the rings that are drained into it, one after the other."""

import time
from contextlib import suppress
from typing import Final

from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._live.claimed_ring import ClaimedRing, Store
from ataraxis_logger._live.session_page import SessionPage, WriterSlot
from ataraxis_logger._live.spill import Reference, spill_path
from ataraxis_logger._live.stores import open_store
from ataraxis_shm._errors import RingDamageError
from ataraxis_shm._system import discard

_BATCHES_A_TURN: Final = 16
_SHORTEST_RETRY_S: Final = 0.02
_LONGEST_RETRY_S: Final = 0.5


class Lane:
    """Drains rings into a store of its own, and keeps trying when the disk refuses.

    A store that was refused something is closed, and the next attempt opens another one, as after a kill. So there is
    one way back, and it is the one that the kill tests take thousands of times.

    Args:
        page: The session page.
        slot: The writer's slot in it.
    """

    def __init__(self, page: SessionPage, slot: WriterSlot) -> None:
        self._page = page
        self._slot = slot
        self._folder = page.folder
        self._store: Store | None = None
        self._retry_at = 0.0
        self._retry_after = _SHORTEST_RETRY_S

    @property
    def is_refused(self) -> bool:
        """Whether the disk refused the last attempt."""
        return self._retry_at > 0

    def drain(self, ring: ClaimedRing) -> int:
        """Stores what a ring holds, up to a limit that lets other rings have their turn.

        Returns:
            How many packages were stored; 0 also when the disk refused, or refused a moment ago.
        """
        if self._retry_at > time.monotonic():
            return 0
        stored = 0
        try:
            store = self._open()
            for _ in range(_BATCHES_A_TURN):
                records = self._store_batch(store, ring)
                if not records:
                    break
                stored += records
        except OSError as error:
            self._refuse(error)
        else:
            self._accept()
        return stored

    def release(self, ring: ClaimedRing) -> None:
        """Forgets a ring that is done with."""
        if self._store is not None:
            self._store.release(ring)

    def sync(self) -> None:
        """Forces what was stored to the drive."""
        if self._store is not None:
            try:
                self._store.sync()
            except OSError as error:
                self._refuse(error)

    def close(self) -> None:
        """Ends the store; a refusal is reported and changes nothing about what was stored."""
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except OSError as error:
                self._page.report_error(f"unable to end the log properly: {error}")

    def _open(self) -> Store:
        if self._store is None:
            self._store = open_store(self._folder, self._page)
        return self._store

    def _store_batch(self, store: Store, ring: ClaimedRing) -> int:
        try:
            batch = ring.take()
        except RingDamageError as damage:
            self._give_up(ring, damage.resume, str(damage))
            return 0
        if not batch.positions:
            return 0
        spilled = Reference.of(next(iter(batch))[1]) if len(batch) == 1 else None
        try:
            store.append(ring, batch)
        except LogFormatError as damage:
            self._give_up(ring, batch.end, str(damage))
            return 0
        ring.advance(batch)
        store.settle(ring, batch)
        if spilled is not None:
            discard(spill_path(ring.path, spilled.number))
        return len(batch)

    def _give_up(self, ring: ClaimedRing, position: int, reason: str) -> None:
        """Skips what can never be stored. Memory has to be altered by somebody else for this to happen."""
        ring.skip(position)
        self._slot.damaged += 1
        self._page.report_error(f"skipped damaged data: {reason}")

    def _refuse(self, error: OSError) -> None:
        """Notes a refusal where the producers see it, and waits a little longer each time."""
        slot = self._slot
        if not slot.refused_since:
            slot.refused_since = time.monotonic_ns()
        slot.refused_code = error.errno or 0
        self._page.report_error(str(error))
        self._retry_at = time.monotonic() + self._retry_after
        self._retry_after = min(2 * self._retry_after, _LONGEST_RETRY_S)
        store, self._store = self._store, None
        if store is not None:
            with suppress(OSError):  # the refusal that matters is the first one
                store.close()

    def _accept(self) -> None:
        if self._retry_at:
            self._retry_at = 0.0
            self._retry_after = _SHORTEST_RETRY_S
            self._slot.refused_since = 0
