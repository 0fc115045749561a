"""What the two ends of a ring have in common: what anybody may know of the ring, and its file's removal."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from ataraxis_shm._ring_layout import CLOSED, HEAD, STATE, TAIL, RingMemory
from ataraxis_shm._system import discard


class RingEnd(ABC):
    """One end of a ring."""

    __slots__ = ("__weakref__", "_closed", "_ring")

    def __init__(self, ring: RingMemory) -> None:
        self._ring = ring
        self._closed = False

    @property
    def path(self) -> Path:
        """The file of the ring."""
        return self._ring.path

    @property
    def ring_id(self) -> int:
        """Random identity of the ring, 64 bits, never 0."""
        return self._ring.header.ring_id

    @property
    def salt(self) -> int:
        """What the CRC of each frame starts from, 32 bits."""
        return self._ring.header.salt

    @property
    def capacity(self) -> int:
        """Size of the ring in bytes."""
        return self._ring.header.capacity

    @property
    def head(self) -> int:
        """Position at which the next record will begin (or the padding before it)."""
        return self._ring.words[HEAD]

    @property
    def tail(self) -> int:
        """Position of the oldest record that the consumer has not advanced past."""
        return self._ring.words[TAIL]

    @property
    def backlog(self) -> int:
        """Bytes between tail and head: records that the consumer has not advanced past, with their frames."""
        return self._ring.backlog

    @property
    def consistent(self) -> bool:
        """Whether head and tail can both be right. They can unless somebody else has written to the ring's memory."""
        words = self._ring.words
        while True:
            tail, head = words[TAIL], words[HEAD]
            if self._ring.can_be(tail, head):
                return True
            if (tail, head) == (words[TAIL], words[HEAD]):  # else they are of two moments
                return False

    @property
    def closed(self) -> bool:
        """Whether the producer has declared that it will put nothing more."""
        return self._ring.words[STATE] == CLOSED

    @abstractmethod
    def close(self) -> None:
        """Let go of the ring."""

    def unlink(self) -> None:
        """Remove the file of the ring, with all records that nobody took; quiet when it is gone.

        Those attached keep the memory until they let it go.
        """
        discard(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
