"""The lock of a file among all threads of all processes: `flock` between processes, a thread lock inside each.

`flock` alone would let every thread of a process in, because they share the open file description; that is what the
thread lock is for. It is re-entrant, so two arrays of one segment in one thread never wait for each other.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from ataraxis_shm._errors import LockTimeoutError, NotConnectedError
from ataraxis_shm._system import LOCK_EX, LOCK_NB, LOCK_UN, flock

_SHORTEST_PAUSE = 0.000_05
_LONGEST_PAUSE = 0.002


class Mutex:
    """One lock per file and process; `_registry` makes it, `SharedMemoryArray` also takes it inline, for speed.

    Attributes:
        fd: Descriptor to lock; -1 once the file is closed, changed only while `thread_lock` is held.
        thread_lock: The lock among the threads of this process; replaced in a forked child.
        held: Whether a thread is inside. Only the outermost level of that thread unlocks.
        epoch: Counts forks. A level that was entered before a fork belongs to the parent, the child must not leave it.
    """

    __slots__ = ("epoch", "fd", "held", "thread_lock")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.thread_lock = RLock()
        self.held = False
        self.epoch = 0

    def reset_after_fork(self, fd: int) -> None:
        """Forgets, in a forked child, what the parent's threads held."""
        self.fd = fd
        self.thread_lock = RLock()
        self.held = False
        self.epoch += 1

    @contextmanager
    def hold(self, timeout: float | None = None) -> Iterator[bool]:
        """Holds the lock; gives whether this is the outermost level of this thread.

        A generator on purpose: an interrupt (Ctrl-C) may arrive between any two steps of a hand-written `__enter__` or
        `__exit__` and leave the lock taken for good. A generator that is dropped runs its `finally`.

        Raises:
            LockTimeoutError: If the lock was not free within `timeout` seconds.
            NotConnectedError: If the file was closed, or could not be opened again after a fork.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.thread_lock if timeout is None else _Timed(self.thread_lock, timeout):
            outermost = not self.held
            epoch = self.epoch
            self.held = True
            try:
                self._lock_file(deadline)
                yield outermost
            finally:
                if outermost and epoch == self.epoch:
                    self.held = False
                    if self.fd >= 0:
                        flock(self.fd, LOCK_UN)

    def _lock_file(self, deadline: float | None) -> None:
        # Also on inner levels, where it changes nothing: a signal handler that runs while the outer level still waits
        # cannot know that the lock is not there yet.
        if self.fd < 0:
            raise NotConnectedError("Unable to lock shared memory that this process has disconnected from.")
        if deadline is None:
            flock(self.fd, LOCK_EX)
            return
        pause = _SHORTEST_PAUSE
        while not self._try_lock_file():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise LockTimeoutError
            time.sleep(min(pause, remaining))  # no system has an flock that waits for a given time
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try_lock_file(self) -> bool:
        try:
            flock(self.fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _Timed:
    """A thread lock that is waited for only so long."""

    __slots__ = ("lock", "timeout")

    def __init__(self, lock: RLock, timeout: float) -> None:
        self.lock = lock
        self.timeout = timeout

    def __enter__(self) -> None:
        if not self.lock.acquire(timeout=self.timeout):
            raise LockTimeoutError

    def __exit__(self, *_: object) -> None:
        self.lock.release()
