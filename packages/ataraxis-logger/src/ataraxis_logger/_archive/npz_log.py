"""An `.npz` archive, of any writer, as a log."""

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ataraxis_logger._archive.log import BLOCK_BYTES, IndexedLog, Loaded, Payload, Problem
from ataraxis_logger._archive.mapped import PAGE, MappedFile
from ataraxis_logger._archive.ordering import RowSorter, empty_rows
from ataraxis_logger._archive.stems import make_prefixes, parse_stems
from ataraxis_logger._entry import ENTRY_PREFIX, ONSET_PAYLOAD, ONSET_TIME, STEM_LENGTH, parse_stem
from ataraxis_logger._errors import DamagedEntryError
from ataraxis_logger._files import sync_folder
from ataraxis_logger._formats import zip_reader
from ataraxis_logger._formats.deflate import MOST_EXPANDED
from ataraxis_logger._formats.npy import HEADER_SIZE, SUFFIX, entry_span, npy_header
from ataraxis_logger._formats.zip_layout import STORED
from ataraxis_logger._formats.zip_reader import Members
from ataraxis_shm._checksum import crc32

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FROM_DIRECTORY: Final = 0
_FROM_HEADERS: Final = 1
_AT_ONCE: Final = 1 << 14
_RECORD: Final = 80  # about as much as an entry takes of the central directory
_VIEWED_FROM: Final = 16 << 20
_PREFIX_SIZE: Final = ENTRY_PREFIX.size
_BOTH_SIZE: Final = HEADER_SIZE + _PREFIX_SIZE
_SMALL: Final = 1 << 13
_ONSET_FILE_SIZE: Final = HEADER_SIZE + _PREFIX_SIZE + ONSET_PAYLOAD.size
_USUAL_NAME: Final = STEM_LENGTH + len(SUFFIX)


