"""The open files of this process: one descriptor per inode, its locks, and what a fork does to them.

Every open of a shared file goes through here, because the systems punish anything else:

* Closing *any* descriptor of a file drops every record lock (`lockf`) that the process has on it. So a file is opened
  once, however many objects use it, and a descriptor that turns out to be the second one is kept until the end.
* A forked child shares the `flock` of its parent: it would keep the lock of a parent that died. So a child opens its
  files again, in place, under the same descriptor numbers.
* A mapping keeps the open file description it was made from, in every forked child too. So arrays are mapped from a
  second description, which nobody ever locks; its descriptor stays open as long as the file, see the first point.
* Record locks are not inherited by a fork. So a child takes its own as a user of the file, and has none of the others.
  (A parent that is killed before the child has come that far leaves the child a file that may be swept meanwhile: its
  memory stays, its name goes. Open file description locks would close that gap, on Linux alone.)
"""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Self

from ataraxis_shm import _system
from ataraxis_shm._mapping import map_file
from ataraxis_shm._mutex import Mutex

# Far beyond any data, still within a signed 64-bit offset. Bytes of callers first, then one byte per process number.
_LOCK_BASE = 1 << 61
_USER_BASE = _LOCK_BASE + (1 << 32)
_USER_RANGE = 1 << 32

_lock = RLock()  # re-entrant: the garbage collector may close a file while another is being opened
_entries: dict[tuple[int, int], "_Entry"] = {}
_closing: set["_Entry"] = set()  # unused, but a thread was inside the mutex when the last user left


class _Entry:
    """One open file of this process."""

    __slots__ = ("fd", "held", "key", "map_fd", "mutex", "path", "references", "spare", "user_count")

    def __init__(self, key: tuple[int, int], path: str, fd: int) -> None:
        self.key = key
        self.path = path
        self.fd = fd
        self.map_fd = -1
        self.spare: list[int] = []
        self.references = 0
        self.user_count = 0
        self.held: dict[int, OpenFile] = {}
        self.mutex = Mutex(fd)

    def close_when_free(self) -> None:
        """Closes the file unless a thread is inside its mutex; `_reap` tries again then."""
        lock = self.mutex.thread_lock
        _closing.add(self)
        if lock.acquire(blocking=False):
            try:
                # A garbage collection or a signal handler may have come here first, between any two of these lines.
                if not self.mutex.held and _entries.get(self.key) is self and _entries.pop(self.key, None) is self:
                    self._close_unless_used()
            finally:
                lock.release()

    def _close_unless_used(self) -> None:
        """Closes the file, which nobody can find any more, unless a signal handler found it just before."""
        _closing.discard(self)
        if self.references:
            _entries[self.key] = self
        else:
            self.mutex.lose()
            self.close_descriptors()

    def close_descriptors(self) -> None:
        for fd in (self.fd, self.map_fd, *self.spare):
            if fd >= 0:
                os.close(fd)
        self.spare.clear()

    def reopen(self) -> None:
        """Makes the descriptor the forked child's own, or closes it: kept, it would keep the parent's lock."""
        self.held.clear()
        for fd in self.spare:
            os.close(fd)
        self.spare.clear()
        try:
            _system.move_descriptor(_system.reopen(self.fd, self.path), self.fd)
        except OSError:
            _system.move_descriptor(os.open(os.devnull, os.O_RDWR), self.fd)
            self.mutex.lose()
            return
        self.mutex.reset_after_fork()
        if self.user_count:
            _system.try_lock_bytes(self.fd, _user_byte(), shared=True)


class OpenFile:
    """A use of an open file: many of them may share one descriptor. Made by `open_file`.

    Attributes:
        mutex: The lock of the file among all threads of all processes.
    """

    __slots__ = ("__weakref__", "_is_closed", "_is_user", "entry", "mutex")

    def __init__(self, entry: _Entry) -> None:
        self.entry = entry
        self._is_closed = False
        self._is_user = False
        self.mutex = entry.mutex

    @property
    def fd(self) -> int:
        """The descriptor, open for reading and writing; the same number for the life of the process and its forks."""
        return self.entry.fd

    @property
    def path(self) -> Path:
        """Where the file was opened, or moved to by `rename`."""
        return Path(self.entry.path)

    def again(self) -> "OpenFile":
        """Returns another use of the same file, with a life of its own."""
        return _use(lambda: self.entry)

    def map(self, size: int) -> memoryview:
        """Maps the first `size` bytes for reading and writing, so that no child keeps the lock of the mutex.

        See `map_file` for what is returned and raised.
        """
        with _lock:
            if self.entry.map_fd < 0:
                self.entry.map_fd = _system.reopen(self.fd, self.entry.path)
            return map_file(self.entry.map_fd, size)

    def rename(self, target: str | os.PathLike[str]) -> None:
        """Moves the file, replacing what has that name."""
        with _lock:
            target = os.fspath(target)
            Path(self.entry.path).replace(target)
            self.entry.path = target

    def try_lock_byte(self, offset: int) -> bool:
        """Takes a lock that the system frees when this process dies; a forked child does not have it.

        Args:
            offset: Which lock of the file, from 0 to 2**32 - 1. It stands for a byte far beyond the data.

        Returns:
            False when another process, or another user of the file in this process, has it.
        """
        with _lock:
            held = self.entry.held
            if offset in held or self.mutex.fd < 0 or not _system.try_lock_bytes(self.fd, _LOCK_BASE + offset):
                return False
            held[offset] = self
            return True

    def unlock_byte(self, offset: int) -> None:
        """Releases the lock; nothing happens when this object does not have it, as in a forked child."""
        with _lock:
            if self.entry.held.get(offset) is self:
                del self.entry.held[offset]
                _system.unlock_bytes(self.fd, _LOCK_BASE + offset)

    def byte_is_locked(self, offset: int) -> bool:
        """Tells whether anybody has the lock, this process included; False once this object is closed."""
        with _lock:
            if self._is_closed:  # by another thread: the descriptor may be another file's by now
                return False
            if offset in self.entry.held:
                return True
            return any(_system.locked_by_others(self.fd, _LOCK_BASE + offset, 1))

    def join_users(self) -> None:
        """Makes this process a user of the file until `leave_users`, `close` or its death; a forked child joins too."""
        with _lock:
            if not self._is_user:
                self._is_user = True
                self.entry.user_count += 1
                _system.try_lock_bytes(self.fd, _user_byte(), shared=True)

    def leave_users(self) -> None:
        """Ends what `join_users` began."""
        with _lock:
            if self._is_user:
                self._is_user = False
                self.entry.user_count -= 1
                if not self.entry.user_count and self.mutex.fd >= 0:
                    _system.unlock_bytes(self.fd, _user_byte())

    def users(self) -> tuple[int, ...]:
        """Returns the numbers of the processes that use the file, this one included."""
        with _lock:
            found = {os.getpid()} if self.entry.user_count else set()
            for start, length in _system.locked_by_others(self.fd, _USER_BASE, _USER_RANGE):
                found.update(range(start - _USER_BASE, start - _USER_BASE + length))
            return tuple(sorted(found))

    def close(self) -> None:
        """Ends this use; the last one closes the file. May be repeated."""
        with _lock:
            if self._is_closed:
                return
            self._is_closed = True
            for offset in [offset for offset, holder in self.entry.held.items() if holder is self]:
                self.unlock_byte(offset)
            self.leave_users()
            self.entry.references -= 1
            if not self.entry.references:
                self.entry.close_when_free()
            _reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the end of the interpreter the system closes everything, and what `close` needs may be gone already.
        if not is_finalizing():
            self.close()


