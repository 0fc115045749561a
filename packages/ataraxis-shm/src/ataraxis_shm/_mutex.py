"""The lock of a file among all threads of all processes: `flock` between processes, a thread lock inside each.

`flock` alone would let every thread of a process in, because they share the open file description; that is what the
thread lock is for. It is re-entrant, so two arrays of one segment in one thread never wait for each other.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import TIMEOUT_MAX, RLock

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
        pid: The number of this process.
        epoch: Counts forks. A level that was entered before a fork belongs to the parent, the child must not leave it.
    """

    __slots__ = ("epoch", "fd", "held", "pid", "thread_lock")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.thread_lock: RLock | _LostLock = RLock()
        self.held = False
        self.pid = os.getpid()
        self.epoch = 0

    def reset_after_fork(self) -> None:
        """Forgets, in a forked child, what the parent's threads held."""
        self.thread_lock = RLock()
        self.held = False
        self.pid = os.getpid()
        self.epoch += 1

    def lose(self) -> None:
        """Ends it: there is no descriptor to lock any more."""
        self.fd = -1
        self.thread_lock = _LostLock()

    @contextmanager
    def hold(self, timeout: float | None = None, what: str = "the shared memory") -> Iterator[bool]:
        """Holds the lock of `what`; gives whether this is the outermost level of this thread.

        A generator on purpose: an interrupt (Ctrl-C) may arrive between any two steps of a hand-written `__enter__` or
        `__exit__` and leave the lock taken for good. A generator that is dropped runs its `finally`.

        Raises:
            LockTimeoutError: If the lock was not free within `timeout` seconds.
            NotConnectedError: If the file was closed, or could not be opened again after a fork.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.thread_lock if timeout is None else _Timed(self.thread_lock, timeout, what):
            outermost = not self.held
            epoch = self.epoch
            self.held = True
            try:
                self._lock_file(deadline, what)
                yield outermost
            finally:
                if outermost and epoch == self.epoch:
                    self.held = False
                    flock(self.fd, LOCK_UN)

    def _lock_file(self, deadline: float | None, what: str) -> None:
        # Also on inner levels, where it changes nothing: a signal handler that runs while the outer level still waits
        # cannot know that the lock is not there yet.
        if deadline is None:
            flock(self.fd, LOCK_EX)
            return
        pause = _SHORTEST_PAUSE
        while not self._try_lock_file():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise LockTimeoutError(errno.ETIMEDOUT, f"Unable to lock {what} in time: another process holds it")
            time.sleep(min(pause, remaining))  # no system has an flock that waits for a given time
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try_lock_file(self) -> bool:
        try:
            flock(self.fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _LostLock:
    """Stands for the lock of a file that is closed, or that a forked child could not open again: nobody enters."""

    def acquire(self, *, blocking: bool = True, timeout: float = -1) -> bool:
        del blocking, timeout
        return True

    def release(self) -> None: ...

    def __enter__(self) -> bool:
        raise NotConnectedError(
            "Unable to lock shared memory: this process has closed it, or it had lost its name before this process was "
            "forked. connect() again, or use it without the lock."
        )

    def __exit__(self, *_: object) -> None: ...


class _Timed:
    """A thread lock that is waited for only so long."""

    __slots__ = ("lock", "timeout", "what")

    def __init__(self, lock: "RLock | _LostLock", timeout: float, what: str) -> None:
        self.lock = lock
        self.timeout = timeout
        self.what = what

    def __enter__(self) -> None:
        if not self.lock.acquire(timeout=min(self.timeout, TIMEOUT_MAX)):
            raise LockTimeoutError(
                errno.ETIMEDOUT, f"Unable to lock {self.what} in time: another thread of this process holds it"
            )

    def __exit__(self, *_: object) -> None:
        self.lock.release()
