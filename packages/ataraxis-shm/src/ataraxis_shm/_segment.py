"""Named shared memory: creating, opening, removing it, and sweeping away what killed processes left.

A segment is a file. It is *in use* while a process is its user (`OpenFile.join_users`, a lock that the system frees
with the process): every process that is connected, and the creator until it exits or destroys the segment. What is not
in use is removed by whoever comes across it. Publishing, finding and removing happen under the lock of the folder.
"""

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ataraxis_shm import _system
from ataraxis_shm._errors import (
    LockTimeoutError,
    SegmentExistsError,
    SegmentFormatError,
    SegmentNotFoundError,
    ShmError,
)
from ataraxis_shm._header import WRITER_WORD, Header, read_header
from ataraxis_shm._registry import OpenFile, folder_lock, open_file
from ataraxis_shm._system import FOLDER_SWITCH

SUFFIX = ".array"
_NEW_SUFFIX = ".new"
_SWEPT_SUFFIXES = (SUFFIX, _NEW_SUFFIX, ".moved")
_LONGEST_STEM = 120
_KEPT_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_EXIT_TIMEOUT = 5.0

_owned: dict[int, OpenFile] = {}  # by generation: what this process created and has not destroyed
_exit_is_arranged = False


class Segment:
    """A segment that this process is connected to; dropping it disconnects.

    Attributes:
        header: What the segment says about itself.
        file: The open file; its mutex is the lock of the array.
        data: The memory of the array, valid as long as anything made from it exists.
        writer: One word: the process number of who is writing, else 0.
    """

    __slots__ = ("data", "file", "header", "writer")

    def __init__(self, file: OpenFile, header: Header, memory: memoryview) -> None:
        self.file = file
        self.header = header
        self.data = memory[header.data_start : header.file_size]
        self.writer = memory[WRITER_WORD].cast("Q")


def create_segment(header: Header, fill: Callable[[memoryview], None], *, exist_ok: bool) -> Segment:
    """Creates a segment that lives until it is destroyed or this process ends.

    Args:
        header: What to create.
        fill: Called with the memory of the array before anybody else can see it.
        exist_ok: Replaces a segment of this name; who is connected to that one keeps its memory.

    Raises:
        SegmentExistsError: If the name is in use and may not be replaced.
        NoSpaceError: If there is too little memory; nothing is left behind.
    """
    folder = _system.ensure_private_folder(_system.roots()[0])
    with folder_lock(folder):
        sweep(folder)
        _check_name_is_free(header.name, exist_ok=exist_ok)
        file = open_file(folder / f".{os.urandom(8).hex()}{_NEW_SUFFIX}", create=True)
        file.join_users()
    # Without the lock of the folder: reserving and filling gigabytes takes a while.
    try:
        _system.reserve(file.fd, header.file_size)
        memory = file.map(header.file_size)
        header.write(memory)
        segment = Segment(file, header, memory)
        fill(segment.data)
        with folder_lock(folder):
            _check_name_is_free(header.name, exist_ok=exist_ok)
            _publish(file, folder / file_name(header.name))
            _own(segment)  # under the lock, so that of two threads who replace each other the later one counts
    except BaseException:
        _disown(header.generation)
        _system.discard(file.path)
        file.close()
        raise
    return segment


def open_segment(name: str, *, sweep_first: bool) -> Segment:
    """Connects to the segment of a name.

    Raises:
        SegmentNotFoundError: If there is none, or only what killed processes left (which is removed).
        SegmentFormatError: If the file is no intact segment of this version.
    """
    for folder in existing_folders():
        with folder_lock(folder):
            if sweep_first:
                sweep(folder)
            file = open_if_used(folder / file_name(name))
            if file is not None:
                return _connect(file, name)
    raise SegmentNotFoundError(
        errno.ENOENT,
        f"Unable to attach to the array {_shown(name)}: no process has it. Create it first, and keep the process that "
        "created it running: an array ends with its creator",
    )


def destroy_segment(name: str, generation: int | None) -> None:
    """Removes the name of a segment; those connected keep the memory. Nothing happens when it is gone.

    Args:
        name: The name.
        generation: Removes this very segment only, not a later one of the same name. None: whatever has the name.
    """
    for folder in existing_folders():
        with folder_lock(folder):
            _remove(folder / file_name(name), generation)
            remove_empty(folder)
    if generation is not None:
        _disown(generation)  # when somebody else has removed or replaced it before


def existing_folders() -> Iterator[Path]:
    """Yields the roots that exist, checked to be safe."""
    for folder in _system.roots():
        if folder.exists():
            yield _system.ensure_private_folder(folder)


def sweep(folder: Path) -> list[Path]:
    """Removes the segments of a folder that no process uses; returns their paths. The caller holds the folder's lock.

    Linear in the number of segments.
    """
    swept = []
    for path in sorted(folder.iterdir()):
        if path.suffix in _SWEPT_SUFFIXES:
            with suppress(OSError):  # a link or a folder of that name: not ours, left alone
                file = open_if_used(path)
                if file is None:
                    swept.append(path)
                else:
                    file.close()
    return swept


