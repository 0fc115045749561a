"""Several logs of one source as one: what was archived before and what was logged since, each entry once."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from ataraxis_logger._archive.log import BLOCK_BYTES, IndexedLog, Loaded, Log, Payload, Problem
from ataraxis_logger._archive.ordering import RowSorter, RowTable, empty_rows
from ataraxis_logger._errors import DamagedEntryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS_AT_ONCE: Final = 1 << 15
_DIGEST_SIZE: Final = 16


class UnionLog(IndexedLog):
    """One source's entries out of several logs, as a multiset union over (time, payload).

    An archive and what it was made from hold the same entries, so of equal ones the larger number counts, not the sum:
    an entry of a later log is left out for each equal one in the archive. The later logs (files, journals) are
    independent of each other, and all their entries count.

    Args:
        source: the source.
        archive: the existing archive, if there is one.
        later: the other logs.
        sorter: what the index is made with, when it may need another place than the system's temporary folder.
    """

    def __init__(self, source: int, archive: Log | None, later: Sequence[Log], sorter: RowSorter | None = None) -> None:
        self._source = source
        self._parts: list[Log] = [*([] if archive is None else [archive]), *later]
        sorter = sorter or RowSorter()
        table = _merge(source, self._parts, sorter)
        self.added = sum(part.count(source) for part in later)
        if archive is not None and archive.count(source) and self.added:
            table, self.added = self._without_repeats(table, sorter.another())
        problems = [problem for part in self._parts for problem in part.problems]
        super().__init__(self._parts[0].path, table, problems)

    def _without_repeats(self, table: RowTable, kept: RowSorter) -> tuple[RowTable, int]:
        """Returns the rows without what the archive already has, and how many of them are new."""
        added = 0
        for rows in _whole_times(table, self._source):
            fresh = rows[~self._repeats(rows)]
            added += int(np.count_nonzero(fresh["file"]))
            kept.add(fresh)
        table.close()
        return kept.finish(), added

    def _repeats(self, rows: "NDArray[np.void]") -> "NDArray[np.bool_]":
        """Tells which rows of later logs the archive has; the rows hold all entries of their times."""
        times = np.ascontiguousarray(rows["time"])
        moments = np.concatenate(([0], np.cumsum(times[1:] != times[:-1])))
        later = rows["file"] != 0
        # Only moments at which both have entries need a look at the payloads.
        shared = (np.bincount(moments, ~later) > 0) & (np.bincount(moments, later) > 0)
        unclear = np.flatnonzero(shared[moments])
        repeats = np.zeros(len(rows), dtype=bool)
        digests = self._digests(rows[unclear])
        archived = Counter(
            (moments[number], digest)
            for number, digest in zip(unclear.tolist(), digests, strict=True)
            if digest and not later[number]
        )
        for number, digest in zip(unclear.tolist(), digests, strict=True):
            if digest and later[number] and archived[moments[number], digest] > 0:
                archived[moments[number], digest] -= 1
                repeats[number] = True
        return repeats

    def _digests(self, rows: "NDArray[np.void]") -> list[bytes]:
        """Returns a digest of each payload; empty for a damaged one, which equals nothing."""
        digests = [b""] * len(rows)
        for number in np.unique(rows["file"]).tolist():
            places = np.flatnonzero(rows["file"] == number)
            wanted = dict(zip(rows["order"][places].tolist(), places.tolist(), strict=True))
            first, last = min(wanted), max(wanted) + 1
            for block in self._parts[number].read(self._source, first, last):
                for offset, payload in enumerate(block.payloads):
                    if first + offset in wanted and offset not in block.damaged:
                        digests[wanted[first + offset]] = blake2b(payload, digest_size=_DIGEST_SIZE).digest()
                first += len(block.payloads)
        return digests

    def _load(self, source: int, rows: "NDArray[np.void]") -> Loaded:
        readers = {
            number: _Reader(self._parts[number], source, rows["order"][rows["file"] == number])
            for number in np.unique(rows["file"]).tolist()
        }
        payloads: list[Payload] = []
        damaged: dict[int, DamagedEntryError] = {}
        total = 0
        for number in rows["file"].tolist():
            payload, error = readers[number].next()
            if error is not None:
                damaged[len(payloads)] = error
            payloads.append(payload)
            total += len(payload)
            if total >= BLOCK_BYTES:
                break
        return Loaded(payloads, damaged)

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the entries of the source from every part, if it is among the given ones."""
        return [problem for part in self._parts for problem in part.remove(sources, spare)]


class _Reader:
    """Gives out one by one the payloads of ascending, nearly consecutive entries of a log."""

    def __init__(self, log: Log, source: int, numbers: "NDArray[np.uint64]") -> None:
        self._wanted = iter(numbers.tolist())
        self._place = int(numbers[0])
        self._blocks = log.read(source, self._place, int(numbers[-1]) + 1)
        self._block = next(self._blocks)

    def next(self) -> tuple[Payload, DamagedEntryError | None]:
        wanted = next(self._wanted)
        while wanted >= self._place + len(self._block.payloads):
            self._place += len(self._block.payloads)
            self._block = next(self._blocks)
        offset = wanted - self._place
        return self._block.payloads[offset], self._block.damaged.get(offset)


def _merge(source: int, parts: Sequence[Log], sorter: RowSorter) -> RowTable:
    """Returns rows that name part and number of every entry; at equal times the parts follow each other."""
    for number, part in enumerate(parts):
        count = part.count(source)
        for start in range(0, count, _ROWS_AT_ONCE):
            times = part.stamps(source, start, start + _ROWS_AT_ONCE)
            rows = empty_rows(len(times))
            rows["source"], rows["time"], rows["group"], rows["file"] = source, times, number, number
            rows["order"] = np.arange(start, start + len(times), dtype=np.uint64)
            sorter.add(rows)
    return sorter.finish()


def _whole_times(table: RowTable, source: int) -> Iterator["NDArray[np.void]"]:
    """Yields all rows in blocks that never divide entries of equal time."""
    start, count = 0, table.count(source)
    while start < count:
        stop = min(start + _ROWS_AT_ONCE, count)
        if stop < count:
            last = int(table.read(source, stop - 1, stop)["time"][0])
            stop = table.find(source, last, after=True)
        yield table.read(source, start, stop)
        start = stop
