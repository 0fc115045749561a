"""How one put waits for space: in turn with the other threads of its process, and for as long as that makes sense."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ataraxis_logger._live.pressure import Pressure
from ataraxis_shm._ring_layout import wait_until

if TYPE_CHECKING:
    from ataraxis_logger._live.producers import FolderProducer

_SLICE_S: Final = 0.1

_waiting: "dict[object, FolderProducer]" = {}
"""The waits of this process, each with what it waits for."""


class Patience:
    """The waits of one put.

    Args:
        block: Whether to wait at all.
        timeout: How many seconds at most, all waits together; None for as long as somebody stores.
    """

    def __init__(self, block: bool, timeout: float | None) -> None:
        self._pressure = Pressure(block, timeout)

    def wait(self, producer: "FolderProducer", attempt: Callable[[float], bool]) -> None:
        """Attempts something that needs space until it succeeds.

        Args:
            producer: Where the space is needed.
            attempt: Waits for its turn for as many seconds as it is told, at first for none.

        Raises:
            LogFullError: There will be no space, or not in time.
        """
        this, seconds = object(), 0.0

        def succeeds() -> bool:
            nonlocal seconds
            if attempt(seconds):
                return True
            left = self._pressure.left()
            seconds = _SLICE_S if left is None else min(left, _SLICE_S)
            _waiting[this] = producer
            return False

        try:
            self._pressure.wait(producer, succeeds, None)
        finally:
            _waiting.pop(this, None)

    def take_spill_lock(self, producer: "FolderProducer") -> None:
        """Waits until no other thread spills, and takes the lock.

        Raises:
            LogFullError: That takes too long.
        """
        lock = producer.spill_lock
        # A thread that copies is soon done, and that is no matter of space. One that waits for space is.
        wait_until(lambda: lock.acquire(blocking=False) or producer in _waiting.values(), self._pressure.left())
        if not owns(producer):
            self.wait(producer, lambda seconds: lock.acquire(timeout=seconds))


def owns(producer: "FolderProducer") -> bool:
    """Tells whether this thread has the spill lock."""
    return producer.spill_lock._is_owned()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001  # as `threading.Condition` asks


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_waiting.clear)  # those that wait are the parent's
