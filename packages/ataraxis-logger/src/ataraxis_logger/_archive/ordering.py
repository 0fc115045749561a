"""Entries in time order, however many: an index that is sorted in runs on disk.

A *row* says of one entry when it was, where it lies, and what decides between equal times. Rows come in blocks in the
order in which a log is met; a log of up to a quarter of a million entries is sorted in memory, a larger one in runs in
a temporary file that are merged a block at a time.
"""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROW: Final = np.dtype(
    [
        ("source", "u1"),
        ("time", "<u8"),
        ("group", "<u4"),
        ("order", "<u8"),
        ("file", "<u4"),
        ("offset", "<u8"),
        ("size", "<u8"),
    ]
)
"""Sorted by source, time, group and order; file, offset and size are up to the log."""

RUN: Final = 1 << 18
_MERGE_BUDGET: Final = 1 << 17
_SOURCES: Final = 256


def empty_rows(count: int = 0) -> "NDArray[np.void]":
    """Returns rows of zeros."""
    return np.zeros(count, dtype=ROW)


class RowTable:
    """Sorted rows, in memory or in a file.

    Pickles when the rows are in memory or in a file with a name, so that other processes can read the same ones.

    Args:
        counts: how many rows each source has.
        rows: the rows, when they are in memory.
        file: the file that holds them otherwise.
        path: its name, when it has one.
        base: the first row of the table within the file.
    """

    def __init__(
        self,
        counts: "NDArray[np.int64]",
        *,
        rows: "NDArray[np.void] | None" = None,
        file: "IO[bytes] | None" = None,
        path: Path | None = None,
        base: int = 0,
    ) -> None:
        self._counts = counts
        self._starts = np.concatenate(([0], np.cumsum(counts)))
        self._rows = rows
        self._file = file
        self._path = path
        self._base = base

    @property
    def sources(self) -> tuple[int, ...]:
        """The sources that have rows, ascending."""
        return tuple(np.flatnonzero(self._counts).tolist())

    def count(self, source: int) -> int:
        """Returns how many rows a source has."""
        return int(self._counts[source])

    def read(self, source: int, start: int, stop: int) -> "NDArray[np.void]":
        """Returns some rows of a source, numbered from 0 in time order."""
        first = int(self._starts[source]) + start
        if self._rows is not None:
            return self._rows[first : first + stop - start]
        if self._file is None:
            if self._path is None:
                raise ValueError("This log is closed; open it again.")
            self._file = self._path.open("rb")
        self._file.seek((self._base + first) * ROW.itemsize)
        return np.frombuffer(self._file.read((stop - start) * ROW.itemsize), dtype=ROW)

    def find(self, source: int, time: int, *, after: bool = False) -> int:
        """Returns the number of the first row of a source at or after a time (with `after`: after it)."""
        low, high = 0, self.count(source)
        while low < high:
            middle = (low + high) // 2
            met = int(self.read(source, middle, middle + 1)["time"][0])
            if met < time or (after and met == time):
                low = middle + 1
            else:
                high = middle
        return low

    def only(self, source: int) -> "RowTable":
        """Returns a table of one source's rows, which pickles small."""
        counts = np.zeros(_SOURCES, dtype=np.int64)
        counts[source] = self._counts[source]
        start = int(self._starts[source])
        rows = None if self._rows is None else self._rows[start : start + self.count(source)].copy()
        # Not the open file, when it can be opened again: whoever uses the new table may close it.
        return RowTable(
            counts, rows=rows, file=None if self._path else self._file, path=self._path, base=self._base + start
        )

    def close(self) -> None:
        """Lets go of the rows; a file without a name goes with it."""
        self._rows = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, object]:
        if self._rows is None and self._path is None:
            raise TypeError("An index in a file without a name cannot be sent to another process.")
        return {**self.__dict__, "_file": None}