class NpzLog(IndexedLog):
    """The entries of an archive. The file is mapped; an entry is decoded, and its CRC checked, when it is wanted.

    An archive whose central directory is missing or damaged is read by its local headers, which is noted among the
    problems.

    Args:
        path: the archive.
        sorter: what the index is made with, when it may need another place than the system's temporary folder.

    Raises:
        OSError: the archive cannot be opened.
    """

    def __init__(self, path: Path, sorter: RowSorter | None = None) -> None:
        self.path = path
        self._file = MappedFile(path)
        self._data = self._file.array
        problems: list[Problem] = []
        table = self._index(path, sorter or RowSorter(), problems)
        super().__init__(path, table.finish(), problems)

    @property
    def whole(self) -> bool:
        """Whether the archive has its central directory, and nothing in it but entries."""
        return not self.problems

    def keys(self, source: int, start: int = 0, stop: int | None = None) -> list[str]:
        """Returns the names of entries as they are in the archive."""
        start, stop = self._bounds(source, start, stop)
        names = []
        for first in range(start, stop, _AT_ONCE):
            rows = self._table.read(source, first, min(first + _AT_ONCE, stop))
            names += self._members(rows).names(self._view)
            self._file.touched(_RECORD * len(rows))
        return [name.removesuffix(SUFFIX) for name in names]

    def contradictions(self, source: int) -> Iterator[Problem]:
        """Yields the entries, readable or not, of which the directory and their own headers say different things."""
        for start in range(0, self.count(source), _AT_ONCE):
            rows = self._table.read(source, start, min(start + _AT_ONCE, self.count(source)))
            if rows["file"][0] == _FROM_HEADERS:
                return
            differ = zip_reader.contradicting(self._data, np.ascontiguousarray(rows["offset"]))
            for name in self._members(rows[differ]).names(self._view):
                reason = "the central directory and its local header contradict each other; NumPy may refuse it"
                yield Problem(self.path, reason, name.removesuffix(SUFFIX))
            self._file.touched((_RECORD + PAGE) * len(rows))

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the archive when all its sources are given and its name is not spared."""
        if self.path.name in spare or not set(self.sources()).issubset(sources):
            return []
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)
        return []

    def close(self) -> None:
        """Lets go of the archive and of the index."""
        self._data = np.zeros(0, dtype=np.uint8)
        self._file.close()
        super().close()

    @property
    def _view(self) -> memoryview:
        return self._file.view

    def _index(self, path: Path, sorter: RowSorter, problems: list[Problem]) -> RowSorter:
        directory = zip_reader.find_directory(self._view)
        if directory is not None:
            blocks = zip_reader.walk_directory(self._data, directory)
            try:
                # Walked once in advance: half a directory's entries would otherwise be there twice.
                for places in zip_reader.walk_directory(self._data, directory):
                    self._file.touched(_RECORD * len(places))
            except ValueError as error:
                problems.append(Problem(path, f"{error}; its entries were found by their own headers"))
            else:
                self._add_blocks(blocks, _FROM_DIRECTORY, sorter, problems)
                return sorter
        else:
            problems.append(
                Problem(
                    path,
                    "it has no central directory (it is cut off, or not an archive at all); "
                    "its entries were found by their own headers",
                )
            )
        self._add_blocks(_blocks_of(zip_reader.walk_local_headers(self._data)), _FROM_HEADERS, sorter, problems)
        return sorter

    def _add_blocks(
        self, blocks: "Iterable[NDArray[np.uint64]]", kind: int, sorter: RowSorter, problems: list[Problem]
    ) -> None:
        before = 0
        for places in blocks:
            rows = empty_rows(len(places))
            rows["offset"], rows["file"] = places, kind
            rows["order"] = np.arange(before, before + len(places), dtype=np.uint64)
            before += len(places)
            sorter.add(self._named(rows, problems))
            self._file.touched((_RECORD if kind == _FROM_DIRECTORY else PAGE) * len(places))

    def _named(self, rows: "NDArray[np.void]", problems: list[Problem]) -> "NDArray[np.void]":
        """Fills in sources and times; returns the rows that are entries."""
        members = self._members(rows)
        rows["size"] = members.whole
        # The header of a truncated archive may lack part of the name.
        usual = (members.name_size == _USUAL_NAME) & (members.name + np.uint64(_USUAL_NAME) <= len(self._data))
        if usual.any():
            starts = members.name[usual].astype(np.intp)
            names = self._data[starts[:, None] + np.arange(STEM_LENGTH)]
            rows["source"][usual], rows["time"][usual], good = parse_stems(names)
            usual[usual] = good
        for number in np.flatnonzero(~usual).tolist():
            self._name_one(rows, members, number, problems, usual)
        # Onsets before other entries of time 0: other writers may have them in any order.
        rows["group"] = (rows["time"] == ONSET_TIME) & (members.whole != _ONSET_FILE_SIZE)
        entries: NDArray[np.void] = rows[usual]
        return entries

    def _name_one(
        self,
        rows: "NDArray[np.void]",
        members: Members,
        number: int,
        problems: list[Problem],
        usual: "NDArray[np.bool_]",
    ) -> None:
        one = members.one(number)
        name = one.names(self._view)[0]
        stem = parse_stem(name.removesuffix(SUFFIX))
        if stem is not None:
            rows[number]["source"], rows[number]["time"] = stem.source, stem.time
        else:
            # Some other writer's key: the entry says itself what it is.
            try:
                prefix = bytes(self._entry(one, 0, int(zip_reader.data_starts(self._data, one)[0]))[:_PREFIX_SIZE])
                rows[number]["source"], rows[number]["time"] = ENTRY_PREFIX.unpack(prefix)
            except (ValueError, struct.error) as error:
                # In a truncated archive this may be an entry that lost its name.
                foreign = bool(rows[number]["file"] == _FROM_DIRECTORY)
                reason = f"it is not an entry ({str(error)[:100]})"
                problems.append(Problem(self.path, reason, name[:60], is_foreign=foreign))
                return
        usual[number] = True

    def _members(self, rows: "NDArray[np.void]") -> Members:
        places = np.ascontiguousarray(rows["offset"])
        if len(rows) and rows["file"][0] == _FROM_HEADERS:
            return zip_reader.local_members(self._data, places)
        return zip_reader.central_members(self._data, places)

    def _entry(self, members: Members, number: int, start: int) -> Payload:
        """Returns the bytes of an entry, source and time first.

        Raises:
            ValueError: it cannot be read.
        """
        if not members.readable[number]:
            raise ValueError("it is encrypted, or compressed in a way that NumPy does not know")
        if start < 0:
            raise ValueError("its local header or its end is missing")
        whole = int(members.whole[number])
        stop = start + int(members.stored[number])
        file = zip_reader.content(self._view[start:stop], whole, int(members.crc[number]), int(members.method[number]))
        # Nearly every entry is one of ours, or NumPy's with the same header: one comparison instead of a parse.
        if file[:HEADER_SIZE] == npy_header(whole - HEADER_SIZE):
            return file[HEADER_SIZE:]
        return file[entry_span(file).offset :]

    def _load(self, source: int, rows: "NDArray[np.void]") -> Loaded:
        members = self._members(rows)
        starts = zip_reader.data_starts(self._data, members).tolist()
        times = np.ascontiguousarray(rows["time"])
        columns = (members.stored.tolist(), members.whole.tolist(), members.crc.tolist(), members.method.tolist())
        payloads: list[Payload] = []
        damaged: dict[int, DamagedEntryError] = {}
        total, view = 0, self._view
        for number, (start, prefix, stored, whole, crc, method) in enumerate(
            zip(starts, make_prefixes(source, times), *columns, strict=True)
        ):
            payload: Payload | None = None
            if start >= 0 and stored <= _SMALL:
                payload = _usual_payload(view[start : start + stored], prefix, whole, crc, method)
            if payload is None:
                try:
                    payload = self._payload(members, number, start, prefix)
                except ValueError as error:
                    payload = b""
                    damaged[number] = self._damaged(members.one(number), error)
            payloads.append(payload)
            total += whole
            if total >= BLOCK_BYTES:
                break
        self._file.touched(total + _RECORD * len(payloads))
        return Loaded(payloads, damaged)

    def _payload(self, members: Members, number: int, start: int, prefix: bytes) -> Payload:
        entry = self._entry(members, number, start)
        if entry[:_PREFIX_SIZE] != prefix:
            raise ValueError("its source and time are not those of its name")
        payload = entry[_PREFIX_SIZE:]
        return payload if len(payload) >= _VIEWED_FROM else bytes(payload)

    def _damaged(self, member: Members, error: ValueError) -> DamagedEntryError:
        key = member.names(self._view)[0].removesuffix(SUFFIX)
        return DamagedEntryError(
            f"The entry {key[:60]} of {self.path} is damaged: {error}. The others can still be read.", self.path, key
        )


def _usual_payload(data: memoryview, prefix: bytes, whole: int, crc: int, method: int) -> bytes | None:
    """Returns the payload of a small entry that is just as we, or NumPy, would have written it.

    None for any other, and for damaged ones: the long way reads it, or says what is wrong.
    """
    # What the directory promises is taken from memory in advance, so it must be possible.
    if whole > MOST_EXPANDED * len(data):
        return None
    try:
        file = bytes(data) if method == STORED else zlib.decompress(data, -zlib.MAX_WBITS, whole)
    except zlib.error:
        return None
    if len(file) != whole or crc32(file) != crc or file[:HEADER_SIZE] != npy_header(whole - HEADER_SIZE):
        return None
    return file[_BOTH_SIZE:] if file[HEADER_SIZE:_BOTH_SIZE] == prefix else None


def _blocks_of(offsets: Iterator[int]) -> Iterator["NDArray[np.uint64]"]:
    while block := list(islice(offsets, _AT_ONCE)):
        yield np.array(block, dtype=np.uint64)
