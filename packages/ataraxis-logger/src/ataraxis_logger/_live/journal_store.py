"""The journal storage: segments whose records are the ring's frames, byte for byte.

The frames go from the ring's memory to the file in one system call a batch; nothing is unpacked, copied or packed
again. A batch that is stored again after a kill lands in another segment, and readers drop the repeat by ring id and
position.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ataraxis_logger._formats.journal_layout import BODY_PREFIX, SegmentHeader
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_logger._live.spill import Reference, SpillFiles
from ataraxis_shm._ring_batch import Batch

SEGMENT_BYTES: Final = 256 << 20
_TIME_START: Final = BODY_PREFIX.size - 8


class JournalStore:
    """Appends packages to segments: one writer a segment, a new one whenever a writer starts or a segment is large.

    Args:
        folder: The log folder. It must exist and is never made.
        page: The session page, for the facts of the session and the identity of the folder.
        segment_bytes: The size from which on a segment is closed and another one begun.
    """

    batch_records = 2048

    def __init__(self, folder: Path, page: SessionPage, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._page = page
        self._identity = page.folder_identity
        self._segment_bytes = segment_bytes
        self._segments: dict[int, SegmentWriter] = {}
        self._unsynced: set[int] = set()

    def claim(self, ring: ClaimedRing) -> None:
        """Does nothing: what an earlier writer stored is in a segment of its own."""

    def append(self, ring: ClaimedRing, batch: Batch) -> None:
        """Appends a batch to the open segment; see `Store.append`."""
        segment = self._segment(ring.consumer.salt)
        reference = Reference.of(next(iter(batch))[1]) if len(batch) == 1 else None
        ring.stage(batch)
        if reference is None:
            segment.append_frames(batch.frames, len(batch))
        else:
            self._inline(segment, ring, batch, reference)
        self._unsynced.add(ring.consumer.salt)

    def commit(self) -> None:
        """Does nothing: what was appended is in the file."""

    def settle(self, ring: ClaimedRing) -> None:
        """Does nothing: nothing is kept beside the segment."""

    def release(self, ring: ClaimedRing) -> None:
        """Does nothing: no ring is known here."""

    def sync(self) -> None:
        """Forces the open segments to the drive."""
        for salt in sorted(self._unsynced):
            self._segments[salt].sync()
            self._unsynced.discard(salt)

    def close(self) -> None:
        """Ends the open segments with their footers.

        Empty ones are removed: while a disk is full, each attempt to append begins one.
        """
        self._unsynced.clear()
        while self._segments:
            segment = self._segments.popitem()[1]
            if segment.records:
                segment.close()
            else:
                segment.discard()

    def _inline(self, segment: SegmentWriter, ring: ClaimedRing, batch: Batch, reference: Reference) -> None:
        ((position, body),) = batch
        time_stamp = int.from_bytes(body[_TIME_START : BODY_PREFIX.size], "little")
        with _mapped_spill(ring.spills, reference) as payload:
            segment.append_inlined(ring.ring_id, position, body[0], time_stamp, payload)

    def _segment(self, salt: int) -> SegmentWriter:
        """Returns the segment to append to: the open one, if it still lies in the log folder and is not too large."""
        require_identity(self._folder, self._identity)
        segment = self._segments.get(salt)
        if segment is not None and not segment.is_in_place:
            # The file was removed: what is appended to it would be lost with it.
            self._segments.pop(salt).abandon()
            segment = None
        if segment is not None and segment.size >= self._segment_bytes:
            self._unsynced.discard(salt)
            self._segments.pop(salt).close()
            segment = None
        if segment is None:
            segment = self._segments[salt] = SegmentWriter(self._folder, self._header(salt))
        return segment

    def _header(self, salt: int) -> SegmentHeader:
        page = self._page
        return SegmentHeader(salt, page.session_id, page.started_utc_us, page.started_monotonic_us)


@contextmanager
def _mapped_spill(spills: SpillFiles, reference: Reference) -> Iterator[memoryview]:
    """Gives a spilled payload as a view of its file, after a look at every byte of it."""
    for _ in spills.read(reference):  # to the end: the last step compares size and CRC
        pass
    if not reference.size:
        yield memoryview(b"")
        return
    with spills.find(reference.number).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), reference.size, access=mmap.ACCESS_READ)
    payload = memoryview(mapped)
    try:
        yield payload
    finally:
        # An error on its way keeps views of the payload: then it is unmapped when the error is done with.
        with suppress(BufferError):
            payload.release()
            mapped.close()
