"""Reads a log through and names everything that is damaged."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ataraxis_logger._archive.folder_log import FolderLog, open_log
from ataraxis_logger._archive.log import Log, Problem
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.onset import onsets_of


@dataclass
class VerifyReport:
    """What `verify_log` found.

    Attributes:
        path: the archive or folder.
        entries: how many entries were read, by source.
        damaged: what could not be read: entries, stretches of segments, archives without a directory.
        foreign: files that are no part of the log.
        ambiguous: the sources with different onsets.
    """

    path: Path
    entries: dict[int, int] = field(default_factory=dict)
    damaged: list[Problem] = field(default_factory=list)
    foreign: list[Problem] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


def verify_log(path: Path | str, progress: Callable[[int], None] | None = None) -> VerifyReport:
    """Reads every entry of an archive or a log folder and checks it against its checksum and its name.

    Of archives it also compares the central directory with the entries' own headers, which repeat it.

    Takes time linear in the size of the log, and bounded memory.

    Args:
        path: an archive, or a log folder, of which files, segments and archives are read, each on its own.
        progress: called with the number of entries read since the last call.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is nothing at the path.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage, compress_npy_logs, verify_log
        >>> with TemporaryDirectory() as folder:
        ...     name, data = LogPackage(1, 10, np.arange(3, dtype=np.uint8)).get_data()
        ...     np.save(Path(folder) / name, data)
        ...     _ = compress_npy_logs(folder, remove_sources=True)
        ...     report = verify_log(folder)
        >>> report.intact, report.entries
        (True, {1: 1})
    """
    with closing(open_log(Path(path))) as log:
        report = VerifyReport(Path(path))
        for part in log.kinds.values() if isinstance(log, FolderLog) else [log]:
            _read_through(part, report, progress)
        for problem in log.problems:
            (report.foreign if problem.is_foreign else report.damaged).append(problem)
        report.entries = {source: log.count(source) for source in log.sources()}
        report.ambiguous = [source for source in log.sources() if len(onsets_of(log, source)[0]) > 1]
    return report


def _read_through(log: Log, report: VerifyReport, progress: Callable[[int], None] | None) -> None:
    for source in log.sources():
        damaged = []
        for block in log.read(source):
            damaged += [Problem(error.path or log.path, str(error), error.key) for error in block.damaged.values()]
            if progress is not None:
                progress(len(block.payloads))
        if isinstance(log, NpzLog):
            known = {problem.key for problem in damaged}
            damaged += [problem for problem in log.contradictions(source) if problem.key not in known]
        report.damaged += damaged