class RowSorter:
    """Takes rows in any order and gives them back sorted, in bounded memory.

    Args:
        folder: where runs and the table are kept when there are too many rows for memory; None for the system's
            temporary folder.
        named: keep a large table in a file with a name, which other processes can read and the folder's owner removes.
        run: how many rows are sorted at a time.
    """

    def __init__(self, folder: Path | None = None, *, named: bool = False, run: int = RUN) -> None:
        self._folder = folder
        self._named = named
        self._run = run
        self._waiting: list[NDArray[np.void]] = []
        self._count = 0
        self._counts = np.zeros(_SOURCES, dtype=np.int64)
        self._spool: IO[bytes] | None = None
        self._lengths: list[int] = []

    def another(self) -> "RowSorter":
        """Returns an empty one that works in the same place and manner."""
        return RowSorter(self._folder, named=self._named, run=self._run)

    def add(self, rows: "NDArray[np.void]") -> None:
        """Takes a block of rows."""
        self._waiting.append(rows)
        self._count += len(rows)
        self._counts += np.bincount(rows["source"], minlength=_SOURCES)
        if self._count >= self._run:
            self._keep_run()

    def finish(self) -> RowTable:
        """Returns all rows, sorted."""
        if self._spool is None:
            rows = _sorted(np.concatenate(self._waiting)) if self._waiting else empty_rows()
            return RowTable(self._counts, rows=rows)
        self._keep_run()
        table = self._new_table()
        for rows in self._merged():
            table.write(rows.tobytes())
        self._spool.close()
        table.flush()
        return RowTable(self._counts, file=table, path=Path(table.name) if self._named else None)

    def _new_table(self) -> IO[bytes]:
        if self._named:
            return tempfile.NamedTemporaryFile(dir=self._folder, prefix="index-", suffix=".rows", delete=False)
        return tempfile.TemporaryFile(dir=self._folder)

    def _keep_run(self) -> None:
        if not self._count:
            return
        if self._spool is None:
            self._spool = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # lives until `finish`
        self._spool.write(_sorted(np.concatenate(self._waiting)).tobytes())
        self._lengths.append(self._count)
        self._waiting.clear()
        self._count = 0

    def _merged(self) -> Iterator["NDArray[np.void]"]:
        """Yields the rows of all runs in order.

        Of the first rows of every run, those up to the smallest last one are complete: nothing before them can follow.
        """
        share = max(1, _MERGE_BUDGET // len(self._lengths))
        starts = np.concatenate(([0], np.cumsum(self._lengths))).tolist()
        runs = [self._pieces(start, stop, share) for start, stop in pairwise(starts)]
        heads = [next(run) for run in runs]
        while heads:
            bound = min(tuple(head[-1][field] for field in _KEY) for head in heads)
            ready, left, going_on = [], [], []
            for run, head in zip(runs, heads, strict=True):
                cut = _count_up_to(head, bound)
                ready.append(head[:cut])
                rest = head[cut:] if cut < len(head) else next(run, None)
                if rest is not None:
                    left.append(rest)
                    going_on.append(run)
            yield _sorted(np.concatenate(ready))
            runs, heads = going_on, left

    def _pieces(self, start: int, stop: int, size: int) -> Iterator["NDArray[np.void]"]:
        assert self._spool is not None  # noqa: S101  # for mypy: runs exist only in the spool
        for first in range(start, stop, size):
            self._spool.seek(first * ROW.itemsize)
            count = min(size, stop - first)
            yield np.frombuffer(self._spool.read(count * ROW.itemsize), dtype=ROW)


_KEY: Final = ("source", "time", "group", "order")


def _sorted(rows: "NDArray[np.void]") -> "NDArray[np.void]":
    """Returns rows in order; equal ones stay as they came."""
    if _in_order(rows):
        return rows
    return rows[np.lexsort([rows[field] for field in reversed(_KEY)])]


def _in_order(rows: "NDArray[np.void]") -> bool:
    undecided = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for field in _KEY:
        column = np.ascontiguousarray(rows[field])
        if (undecided & (column[1:] < column[:-1])).any():
            return False
        undecided &= column[1:] == column[:-1]
    return True


def _count_up_to(rows: "NDArray[np.void]", bound: tuple[np.generic, ...]) -> int:
    """Returns how many of the sorted rows are not beyond a key."""
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if tuple(rows[middle][field] for field in _KEY) <= bound:
            low = middle + 1
        else:
            high = middle
    return low
