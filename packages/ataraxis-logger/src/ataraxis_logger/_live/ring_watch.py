"""Looking at all rings of a log folder, again and again, at little cost."""

import os
import threading
from pathlib import Path
from typing import NamedTuple

from ataraxis_logger._live.claimed_ring import stored_count
from ataraxis_logger._live.places import ring_paths
from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer


class RingView(NamedTuple):
    """A ring at one moment.

    Attributes:
        path: The ring's file.
        head: Position up to which packages were accepted.
        tail: Position up to which they were stored.
        accepted: How many packages were put into it.
        stored: How many of them were stored.
    """

    path: Path
    head: int
    tail: int
    accepted: int
    stored: int

    @property
    def backlog(self) -> int:
        """Bytes accepted and not stored."""
        return self.head - self.tail

    @property
    def waiting(self) -> int:
        """Packages accepted and not stored."""
        return max(0, self.accepted - self.stored)


class RingWatch:
    """The rings of a log folder, kept open between looks.

    Args:
        states: The state folders of the log.

    Attributes:
        pid: The process that made this.
    """

    def __init__(self, states: tuple[Path, ...]) -> None:
        self.pid = os.getpid()
        self._states = states
        self._rings: dict[Path, RingConsumer] = {}
        self._lock = threading.Lock()

    def look(self) -> list[RingView]:
        """Returns how the rings are now. Takes some microseconds for each."""
        with self._lock:
            paths = ring_paths(self._states)
            for path in self._rings.keys() - set(paths):
                self._rings.pop(path).close()
            return [view for path in paths if (view := self._view(path)) is not None]

    def close(self) -> None:
        """Lets go of the rings."""
        with self._lock:
            while self._rings:
                self._rings.popitem()[1].close()

    def _view(self, path: Path) -> RingView | None:
        if path not in self._rings:
            try:
                self._rings[path] = RingConsumer.attach(path)
            except (FileNotFoundError, RingFormatError):
                return None
        ring = self._rings[path]
        # What was stored is loaded before what was accepted: both only grow, and the difference must not be negative.
        stored, tail = stored_count(ring), ring.tail
        return RingView(path, ring.head, tail, ring.records, stored)
