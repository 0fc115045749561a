"""The rings of this process: one for each log folder it puts packages into, shared by its threads and queues."""

import os
import sys
import threading
from pathlib import Path
from typing import Final

from ataraxis_logger._live.exits import at_exit
from ataraxis_logger._live.places import RING_SUFFIX, LogPlace, in_state_folder, salt_of, where_space_is
from ataraxis_logger._live.session_page import KEEPER_LOCK, SessionPage
from ataraxis_logger._live.spill import SPILL_SHARE, SpillFolder
from ataraxis_logger._live.tidy import tidy_unowned
from ataraxis_shm._ring_producer import RingProducer

SMALLEST_BUFFER: Final = 4096
_EXIT_PRIORITY: Final = -90
"""After children are joined (-5 and above), before the owner ends its session (-100)."""


class FolderProducer:
    """The ring of this process for one log folder, with what a full or too small ring needs.

    Attributes:
        place: The place of the log folder.
        folder: The log folder.
        states: Its state folders.
        ring: The ring.
        spills: Its spill files.
        spill_above: The size from which on a payload is spilled.
    """

    def __init__(self, place: LogPlace, storage: str, buffer_size: int) -> None:
        # Here and not in each put: what this process may put into a ring that it has made, the writers can read.
        place.require_user()
        self.place = place
        self.folder, self.states, _ = place
        self.storage = storage
        self.ring = _make_ring(self.states, self.folder, storage, buffer_size)
        self.spill_above = self.ring.capacity // SPILL_SHARE
        self.spills = SpillFolder(self.ring.path, self.ring.capacity, self.states)
        # Re-entrant, as the one below: a signal handler or a finalizer may put while its thread does.
        self.spill_lock = threading.RLock()
        self._pid = os.getpid()

    @property
    def is_foreign(self) -> bool:
        """Whether this is the parent's, in a forked child."""
        return self._pid != os.getpid()

    @property
    def is_lost(self) -> bool:
        """Whether somebody has removed the ring's file while packages were in it, so that no new writer finds them."""
        return self.ring.backlog > 0 and not self.ring.path.exists()

    def open_page(self) -> SessionPage:
        """Opens the session page, making it when a session has ended since."""
        return _open_page(self.states, self.folder, self.storage)

    def close(self) -> None:
        """Declares that this process will put nothing more into this ring, and removes it when it is empty."""
        self.ring.close()
        if not self.place.is_mine:
            return  # this process has changed its user since: the keeper, or the next session, removes the ring
        page = SessionPage.attach(self.states[0])
        is_kept = page is not None and page.is_held(KEEPER_LOCK)
        if page is not None:
            page.close()
        if not is_kept:
            tidy_unowned(self.states)


_lock = threading.RLock()
_producers: dict[LogPlace, FolderProducer] = {}


def producer_of(place: LogPlace, storage: str, buffer_size: int) -> FolderProducer:
    """Returns this process's ring for a log folder, making it at the first call.

    Raises:
        LoggerStateError: This is not a process of the user whose log it is.
        OSError: There is no space for the ring anywhere, or the folders for rings are not safe to use.
    """
    with _lock:
        producer = _producers.get(place)
        if producer is None:
            at_exit(close_all, _EXIT_PRIORITY)
            producer = _producers[place] = FolderProducer(place, storage, buffer_size)
        return producer


def current_producer(place: LogPlace) -> FolderProducer | None:
    """Returns this process's ring for a log folder, if it has made one."""
    producer = _producers.get(place)
    return None if producer is None or producer.is_foreign else producer


def close_producer(place: LogPlace) -> None:
    """Closes this process's ring for a log folder; the next put makes another one."""
    with _lock:
        producer = _producers.pop(place, None)
    if producer is not None:
        producer.close()


def close_all() -> None:
    """Closes all rings of this process, at its end."""
    for place in list(_producers):
        close_producer(place)


def _make_ring(states: tuple[Path, ...], folder: Path, storage: str, buffer_size: int) -> RingProducer:
    salt, capacity = salt_of(folder), max(buffer_size, SMALLEST_BUFFER)
    return where_space_is(states, lambda state: _make_ring_in(state, states, folder, storage, capacity, salt))


def _make_ring_in(  # noqa: PLR0913, PLR0917  # private, with one caller
    state: Path, states: tuple[Path, ...], folder: Path, storage: str, capacity: int, salt: int
) -> RingProducer:
    """Makes a ring in one state folder, and the session page that says what its packages are meant for."""

    def make() -> RingProducer:
        _open_page(states, folder, storage).close()
        return RingProducer.create(state / f"{os.urandom(8).hex()}{RING_SUFFIX}", capacity, salt=salt)

    return in_state_folder(state, make)


def _open_page(states: tuple[Path, ...], folder: Path, storage: str) -> SessionPage:
    """Opens the session page of a log, making it when there is none."""
    return in_state_folder(states[0], lambda: SessionPage.provide(states[0], folder, storage))


def _forget_all() -> None:
    """Starts a forked child without rings: those of the parent are the parent's."""
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()
    _producers.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)
