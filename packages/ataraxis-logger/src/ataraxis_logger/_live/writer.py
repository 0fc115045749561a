"""A writer: the process that claims rings and stores what comes through them.

One thread looks at the rings. For the npy storage it hands rings with a backlog to other threads, each with a store of
its own (files are made in the kernel, without the interpreter's lock); a journal is written where it is looked at.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.lane import Lane
from ataraxis_logger._live.launch import start_keeper
from ataraxis_logger._live.places import ring_paths
from ataraxis_logger._live.session_page import KEEPER_LOCK, STARTED, WRITER_LOCKS, SessionPage
from ataraxis_logger._live.spill import discard_spills
from ataraxis_logger._live.stores import is_parallel
from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer

_SCAN_S: Final = 0.05
_KEEPER_LOOK_S: Final = 0.1
_EXHAUSTED_LOOK_S: Final = 0.05
_SHORTEST_PAUSE_S: Final = 0.0002
_FULL_BATCH: Final = 256
_CRASH_STATUS: Final = 70


class _Worker(threading.Thread):
    """A thread that drains the rings it is handed."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(daemon=True)
        self.lane = lane
        self.jobs: SimpleQueue[Handled | None] = SimpleQueue()

    def run(self) -> None:
        try:
            while (job := self.jobs.get()) is not None:
                job.drain()
        except BaseException:  # noqa: BLE001  # whatever it was
            # Threads die alone; a writer that lost one would look alive and store nothing.
            traceback.print_exc()
            os._exit(_CRASH_STATUS)


class Handled:
    """A claimed ring and the lane it belongs to.

    Attributes:
        is_busy: Whether a worker has it.
        moved: Packages stored since this was last looked at.
    """

    def __init__(self, ring: ClaimedRing, lane: Lane, worker: _Worker | None) -> None:
        self.ring = ring
        self.lane = lane
        self._worker = worker
        self._is_new = True
        self.is_busy = False
        self.moved = 0
        self.look_again_at = 0.0

    def start(self) -> None:
        """Drains the ring if it holds anything, here or in the worker."""
        # A ring is taken up once even when it is empty: a predecessor may have left something to clear away.
        if self.is_busy or not (self._is_new or self.ring.consumer.backlog):
            return
        self._is_new = False
        if self._worker is None:
            self.drain()
        else:
            self.is_busy = True
            self._worker.jobs.put(self)

    def drain(self) -> None:
        """Stores what the ring holds."""
        self.moved += self.lane.drain(self.ring)
        self.is_busy = False