def open_file(path: str | os.PathLike[str], *, create: bool = False) -> OpenFile:
    """Opens a file for reading and writing, sharing the descriptor with everything that has it open in this process.

    Args:
        path: The file. The last part of the path must not be a link.
        create: Makes the file, of mode 0600; otherwise it must exist.

    Raises:
        FileExistsError: If it should be made and exists.
        FileNotFoundError: If it should exist and does not.
        OSError: If the system refuses, or the path is no regular file.
    """
    name = os.path.abspath(path)  # noqa: PTH100 (Path would be made twice as slowly and turned back at once)
    return _use(lambda: _create(name) if create else _find(name, _system.open_descriptor))


@contextlib.contextmanager
def folder_lock(folder: Path, timeout: float | None = None) -> Iterator[None]:
    """Holds the lock of a folder, under which files in it are published, found and removed; makes it when missing.

    Raises:
        LockTimeoutError: If the lock was not free within `timeout` seconds.
        UnsafeFolderError: If somebody else could change the folder.
    """
    name = _system.lock_name(folder)
    while True:
        _system.ensure_private_folder(folder)
        try:
            file = _use(lambda: _find(name, _system.open_for_lock))
        except FileNotFoundError:  # removed in between, because it was empty
            continue
        with file, file.mutex.hold(timeout, f"the folder {folder}"):
            if _is_named(file.entry, name):
                yield
                return


def _is_named(entry: _Entry, path: str) -> bool:
    try:
        return _key(os.lstat(path)) == entry.key
    except FileNotFoundError:
        return False


def _use(find: Callable[[], _Entry]) -> OpenFile:
    with _lock:
        _reap()
        while True:
            entry = find()
            entry.references += 1
            # The garbage collector may have closed its last user before it was counted.
            if _entries.get(entry.key) is entry:
                return OpenFile(entry)


def _find(path: str, open_descriptor: Callable[[str], int]) -> _Entry:
    # Looked up before it is opened: closing a second descriptor would drop the locks of the first.
    with contextlib.suppress(FileNotFoundError):  # where the lock of a folder is a file, opening makes it
        entry = _entries.get(_key(os.lstat(path)))
        if entry is not None:
            return entry
    return _enter(path, open_descriptor(path))


def _create(path: str) -> _Entry:
    fd = os.open(path, _system.OPEN_FLAGS | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    _system.make_private(fd)
    return _enter(path, fd)


def _enter(path: str, fd: int) -> _Entry:
    status = os.fstat(fd)
    key = _key(status)
    if key in _entries:  # the name came to mean this file after it was looked up
        _entries[key].spare.append(fd)
        return _entries[key]
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        os.close(fd)
        raise OSError(f"Unable to use {path} as a shared file: it is not a regular file.")
    _entries[key] = entry = _Entry(key, path, fd)
    return entry


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _user_byte() -> int:
    return _USER_BASE + os.getpid()


def _reap() -> None:
    for entry in list(_closing):
        if entry.references:
            _closing.discard(entry)
        else:
            entry.close_when_free()


def reap() -> None:
    """Closes the files whose last user left while a thread was inside their mutex."""
    if _closing:
        with _lock:
            _reap()


def _lock_before_fork() -> None:
    _lock.acquire()


def _unlock_in_parent() -> None:
    _lock.release()


def _reopen_in_child() -> None:
    global _lock  # noqa: PLW0603 (the threads that could have released the old one do not exist in the child)
    _lock = RLock()
    for entry in list(_entries.values()):
        entry.reopen()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock_before_fork, after_in_parent=_unlock_in_parent, after_in_child=_reopen_in_child)
