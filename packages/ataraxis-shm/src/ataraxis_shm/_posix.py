"""Linux and macOS: folders, space, and the two kinds of file locks (`_system` is the face of this module).

`flock` belongs to an open file description: threads and forked children share it, it survives `fork`, and it is free
when the last descriptor of that description is closed. The record locks of `lockf` belong to a process: a forked child
does not have them, and they are gone as soon as the process closes *any* descriptor of the file. `_registry` is built
around both habits.
"""

import errno
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

# For mypy, which then skips this module when it checks for Windows.
assert sys.platform != "win32"  # noqa: S101 (not a check at run time: `_system` never imports this module there)

LOCK_EX = fcntl.LOCK_EX
LOCK_NB = fcntl.LOCK_NB
LOCK_UN = fcntl.LOCK_UN
flock = fcntl.flock

OPEN_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_RESERVE_STEP = 64 << 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYSCTL_BYTES = 256
# struct flock: (type, whence, start, length, pid) on Linux, (start, length, pid, type, whence) on macOS.
_FLOCK = struct.Struct("@hhqqi4x" if sys.platform == "linux" else "@qqihh")


def default_roots() -> tuple[Path, ...]:
    """Returns the folders for shared files, the preferred one first."""
    mine = f"ataraxis-{os.geteuid()}"
    on_disk = Path("/var/tmp") / mine  # noqa: S108 (a folder of mode 0700 in it, checked by ensure_private_folder)
    in_memory = Path("/dev/shm")  # noqa: S108 (the same)
    if sys.platform == "linux" and os.access(in_memory, os.W_OK | os.X_OK):
        return in_memory / mine, on_disk
    return (on_disk,)


def boot_identity() -> bytes | None:
    """Returns what is the same for all processes until the system boots again, None when the system does not tell."""
    if sys.platform == "darwin":  # pragma: no cover (written and type-checked for, not yet run)
        identity = _sysctl(b"kern.bootsessionuuid")
    else:
        try:
            identity = _BOOT_ID.read_bytes()
        except OSError:  # no /proc in this container
            identity = None
    return identity


def _sysctl(name: bytes) -> bytes | None:
    """Returns a text that the kernel of macOS knows by a name."""
    # Imported here: ctypes costs milliseconds that only those who ask need to pay.
    import ctypes  # noqa: PLC0415

    value = ctypes.create_string_buffer(_SYSCTL_BYTES)
    size = ctypes.c_size_t(_SYSCTL_BYTES)
    sysctl = ctypes.CDLL(None).sysctlbyname
    sysctl.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    return value.value if sysctl(name, value, ctypes.byref(size), None, 0) == 0 else None


def is_private_folder(folder: Path) -> bool:
    """Tells whether `folder` is a folder, not a link, of this user that nobody else may write to.

    Raises:
        FileNotFoundError: If there is nothing of that name.
    """
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE


def make_private(fd: int) -> None:
    """Gives an open file the mode 0600, whatever the umask."""
    os.fchmod(fd, stat.S_IRUSR | stat.S_IWUSR)


def free_space(fd: int) -> int:
    """Returns the bytes that this user may still take in the file system of an open file."""
    status = os.fstatvfs(fd)
    return status.f_bavail * status.f_frsize


def allocate(fd: int, size: int) -> None:
    """Extends a file to `size` bytes whose space is taken, so that writing to its mapping cannot fail.

    Large files are taken in steps: tmpfs starts a request over when a signal arrives, so one huge request under a
    profiler's timer might never end. What cannot fit is refused before the first step: taking what is there and giving
    it back would take long, and the space away from everybody else meanwhile.
    """
    if size > free_space(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for start in range(0, size, _RESERVE_STEP):
        _allocate_part(fd, start, min(_RESERVE_STEP, size - start))


def _allocate_part(fd: int, start: int, length: int) -> None:
    if sys.platform == "linux":
        try:
            os.posix_fallocate(fd, start, length)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        else:
            return
    write_zeros(fd, start, length)


def write_zeros(fd: int, start: int, length: int) -> None:
    """Takes space where the system cannot reserve it (macOS, a few network file systems), by writing zeros."""
    zeros = memoryview(bytes(min(length, 1 << 20)))
    end = start + length
    while start < end:
        start += os.pwrite(fd, zeros[: end - start], start)


def open_descriptor(path: str) -> int:
    """Opens an existing file for reading and writing, never through a link."""
    return os.open(path, OPEN_FLAGS)


def lock_name(folder: Path) -> str:
    """Returns the path that stands for the lock of a folder: the folder itself, so that the lock leaves nothing."""
    return str(folder)


def open_for_lock(path: str) -> int:
    """Opens what `lock_name` says."""
    return os.open(path, _FOLDER_FLAGS)


def reopen(fd: int, path: str) -> int:
    """Opens the file or folder of a descriptor again: another open file description, another owner of its `flock`.

    Raises:
        OSError: If the file can no longer be opened, for one because it has no name any more (macOS).
    """
    flags = _FOLDER_FLAGS if stat.S_ISDIR(os.fstat(fd).st_mode) else OPEN_FLAGS
    if sys.platform == "linux":
        try:
            return os.open(f"/proc/self/fd/{fd}", flags & ~os.O_NOFOLLOW)
        except FileNotFoundError:  # no /proc in this container
            pass
    new = os.open(path, flags)
    if os.path.sameopenfile(fd, new):
        return new
    os.close(new)
    raise FileNotFoundError(errno.ENOENT, "another file has the name now", path)


def move_descriptor(source: int, target: int) -> None:
    """Makes `target` what `source` is and closes `source`."""
    os.dup2(source, target, inheritable=False)
    os.close(source)


def try_lock_bytes(fd: int, start: int, *, shared: bool = False) -> bool:
    """Takes the record lock of one byte; False when another process has it."""
    try:
        fcntl.lockf(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB, 1, start)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock_bytes(fd: int, start: int) -> None:
    """Releases the record lock of one byte."""
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, start)


def locked_by_others(fd: int, start: int, length: int) -> Iterator[tuple[int, int]]:
    """Yields (start, length) of the record locks that other processes hold in a range, in any order."""
    ranges = [(start, start + length)]
    while ranges:
        first, end = ranges.pop()
        found = _any_lock(fd, first, end - first) if first < end else None
        if found is not None:
            # Linux tells of the lock that was taken first, not of the one at the lowest byte: look on both sides.
            lock_start, lock_length = found
            yield max(lock_start, first), lock_length
            ranges += [(first, lock_start), (lock_start + lock_length, end)]


def _any_lock(fd: int, start: int, length: int) -> tuple[int, int] | None:
    if sys.platform == "linux":
        query = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        kind, _, found, size, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, query))
    else:
        query = _FLOCK.pack(start, length, 0, fcntl.F_WRLCK, os.SEEK_SET)
        found, size, _, kind, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, query))
    return None if kind == fcntl.F_UNLCK else (found, size or length)


def discard(path: Path) -> None:
    """Removes the name of a file; processes that have it open keep it. Nothing happens when it is gone already."""
    path.unlink(missing_ok=True)
