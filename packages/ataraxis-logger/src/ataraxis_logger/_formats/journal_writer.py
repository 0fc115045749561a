"""Writing segments of a journal: frames are appended as they are, whole or not at all."""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ataraxis_logger._files import is_at, sync_data, sync_folder, write_all
from ataraxis_logger._formats.journal_layout import (
    BODY_PREFIX,
    CHECKED_FROM,
    CONTROL_RING,
    FLAG_INLINED,
    FOOTER,
    FOOTER_KIND,
    SPAN,
    SYNC,
    SYNC_KIND,
    WRITER_LOCK,
    SegmentHeader,
    list_segments,
    segment_name,
    segment_number,
)
from ataraxis_logger._formats.positions import Seen
from ataraxis_shm._checksum import crc32
from ataraxis_shm._frame import FRAME_HEADER, RECORD_MAGIC, frame_size, pack_frame, prefix_checksum
from ataraxis_shm._registry import OpenFile, open_file

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FILE_MODE: Final = 0o666  # the umask takes what the user does not want


class SegmentWriter:
    """Appends frames to a new segment. One writer a segment, one segment a writer; nobody appends later.

    The number is taken by exclusive creation, and the file's `WRITER_LOCK` is held until `close`, so that an archiver
    knows which segments may still grow. A refused append leaves the segment as it was and can be repeated.

    Args:
        folder: the log folder.
        header: what the segment starts with.
        number: the first number to try; None for the one after the last.

    Raises:
        OSError: the segment cannot be created.
    """

    def __init__(self, folder: Path, header: SegmentHeader, number: int | None = None) -> None:
        file = _create_segment(folder, number)
        self._file: OpenFile | None = file
        self.path = file.path
        self.header = header
        self.records = 0
        self._spans = Seen()
        self._size = 0
        self._dirty = False
        try:
            self._append([memoryview(header.pack())])
            sync_folder(folder)
        except BaseException:
            # An empty segment would be reported as damaged for ever.
            with suppress(OSError):  # the refusal that matters is the first one
                self.discard()
            raise

    @property
    def size(self) -> int:
        """Bytes in the segment so far."""
        return self._size

    @property
    def is_in_place(self) -> bool:
        """Whether the segment is open and still has its name: what is appended to a removed file is lost with it."""
        return self._file is not None and is_at(self.path, self._file.fd)

    def append_frames(self, views: Sequence[memoryview], records: int) -> None:
        """Appends runs of whole frames as they lie in a ring.

        Args:
            views: each a contiguous run of frames without padding frames between them.
            records: how many frames that is together.

        Raises:
            OSError: the system refused; nothing was appended.
        """
        self._append(list(views))
        self.records += records
        for view in views:
            if view.nbytes:
                ring_id, position = FRAME_HEADER.unpack_from(view)[3:]
                self._spans.add(ring_id, position, position + view.nbytes)

    def append_inlined(self, ring_id: int, position: int, source: int, time_stamp: int, payload: "Buffer") -> None:
        """Appends the record whose frame at this place of its ring refers to a spill file, with the payload itself.

        The payload is written from where it lies, so a mapped spill file of any size needs no memory.

        Raises:
            OSError: the system refused; nothing was appended.
        """
        view = memoryview(payload).cast("B")
        prefix = BODY_PREFIX.pack(source, FLAG_INLINED, time_stamp)
        length = len(prefix) + view.nbytes
        place = FRAME_HEADER.pack(RECORD_MAGIC, length, 0, ring_id, position)[CHECKED_FROM:]
        crc = crc32(place + prefix, prefix_checksum(self.header.salt, length))
        head = FRAME_HEADER.pack(RECORD_MAGIC, length, crc32(view, crc), ring_id, position) + prefix
        padding = bytes(frame_size(length) - FRAME_HEADER.size - length)
        self._append([memoryview(head), view, memoryview(padding)])
        self.records += 1
        self._spans.add(ring_id, position, position + 1)

    def sync(self) -> None:
        """Forces everything appended so far to the drive and leaves a sync record behind it.

        Raises:
            OSError: the system refused.
        """
        sync_data(self._descriptor)
        body = SYNC.pack(SYNC_KIND, self._size, self.records, time.time_ns() // 1000)
        self._append([memoryview(pack_frame(CONTROL_RING, self._size, body, salt=self.header.salt))])

    def close(self) -> None:
        """Writes the footer, forces the segment to the drive and lets go of it; harmless when repeated.

        Raises:
            OSError: the system refused the footer or the sync. The records are as safe as before the call, and the
                segment is let go of all the same.
        """
        if self._file is None:
            return
        try:
            self._append([memoryview(self._footer())])
            sync_data(self._descriptor)
        finally:
            self.abandon()

    def discard(self) -> None:
        """Lets go of the segment and removes it: nothing was appended.

        Raises:
            OSError: the system refused to remove it; it is let go of all the same.
        """
        try:
            if self._file is not None:
                _remove_own(self.path, os.fstat(self._file.fd))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Lets go of the segment without a footer."""
        file, self._file = self._file, None
        if file is not None:
            if self._dirty:
                with suppress(OSError):  # the remains are damage that every reader passes over
                    os.ftruncate(file.fd, self._size)
            file.unlock_byte(WRITER_LOCK)
            file.close()

    @property
    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError(f"The segment {self.path.name} is closed; open a new one.")
        return self._file.fd

    def _footer(self) -> bytes:
        spans = list(self._spans)
        body = FOOTER.pack(FOOTER_KIND, self.records, self._size, len(spans))
        return pack_frame(CONTROL_RING, self._size, body, *(SPAN.pack(*span) for span in spans), salt=self.header.salt)

    def _append(self, parts: list[memoryview]) -> None:
        self._drop_remains()
        descriptor = self._descriptor
        os.lseek(descriptor, self._size, os.SEEK_SET)
        self._dirty = True
        write_all(descriptor, parts)
        self._dirty = False
        self._size += sum(part.nbytes for part in parts)

    def _drop_remains(self) -> None:
        """Cuts off what an append that failed half way left behind the last whole frame."""
        if self._dirty:
            os.ftruncate(self._descriptor, self._size)
            self._dirty = False


def _create_segment(folder: Path, number: int | None) -> OpenFile:
    if number is None:
        last = list_segments(folder)[-1:]
        number = (segment_number(last[0].name) or 0) + 1 if last else 1
    while True:
        path = folder / segment_name(number)
        with suppress(FileExistsError):
            made = _make_file(path)
            try:
                file = _open_locked(path)
            except BaseException:
                # The writer tries again, with the next number: it must not leave a file each time.
                with suppress(OSError):  # the refusal that matters is the first one
                    _remove_own(path, made)
                raise
            if file is not None:
                return file
        number += 1


def _make_file(path: Path) -> os.stat_result:
    """Creates an empty file and returns what tells it from another one that takes its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> OpenFile | None:
    """Opens a new segment and takes its lock.

    Returns:
        None when an archiver that took the empty file for an abandoned one was faster: it is left to it.

    Raises:
        OSError: the system refused, or the file system knows no locks.
    """
    with ExitStack() as undo:
        file = undo.enter_context(open_file(path))
        if not (file.try_lock_byte(WRITER_LOCK) and is_at(path, file.fd)):
            return None
        undo.pop_all()
    return file


def _remove_own(path: Path, own: os.stat_result) -> None:
    """Removes a file, unless its name is another one's by now, or nobody's."""
    with suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), own):
            path.unlink()
