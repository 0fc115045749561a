"""Durable files: written whole or not at all, and still there after a power cut.

A name appears only when everything under it is complete (temporary file in the same folder, fsync, rename, fsync of
the folder). Nothing here imports NumPy.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO, Final

from ataraxis_shm._system import LOCK_EX, LOCK_NB, LOCK_UN, discard, flock

TEMPORARY_SUFFIX: Final = ".partial"

_FILE_MODE: Final = 0o666  # the umask takes what the user does not want


def sync_data(descriptor: int) -> None:
    """Forces the written bytes of a file to the drive."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    elif sys.platform == "darwin":
        _sync_darwin(descriptor)
    else:
        os.fsync(descriptor)


if sys.platform == "darwin":

    def _sync_darwin(descriptor: int) -> None:
        import fcntl  # noqa: PLC0415  # absent on Windows

        try:
            # fsync on macOS stops at the drive's cache; F_FULLFSYNC is refused by some network file systems.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to the drive, where the system can (not on Windows, which needs no such call)."""
    if sys.platform != "win32":
        _sync_names(folder)


if sys.platform != "win32":
    # Some network file systems refuse to sync a folder; they force names out by themselves.
    _FOLDER_SYNC_REFUSED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})

    def _sync_names(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _FOLDER_SYNC_REFUSED:
                raise
        finally:
            os.close(descriptor)


@contextmanager
def appear_whole(path: Path, *, durable: bool = True, sweep: bool = True) -> Iterator[BinaryIO]:
    """Gives a new binary file that takes the name `path` only when the block ends without an error.

    Until then the bytes are under a hidden temporary name in the same folder (the file's `name`), which an error
    removes. An existing file at `path` is replaced in one step.

    Args:
        path: the final name.
        durable: whether file and folder are forced to the drive before and after the rename.
        sweep: whether to look through the folder for what killed writers of this file left there, and remove it.
    """
    if sweep:
        remove_partials(path.parent, path.name)
    file = _create_partial(path)
    temporary = Path(file.name)
    try:
        with _unlocked_at_the_end(file):
            yield file
            file.flush()
            if durable:
                sync_data(file.fileno())
            if sys.platform != "win32":
                temporary.replace(path)  # still locked: nobody takes it for the remains of a killed writer
        if sys.platform == "win32":
            temporary.replace(path)  # an open file cannot be renamed there
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            error.filename = os.fspath(path)  # the name that the caller knows
        raise
    if durable:
        sync_folder(path.parent)


def remove_partials(folder: Path, name: str = "") -> int:
    """Removes what killed writers of `appear_whole` left in a folder.

    Args:
        folder: the folder.
        name: of the file that they wrote; empty for any file.

    Returns:
        The number of files removed.
    """
    partials = [path for path in folder.glob(f".{escape(name) or '*'}.*{TEMPORARY_SUFFIX}") if path.is_file()]
    return sum(map(_remove_if_abandoned, partials))


def _create_partial(path: Path) -> BinaryIO:
    """Creates a temporary file for a final name, and locks it for as long as it is open."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}")
        try:
            file = open(temporary, "x+b", opener=_open_locked)  # noqa: SIM115  # Path.open takes no opener
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        if is_at(temporary, file.fileno()):
            return file
        flock(file.fileno(), LOCK_UN)
        file.close()  # somebody took it for an abandoned one between its creation and its lock


@contextmanager
def _unlocked_at_the_end(file: BinaryIO) -> Iterator[None]:
    with file:
        try:
            yield
        finally:
            if not file.closed:
                with suppress(OSError):
                    flock(file.fileno(), LOCK_UN)


def _open_locked(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, _FILE_MODE)
    with suppress(OSError):  # a file system without locks: then nobody sweeps here
        flock(descriptor, LOCK_EX)
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _remove_if_abandoned(partial: Path) -> bool:
    """Removes a temporary file unless a living process, on whatever machine, still holds its lock."""
    with suppress(OSError), partial.open("r+b") as file:
        flock(file.fileno(), LOCK_EX | LOCK_NB)
        try:
            if is_at(partial, file.fileno()):
                discard(partial)
                return True
        finally:
            flock(file.fileno(), LOCK_UN)
    return False


def is_at(path: Path, descriptor: int) -> bool:
    """Tells whether a name still means the file of an open descriptor."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_all(descriptor: int, parts: list[memoryview]) -> None:
    """Writes buffers one after the other, however little the system takes at a time.

    Raises:
        OSError: the system refused; part of the bytes may be written.
    """
    if sys.platform == "win32":
        for part in parts:
            _write_part(descriptor, part)
    else:
        _write_vector(descriptor, [part for part in parts if part.nbytes])


def _write_part(descriptor: int, part: memoryview) -> None:
    while part.nbytes:
        part = part[os.write(descriptor, part) :]


if sys.platform != "win32":
    _MOST_BUFFERS: Final = 64  # far below IOV_MAX everywhere; popping from the front stays cheap
    # Linux takes memory for a write in pieces as large as the write, and looks for them for long: with 4 MiB a call, a
    # byte took four times as long as with 1 MiB (Linux 6.18, ext4, the median of eight runs).
    _MOST_BYTES: Final = 1 << 20

    def _write_vector(descriptor: int, pending: list[memoryview]) -> None:
        while pending:
            written = os.writev(descriptor, _next_of(pending))
            while pending and written >= pending[0].nbytes:
                written -= pending.pop(0).nbytes
            if written:
                pending[0] = pending[0][written:]

    def _next_of(pending: list[memoryview]) -> list[memoryview]:
        """Returns what to write by one call."""
        chosen, room = [], _MOST_BYTES
        for part in pending[:_MOST_BUFFERS]:
            chosen.append(part[:room])
            room -= chosen[-1].nbytes
            if not room:
                break
        return chosen
