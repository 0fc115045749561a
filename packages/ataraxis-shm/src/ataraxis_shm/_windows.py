"""Windows: the same face as `_posix` on byte-range locks, which belong to a handle there (written, not yet run).

A handle is opened so that its file can be renamed while it is open: a mapped file cannot be deleted, so removing a name
means moving the file aside and deleting it when its last user is gone.
"""

import sys

if sys.platform == "win32":  # pragma: no cover (no other system can run it; mypy checks it with --platform win32)
    import _winapi
    import errno
    import msvcrt
    import os
    import shutil
    import stat
    import time
    from collections.abc import Iterator
    from pathlib import Path

    LOCK_EX = 2
    LOCK_NB = 4
    LOCK_UN = 8

    OPEN_FLAGS = os.O_RDWR | os.O_BINARY | os.O_NOINHERIT

    _MUTEX_BYTE = (1 << 62) - 1
    _RETRY_SECONDS = 0.0005
    _MOVED = ".moved"

    _held: set[int] = set()

    def default_roots() -> tuple[Path, ...]:
        """Returns the folders for shared files, the preferred one first."""
        return (Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "ataraxis",)

    def boot_identity() -> bytes | None:
        """Windows does not tell one boot from another in a way that no setting can change."""
        return None

    def is_private_folder(folder: Path) -> bool:
        """Tells whether `folder` is a folder and no link; who may enter it is what the profile folder inherits.

        Raises:
            FileNotFoundError: If there is nothing of that name.
        """
        return stat.S_ISDIR(folder.lstat().st_mode)

    def make_private(fd: int) -> None:
        """Files in the profile folder are private already."""

    def free_space(fd: int) -> int:
        """Returns the free bytes of the drive of an open file."""
        del fd
        return shutil.disk_usage(default_roots()[0].anchor).free

    def allocate(fd: int, size: int) -> None:
        """Extends a file to `size` bytes; NTFS takes the space at once for a file that is not sparse."""
        if size > free_space(fd):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(fd, size)

    def open_descriptor(path: str) -> int:
        """Opens a file so that it may be renamed meanwhile, which `os.open` does not allow."""
        share_all = 0x1 | 0x2 | 0x4
        handle = _winapi.CreateFile(
            path, _winapi.GENERIC_READ | _winapi.GENERIC_WRITE, share_all, 0, _winapi.OPEN_EXISTING, 0, 0
        )
        return msvcrt.open_osfhandle(handle, OPEN_FLAGS)

    def lock_name(folder: Path) -> str:
        """Returns the path that stands for the lock of a folder: a file in it, since folders cannot be locked."""
        return str(folder / ".lock")

    def open_for_lock(path: str) -> int:
        """Opens what `lock_name` says, and makes it when it is missing."""
        return os.open(path, OPEN_FLAGS | os.O_CREAT)

    def reopen(fd: int, path: str) -> int:
        """Opens the file of a descriptor again; the path still names it, since nobody can replace an open file."""
        del fd
        return open_descriptor(path)

    def move_descriptor(source: int, target: int) -> None:
        """Makes `target` what `source` is and closes `source`."""
        os.dup2(source, target, inheritable=False)
        os.close(source)

    def flock(fd: int, operation: int) -> None:
        """Does what `fcntl.flock` does with LOCK_EX, LOCK_EX | LOCK_NB and LOCK_UN: taking it twice is harmless."""
        if operation & LOCK_UN:
            if fd in _held:
                _held.discard(fd)
                unlock_bytes(fd, _MUTEX_BYTE)
            return
        while fd not in _held:
            if try_lock_bytes(fd, _MUTEX_BYTE):
                _held.add(fd)
            elif operation & LOCK_NB:
                raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
            else:
                time.sleep(_RETRY_SECONDS)  # the system has no call that waits longer than ten seconds

    def try_lock_bytes(fd: int, start: int, *, shared: bool = False) -> bool:
        """Takes the lock of one byte; False when another handle has it. Every lock here is exclusive."""
        del shared  # each process locks a byte of its own where POSIX would share
        os.lseek(fd, start, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock_bytes(fd: int, start: int) -> None:
        """Releases the lock of one byte."""
        os.lseek(fd, start, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

    def locked_by_others(fd: int, start: int, length: int) -> Iterator[tuple[int, int]]:
        """Yields (start, 1) of the locked bytes of a range, found by trying each: Windows has no question for it.

        Process numbers are multiples of four, so a range of user bytes is tried in steps of four.
        """
        step = 1 if length == 1 else 4
        for byte in range(start, start + min(length, 1 << 18), step):
            if not try_lock_bytes(fd, byte):
                yield byte, 1
            else:
                unlock_bytes(fd, byte)

    def discard(path: Path) -> None:
        """Removes the name of a file: an open one is moved aside, and the folder's next sweep deletes it."""
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            path.replace(path.with_name(f"{path.name}.{os.urandom(4).hex()}{_MOVED}"))
