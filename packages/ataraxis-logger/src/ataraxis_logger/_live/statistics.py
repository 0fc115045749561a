"""How a log folder is doing: counted from the session page and the rings, for any process of the user to see."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ataraxis_logger._live.places import real_folder, state_folders
from ataraxis_logger._live.ring_watch import RingView, RingWatch
from ataraxis_logger._live.session_page import KEEPER_LOCK, STARTED, SessionPage, WriterSlot

_MOST_LOOKS: Final = 50  # a ring moves in some ten microseconds, a look takes longer


@dataclass(frozen=True, slots=True)
class LogStatistics:
    """How a log folder is doing at one moment, all processes together.

    Attributes:
        accepted: Packages accepted since the session started, and those that had been waiting for it.
        written: Those of them that are stored. (A writer that is killed may leave the packages of a finished process
            out of both counts; the log itself is always complete.)
        backlog: Packages accepted and not stored yet.
        backlog_bytes: The bytes they take in the buffers.
        rate: Packages stored per second, since the last look or the start.
        restarts: How often a writer that had ended was started again.
        damaged: Stretches of buffers that were skipped because somebody had altered them.
        is_running: Whether somebody is there to store.
        is_refused: Whether the disk refuses to store at the moment.
        last_error: What went wrong last; empty when nothing did.
    """

    accepted: int = 0
    written: int = 0
    backlog: int = 0
    backlog_bytes: int = 0
    rate: float = 0.0
    restarts: int = 0
    damaged: int = 0
    is_running: bool = False
    is_refused: bool = False
    last_error: str = ""


class Statistician:
    """Counts, and knows when it counted last. A look takes about a tenth of a millisecond."""

    def __init__(self) -> None:
        self._last_time = 0.0
        self._last_written = 0
        self._rate = 0.0

    def count(self, page: SessionPage | None, look: Callable[[], list[RingView]]) -> LogStatistics:
        """Returns the statistics of a log.

        Args:
            page: Its session page, if there is one.
            look: Shows its rings as they are at the moment of the call.
        """
        slots = page.writers() if page is not None else []
        rings, retired_accepted, retired_stored = _count_once(slots, look)
        written = sum(ring.stored for ring in rings) + retired_stored
        accepted = sum(max(ring.accepted, ring.stored) for ring in rings) + retired_accepted
        self._measure_rate(written, page)
        return LogStatistics(
            accepted=max(accepted, written),
            written=written,
            backlog=sum(ring.waiting for ring in rings),
            backlog_bytes=sum(ring.backlog for ring in rings),
            rate=self._rate,
            restarts=page.restarts if page is not None else 0,
            damaged=sum(slot.damaged for slot in slots),
            is_running=page is not None and page.state == STARTED and page.is_held(KEEPER_LOCK),
            is_refused=any(slot.refused_since for slot in slots),
            last_error=page.last_error if page is not None else "",
        )

    def _measure_rate(self, written: int, page: SessionPage | None) -> None:
        now = time.monotonic()
        started = page.started_monotonic_us / 1e6 if page is not None else 0.0
        if self._last_time < started:  # another session: its counts begin at zero
            self._last_time, self._last_written = started, 0
        if now > self._last_time > 0:
            self._rate = max(0, written - self._last_written) / (now - self._last_time)
            self._last_time, self._last_written = now, written


def _count_once(slots: list[WriterSlot], look: Callable[[], list[RingView]]) -> tuple[list[RingView], int, int]:
    """Looks at rings and retired counts until no ring moved from one to the other meanwhile (a sequence lock).

    The number of looks is bounded: a writer that was killed while it moved counts leaves its number odd.
    """
    for _ in range(_MOST_LOOKS):
        before = [slot.retirements for slot in slots]
        rings = look()
        retired = [(slot.retired_accepted, slot.retired_stored) for slot in slots]
        if before == [slot.retirements for slot in slots] and not any(number & 1 for number in before):
            break
    return rings, sum(accepted for accepted, _ in retired), sum(stored for _, stored in retired)


def read_statistics(log_directory: Path | str) -> LogStatistics:
    """Returns how a log folder is doing, from any process of the user that runs the logger.

    Args:
        log_directory: The log folder, as `DataLogger.output_directory` names it.

    Returns:
        The statistics; all zero when nothing waits and nobody runs there. The rate is the average since the start.

    Example:
        >>> import tempfile
        >>> from ataraxis_logger import DataLogger, read_statistics
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DataLogger(folder.name, "doc") as logger:
        ...     logger.source(7).log(b"position")
        ...     logger.flush()
        ...     statistics = read_statistics(logger.output_directory)
        >>> statistics.accepted, statistics.written, statistics.backlog  # with the onset of the source
        (2, 2, 0)
        >>> folder.cleanup()
    """
    states = state_folders(real_folder(Path(log_directory)))
    watch, page = RingWatch(states), SessionPage.attach(states[0])
    try:
        return Statistician().count(page, watch.look)
    finally:
        watch.close()
        if page is not None:
            page.close()
