"""A log folder as a log: its files, its segments and its archives together."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ataraxis_logger._archive.discover import archives_in
from ataraxis_logger._archive.journal_log import JournalLog
from ataraxis_logger._archive.log import Block, Log, Problem
from ataraxis_logger._archive.npy_log import NpyLog
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.union_log import UnionLog
from ataraxis_logger._errors import LogNotFoundError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class FolderLog:
    """Everything a log folder holds of each source, each entry once.

    Args:
        folder: the log folder.

    Raises:
        OSError: the folder cannot be listed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._files = NpyLog(folder)
        self._journal = JournalLog(folder, growing=True)
        self._archives = {source: NpzLog(path) for source, path in archives_in(folder)}
        self._parts: dict[int, Log] = {}

    @property
    def problems(self) -> list[Problem]:
        """What was met that is not part of the log."""
        return [problem for part in self._all() for problem in part.problems]

    @property
    def kinds(self) -> dict[str, Log]:
        """The logs this one is made of, by a name for people, as far as they hold anything."""
        logs: dict[str, Log] = {"npy files": self._files, "journal": self._journal}
        logs |= {log.path.name: log for log in self._archives.values()}
        return {name: log for name, log in logs.items() if log.sources()}

    def sources(self) -> tuple[int, ...]:
        """Returns the sources that have entries, ascending."""
        return tuple(sorted({source for part in self._all() for source in part.sources()}))

    def count(self, source: int) -> int:
        """Returns how many entries a source has."""
        return self._of(source).count(source)

    def stamps(self, source: int, start: int = 0, stop: int | None = None) -> "NDArray[np.uint64]":
        """Returns the times of entries, ascending."""
        return self._of(source).stamps(source, start, stop)

    def keys(self, source: int, start: int = 0, stop: int | None = None) -> list[str]:
        """Returns the names of entries."""
        return self._of(source).keys(source, start, stop)

    def find(self, source: int, time: int) -> int:
        """Returns the number of the first entry at or after a time."""
        return self._of(source).find(source, time)

    def read(self, source: int, start: int = 0, stop: int | None = None) -> Iterator[Block]:
        """Yields the entries in blocks of bounded size."""
        return self._of(source).read(source, start, stop)

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the entries of some sources from the drive: files, segments and archives."""
        self._parts.clear()
        return [problem for part in self._all() for problem in part.remove(sources, spare)]

    def close(self) -> None:
        """Lets go of files and of the indexes."""
        for part in (*self._parts.values(), *self._all()):
            part.close()

    def _all(self) -> list[Log]:
        return [self._files, self._journal, *self._archives.values()]

    def _of(self, source: int) -> Log:
        if source not in self._parts:
            later = [log for log in (self._files, self._journal) if log.count(source)]
            archive = self._archives.get(source)
            if archive is None and len(later) == 1:
                self._parts[source] = later[0]
            elif archive is not None and not later:
                self._parts[source] = archive
            else:
                self._parts[source] = UnionLog(source, archive, later or [self._files])
        return self._parts[source]


def open_log(path: Path) -> Log:
    """Opens an archive, or a folder of entry files, segments and archives.

    Raises:
        LogNotFoundError: there is nothing at the path.
        OSError: it cannot be opened.
    """
    if not path.exists():
        raise LogNotFoundError(f"There is no log at {path}. Pass an archive or a folder that ends in _data_log.")
    opener: Callable[[Path], Log] = FolderLog if path.is_dir() else NpzLog
    return opener(path)
