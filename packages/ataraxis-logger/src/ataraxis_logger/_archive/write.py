"""Entries into an archive, and the proof that they are there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ataraxis_logger._archive.log import Block, Log, Payload
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.ordering import RowSorter
from ataraxis_logger._archive.stems import make_prefixes, make_stems, rank_among_equals
from ataraxis_logger._errors import ArchiveError
from ataraxis_logger._formats.zip_writer import LARGE, NpzWriter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class EntryWriter:
    """Writes the entries of one source into a new archive, in the order given, which is that of time.

    Args:
        file: a seekable binary file at its start.
        folder: where the archive's directory may be kept meanwhile.
        source: the source.
        compress: deflate entries where that makes them smaller.
    """

    def __init__(self, file: BinaryIO, folder: Path, source: int, *, compress: bool) -> None:
        self._npz = NpzWriter(file, folder, compress=compress)
        self._source = source
        self._last_time = -1
        self._last_rank = -1

    @property
    def count(self) -> int:
        """How many entries were written."""
        return self._npz.count

    def add(self, times: "NDArray[np.uint64]", payloads: list[Payload]) -> None:
        """Writes some entries.

        Args:
            times: their times, ascending, none before those already written.
            payloads: their payloads.
        """
        if not payloads:
            return
        before = self._last_rank + 1 if int(times[0]) == self._last_time else 0
        ranks = rank_among_equals(times, before)
        self._last_time, self._last_rank = int(times[-1]), int(ranks[-1])
        stems = make_stems(self._source, times, ranks)
        prefixes = make_prefixes(self._source, times)
        start = 0
        for number, payload in enumerate(payloads):
            if len(payload) >= LARGE:
                self._npz.add_block(stems[start:number], prefixes[start:number], payloads[start:number])
                self._npz.add_large(stems[number], prefixes[number], payload)
                start = number + 1
        self._npz.add_block(stems[start:], prefixes[start:], payloads[start:])

    def close(self) -> None:
        """Writes the archive's directory."""
        self._npz.close()


def readable(block: Block) -> "tuple[NDArray[np.uint64], list[Payload]]":
    """Returns the entries of a block that are not damaged."""
    if not block.damaged:
        return block.times, block.payloads
    good = [number for number in range(len(block.payloads)) if number not in block.damaged]
    return block.times[good], [block.payloads[number] for number in good]


def verify_against(path: Path, source: int, log: Log, scratch: Path) -> None:
    """Reads an archive back and compares it, byte for byte, with the readable entries of the log it was made from.

    Args:
        path: the archive.
        source: its source.
        log: what it was made from.
        scratch: a folder for the index of a large archive.

    Raises:
        ArchiveError: they differ.
    """
    with closing(NpzLog(path, RowSorter(scratch))) as archive:
        if archive.problems:
            raise ArchiveError(f"The new archive of source {source} cannot be read back: {archive.problems[0]}.")
        written, wanted = _entries(archive, source), _entries(log, source)
        for count, (time, payload) in enumerate(wanted):
            found = next(written, None)
            if found is None or found[0] != time or found[1] != payload:
                raise ArchiveError(
                    f"The new archive of source {source} differs from its log at entry {count} (time {time}). "
                    "Nothing was removed; check the drive and archive again."
                )
        if next(written, None) is not None:
            raise ArchiveError(f"The new archive of source {source} holds more entries than its log.")


def _entries(log: Log, source: int) -> Iterator[tuple[int, Payload]]:
    for block in log.read(source):
        times, payloads = readable(block)
        yield from zip(times.tolist(), payloads, strict=True)
