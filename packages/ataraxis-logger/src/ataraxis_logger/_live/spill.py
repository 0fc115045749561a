"""Spill files: where payloads wait that are too large for a ring.

A payload above a quarter of the ring goes into a file, its space reserved first: beside the ring, or in the next state
folder when there is too little space. The ring carries a frame whose flag is `FLAG_SPILLED` and whose body names the
file by number, size and CRC. The writer stores the payload from the file and removes it after it has advanced past the
frame. A file whose frame was never committed (its producer was killed, or the put was interrupted) goes with the ring.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import write_all
from ataraxis_logger._formats.journal_layout import BODY_PREFIX, FLAG_SPILLED
from ataraxis_logger._live.places import in_state_folder, ring_paths, where_space_is
from ataraxis_shm._checksum import crc32
from ataraxis_shm._registry import open_file
from ataraxis_shm._system import discard, reserve

if TYPE_CHECKING:
    from typing_extensions import Buffer

SPILL_SUFFIX: Final = ".spill"
SPILL_SHARE: Final = 4
"""A payload above this part of the ring's capacity is spilled."""

COPY_BYTES: Final = 1 << 20
"""How much of a spill file is in memory at a time."""


# Padded to a length that few payloads share: the writer looks at the flags only of frames that are as long as this.
_REFERENCE: Final = Struct("<QQI5x")
REFERENCE_BODY: Final = BODY_PREFIX.size + _REFERENCE.size
"""The length of the body of a frame that refers to a spill file."""


class Reference(NamedTuple):
    """What stands in the ring instead of a spilled payload.

    Attributes:
        number: Which file.
        size: Bytes in the payload.
        crc: CRC-32 of the payload.
    """

    number: int
    size: int
    crc: int

    @classmethod
    def of(cls, body: bytes | memoryview) -> Self | None:
        """Returns what the body of a frame refers to, or None when it holds its payload itself."""
        if len(body) != REFERENCE_BODY or body[1] != FLAG_SPILLED:
            return None
        return cls(*_REFERENCE.unpack_from(body, BODY_PREFIX.size))

    def pack(self) -> bytes:
        """Returns the reference as the payload of a frame."""
        return _REFERENCE.pack(*self)


class SpillFiles:
    """The spill files of one ring, wherever they are: beside it, or in another state folder that had the space.

    Args:
        ring: The ring's file.
        states: The state folders of the log.
    """

    __slots__ = ("_stem", "folders")

    def __init__(self, ring: Path, states: tuple[Path, ...] = ()) -> None:
        self._stem = ring.stem
        self.folders = (ring.parent, *(state for state in states if state != ring.parent))

    def path(self, folder: Path, number: int) -> Path:
        """Returns where a spill file lies that is in this folder."""
        return folder / f"{self._stem}-{number:x}{SPILL_SUFFIX}"

    def find(self, number: int) -> Path:
        """Returns where a spill file lies; beside the ring when there is none."""
        paths = [self.path(folder, number) for folder in self.folders]
        return next((path for path in paths if path.exists()), paths[0])

    def read(self, reference: Reference) -> Iterator[bytes]:
        """Yields a spilled payload in pieces of at most `COPY_BYTES`.

        Raises:
            LogFormatError: The file is missing or not what was spilled. The pieces so far must not be used.
        """
        path, crc, size = self.find(reference.number), 0, 0
        try:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(COPY_BYTES):
                    crc, size = crc32(piece, crc), size + len(piece)
                    yield piece
        except FileNotFoundError:
            raise LogFormatError(f"The spill file {path} is gone.", path) from None
        if (size, crc) != (reference.size, reference.crc):
            raise LogFormatError(f"The spill file {path} does not hold the payload that was put.", path)

    def discard(self, number: int) -> None:
        """Removes a spill file."""
        discard(self.find(number))

    def every(self) -> list[Path]:
        """Returns the files that are there."""
        return [path for path in _spill_files(self.folders) if _ring_stem(path) == self._stem]

    def discard_all(self) -> None:
        """Removes all of them: the ring is done with."""
        for path in self.every():
            discard(path)


class SpillFolder:
    """The spill files of one producer. It keeps no more than `limit` bytes waiting, unless a single one is larger.

    Without a limit a fast producer of large payloads would fill the memory although its ring is nearly empty.
    """

    def __init__(self, ring: Path, limit: int, states: tuple[Path, ...] = ()) -> None:
        self._files = SpillFiles(ring, states)
        self._limit = limit
        self._numbers = itertools.count(1)
        self._waiting: dict[int, int] = {}

    def has_space(self, size: int, tail: int) -> bool:
        """Tells whether a payload of this size may be spilled, when the ring's tail is at `tail`."""
        # Copies, because a signal handler may spill in between.
        for position in tuple(self._waiting):
            if position < tail:
                self._waiting.pop(position, None)
        waiting = tuple(self._waiting.values())
        return not waiting or size + sum(waiting) <= self._limit

    def write(self, payload: "Buffer") -> Reference:
        """Puts a payload into a new spill file: beside the ring, or where there is space for it.

        Raises:
            OSError: There is too little space anywhere, or the system refused; no file is left.
        """
        view = memoryview(payload).cast("B")
        number = next(self._numbers)
        crc = where_space_is(self._files.folders, lambda folder: self._write_into(folder, number, view))
        return Reference(number, view.nbytes, crc)

    def _write_into(self, folder: Path, number: int, view: memoryview) -> int:
        """Writes a spill file into a state folder, its own one or another that is made for it; returns the CRC."""
        path, beside = self._files.path(folder, number), self._files.folders[0]
        if folder == beside:
            return _write_file(path, view)
        return in_state_folder(folder, lambda: _write_file(path, view))

    def committed(self, position: int, size: int) -> None:
        """Notes that the frame at a position refers to a payload of this size."""
        self._waiting[position] = size

    def discard(self, reference: Reference) -> None:
        """Removes a spill file whose frame was not committed."""
        self._files.discard(reference.number)


def remove_lost_spills(states: tuple[Path, ...]) -> None:
    """Removes spill files without a ring: it lay in memory, they on the disk, and the power went."""
    # In this order: a ring is there before its spill files, and goes after them.
    files = _spill_files(states)
    rings = {path.stem for path in ring_paths(states)}
    for path in files:
        if _ring_stem(path) not in rings:
            discard(path)


def _write_file(path: Path, view: memoryview) -> int:
    file = open_file(path, create=True)
    try:
        if view.nbytes:
            reserve(file.fd, view.nbytes)
        return _write_payload(file.fd, view)
    except BaseException:
        discard(path)
        raise
    finally:
        file.close()


def _write_payload(descriptor: int, view: memoryview) -> int:
    """Writes a payload and returns the CRC of what was written, whatever its owner does to the array meanwhile."""
    crc = 0
    for start in range(0, view.nbytes, COPY_BYTES):
        piece = bytes(view[start : start + COPY_BYTES])
        crc = crc32(piece, crc)
        write_all(descriptor, [memoryview(piece)])
    return crc


def _spill_files(folders: tuple[Path, ...]) -> list[Path]:
    found = []
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found += [Path(entry.path) for entry in entries if entry.name.endswith(SPILL_SUFFIX)]
        except FileNotFoundError:
            continue
    return found


def _ring_stem(path: Path) -> str:
    return path.stem.rpartition("-")[0]
