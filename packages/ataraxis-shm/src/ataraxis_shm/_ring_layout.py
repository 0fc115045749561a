"""The file of a ring: what stands in its header, which words both ends share, and how an end waits for the other.

The first 4096 bytes are the header, the rest is the data of the ring. Head and tail are positions in the endless
stream of bytes that goes through the ring: they only grow, and modulo the capacity they are offsets in the data.
Each word that one end stores and the other loads has a cache line of its own (two, because processors fetch lines in
pairs): a producer that commits must not take the consumer's line away, nor the other way round.

====== =====================================================================================================
offset content
====== =====================================================================================================
0      magic, version u32, salt u32, capacity u64, ring id u64, created u64 (UTC, microseconds), process u64
128    state u64: 0 open, 1 closed by its producer
256    head u64: where the next frame begins; only the producer stores it, and that store is the commit
264    records u64: how many records were put; stored after the head, so it may lag but never runs ahead
384    tail u64: where the oldest unread frame begins; only the consumer stores it
512    four u64 of the consumer's own
====== =====================================================================================================
"""

import os
import sys
import time
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._frame import ALIGNMENT
from ataraxis_shm._mapping import map_file
from ataraxis_shm._registry import open_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from ataraxis_shm._registry import OpenFile

MAGIC: Final = b"AXS-RING"
VERSION: Final = 1
DATA_OFFSET: Final = 4096
CAPACITY_STEP: Final = 64
SCRATCH_WORDS: Final = 4

STATE: Final = 128 // 8
HEAD: Final = 256 // 8
RECORDS: Final = 264 // 8  # on the line of the head: the same process stores both
TAIL: Final = 384 // 8
SCRATCH: Final = 512 // 8
CLOSED: Final = 1

# Which of the file's lock bytes tells that its producer lives, and that a consumer has claimed it.
PRODUCER_LOCK: Final = 0
CONSUMER_LOCK: Final = 1

_HEADER: Final = Struct("<8sIIQQQQ")
SHORTEST_WAIT: Final = 20e-6
_LONGEST_WAIT: Final = 2e-3
_GROWTH: Final = 1.25  # a wait ends at most a quarter later than it could: the other end has a ring to fill meanwhile


class RingHeader(NamedTuple):
    """What is fixed when a ring is made."""

    salt: int
    capacity: int
    ring_id: int
    created: int
    process: int


def write_header(memory: memoryview, header: RingHeader) -> None:
    """Fill in the header of a new ring, whose other bytes are zero: open and empty."""
    _HEADER.pack_into(memory, 0, MAGIC, VERSION, *header)


def read_header(path: Path, memory: memoryview) -> RingHeader:
    """Return the header of a mapped ring.

    Raises:
        RingFormatError: The file is no ring, of another version, or cut off.
    """
    if bytes(memory[: len(MAGIC)]) != MAGIC:
        raise RingFormatError(f"Unable to open the ring {path}: the file does not begin as a ring does.")
    _, version, *fields = _HEADER.unpack_from(memory)
    if version != VERSION:
        raise RingFormatError(f"Unable to open the ring {path}: it has version {version}, expected {VERSION}.")
    header = RingHeader(*fields)
    expected = DATA_OFFSET + header.capacity
    if len(memory) != expected:
        raise RingFormatError(
            f"Unable to open the ring {path}: it has {len(memory)} bytes, its header says {expected}."
        )
    return header


def _size_to_map(path: Path, fd: int) -> int:
    size = os.fstat(fd).st_size
    if size < DATA_OFFSET:  # it may even be empty, and cannot be mapped then
        raise RingFormatError(
            f"Unable to open the ring {path}: it has {size} bytes, a ring has more than {DATA_OFFSET}."
        )
    return size


class RingMemory:
    """A mapped ring: its header, its bytes, and the words that both ends share."""

    __slots__ = ("data", "file", "header", "path", "readable", "words")

    def __init__(self, path: Path, file: "OpenFile", memory: memoryview) -> None:
        self.file = file
        self.path = path
        self.header = read_header(path, memory)
        self.data = memory
        self.readable = memory.toreadonly()
        # An item of this view is loaded and stored by one aligned 8-byte move: never half of a head.
        self.words = self.data[:DATA_OFFSET].cast("Q")

    @classmethod
    def open(cls, path: Path) -> "RingMemory":
        """Map an existing ring."""
        file = open_file(path)
        try:
            return cls(path, file, map_file(file.fd, _size_to_map(path, file.fd)))
        except BaseException:
            file.close()
            raise

    def __del__(self) -> None:
        # An end that nobody holds can neither put nor read: its lock must not make the ring look alive, or claimed,
        # for as long as the process lives. At the end of the interpreter the system does it.
        if not sys.is_finalizing():
            self.file.close()

    @property
    def backlog(self) -> int:
        """Bytes between tail and head: unread frames, padding included."""
        # The tail first: both only grow, so the difference errs towards too much, and never below zero.
        tail = self.words[TAIL]
        return self.words[HEAD] - tail

    def can_be(self, tail: int, head: int) -> bool:
        """Tells whether these can be the tail and the head of this ring at one moment."""
        return 0 <= head - tail <= self.header.capacity and not (head | tail) % ALIGNMENT


def wait_until(ready: "Callable[[], bool]", timeout: float | None) -> bool:
    """Call a condition until it holds or the time is over, at growing intervals.

    Polling, because the alternatives either leave something locked when a process is killed (semaphores, conditions of
    multiprocessing) or exist on one system only (futexes, eventfd).

    Args:
        ready: The condition.
        timeout: Seconds; None to wait for ever, 0 to look once.

    Returns:
        Whether the condition held in time.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST_WAIT
    while not ready():
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            pause = min(pause, left)
        time.sleep(pause)
        pause = min(_GROWTH * pause, _LONGEST_WAIT)
    return True
