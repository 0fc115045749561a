"""One source's archive: a job that can run anywhere the folder can be reached."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from ataraxis_logger._archive.discover import archive_path
from ataraxis_logger._archive.journal_log import JournalLog
from ataraxis_logger._archive.lock import writing_archive
from ataraxis_logger._archive.log import Block, Log, Problem
from ataraxis_logger._archive.npy_log import NpyLog
from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.ordering import RowSorter
from ataraxis_logger._archive.union_log import UnionLog
from ataraxis_logger._archive.write import EntryWriter, readable, verify_against
from ataraxis_logger._errors import ArchiveError
from ataraxis_logger._files import appear_whole

Progress = Callable[[int], None]


@dataclass(frozen=True)
class ArchiveJob:
    """What a worker needs to know to archive one source.

    Attributes:
        folder: the log folder.
        source: the source.
        later: the logs to archive, restricted to the source.
        compress: deflate entries.
        verify: read the archive back and compare it with its sources before it appears.
        scratch: the archiver's own folder; the job gives up when it is gone.
    """

    folder: Path
    source: int
    later: Sequence[NpyLog | JournalLog]
    compress: bool
    verify: bool
    scratch: Path

    @property
    def entries(self) -> int:
        """How many entries there are to archive."""
        return sum(log.count(self.source) for log in self.later)


@dataclass
class SourceReport:
    """What became of one source.

    Attributes:
        source: the source.
        path: its archive.
        entries: how many entries the archive holds now.
        added: how many of them are new.
        problems: the entries that could not be read and were left where they are.
        error: why the source was not archived at all; its old archive and its log are as they were.
    """

    source: int
    path: Path
    entries: int = 0
    added: int = 0
    problems: list[Problem] = field(default_factory=list)
    error: str = ""


def archive_source(job: ArchiveJob, progress: Progress | None = None) -> SourceReport:
    """Archives one source: what its archive holds already and what was logged since.

    Errors of this source are part of the report, so that one source does not stop the others.
    """
    report = SourceReport(job.source, archive_path(job.folder, job.source))
    try:
        with writing_archive(job.scratch, job.source), ExitStack() as stack:
            _archive(job, report, stack, progress or _ignore)
    except (ArchiveError, OSError) as error:
        report.error = str(error)
    return report


def _archive(job: ArchiveJob, report: SourceReport, stack: ExitStack, progress: Progress) -> None:
    for part in job.later:
        stack.callback(part.close)
    existing = _existing_archive(report.path, job.source, job.scratch, stack)
    log: Log
    if existing is None and len(job.later) == 1:
        log, report.added = job.later[0], job.later[0].count(job.source)
    else:
        log = UnionLog(job.source, existing, job.later, RowSorter(job.scratch))
        report.added = log.added
    stack.callback(log.close)
    report.entries = log.count(job.source)
    if not report.added:
        progress(job.entries)
        return
    with ExitStack() as file_stack:
        # Not swept for each source: the archiver has done that, and there may be millions of names in the folder.
        file = file_stack.enter_context(appear_whole(report.path, sweep=False))
        writer = EntryWriter(file, job.scratch, job.source, compress=job.compress)
        for block in log.read(job.source):
            _check_damage(block, report)
            writer.add(*readable(block))
            progress(len(block.payloads))
        if not writer.count:
            raise ArchiveError("None of its entries can be read.")
        writer.close()
        file.flush()
        if job.verify:
            verify_against(Path(file.name), job.source, log, job.scratch)
    report.entries = writer.count
    report.added -= len(report.problems)


def _existing_archive(path: Path, source: int, scratch: Path, stack: ExitStack) -> NpzLog | None:
    # A link that leads nowhere may lead to an archive on a drive that is not mounted: opening it fails.
    if not os.path.lexists(path):
        return None
    archive = stack.enter_context(closing(NpzLog(path, RowSorter(scratch))))
    if archive.problems or set(archive.sources()) - {source}:
        reason = archive.problems[0].reason if archive.problems else "it holds entries of other sources"
        raise ArchiveError(
            f"The existing archive {path} is damaged or foreign ({reason}). It was left as it is and nothing was "
            "added; move it away and archive again."
        )
    return archive


def _check_damage(block: Block, report: SourceReport) -> None:
    for error in block.damaged.values():
        if error.path == report.path:
            raise ArchiveError(
                f"The existing archive has a damaged entry: {error} It was left as it is and nothing was added; move "
                "it away and archive again."
            )
        report.problems.append(Problem(error.path or report.path, str(error), error.key))


def _ignore(_: int) -> None:
    pass
