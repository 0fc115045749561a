"""What shared memory this user has: the arrays and rings of all roots, in use, waiting to be read, or dead."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ataraxis_shm._errors import ShmError
from ataraxis_shm._header import Header
from ataraxis_shm._registry import OpenFile, folder_lock, open_file
from ataraxis_shm._ring_consumer import RingConsumer
from ataraxis_shm._ring_layout import CONSUMER_LOCK
from ataraxis_shm._segment import SUFFIX, existing_folders, peek_header, remove_empty, sweep

_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Found:
    """An array or a ring.

    Attributes:
        kind: ``array`` or ``ring``.
        name: Name of the array; folder and identifier of the ring.
        state: ``in use`` by a process; ``pending``: a ring with records to be read, whose producer is gone; ``dead``:
            an empty ring without its producer; ``removed``: it was dead, and is gone now; ``unreadable``: damaged, or
            of another version, or no file at all.
        owner: Number of the process that created it; 0 when unknown.
        owner_runs: Whether that process still uses it.
        users: Numbers of the processes that use it.
        size: Bytes.
        age: Seconds since it was created.
        unread: Bytes that wait to be read from a ring.
        path: The file.
    """

    kind: str
    name: str
    state: str
    owner: int
    owner_runs: bool
    users: tuple[int, ...]
    size: int
    age: float
    unread: int
    path: str


def survey(*, prune: bool = False) -> list[Found]:
    """Lists the shared memory of this user, and removes the arrays that no process uses any more.

    Args:
        prune: Removes dead rings too. A ring with unread records is pending, and never removed.

    Returns:
        What was found, arrays first, by name. Linear in the number of files.
    """
    found: list[Found] = []
    for folder in existing_folders():
        with folder_lock(folder):
            arrays = [_describe_array(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
            swept = {str(path) for path in sweep(folder)}
        found += [replace(array, state="removed") if array.path in swept else array for array in arrays]
        found += _list_rings(folder / "rings", prune=prune)
        with folder_lock(folder):
            remove_empty(folder)
    return sorted(found, key=lambda item: (item.kind, item.name))


def _describe_array(path: Path) -> Found:
    size = path.lstat().st_size
    try:
        file = open_file(path)
    except OSError:  # a link, a folder or a pipe of that name: not ours, left alone
        return Found("array", path.stem, "unreadable", 0, False, (), size, _age_of(path), 0, str(path))
    with file:
        try:
            header = peek_header(file)
        except ShmError:
            return Found("array", path.stem, "unreadable", 0, False, file.users(), size, _age_of(path), 0, str(path))
        return _describe_segment(header, file, size)


def _describe_segment(header: Header, file: OpenFile, size: int) -> Found:
    users = file.users()
    age = max(0.0, time.time() - header.created_ns / _NANOSECONDS)
    owner_runs = header.creator in users
    return Found("array", header.name, "in use", header.creator, owner_runs, users, size, age, 0, str(file.path))


def _list_rings(folder: Path, *, prune: bool) -> Iterator[Found]:
    for path in sorted(folder.glob("*/*.ring")):
        with suppress(FileNotFoundError):  # its consumer was faster
            yield _describe_ring(path, prune=prune)
    if prune:
        for empty in (*folder.glob("*"), folder):
            with suppress(OSError):
                empty.rmdir()


def _describe_ring(path: Path, *, prune: bool) -> Found:
    name = f"{path.parent.name}/{path.stem}"
    size, age = path.lstat().st_size, _age_of(path)
    try:
        ring = RingConsumer.attach(path)
    except FileNotFoundError:
        raise
    except (ShmError, OSError):  # damaged, or a link, a folder or a pipe
        return Found("ring", name, "unreadable", 0, False, (), size, age, 0, str(path))
    with ring:
        state = _state_of(ring, path)
        if prune and state == "dead" and ring.claim() and ring.exhausted:
            ring.unlink()
            state = "removed"
        alive, owner = ring.producer_alive, ring.process
        return Found("ring", name, state, owner, alive, (owner,) if alive else (), size, age, ring.backlog, str(path))


def _state_of(ring: RingConsumer, path: Path) -> str:
    with open_file(path) as file:
        if ring.producer_alive or file.byte_is_locked(CONSUMER_LOCK):
            return "in use"
    return "pending" if ring.backlog else "dead"


def _age_of(path: Path) -> float:
    return max(0.0, time.time() - path.lstat().st_mtime)
