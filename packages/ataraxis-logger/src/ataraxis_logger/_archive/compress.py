"""Archives a log folder: every source into one `.npz`, then, if wanted, away with what was archived."""

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from ataraxis_logger._archive.jobs import ArchiveJob, SourceReport, archive_source
from ataraxis_logger._archive.journal_log import JournalLog
from ataraxis_logger._archive.lock import archiving
from ataraxis_logger._archive.log import Problem
from ataraxis_logger._archive.npy_log import NpyLog
from ataraxis_logger._archive.ordering import RowSorter
from ataraxis_logger._archive.workers import run_on_executor, run_on_workers, usable_cores
from ataraxis_logger._errors import ArchiveError, ForeignFileWarning
from ataraxis_logger._log_folder import require_log_folder

_WORTH_PROCESSES: Final = 100_000  # entries; starting workers takes as long as archiving some of these
_SHOWN: Final = 5


@dataclass
class ArchiveReport:
    """What `compress_npy_logs` did.

    Attributes:
        folder: the log folder.
        sources: what became of each source, ascending.
        problems: files and entries that were left alone, and why.
    """

    folder: Path
    sources: list[SourceReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How many entries the archives hold now."""
        return sum(report.entries for report in self.sources)

    @property
    def added(self) -> int:
        """How many of them are new."""
        return sum(report.added for report in self.sources)


def compress_npy_logs(  # noqa: PLR0913, PLR0917  # the signature of the 3.x line
    log_directory: Path | str,
    remove_sources: bool = False,
    memory_mapping: bool = False,
    verbose: bool = False,
    compress: bool = True,
    verify_integrity: bool = True,
    max_workers: int | None = None,
    *,
    executor: Executor | None = None,
) -> ArchiveReport:
    """Archives a log folder, of `.npy` files or of journal segments, into one `<source>_log.npz` per source.

    An existing archive is added to: the result is the multiset union over source, time and payload, so archiving twice,
    or again after a crash, changes nothing. Archives appear whole, under their final name, when they are on the drive.
    `numpy.load` reads them; `LogArchiveReader` reads them faster.

    A folder may be archived while its logger runs: what is complete by then is archived, the rest next time. Memory is
    bounded whatever the number of entries; time is linear, plus the sorting of an index.

    Args:
        log_directory: the log folder, `<output_directory>/<instance_name>_data_log`.
        remove_sources: remove the files and segments that were archived, after every entry was compared byte for byte.
        memory_mapping: map `.npy` files instead of reading them; pays for payloads above a megabyte.
        verbose: show progress.
        compress: deflate entries where that makes them smaller, instead of storing them.
        verify_integrity: compare the archive with its sources even when nothing is removed.
        max_workers: the most worker processes to use; None for one per usable core, 1 for none.
        executor: any `concurrent.futures` executor to run one job per source on, a cluster's too; its workers must be
            able to reach the folder under the same path.

    Returns:
        What was archived and what was left.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such folder, or it is the one above log folders.
        ArchiveBusyError: another process is archiving the folder.
        ArchiveError: (RuntimeError) some sources could not be archived; the others were, and nothing was removed that
            is not in an archive.

    Warns:
        ForeignFileWarning: files that are no entries, or torn ones, were left where they are.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogArchiveReader, LogPackage, compress_npy_logs
        >>> with TemporaryDirectory() as folder:
        ...     for time in (10, 20):
        ...         name, data = LogPackage(1, time, np.arange(3, dtype=np.uint8)).get_data()
        ...         np.save(Path(folder) / name, data)
        ...     report = compress_npy_logs(folder, remove_sources=True)
        ...     print(report.entries, [path.name for path in Path(folder).iterdir()])
        2 ['1_log.npz']
    """
    options = _Options(remove_sources, memory_mapping, verbose, compress, verify_integrity, max_workers, executor)
    return archive_folder(Path(log_directory), options)


# The same function under the name that fits both storages; the longer one is the 3.x line's.
compress_logs = compress_npy_logs


def assemble_log_archives(  # noqa: PLR0913  # the signature of the 7.x line
    log_directory: Path | str,
    max_workers: int | None = None,
    *,
    remove_sources: bool = True,
    memory_mapping: bool = True,
    verbose: bool = False,
    verify_integrity: bool = False,
) -> ArchiveReport:
    """Archives a log folder without compression, by default removing what was archived.

    The same as `compress_npy_logs` with `compress=False` and other defaults; see there. What is removed is always
    verified first, whatever `verify_integrity` says.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage, assemble_log_archives
        >>> with TemporaryDirectory() as folder:
        ...     name, data = LogPackage(1, 10, np.arange(3, dtype=np.uint8)).get_data()
        ...     np.save(Path(folder) / name, data)
        ...     assemble_log_archives(folder).entries
        1
    """
    options = _Options(remove_sources, memory_mapping, verbose, False, verify_integrity, max_workers, None)
    return archive_folder(Path(log_directory), options)


@dataclass(frozen=True)
class _Options:
    """How to archive; see `compress_npy_logs`."""

    remove_sources: bool = False
    memory_mapping: bool = False
    verbose: bool = False
    compress: bool = True
    verify_integrity: bool = True
    max_workers: int | None = None
    executor: Executor | None = None


ArchiveOptions = _Options


def archive_folder(folder: Path, options: ArchiveOptions, flush: Callable[[], None] | None = None) -> ArchiveReport:
    """Archives a log folder; the whole behind `compress_npy_logs` and `DataLogger.compress_logs`.

    Args:
        folder: the log folder.
        options: how.
        flush: for a running logger, called between listing the folder and archiving what was listed: when it returns,
            the logger has let go of every listed file.
    """
    require_log_folder(folder)
    report = ArchiveReport(folder)
    with archiving(folder) as scratch, ExitStack() as stack:
        npy = NpyLog(folder, RowSorter(scratch, named=True), memory_mapping=options.memory_mapping)
        stack.callback(npy.close)
        journal = JournalLog(folder, RowSorter(scratch, named=True))
        stack.callback(journal.close)
        if flush is not None:
            flush()
        report.problems += npy.problems + journal.problems
        jobs = list(_jobs(folder, npy, journal, options, scratch))
        report.sources = sorted(_run(jobs, options), key=lambda done: done.source)
        report.problems += [problem for done in report.sources for problem in done.problems]
        if options.remove_sources:
            _remove(report, npy, journal)
    _tell(report)
    return report


def _jobs(
    folder: Path, npy: NpyLog, journal: JournalLog, options: ArchiveOptions, scratch: Path
) -> Iterator[ArchiveJob]:
    verify = options.verify_integrity or options.remove_sources
    for source in sorted({*npy.sources(), *journal.sources()}):
        later = [log.only(source) for log in (npy, journal) if log.count(source)]
        yield ArchiveJob(folder, source, later, options.compress, verify, scratch)


def _run(jobs: Sequence[ArchiveJob], options: ArchiveOptions) -> Iterator[SourceReport]:
    entries = sum(job.entries for job in jobs)
    with tqdm(total=entries, disable=not options.verbose, unit=" entries", desc="Archiving") as bar:
        if options.executor is None and (workers := _worker_count(options.max_workers, len(jobs), entries)) == 1:
            for job in jobs:
                yield archive_source(job, lambda count: _advance(bar, count))
            return
        if options.executor is not None:
            reports = run_on_executor(options.executor, archive_source, jobs)
        else:
            reports = run_on_workers(archive_source, jobs, workers)
        sizes = {job.source: job.entries for job in jobs}
        for report in reports:
            bar.update(sizes[report.source])
            yield report


def _advance(bar: Any, count: int) -> None:
    bar.update(count)


def _worker_count(wanted: int | None, jobs: int, entries: int) -> int:
    if wanted is None:
        wanted = usable_cores() if entries >= _WORTH_PROCESSES else 1
    return max(1, min(wanted, jobs))


def _remove(report: ArchiveReport, npy: NpyLog, journal: JournalLog) -> None:
    done = {source.source for source in report.sources if not source.error}
    spare = {problem.path.name for problem in report.problems}
    left = npy.remove(done, spare) + journal.remove(_complete(done, journal), spare)
    known = {problem.path for problem in report.problems}
    report.problems += [problem for problem in left if problem.path not in known]


def _complete(done: Collection[int], journal: JournalLog) -> Collection[int]:
    """Returns the sources whose records in segments may go: those archived, and those that have no records left."""
    return {source for source in range(256) if source in done or not journal.count(source)}


def _tell(report: ArchiveReport) -> None:
    if report.problems:
        shown = "; ".join(str(problem) for problem in report.problems[:_SHOWN])
        more = f"; and {len(report.problems) - _SHOWN} more" if len(report.problems) > _SHOWN else ""
        message = f"{len(report.problems)} file(s) or entries in {report.folder} were left alone: {shown}{more}."
        warnings.warn(message, ForeignFileWarning, stacklevel=4)
    failed = [source for source in report.sources if source.error]
    if failed:
        shown = " ".join(f"Source {source.source}: {source.error}" for source in failed[:_SHOWN])
        raise ArchiveError(
            f"{len(failed)} of {len(report.sources)} sources in {report.folder} could not be archived; their logs were "
            f"left as they are. {shown}"
        )
