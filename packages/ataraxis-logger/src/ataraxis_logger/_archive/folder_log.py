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
        # Last, so that what an archiver moves from files and segments into archives meanwhile is met at least once.
        self._archives, self._unreadable = _open_archives(folder)
        self._parts: dict[int, Log] = {}

    @property
    def problems(self) -> list[Problem]:
        """What was met that is not part of the log."""
        return [*self._unreadable, *(problem for part in self._all() for problem in part.problems)]

    @property
    def kinds(self) -> dict[str, Log]:
        """The logs this one is made of, by a name for people, as far as they hold anything."""
        logs: dict[str, Log] = {"npy files": self._files, "journal": self._journal}
        logs |= {log.path.name: log for log in self._archives}
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
        return [self._files, self._journal, *self._archives]

    def _of(self, source: int) -> Log:
        if source not in self._parts:
            self._parts[source] = self._union(source)
        return self._parts[source]

    def _union(self, source: int) -> Log:
        later: list[Log] = [log for log in (self._files, self._journal) if log.count(source)]
        archive: Log | None = None
        # Usually there is one; but an archive that was renamed by hand still holds what it holds.
        for log in self._archives:
            if log.count(source):
                archive = log if archive is None else UnionLog(source, archive, [log])
        if archive is None:
            return later[0] if len(later) == 1 else UnionLog(source, None, later or [self._files])
        return UnionLog(source, archive, later) if later else archive


def _open_archives(folder: Path) -> tuple[list[NpzLog], list[Problem]]:
    """Opens the archives in a folder; returns them, and what has an archive's name and cannot be opened."""
    archives, problems = [], []
    for _, path in archives_in(folder):
        try:
            archives.append(NpzLog(path))
        except OSError as error:
            problems.append(Problem(path, f"it cannot be opened ({error.strerror})", is_foreign=not path.is_file()))
    return archives, problems


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
