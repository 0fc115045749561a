"""Reads the archives back and compares them with what the producers say they sent, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from producer import SAMPLE_HEAD

from ataraxis_data_structures import LogArchiveReader, find_log_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from recording import Sent
    from rig_config import SourceConfig

    from ataraxis_data_structures import LogMessage

GAP_PERIODS = 5  # an interval this many sampling periods long is marked as a gap


@dataclass(frozen=True)
class SourceResult:
    """What became of one source."""

    config: SourceConfig
    sent: int
    read: int
    lost: int
    doubled: int
    intact: bool
    times_us: NDArray[np.int64]

    @property
    def rate_hz(self) -> float:
        """Samples a second over the whole recording."""
        seconds = float(self.times_us[-1] - self.times_us[0]) / 1e6 if self.read > 1 else 0.0
        return (self.read - 1) / seconds if seconds else 0.0

    @property
    def intervals_us(self) -> NDArray[np.int64]:
        """Microseconds between neighbouring samples."""
        return np.diff(self.times_us)

    @property
    def gaps(self) -> NDArray[np.intp]:
        """Indices of the intervals that are longer than GAP_PERIODS sampling periods."""
        return np.flatnonzero(self.intervals_us > GAP_PERIODS * 1e6 / self.config.rate_hz)

    def interval_percentile(self, percent: float) -> float:
        """An interval (µs) that `percent` of all intervals do not exceed; nan with fewer than two samples."""
        return float(np.percentile(self.intervals_us, percent)) if self.read > 1 else float("nan")


def messages_of(log_folder: Path, source_id: int) -> Iterator[LogMessage]:
    """Every message of a source; none when it has no archive because nothing of it was recorded."""
    try:
        archive = find_log_archive(log_folder, source_id)
    except FileNotFoundError:
        return
    with LogArchiveReader(archive) as reader:
        yield from reader


def verify_source(log_folder: Path, config: SourceConfig, sent: Sent) -> SourceResult:
    """Read the source's archive and compare digests; numbers inside the samples say what is lost or doubled."""
    digest = hashlib.sha256()
    numbers: list[int] = []
    times_us: list[int] = []
    for message in messages_of(log_folder, config.source_id):
        payload = message.payload.tobytes()
        digest.update(payload)
        numbers.append(SAMPLE_HEAD.unpack_from(payload)[0])
        times_us.append(int(message.timestamp_us))
    distinct = set(numbers)
    return SourceResult(
        config=config,
        sent=sent.samples,
        read=len(numbers),
        lost=len(set(range(sent.samples)) - distinct),
        doubled=len(numbers) - len(distinct),
        intact=digest.digest() == sent.digest,
        times_us=np.array(times_us, dtype=np.int64),
    )
