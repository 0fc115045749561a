"""Making the file of a ring, so that nobody ever sees half of one."""

import os
from pathlib import Path
from typing import Final

from ataraxis_shm._mapping import map_file
from ataraxis_shm._registry import open_file
from ataraxis_shm._ring_layout import DATA_OFFSET, PRODUCER_LOCK, RingHeader, RingMemory, write_header
from ataraxis_shm._system import discard, reserve

_TEMPORARY_SUFFIX: Final = ".new"
_CREATE_ATTEMPTS: Final = 5


def create_ring(path: Path, header: RingHeader) -> RingMemory:
    """Make a ring's file under a temporary name, lock it, and rename it.

    A creator that is killed before it renames leaves a temporary file without a lock; the next creator in the folder
    removes it. That one may come between this one's file and its lock, and then this one begins again.
    """
    remove_unfinished_rings(path.parent)
    for _ in range(_CREATE_ATTEMPTS - 1):
        try:
            return _create_once(path, header)
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise
    return _create_once(path, header)


def _create_once(path: Path, header: RingHeader) -> RingMemory:
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}{_TEMPORARY_SUFFIX}")
    file = open_file(temporary, create=True)
    try:
        file.try_lock_byte(PRODUCER_LOCK)
        size = DATA_OFFSET + header.capacity
        reserve(file.fd, size)
        memory = map_file(file.fd, size)
        write_header(memory, header)
        ring = RingMemory(path, file, memory)
        _refuse_existing(path)
        file.rename(path)
    except BaseException:
        file.close()
        discard(temporary)
        raise
    return ring


def remove_unfinished_rings(folder: str | os.PathLike[str]) -> None:
    """Remove from a folder what creators of rings left that were killed before their ring was there.

    `RingProducer.create` does it in the folder of the new ring; this is for who wants to remove the folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     remove_unfinished_rings(folder)  # nothing there, nothing removed
    """
    for temporary in Path(folder).glob(f".*{_TEMPORARY_SUFFIX}"):
        try:
            file = open_file(temporary)
        except FileNotFoundError:
            continue
        try:
            if not file.byte_is_locked(PRODUCER_LOCK):
                discard(temporary)
        finally:
            file.close()


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"Unable to make the ring {path}: the file exists. Each ring needs a name of its own.")
