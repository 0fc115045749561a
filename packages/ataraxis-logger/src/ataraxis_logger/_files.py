"""Durable files: written whole or not at all, and still there after a power cut.

A name appears only when everything under it is complete (temporary file in the same folder, fsync, rename, fsync of
the folder). Nothing here imports NumPy.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY_SUFFIX: Final = ".partial"


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
def appear_whole(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Gives a new binary file that takes the name `path` only when the block ends without an error.

    Until then the bytes are under a hidden temporary name in the same folder (the file's `name`), which an error
    removes and `remove_partials` sweeps after a kill. An existing file at `path` is replaced in one step.

    Args:
        path: the final name.
        durable: whether file and folder are forced to the drive before and after the rename.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            if durable:
                sync_data(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            error.filename = os.fspath(path)  # the name that the caller knows
        raise
    if durable:
        sync_folder(path.parent)


def remove_partials(folder: Path) -> int:
    """Removes what killed writers of `appear_whole` left in a folder; the caller holds the folder's lock.

    Returns:
        The number of files removed.
    """
    partials = [path for path in folder.glob(f".*{TEMPORARY_SUFFIX}") if path.is_file()]
    for path in partials:
        path.unlink(missing_ok=True)
    return len(partials)


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

    def _write_vector(descriptor: int, pending: list[memoryview]) -> None:
        while pending:
            written = os.writev(descriptor, pending[:_MOST_BUFFERS])
            while pending and written >= pending[0].nbytes:
                written -= pending.pop(0).nbytes
            if written:
                pending[0] = pending[0][written:]
