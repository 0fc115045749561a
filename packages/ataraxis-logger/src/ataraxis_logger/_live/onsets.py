"""The onset of each source in a log folder: what its other times count from.

The session page knows the onsets of the running session; what was logged before is read from the folder, once.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Final

from ataraxis_logger._entry import ENTRY_PREFIX, ONSET_PAYLOAD, ONSET_TIME, is_onset, onset_payload, stem_of
from ataraxis_logger._errors import LogFormatError, OnsetWarning
from ataraxis_logger._formats.journal_layout import list_segments
from ataraxis_logger._formats.journal_reader import SegmentScan
from ataraxis_logger._formats.npy import SUFFIX, entry_span
from ataraxis_logger._live.places import boot_number
from ataraxis_logger._live.session_page import ONSET_LOCK, SessionPage
from ataraxis_shm._ring_layout import wait_until

if TYPE_CHECKING:
    from ataraxis_logger._live.producers import FolderProducer

_UNKNOWN_CLOCK: Final = 0
_ONSET_ENTRY_SIZE: Final = ENTRY_PREFIX.size + ONSET_PAYLOAD.size

_pages: dict[tuple[int, Path], SessionPage] = {}
"""By thread and state folder, the page of which the thread has the onset lock, or waits for it."""


def note_onset(producer: "FolderProducer", source: int, onset_us: int) -> None:
    """Notes an onset that was put as a package, and warns when the source has another one already.

    Warns:
        OnsetWarning: The readers will not know which of the two the source's times count from.
    """
    with _locked_page(producer) as page:
        _find_onset(page, source)
        known_us, _ = page.choose_onset(source, onset_us, time.monotonic_ns() // 1000)
    if known_us != onset_us:
        warnings.warn(
            f"Source {source} has the onset {known_us} in {producer.folder} already, {onset_us} was added: from which "
            "of them its times count is now unknown. Use DataLogger.source, or a folder of its own for each session.",
            OnsetWarning,
            stacklevel=4,  # the caller of put or put_many
        )


def claim_onset(producer: "FolderProducer", source: int, put: Callable[[bytes], None]) -> tuple[int, int]:
    """Returns the onset of a source, making it now when there is none.

    Args:
        producer: The ring of this process, for its session page.
        source: The source.
        put: Puts the onset's entry with the given payload. Called when nobody has put it yet.

    Returns:
        The onset in UTC microseconds; and the monotonic clock at that moment in microseconds, 0 when it belongs to an
        earlier session or an earlier boot.
    """
    with _locked_page(producer) as page:
        _find_onset(page, source)
        known = page.choose_onset(source, time.time_ns() // 1000, time.monotonic_ns() // 1000, is_put=False)
        # A process that is killed between choosing the onset and putting it leaves both to the next one. So does a
        # thread to its signal handler: who logs comes after his onset, and the same onset twice is harmless.
        if not page.is_onset_put(source):
            put(onset_payload(known[0]))
            page.note_onset_put(source)
        return known


@contextmanager
def _locked_page(producer: "FolderProducer") -> Iterator[SessionPage]:
    """Opens the session page and holds its onset lock.

    A signal handler or a finalizer may log while its own thread is in here: then it goes ahead under the lock that its
    thread has, and whoever chooses looks whether he comes second.
    """
    key = get_ident(), producer.states[0]
    below = _pages.get(key)
    if below is not None and below.holds(ONSET_LOCK):
        _forget_other_boots(below)
        yield below
        return
    page = producer.open_page()
    try:
        # Noted before it is locked, and forgotten after: in between a handler that finds no note would wait for ever.
        _pages[key] = page
        # Freed by the system when its holder dies.
        wait_until(lambda: page.file.try_lock_byte(ONSET_LOCK), None)
        _forget_other_boots(page)
        yield page
    finally:
        page.close()
        if below is None:
            _pages.pop(key, None)
        else:
            _pages[key] = below


def _forget_other_boots(page: SessionPage) -> None:
    """Forgets the clocks of an earlier boot, which a page on a disk has outlived."""
    boot = boot_number()
    if page.boot != boot:
        page.forget_clocks()
        page.boot = boot


def _find_onset(page: SessionPage, source: int) -> None:
    """Notes the onset that a source has in the folder, if the page does not know it."""
    if page.onset(source) is None and not page.journals_read:
        for found, onset_us in _journal_onsets(page.folder):
            page.choose_onset(found, onset_us, _UNKNOWN_CLOCK)
        page.journals_read = 1
    if page.onset(source) is None and (stored := _stored_onset(page.folder, source)) is not None:
        page.choose_onset(source, stored, _UNKNOWN_CLOCK)


def _stored_onset(folder: Path, source: int) -> int | None:
    """Returns the onset of a source from its npy file or its archive."""
    import zipfile  # noqa: PLC0415  # importing the package costs less without it

    name = stem_of(source, ONSET_TIME) + SUFFIX
    with suppress(OSError):
        return _onset_of(folder.joinpath(name).read_bytes())
    with suppress(OSError, KeyError, zipfile.BadZipFile), zipfile.ZipFile(folder / f"{source}_log.npz") as archive:
        return _onset_of(archive.read(name))
    return None


def _onset_of(data: bytes) -> int | None:
    try:
        span = entry_span(data)
    except ValueError:
        return None
    if span.size != _ONSET_ENTRY_SIZE:
        return None
    return int(ONSET_PAYLOAD.unpack_from(data, span.offset + ENTRY_PREFIX.size)[0])


def _journal_onsets(folder: Path) -> Iterator[tuple[int, int]]:
    """Yields source and onset of each onset in the folder's segments, in their order."""
    import mmap  # noqa: PLC0415  # importing the package costs less without it

    with suppress(OSError):
        for path in list_segments(folder):
            # Empty, or written by a newer version: what can be read of the others is used.
            with suppress(OSError, ValueError, LogFormatError), path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                for record in SegmentScan(data):
                    if record.time == ONSET_TIME and is_onset(record.time, len(record.payload)):
                        yield record.source, int(ONSET_PAYLOAD.unpack(record.payload)[0])


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_pages.clear)  # the locks are the parent's
