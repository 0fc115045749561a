"""Removing live state that nobody needs any more, and finding out what is still waiting."""

from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ataraxis_logger._live.claimed_ring import is_held_by_helpers, is_unfinished, stored_count
from ataraxis_logger._live.pending import PENDING_FOLDER, names_of_ring, pending_names, remove_pending_folder
from ataraxis_logger._live.places import ring_paths
from ataraxis_logger._live.session_page import KEEPER_LOCK, OWNER_LOCK, SessionPage, remove_unfinished_pages
from ataraxis_logger._live.spill import SpillFiles, remove_lost_spills
from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer
from ataraxis_shm._ring_create import remove_unfinished_rings
from ataraxis_shm._ring_layout import wait_until
from ataraxis_shm._system import discard

_HELPERS_END_S: Final = 5.0


class Survey(NamedTuple):
    """What the rings of a log folder look like at one moment.

    Attributes:
        producers: Rings whose producer may still put.
        waiting: Rings with packages that were not stored yet.
        packages: How many packages that is.
        unfinished: Rings of which a batch was begun to be stored, by a writer that may be at work or dead.
        unreadable: For each file that is no ring this version can read, which and why.
        damaged: How many of these are rings of this version, but with heads and tails that cannot be right.
    """

    producers: int = 0
    waiting: int = 0
    packages: int = 0
    unfinished: int = 0
    unreadable: tuple[str, ...] = ()
    damaged: int = 0


def survey(states: tuple[Path, ...]) -> Survey:
    """Counts the rings of a log folder."""
    producers = waiting = packages = unfinished = damaged = 0
    unreadable: list[str] = []
    for path in ring_paths(states):
        try:
            with suppress(FileNotFoundError), RingConsumer.attach(path, strict=False) as ring:
                if not ring.consistent:
                    damaged += 1
                    unreadable.append(f"the head and the tail of the ring {path} cannot both be right")
                    continue
                # In this order: what a producer puts last is still counted after it is gone.
                producers += ring.producer_alive
                waiting += ring.backlog > 0
                packages += max(0, ring.records - stored_count(ring))
                unfinished += is_unfinished(ring)
        except RingFormatError as error:
            unreadable.append(str(error))
    return Survey(producers, waiting, packages, unfinished, tuple(unreadable), damaged)


def remove_exhausted(states: tuple[Path, ...], folder: Path | None = None) -> None:
    """Removes the rings that are empty and whose producers are gone.

    Args:
        states: The state folders of the log.
        folder: The log folder, where it is known, at the end of a session: what a killed writer left there of a ring's
            stored entries goes first.
    """
    for path in ring_paths(states):
        with suppress(FileNotFoundError, RingFormatError), RingConsumer.attach(path) as ring:
            if ring.claim() and _is_cleared_away(ring, folder) and ring.exhausted:
                SpillFiles(path, states).discard_all()  # first: without the ring nobody would look for them
                ring.unlink()


def _is_cleared_away(ring: RingConsumer, folder: Path | None) -> bool:
    """Removes the pending names of a ring's stored entries; tells whether there are none any more.

    Without the ring, nobody would know what they mean: one whose entry was archived since has a single link, like an
    entry that was not stored.
    """
    # Those of a writer that was killed in the last moment finish what they were given, and end.
    patience = _HELPERS_END_S if folder is not None else 0.0
    if not wait_until(lambda: not is_held_by_helpers(ring.path), patience):
        return False
    if folder is None or not ring.tail:
        return True
    try:
        for name, position in names_of_ring(pending_names(folder), ring.ring_id):
            if position < ring.tail:
                discard(folder / PENDING_FOLDER / name)
    except OSError:
        return False
    return True


def tidy(states: tuple[Path, ...], page: SessionPage | None = None) -> None:
    """Removes exhausted rings, what was killed in the making and, when nothing else is left, the page and the folders.

    Args:
        states: The state folders of the log.
        page: The page, when the caller holds the owner's lock of it and ends the session. With another caller the page
            stays: an owner or a keeper is at work.
    """
    remove_exhausted(states, page.folder if page is not None else None)
    remove_lost_spills(states)
    if page is not None:
        remove_pending_folder(page.folder)
        if not ring_paths(states):
            page.remove()
    for state in states:
        remove_unfinished_rings(state)
        remove_unfinished_pages(state)
        with suppress(OSError):  # in use, or not there
            state.rmdir()


def tidy_unowned(states: tuple[Path, ...]) -> None:
    """Tidies up after a session whose owner is gone, unless another one begins."""
    page = SessionPage.attach(states[0])
    if page is None:
        tidy(states)
        return
    try:
        if page.file.try_lock_byte(OWNER_LOCK) and page.is_current and not page.is_held(KEEPER_LOCK):
            tidy(states, page)
    finally:
        page.close()
