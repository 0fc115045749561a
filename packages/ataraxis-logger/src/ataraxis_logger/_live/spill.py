"""Spill files: where payloads wait that are too large for a ring.

A payload above a quarter of the ring goes into a file beside it, its space reserved first; the ring carries a frame
whose flag is `FLAG_SPILLED` and whose body names the file by number, size and CRC. The writer stores the payload from
the file and removes it after it has advanced past the frame. A file whose frame was never committed (its producer was
killed, or the put was interrupted) goes with the ring.
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
    def of(cls, body: memoryview) -> Self | None:
        """Returns what the body of a frame refers to, or None when it holds its payload itself."""
        if len(body) != REFERENCE_BODY or body[1] != FLAG_SPILLED:
            return None
        return cls(*_REFERENCE.unpack_from(body, BODY_PREFIX.size))

    def pack(self) -> bytes:
        """Returns the reference as the payload of a frame."""
        return _REFERENCE.pack(*self)


def spill_path(ring: Path, number: int) -> Path:
    """Returns where a ring's spill file lies."""
    return ring.with_name(f"{ring.stem}-{number:x}{SPILL_SUFFIX}")


def spill_files(ring: Path) -> list[Path]:
    """Returns the spill files of a ring."""
    return list(ring.parent.glob(f"{ring.stem}-*{SPILL_SUFFIX}"))


class SpillFolder:
    """The spill files of one producer. It keeps no more than `limit` bytes waiting, unless a single one is larger.

    Without a limit a fast producer of large payloads would fill the memory although its ring is nearly empty.
    """

    def __init__(self, ring: Path, limit: int) -> None:
        self._ring = ring
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
        """Puts a payload into a new spill file.

        Raises:
            OSError: There is too little space, or the system refused; no file is left.
        """
        view = memoryview(payload).cast("B")
        number = next(self._numbers)
        path = spill_path(self._ring, number)
        file = open_file(path, create=True)
        try:
            if view.nbytes:
                reserve(file.fd, view.nbytes)
                write_all(file.fd, [view])
        except BaseException:
            discard(path)
            raise
        finally:
            file.close()
        return Reference(number, view.nbytes, crc32(view))

    def committed(self, position: int, size: int) -> None:
        """Notes that the frame at a position refers to a payload of this size."""
        self._waiting[position] = size

    def discard(self, reference: Reference) -> None:
        """Removes a spill file whose frame was not committed."""
        discard(spill_path(self._ring, reference.number))


def read_spill(ring: Path, reference: Reference) -> Iterator[bytes]:
    """Yields a spilled payload in pieces of at most `COPY_BYTES`.

    Raises:
        LogFormatError: The file is missing or not what was spilled. The pieces so far must not be used.
    """
    path, crc, size = spill_path(ring, reference.number), 0, 0
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(COPY_BYTES):
                crc, size = crc32(piece, crc), size + len(piece)
                yield piece
    except FileNotFoundError:
        raise LogFormatError(f"The spill file {path} is gone.", path) from None
    if (size, crc) != (reference.size, reference.crc):
        raise LogFormatError(f"The spill file {path} does not hold the payload that was put.", path)


def discard_spills(ring: Path) -> None:
    """Removes all spill files of a ring that is done with."""
    for path in spill_files(ring):
        discard(path)


def spill_size(ring: Path) -> int:
    """Returns the bytes in a ring's spill files."""
    total = 0
    for path in spill_files(ring):
        try:
            total += os.stat(path).st_size  # noqa: PTH116  # Path.stat is the same call behind two more
        except FileNotFoundError:
            continue
    return total