class Writer:
    """Claims rings and drains them until the session ends.

    Args:
        states: The state folders of the log.
        page: Its session page.
        number: Which of the session's writers this is.
    """

    def __init__(self, states: tuple[Path, ...], page: SessionPage, number: int) -> None:
        self._states = states
        self._page = page
        self._slot = page.writer(number)
        self._keeper = page.keeper_pid
        self._others: dict[Path, RingConsumer] = {}
        self._rings: dict[Path, Handled] = {}
        self._workers: list[_Worker] = []
        self._lanes = self._open_lanes()
        self._given = 0
        self._scan_at = 0.0
        self._look_at = 0.0
        self._sync_at = time.monotonic() + page.sync_us / 1e6

    def run(self) -> None:
        """Works until the session stops or the keeper is gone."""
        pause = _SHORTEST_PAUSE_S
        while self._page.state == STARTED and self._has_keeper():
            moved = self.turn()
            if moved >= _FULL_BATCH:
                continue
            pause = _SHORTEST_PAUSE_S if moved else 2 * pause
            pause = min(pause, self._page.sleep_us / 1e6)
            time.sleep(pause)
        self.close()
        if self._page.state == STARTED:
            start_keeper(self._states)

    def turn(self) -> int:
        """Gives every ring its turn; returns how many packages were stored since the last one."""
        now = time.monotonic()
        if now >= self._scan_at:
            self._scan_at = now + _SCAN_S
            self._claim_rings()
        moved = 0
        for handled in list(self._rings.values()):
            handled.start()
            if handled.is_busy:
                continue
            if handled.moved:
                moved += handled.moved
                handled.moved = 0
            elif now >= handled.look_again_at:
                handled.look_again_at = now + _EXHAUSTED_LOOK_S
                self._retire_if_exhausted(handled)
        self._slot.progress += moved
        if self._page.sync_us and now >= self._sync_at:
            self._sync_at = now + self._page.sync_us / 1e6
            for lane in self._lanes:
                lane.sync()
        return moved

    def close(self) -> None:
        """Lets the workers finish what they have begun and ends the stores."""
        for worker in self._workers:
            worker.jobs.put(None)
        for worker in self._workers:
            worker.join()
        for handled in self._rings.values():
            self._count_retired_if_exhausted(handled)
            handled.ring.consumer.close()
        for lane in self._lanes:
            lane.close()

    def _open_lanes(self) -> list[Lane]:
        if not is_parallel(self._page):
            return [Lane(self._page, self._slot)]
        self._workers = [_Worker(Lane(self._page, self._slot)) for _ in range(max(1, self._page.thread_count))]
        for worker in self._workers:
            worker.start()
        return [worker.lane for worker in self._workers]

    def _has_keeper(self) -> bool:
        now = time.monotonic()
        if now < self._look_at:
            return True
        self._look_at = now + _KEEPER_LOOK_S
        return self._page.is_held(KEEPER_LOCK) and self._page.keeper_pid == self._keeper

    def _claim_rings(self) -> None:
        paths = ring_paths(self._states)
        for path in self._others.keys() - set(paths):
            self._others.pop(path).close()
        living = sum(slot.pid > 0 for slot in self._page.writers())
        share = -(-len(paths) // max(1, living))
        for path in paths:
            if path in self._rings or len(self._rings) >= share:
                continue
            consumer = self._attach(path)
            if consumer is not None and consumer.claim():
                self._take(path, self._others.pop(path))
        self._slot.rings = len(self._rings)

    def _attach(self, path: Path) -> RingConsumer | None:
        if path not in self._others:
            try:
                self._others[path] = RingConsumer.attach(path)
            except (FileNotFoundError, RingFormatError):
                return None
        return self._others[path]

    def _take(self, path: Path, consumer: RingConsumer) -> None:
        lane = self._given % len(self._lanes)
        self._given += 1
        worker = self._workers[lane] if self._workers else None
        self._rings[path] = Handled(ClaimedRing(consumer), self._lanes[lane], worker)

    def _retire_if_exhausted(self, handled: Handled) -> None:
        if not handled.is_busy and handled.ring.consumer.exhausted:
            self._count_retired_if_exhausted(handled)
            handled.lane.release(handled.ring)
            handled.ring.consumer.close()
            del self._rings[handled.ring.path]

    def _count_retired_if_exhausted(self, handled: Handled) -> None:
        """Removes a ring that is done with, and keeps its counts."""
        ring = handled.ring
        if ring.consumer.exhausted:
            self._slot.retired_accepted += ring.consumer.records
            self._slot.retired_stored += ring.stored
            ring.consumer.unlink()
            discard_spills(ring.path)


def main(arguments: Sequence[str]) -> None:
    """Runs a writer: its number, then the state folders of the log."""
    number, states = int(arguments[0]), tuple(map(Path, arguments[1:]))
    page = SessionPage.attach(states[0])
    if page is None or not page.file.try_lock_byte(WRITER_LOCKS + number):
        return
    slot = page.writer(number)
    slot.pid = os.getpid()
    try:
        Writer(states, page, number).run()
    except Exception as error:  # noqa: BLE001  # whatever it was
        page.report_error(f"writer {number} failed: {_last_line(error)}")
        traceback.print_exc()
        sys.exit(_CRASH_STATUS)
    finally:
        slot.pid = 0


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
