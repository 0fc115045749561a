"""The npy storage: one file per package, each exactly once, although the writer may be killed between any two lines.

Each entry is staged in `.pending/<ring id>.<position>`, then hard-linked to the first free one of its names (see
`entry_files`). When all of a batch are linked, the ring is advanced, and then the pending names are removed. A
successor that finds a pending name with two links knows that the entry is stored; with one link it writes the entry
again. Without hard links a staged entry without a pending name is a stored one.

While many entries wait, helpers make a part of the files: see `crew`.

Rejected: exclusive creation under the final name shows torn files, and doubles an entry when the kill comes between the
close and the advance (13 to 20 times in 340 kills with colliding stamps; this protocol: none lost, doubled or torn).
`O_TMPFILE` with `linkat`, and `renameat2(RENAME_NOREPLACE)`, exist on Linux only, leave nothing that tells a successor
what was stored, and are hardly faster (43 and 45 microseconds for an entry, against 47; a bare file takes 28).
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from ataraxis_logger._live.claimed_ring import is_held_by_helpers
from ataraxis_logger._live.crew import Crew
from ataraxis_logger._live.entry_files import EntryFiles, time_key
from ataraxis_logger._live.pending import names_of_ring, pending_name
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.session_page import NAMING_LOCK, SessionPage
from ataraxis_shm._ring_layout import wait_until

if TYPE_CHECKING:
    from ataraxis_logger._live.claimed_ring import ClaimedRing
    from ataraxis_logger._live.crew import HelperProcess
    from ataraxis_logger._live.entry_files import Entry
    from ataraxis_shm._ring_batch import Batch

_FEWEST_SHARED: Final = 64
"""Fewer entries than these are not worth a helper."""
_WRITERS_PART: Final = 7
_HELPERS_PART: Final = 8  # the writer also takes the batches from the rings and shares them out
_LARGEST_SHARED: Final = 16_384
"""Entries of more bytes, on average, take about as long to be sent to a helper as to be written."""


class _Left(NamedTuple):
    """What a predecessor left of an entry: its pending name, and whether it has its other name, too."""

    pending: str
    is_stored: bool


class NpyStore:
    """Writes each package to an `.npy` file of its own.

    Args:
        folder: The log folder. It must exist and is never made.
        page: The session page, for its naming lock and the identity of the folder.
        processes: How many processes make files while many entries wait, this one included.

    Raises:
        OSError: The folder is not there, or refuses to be written to.
    """

    # Some twenty milliseconds of work: what waits for the end of a batch, or repeats it after a kill, is never much.
    # With half of that the helpers and their writer wait too often for one another.
    batch_records = 512

    def __init__(self, folder: Path, page: SessionPage, processes: int = 1) -> None:
        self._page = page
        self._left: dict[int, dict[int, _Left]] = {}
        self._has_stored = False
        self._files = EntryFiles(folder, page.folder_identity, self._naming)
        self._crew = Crew(folder, page, processes - 1 if self._files.has_links else 0)

    def claim(self, ring: "ClaimedRing") -> None:
        """Notes which entries of a ring are staged or stored already, and clears away those it advanced past.

        Raises:
            OSError: Helpers of a writer that was killed still store from this ring; it does not take them long.
        """
        if is_held_by_helpers(ring.path):
            raise BlockingIOError(errno.EAGAIN, "helpers of a writer that was killed still store from", str(ring.path))
        left: dict[int, _Left] = {}
        pending = self._files.pending
        for name, position in names_of_ring(self._files.names(), ring.ring_id):
            if position < ring.tail:
                pending.unlink(name)
            else:
                left[position] = _Left(name, pending.status(name).st_nlink > 1)
        self._left[ring.ring_id] = left

    def append(self, ring: "ClaimedRing", batch: "Batch") -> None:
        """Begins to stage and name a batch, with what help there is; see `Store.append`."""
        require_identity(self._files.folder.path, self._page.folder_identity)
        every = self._left[ring.ring_id]
        left = {position: every.pop(position) for position in list(every) if position < batch.end}
        if self._files.has_links:
            ring.stage(batch)
            self._append_linked(ring, batch, left)
        else:
            self._append_renamed(ring, batch, left)

    def commit(self) -> None:
        """Returns when everything appended has its name; see `Store.commit`."""
        self._crew.wait()
        self._has_stored = True

    def settle(self, ring: "ClaimedRing") -> None:
        """Begins to remove the pending names of the last batch; see `Store.settle`."""
        self._crew.settle(ring.ring_id)
        self._files.settle(ring.ring_id)

    def release(self, ring: "ClaimedRing") -> None:
        """Forgets a ring when its pending names are gone; see `Store.release`."""
        self._crew.let_go(ring.path)
        self._crew.wait()
        self._left.pop(ring.ring_id, None)

    def sync(self) -> None:
        """Does nothing: `sync_interval` is the journal's."""

    def close(self) -> None:
        """Ends the helpers, and lets go of the log folder."""
        try:
            self._crew.wait()
        finally:
            self._crew.close()
            self._files.close()

    def _append_linked(self, ring: "ClaimedRing", batch: "Batch", left: "dict[int, _Left]") -> None:
        """Stores the entries of a batch but those that a predecessor stored, which left two links to them."""
        entries: Iterable[Entry] = batch
        if left:
            for name, is_stored in left.values():
                if is_stored:
                    self._files.hold(ring.ring_id, name)
                else:
                    self._files.pending.unlink(name)
            entries = [entry for entry in batch if entry[0] not in left or not left[entry[0]].is_stored]
        helpers = self._helpers(ring, batch)
        if helpers:
            entries, *others = _shares(entries, len(helpers))
            for helper, share in zip(helpers, others, strict=True):
                helper.store(ring.ring_id, share)
        # A batch of several records refers to no spill file: see `ClaimedRing.take`.
        self._files.store(ring.ring_id, entries, ring.spills if len(batch) == 1 else None)

    def _append_renamed(self, ring: "ClaimedRing", batch: "Batch", left: "dict[int, _Left]") -> None:
        """The same without hard links: what is below the stage and has no pending name is stored."""
        staged, files = ring.staged, self._files
        entries = [
            (position, pending_name(ring.ring_id, position), body)
            for position, body in batch
            if position >= staged or position in left
        ]
        for position, pending, body in entries:
            if position >= staged:
                if position in left:
                    files.pending.unlink(pending)
                files.stage(pending, body, ring.spills)
        ring.stage(batch)
        for _, pending, body in entries:
            files.name(pending, body)

    def _helpers(self, ring: "ClaimedRing", batch: "Batch") -> "list[HelperProcess]":
        """Returns the helpers that are there, if the batch is worth it.

        The first batch is stored without them: a disk that refuses costs no processes, and helpers that cannot work
        only slow their writer down, which opens another store each time.
        """
        records, size = len(batch), batch.end - batch.positions[0]
        is_worth_it = self._has_stored and records >= _FEWEST_SHARED and size <= records * _LARGEST_SHARED
        return self._crew.ready(ring.path) if is_worth_it else []

    @contextmanager
    def _naming(self) -> Iterator[None]:
        wait_until(lambda: self._page.file.try_lock_byte(NAMING_LOCK), None)
        try:
            yield
        finally:
            self._page.file.unlock_byte(NAMING_LOCK)


def _shares(entries: "Iterable[Entry]", helpers: int) -> "list[list[Entry]]":
    """Parts entries between a writer and its helpers.

    Those of one time are in one share: whoever names them does it in their order.
    """
    shares: list[list[Entry]] = [[] for _ in range(helpers + 1)]
    adders = [
        share.append
        for share, weight in zip(shares, (_WRITERS_PART, *[_HELPERS_PART] * helpers), strict=True)
        for _ in range(weight)
    ]
    parts = len(adders)
    for entry in entries:
        adders[crc32(time_key(entry[1])) % parts](entry)
    return shares
