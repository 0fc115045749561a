"""A folder of `.npy` files, one an entry, as a log."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ataraxis_logger._archive.log import BLOCK_BYTES, IndexedLog, Loaded, Payload, Problem
from ataraxis_logger._archive.mapped import READ_FLAGS, MappedFile
from ataraxis_logger._archive.ordering import RowSorter, empty_rows
from ataraxis_logger._archive.stems import make_prefixes, make_stems, parse_stems, stem_matrix
from ataraxis_logger._entry import ENTRY_PREFIX, ONSET_PAYLOAD, ONSET_TIME, STEM_LENGTH, parse_stem, stem_of
from ataraxis_logger._errors import DamagedEntryError
from ataraxis_logger._files import sync_folder
from ataraxis_logger._formats.npy import HEADER_SIZE, SUFFIX, entry_span

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIX: Final = SUFFIX.encode()
_FIRST_READ: Final = 1 << 16
_MAPPED_FROM: Final = 16 << 20
_NAMES_AT_ONCE: Final = 1 << 16
_PREFIX_SIZE: Final = ENTRY_PREFIX.size
_ONSET_FILE_SIZE: Final = HEADER_SIZE + _PREFIX_SIZE + ONSET_PAYLOAD.size


class NpyLog(IndexedLog):
    """The entries that lie as `.npy` files in a folder. Files are opened when their entry is wanted.

    Args:
        folder: the log folder; only files directly in it belong to the log.
        sorter: what the index is made with, when it may need another place than the system's temporary folder.
        memory_mapping: map the files instead of reading them. Files above 16 MiB are mapped anyway.

    Raises:
        OSError: the folder cannot be listed.
    """

    def __init__(self, folder: Path, sorter: RowSorter | None = None, *, memory_mapping: bool = False) -> None:
        sorter = sorter or RowSorter()
        problems = []
        for names in _npy_names(folder):
            problems += _add_names(folder, names, sorter)
        super().__init__(folder, sorter.finish(), problems)
        self._mapped_from = 0 if memory_mapping else _MAPPED_FROM

    def only(self, source: int) -> "NpyLog":
        """Returns the same log with the entries of one source, which pickles small."""
        copy = object.__new__(NpyLog)
        copy.__dict__.update(self.__dict__, _table=self._table.only(source), problems=[])
        return copy

    def _load(self, source: int, rows: "NDArray[np.void]") -> Loaded:
        times = np.ascontiguousarray(rows["time"])
        stems = make_stems(source, times, rows["order"].astype(np.int64))
        folder = os.fsencode(self.path) + os.fsencode(os.sep)
        payloads: list[Payload] = []
        damaged: dict[int, DamagedEntryError] = {}
        size = 0
        for stem, prefix in zip(stems, make_prefixes(source, times), strict=True):
            payload: Payload = b""
            try:
                payload = self._payload(folder + stem + _SUFFIX, prefix)
            except (OSError, ValueError) as error:
                damaged[len(payloads)] = self._damaged(stem.decode(), error)
            payloads.append(payload)
            size += len(payload)
            if size >= BLOCK_BYTES:
                break
        return Loaded(payloads, damaged)

    def _damaged(self, stem: str, error: Exception) -> DamagedEntryError:
        name = stem + SUFFIX
        return DamagedEntryError(
            f"The file {name} in {self.path} cannot be read as an entry: {_reason(error)}.", self.path / name, stem
        )

    def _payload(self, path: bytes, prefix: bytes) -> Payload:
        data = self._content(path)
        start, _ = entry_span(data)
        stop = start + _PREFIX_SIZE
        if data[start:stop] != prefix:
            raise ValueError("its source and time are not those of its name")
        return data[stop:]

    def _content(self, path: bytes) -> Payload:
        if not self._mapped_from:
            return MappedFile(Path(os.fsdecode(path))).view
        descriptor = os.open(path, READ_FLAGS)
        try:
            # One read is enough for nearly every entry; asking for the size first would cost a third more.
            data = os.read(descriptor, _FIRST_READ)
            if len(data) < _FIRST_READ:
                return data
            if os.fstat(descriptor).st_size < self._mapped_from:
                return b"".join((data, *iter(lambda: os.read(descriptor, _MAPPED_FROM), b"")))
        finally:
            os.close(descriptor)
        return MappedFile(Path(os.fsdecode(path))).view

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the files of some sources, except those of the spared names.

        A file with a second link is still in the hands of the logger, which tells by the number of links what it has
        stored; it stays.
        """
        left = []
        for source in sources:
            for start in range(0, self.count(source), _NAMES_AT_ONCE):
                rows = self._table.read(source, start, min(start + _NAMES_AT_ONCE, self.count(source)))
                for time, repeat in zip(rows["time"].tolist(), rows["order"].tolist(), strict=True):
                    name = stem_of(source, time, repeat) + SUFFIX
                    if name not in spare and not _remove_file(f"{self.path}{os.sep}{name}"):
                        left.append(Problem(self.path / name, "the logger still holds it; archive again later"))
        sync_folder(self.path)
        return left


def _npy_names(folder: Path) -> Iterator[list[str]]:
    """Yields the names of the `.npy` files in a folder, in blocks, whatever the number of files."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(SUFFIX) and name[0] != ".":
                names.append(name)
                if len(names) == _NAMES_AT_ONCE:
                    yield names
                    names = []
    yield names


def _add_names(folder: Path, names: list[str], sorter: RowSorter) -> list[Problem]:
    """Adds the entries of these names to the index; returns what is not an entry."""
    usual = STEM_LENGTH + len(SUFFIX)
    plain = [name for name in names if len(name) == usual and name.isascii()]
    rows = empty_rows(len(plain))
    problems = []
    if plain:
        rows["source"], rows["time"], good = parse_stems(stem_matrix(plain)[:, :STEM_LENGTH])
        problems += [_foreign(folder, plain[number]) for number in np.flatnonzero(~good).tolist()]
        sorter.add(_onsets_first(folder, rows[good]))
    others = []
    for name in names:
        if len(name) == usual and name.isascii():
            continue
        if (stem := parse_stem(name.removesuffix(SUFFIX))) is None:
            problems.append(_foreign(folder, name))
        else:
            others.append(stem)
    rows = empty_rows(len(others))
    if others:
        rows["source"], rows["time"], rows["order"] = (list(column) for column in zip(*others, strict=True))
    sorter.add(_onsets_first(folder, rows))
    return problems


def _onsets_first(folder: Path, rows: "NDArray[np.void]") -> "NDArray[np.void]":
    """Puts onsets before other entries of time 0: readers in the field take the first of them for the onset."""
    for number in np.flatnonzero(rows["time"] == ONSET_TIME).tolist():
        row = rows[number]
        path = folder / (stem_of(int(row["source"]), ONSET_TIME, int(row["order"])) + SUFFIX)
        # What cannot be looked at (gone, a link in a circle) is named when it is read.
        with suppress(OSError):
            row["group"] = path.stat().st_size != _ONSET_FILE_SIZE
    return rows


def _foreign(folder: Path, name: str) -> Problem:
    return Problem(folder / name, "its name is not an entry's", is_foreign=True)


def _remove_file(path: str) -> bool:
    """Removes a file unless it has other links; a file that is gone already counts as removed."""
    try:
        if os.stat(path).st_nlink > 1:  # noqa: PTH116  # once a file: a Path costs more than the call
            return False
        os.unlink(path)  # noqa: PTH108  # as above
    except FileNotFoundError:
        pass
    return True


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