def open_if_used(path: Path) -> OpenFile | None:
    """Opens a segment that some process uses; removes one that none does. The caller holds the folder's lock."""
    try:
        file = open_file(path)
    except FileNotFoundError:
        return None
    if file.users():
        return file
    _system.discard(path)
    file.close()
    return None


def file_name(name: str) -> str:
    """Returns the file name of a segment: the name itself as far as possible, percent-encoded, hashed when long."""
    raw = name.encode("utf-8", "surrogatepass")
    stem = "".join(chr(byte) if chr(byte) in _KEPT_CHARACTERS else f"%{byte:02X}" for byte in raw[: _LONGEST_STEM + 1])
    if stem.startswith("."):
        stem = f"%2E{stem[1:]}"
    if len(stem) > _LONGEST_STEM:
        stem = f"{stem[:_LONGEST_STEM]}-{hashlib.sha256(raw).hexdigest()[:32]}"
    return stem + SUFFIX


def peek_header(file: OpenFile) -> Header:
    """Reads the header of an open segment without connecting to it."""
    size = os.fstat(file.fd).st_size
    if not size:
        raise SegmentFormatError(f"Unable to use {file.path}: the file is empty.")
    return read_header(file.map(size), file.path)


def _check_name_is_free(name: str, *, exist_ok: bool) -> None:
    if exist_ok:
        return
    for folder in _system.roots():
        if (folder / file_name(name)).exists():
            raise SegmentExistsError(
                errno.EEXIST,
                f"Unable to create the array {_shown(name)}: an array with this name is in use. Attach to it with "
                "SharedMemoryArray.attach(), replace it with exist_ok=True, or choose another name",
            )


def _publish(file: OpenFile, path: Path) -> None:
    if sys.platform == "win32":  # pragma: no cover (an open file cannot be replaced there, only moved aside)
        _system.discard(path)
    file.rename(path)


def _connect(file: OpenFile, name: str) -> Segment:
    try:
        file.join_users()
        size = os.fstat(file.fd).st_size
        header = peek_header(file)
        _check_fits(header, name, size, file.path)
        segment = Segment(file, header, file.map(size))
        _disown_predecessors(segment)
    except BaseException:
        file.close()
        raise
    return segment


def _check_fits(header: Header, name: str, size: int, path: Path) -> None:
    if header.file_size > size:
        raise SegmentFormatError(f"Unable to use {path}: it has {size} bytes, expected {header.file_size}.")
    if header.name != name:  # on a file system that does not tell upper from lower case
        raise SegmentFormatError(f"Unable to use {path}: it is the array {_shown(header.name)}, not {_shown(name)}.")


def _remove(path: Path, generation: int | None) -> None:
    try:
        file = open_file(path)
    except FileNotFoundError:
        return
    with file:
        found = peek_header(file).generation
        if generation in (None, found):
            _system.discard(path)
            _disown(found)


def remove_empty(folder: Path) -> None:
    """Removes a root that holds nothing any more. The caller holds the folder's lock."""
    if FOLDER_SWITCH not in os.environ:  # a folder that somebody chose stays
        with suppress(OSError):
            folder.rmdir()


def _own(segment: Segment) -> None:
    global _exit_is_arranged  # noqa: PLW0603 (a fact about this process)
    _disown_predecessors(segment)
    owner = segment.file.again()
    owner.join_users()
    _owned[segment.header.generation] = owner
    if not _exit_is_arranged:
        # Not atexit: children of multiprocessing never run it, and in the parent this one runs after they were joined.
        from multiprocessing.util import Finalize  # noqa: PLC0415 (costs milliseconds that only creators need to pay)

        Finalize(None, _destroy_owned, exitpriority=-100)
        _exit_is_arranged = True


def _disown(generation: int) -> None:
    owner = _owned.pop(generation, None)
    if owner is not None:
        owner.close()


def _disown_predecessors(segment: Segment) -> None:
    # Nobody can reach them by their name any more: owning them would only keep their memory until this process ends.
    for generation, owner in list(_owned.items()):
        if generation != segment.header.generation and owner.path == segment.file.path:
            _disown(generation)


def _destroy_owned() -> None:
    for generation, owner in list(_owned.items()):
        # At exit nothing may fail or wait: a folder that is gone, or locked by a stopped process, is left to a sweep.
        with suppress(OSError, ShmError, LockTimeoutError), folder_lock(owner.path.parent, _EXIT_TIMEOUT):
            _remove(owner.path, generation)
            remove_empty(owner.path.parent)


def _disown_all_in_child() -> None:
    global _exit_is_arranged  # noqa: PLW0603 (a fact about this process)
    _exit_is_arranged = False
    for generation in list(_owned):
        _disown(generation)


def _shown(name: str) -> str:
    return repr(name) if len(name) <= _LONGEST_STEM else repr(name[:_LONGEST_STEM]) + "..."


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all_in_child)
