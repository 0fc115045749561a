"""Looking at all rings of a log folder, again and again, at little cost."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ataraxis_logger._live.claimed_ring import stored_count
from ataraxis_logger._live.places import ring_paths
from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer
from ataraxis_shm._system import is_out_of_descriptors


class RingView(NamedTuple):
    """A ring at one moment.

    Attributes:
        path: The ring's file.
        head: Position up to which packages were accepted.
        tail: Position up to which they were stored.
        accepted: How many packages were put into it.
        stored: How many of them were stored.
        is_seen: Whether this is what the ring says. If not, it could not be opened, and counts as one package that
            waits: nobody can tell that everything is stored.
    """

    path: Path
    head: int
    tail: int
    accepted: int
    stored: int
    is_seen: bool = True

    @property
    def backlog(self) -> int:
        """Bytes accepted and not stored."""
        return self.head - self.tail

    @property
    def waiting(self) -> int:
        """Packages accepted and not stored."""
        return max(0, self.accepted - self.stored)


class RingWatch:
    """The rings of a log folder, kept mapped between looks.

    Threads may share it, and signal handlers and finalizers may look while their thread does.

    Args:
        states: The state folders of the log.

    Attributes:
        pid: The process that made this.
    """

    def __init__(self, states: tuple[Path, ...]) -> None:
        self.pid = os.getpid()
        self._states = states
        self._rings: dict[Path, RingConsumer] = {}
        self._lock = threading.RLock()

    def look(self) -> list[RingView]:
        """Returns how the rings are now. Takes some microseconds for each."""
        with self._lock:
            try:
                paths = ring_paths(self._states)
            except OSError as error:
                if not is_out_of_descriptors(error):
                    raise
                return [*self._views(list(self._rings)), _unseen(self._states[0])]
            for path in self._rings.keys() - set(paths):
                self._rings.pop(path, None)
            return self._views(paths)

    def close(self) -> None:
        """Lets go of the rings."""
        with self._lock:
            self._rings.clear()

    def _views(self, paths: list[Path]) -> list[RingView]:
        return [view for path in paths if (view := self._view(path)) is not None]

    def _view(self, path: Path) -> RingView | None:
        ring = self._rings.get(path)
        if ring is None:
            try:
                ring = self._rings.setdefault(path, _map(path))
            except (FileNotFoundError, RingFormatError):
                return None
            except OSError as error:
                if not is_out_of_descriptors(error):
                    raise
                return _unseen(path)
        # What was stored is loaded before what was accepted: both only grow, and the difference must not be negative.
        stored, tail = stored_count(ring), ring.tail
        return RingView(path, ring.head, tail, ring.records, stored)


class Goal:
    """Everything that is accepted when this is made. When a ring cannot be opened then: as soon as all can be.

    Args:
        look: Shows the rings as they are at the moment of the call.
    """

    def __init__(self, look: Callable[[], list[RingView]]) -> None:
        self._look = look
        self._heads: dict[Path, int] | None = None
        self.is_reached()

    def is_reached(self) -> bool:
        """Tells whether all of it is stored."""
        views = self._look()
        if not all(view.is_seen for view in views):
            return False
        if self._heads is None:
            self._heads = {view.path: view.head for view in views}
        # Rings that are gone were stored, later ones are no part of it.
        return all(view.tail >= self._heads.get(view.path, 0) for view in views)


def _map(path: Path) -> RingConsumer:
    """Opens a ring to look at: its memory is enough for that, and a descriptor for each ring would be too many."""
    ring = RingConsumer.attach(path)
    ring.close()
    return ring


def _unseen(path: Path) -> RingView:
    return RingView(path, head=1, tail=0, accepted=1, stored=0, is_seen=False)
