"""What `info` tells: sources, counts, rates, gaps, sizes and onsets."""

import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ataraxis_logger import LogArchiveReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS: Final = {"us": 1e6, "ns": 1e9}
_GAP: Final = 10  # an interval this many times the median is a gap
_KINDS: Final = {".npy": "npy files", ".axj": "journal segments", ".npz": "archives"}


@dataclass
class SourceFacts:
    """One source. Times are in seconds where their unit is known, else null.

    Attributes:
        messages: how many there are, onsets not counted.
        onset_us: UTC microseconds; null without an onset, and with several.
        onsets: how many different onsets there are.
        first: the first time stamp, as logged.
        last: the last one.
        duration: from the first message to the last.
        rate: messages per second in between.
        median_interval: between two messages.
        longest_interval: between two messages.
        gaps: how many intervals are more than ten times the median.
    """

    messages: int
    onset_us: int | None
    onsets: int
    first: int | None = None
    last: int | None = None
    duration: float | None = None
    rate: float | None = None
    median_interval: float | None = None
    longest_interval: float | None = None
    gaps: int | None = None


@dataclass
class LogFacts:
    """A log: its files by kind, and its sources."""

    path: str
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    sources: dict[str, SourceFacts] = field(default_factory=dict)


def gather_facts(path: Path, unit: str | None) -> LogFacts:
    """Returns what there is to know about a log without reading payloads.

    Args:
        path: an archive or a log folder.
        unit: the unit of time stamps where there is no onset; None when it is unknown.
    """
    facts = LogFacts(str(path), _files(path))
    with ExitStack() as stack:
        # An onset of 0 leaves the times as they were logged, and never is ambiguous.
        for source, reader in LogArchiveReader.open_all(path, onset_us=0).items():
            stack.callback(reader.close)
            facts.sources[str(source)] = _source_facts(reader, unit)
    return facts


def _source_facts(reader: LogArchiveReader, unit: str | None) -> SourceFacts:
    onset = reader.onsets[0] if len(reader.onsets) == 1 else None
    facts = SourceFacts(reader.message_count, onset, len(reader.onsets))
    times = reader.read_times()
    if times.size:
        facts.first, facts.last = int(times[0]), int(times[-1])
        ticks = UNITS["us"] if reader.onsets else UNITS.get(unit or "")
        if ticks is not None:
            _add_intervals(facts, times, ticks)
    return facts


def _add_intervals(facts: SourceFacts, times: "NDArray[np.uint64]", ticks: float) -> None:
    facts.duration = int(times[-1] - times[0]) / ticks
    intervals = np.diff(times)
    if not intervals.size:
        return
    if facts.duration:
        facts.rate = intervals.size / facts.duration
    median = float(np.median(intervals))
    facts.median_interval, facts.longest_interval = median / ticks, int(intervals.max()) / ticks
    facts.gaps = int(np.count_nonzero(intervals > _GAP * median)) if median else 0


def _files(path: Path) -> dict[str, dict[str, int]]:
    files: dict[str, dict[str, int]] = {}
    for file in path.iterdir() if path.is_dir() else [path]:
        kind = _KINDS.get(file.suffix)
        # What an archiver removes at this moment, and links that lead nowhere, are no files.
        if kind is not None and not file.name.startswith(".") and (status := _status(file)) is not None:
            entry = files.setdefault(kind, {"files": 0, "bytes": 0, "bytes_on_drive": 0})
            entry["files"] += 1
            entry["bytes"] += status.st_size
            # A small file takes a whole block; Windows does not say how large that is.
            entry["bytes_on_drive"] += getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
    return files


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def utc_text(onset_us: int) -> str:
    """Returns an onset for people, or the bare number when no calendar has it.

    >>> utc_text(1_700_000_000_000_000)
    '2023-11-14 22:13:20.000000 UTC'
    """
    try:
        moment = datetime.fromtimestamp(onset_us // 1_000_000, UTC).replace(microsecond=onset_us % 1_000_000)
    except (ValueError, OverflowError, OSError):
        return f"{onset_us} us"
    return f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"
