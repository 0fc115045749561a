"""The rings that a writer has not claimed, open for a look: as many as the system gives it descriptors for.

Each open ring takes a descriptor. Where there are more rings than that, those are opened that hold something, the
oldest first, so that of the rings of one process none is opened before an older one. When they are empty, the writer
lets go of them, and the next ones follow.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer
from ataraxis_shm._system import is_out_of_descriptors


class UnclaimedRings:
    """The unclaimed rings of a log.

    Args:
        spare: How many descriptors are left for the store and all else that a writer does.
        report: What is told when rings cannot be opened; it is told again when the reason is another one.

    Attributes:
        is_short: Whether the last look ran out of descriptors.
        unopened: How many rings the last look could not open.
    """

    def __init__(self, spare: int, report: Callable[[str], None]) -> None:
        self._spare = spare
        self._report = report
        self._reason = 0
        self._rings: dict[Path, RingConsumer] = {}
        self.is_short = False
        self.unopened = 0

    def look(self, paths: Iterable[Path]) -> list[RingConsumer]:
        """Returns the rings among these files, opening those that are new and closing those that are not among them."""
        wanted = set(paths)
        for path in self._rings.keys() - wanted:
            self._rings.pop(path).close()
        new = wanted - self._rings.keys()
        error = self._open(new) if new and not self.is_short else None
        if self.is_short or _is_shortage(error):
            self.close()
            error = self._open(_by_urgency(wanted))
        self.is_short = _is_shortage(error)
        self.unopened = 0 if error is None else len(wanted) - len(self._rings)
        self._tell(error)
        return list(self._rings.values())

    def take(self, path: Path) -> RingConsumer:
        """Gives one of the rings away."""
        return self._rings.pop(path)

    def close(self) -> None:
        """Lets go of the rings."""
        while self._rings:
            self._rings.popitem()[1].close()

    def _open(self, paths: Collection[Path]) -> OSError | None:
        """Opens rings for as long as there are descriptors; returns the last refusal."""
        refused = None
        try:
            with _set_apart(self._spare):
                for path in paths:
                    refused = self._attach(path) or refused
                    if _is_shortage(refused):
                        break
        except OSError as error:
            refused = error
        return refused

    def _attach(self, path: Path) -> OSError | None:
        """Opens a ring; returns why it cannot be opened now. One that was removed, or is none, is passed over."""
        try:
            # Also one with damage: the writer that claims it reports that, once.
            self._rings[path] = RingConsumer.attach(path, strict=False)
        except (FileNotFoundError, RingFormatError):
            return None
        except OSError as error:
            return error
        return None

    def _tell(self, error: OSError | None) -> None:
        reason = 0 if error is None else error.errno or errno.EIO
        if error is not None and reason != self._reason:
            self._report(f"some buffers have to wait, they cannot be opened now: {error}")
        self._reason = reason


def _is_shortage(error: OSError | None) -> bool:
    return error is not None and is_out_of_descriptors(error)


def _by_urgency(paths: Iterable[Path]) -> list[Path]:
    """Returns rings in the order in which they should be opened; each is opened for that, and closed again."""

    def urgency(path: Path) -> tuple[bool, int]:
        try:
            with RingConsumer.attach(path, strict=False) as ring:
                return not ring.backlog, ring.created
        except (OSError, RingFormatError):
            return True, 0

    return sorted(paths, key=urgency)


@contextmanager
def _set_apart(count: int) -> Iterator[None]:
    """Takes descriptors and gives them back at the end, so that they are free then.

    Raises:
        OSError: There are not so many.
    """
    with ExitStack() as taken:
        for _ in range(count):
            taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
