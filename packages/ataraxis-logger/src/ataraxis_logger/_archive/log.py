"""What every kind of log offers: its sources, their entries in time order, and their removal."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

import numpy as np

from ataraxis_logger._archive.ordering import RowTable
from ataraxis_logger._archive.stems import make_stems, rank_among_equals
from ataraxis_logger._errors import DamagedEntryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_ENTRIES: Final = 2048
BLOCK_BYTES: Final = 8 << 20
Payload = bytes | memoryview


class Problem(NamedTuple):
    """A file, or an entry in one, that was left alone, and why.

    Attributes:
        path: the file.
        reason: what is wrong with it.
        key: the entry, when it is only one of the file's.
        is_foreign: whether it never was part of the log, as far as one can tell.
    """

    path: Path
    reason: str
    key: str = ""
    is_foreign: bool = False

    def __str__(self) -> str:
        return f"{self.path.name}{f' ({self.key})' if self.key else ''}: {self.reason}"


class Loaded(NamedTuple):
    """Payloads of some entries; a damaged one is empty and has its error."""

    payloads: list[Payload]
    damaged: dict[int, DamagedEntryError]


class Block(NamedTuple):
    """Some consecutive entries of a source.

    Attributes:
        times: their times, uint64.
        payloads: their payloads.
        damaged: the errors of those that cannot be read, whose payload is empty, by their place in the block.
    """

    times: "NDArray[np.uint64]"
    payloads: list[Payload]
    damaged: dict[int, DamagedEntryError]


class Log(Protocol):
    """Entries of some sources, in time order within a source, equal times as they were accepted.

    Entries of a source are numbered from 0; `start` and `stop` are such numbers, `stop` None meaning all.
    """

    path: Path

    @property
    def problems(self) -> list[Problem]:
        """What was met that is not part of the log."""

    def sources(self) -> tuple[int, ...]:
        """Returns the sources that have entries, ascending."""

    def count(self, source: int) -> int:
        """Returns how many entries a source has."""

    def stamps(self, source: int, start: int = 0, stop: int | None = None) -> "NDArray[np.uint64]":
        """Returns the times of entries, ascending."""

    def keys(self, source: int, start: int = 0, stop: int | None = None) -> list[str]:
        """Returns the names of entries."""

    def find(self, source: int, time: int) -> int:
        """Returns the number of the first entry at or after a time."""

    def read(self, source: int, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """Yields the entries in blocks of bounded size."""

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the entries of some sources from the drive, except those in files of the spared names.

        Returns what stays although it was to go.
        """

    def close(self) -> None:
        """Lets go of files and memory."""


class IndexedLog(ABC):
    """A log whose entries are listed in a table of rows.

    Args:
        path: the file or folder.
        table: the rows.
        problems: what was met that is not part of the log.
    """

    def __init__(self, path: Path, table: RowTable, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        self._table = table

    def sources(self) -> tuple[int, ...]:
        """Returns the sources that have entries, ascending."""
        return self._table.sources

    def count(self, source: int) -> int:
        """Returns how many entries a source has."""
        return self._table.count(source)

    def stamps(self, source: int, start: int = 0, stop: int | None = None) -> "NDArray[np.uint64]":
        """Returns the times of entries, ascending. Eight bytes each, however large the log."""
        start, stop = self._bounds(source, start, stop)
        times = np.empty(stop - start, dtype=np.uint64)
        for first in range(start, stop, _TIMES_AT_ONCE):
            last = min(first + _TIMES_AT_ONCE, stop)
            times[first - start : last - start] = self._table.read(source, first, last)["time"]
        return times

    def keys(self, source: int, start: int = 0, stop: int | None = None) -> list[str]:
        """Returns the names of entries: the stems they have, or would have, in an archive."""
        start, stop = self._bounds(source, start, stop)
        times = self.stamps(source, start, stop)
        before = start - self._table.find(source, int(times[0])) if len(times) else 0
        return [stem.decode() for stem in make_stems(source, times, rank_among_equals(times, before))]

    def find(self, source: int, time: int) -> int:
        """Returns the number of the first entry at or after a time."""
        return self._table.find(source, time)

    def read(self, source: int, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """Yields the entries in blocks of bounded size."""
        start, stop = self._bounds(source, start, stop)
        while start < stop:
            rows = self._table.read(source, start, min(start + BLOCK_ENTRIES, stop))
            payloads, damaged = self._load(source, rows)
            yield Block(np.ascontiguousarray(rows["time"][: len(payloads)]), payloads, damaged)
            start += len(payloads)

    def close(self) -> None:
        """Lets go of files and of the index; the log cannot be used afterwards."""
        self._table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bounds(self, source: int, start: int, stop: int | None) -> tuple[int, int]:
        count = self.count(source)
        start = min(max(start, 0), count)
        return start, count if stop is None else min(max(stop, start), count)

    @abstractmethod
    def _load(self, source: int, rows: "NDArray[np.void]") -> Loaded:
        """Returns the payloads of the first of some rows: at least one, and about `BLOCK_BYTES` together."""

    @abstractmethod
    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the entries of some sources from the drive, except those in files of the spared names."""


_TIMES_AT_ONCE: Final = 1 << 18
