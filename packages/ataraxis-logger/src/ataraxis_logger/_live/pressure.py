"""What a producer does when its ring is full: wait, start what has died, or say why it cannot go on."""

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ataraxis_logger._errors import LogFullError, LoggerStateError
from ataraxis_logger._live.launch import start_keeper
from ataraxis_logger._live.session_page import KEEPER_LOCK, OWNER_LOCK, STARTED, SessionPage
from ataraxis_shm._ring_layout import wait_until

if TYPE_CHECKING:
    from ataraxis_logger._live.producers import FolderProducer
    from ataraxis_shm._errors import RingFullError

PATIENCE_S: Final = 5.0
"""How long writers may be missing, or may be refused everything, before that is an error."""

_LOOK_S: Final = 0.1
_NANOSECONDS: Final = 1_000_000_000


class Trouble:
    """Watches whether a session can store anything at all, and since when it cannot."""

    def __init__(self) -> None:
        self._progress = -1
        self._still_since = 0
        self._without_writer_since: int | None = None

    def look(self, page: SessionPage) -> tuple[float, str, int] | None:
        """Returns for how many seconds nothing could be stored, why, and the error number; None when it can."""
        now = time.monotonic_ns()
        slots = page.writers()
        progress = sum(slot.progress for slot in slots)
        if progress != self._progress:
            # Nothing else ends it: writers that fail at once are alive for a moment each time.
            self._progress, self._still_since, self._without_writer_since = progress, now, None
        if not page.is_writing():
            self._without_writer_since = self._without_writer_since or now
            said = page.last_error
            cause = f"no writer is running{f' ({said})' if said else ''}"
            return (now - self._without_writer_since) / _NANOSECONDS, cause, errno.EPIPE
        refused = [(slot.refused_since, slot.refused_code) for slot in slots if slot.refused_since]
        if refused:
            since, code = min(refused)
            return (now - since) / _NANOSECONDS, f"the disk refuses to store: {page.last_error}", code
        if any(slot.unreadable for slot in slots):
            cause = f"a buffer cannot be read: {page.last_error}"
            return (now - self._still_since) / _NANOSECONDS, cause, errno.EIO
        return None


class Pressure:
    """One put that found no space.

    Args:
        block: Whether to wait at all.
        timeout: How many seconds at most; None for as long as somebody stores.
    """

    def __init__(self, block: bool, timeout: float | None) -> None:
        self._deadline = time.monotonic() + timeout if block and timeout is not None else None
        self._block = block
        self._trouble = Trouble()

    def left(self) -> float | None:
        """Returns how many seconds are left of the timeout; None when there is none."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def wait(self, producer: "FolderProducer", has_space: Callable[[], bool], full: "RingFullError | None") -> None:
        """Returns when there is space.

        Raises:
            LogFullError: There will be none, or not in time.
        """
        if has_space():
            return
        if not self._block:
            raise _full(producer, "and the call was asked not to wait", errno.EAGAIN) from full
        while True:
            left = self.left()
            self._look(producer)
            if left == 0:
                raise _full(
                    producer, "and stayed full for as long as the call was asked to wait", errno.EAGAIN
                ) from full
            if wait_until(has_space, _LOOK_S if left is None else min(left, _LOOK_S)):
                return

    def _look(self, producer: "FolderProducer") -> None:
        page = SessionPage.attach(producer.states[0])
        try:
            if page is None or page.state != STARTED or not (page.is_held(OWNER_LOCK) or page.is_held(KEEPER_LOCK)):
                raise _full(producer, "and no logger is started on this folder: start one to store it", errno.ENOBUFS)
            if not producer.ring.consistent:
                raise LogFullError(
                    errno.EIO,
                    f"Unable to accept the package for {producer.folder}: somebody else has written to the memory of "
                    f"this process's buffer, {producer.ring.path}. What is in it cannot be stored; it is left there.",
                )
            revive(page, producer.states)
            trouble = self._trouble.look(page)
            if trouble is not None and trouble[0] >= PATIENCE_S:
                seconds, cause, code = trouble
                raise _full(producer, f"and for {seconds:.0f} s {cause}", code)
        finally:
            if page is not None:
                page.close()


def revive(page: SessionPage, states: tuple[Path, ...]) -> bool:
    """Starts another keeper when the session goes on and its keeper has died. Any process of the user may do that.

    Returns:
        Whether one was started.
    """
    if page.state != STARTED or page.is_held(KEEPER_LOCK):
        return False
    try:
        start_keeper(states)
    except LoggerStateError as error:
        page.report_error(str(error))
        return False
    return True


def _full(producer: "FolderProducer", why: str, code: int) -> LogFullError:
    size = producer.ring.capacity
    return LogFullError(
        code or errno.EIO,
        f"Unable to accept the package for {producer.folder}: the buffer of this process ({size} bytes) is full, "
        f"{why[:600]}. What was accepted before is kept.",
    )
