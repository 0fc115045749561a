"""A writer: the process that claims rings and stores what comes through them."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.drain import Drain
from ataraxis_logger._live.launch import start_keeper
from ataraxis_logger._live.places import ring_paths
from ataraxis_logger._live.session_page import KEEPER_LOCK, STARTED, WRITER_LOCKS, SessionPage
from ataraxis_logger._live.unclaimed import UnclaimedRings

if TYPE_CHECKING:
    from ataraxis_shm._ring_consumer import RingConsumer

# How often an idle writer looks for more than new packages. Each look costs some system calls, and idle is what a rig
# is most of the time.
_FOLDER_LOOK_S: Final = 0.05
_SCAN_S: Final = 0.5
_OTHERS_LOOK_S: Final = 0.2
_SHORTEST_PAUSE_S: Final = 0.0002
_TURNS_A_LOOK: Final = 16
_CRASH_STATUS: Final = 70
_DESCRIPTORS: Final = 16  # twice what a store and the start of a keeper take, beside two for each helper
_CLOCK_TICK_NS: Final = 100_000_000  # coarser than the time stamps of any file system worth the name


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
        self._rings: dict[Path, ClaimedRing] = {}
        # More processes than processors only take turns.
        processes = min(page.thread_count, os.cpu_count() or 1)
        self._unclaimed = UnclaimedRings(2 * processes + _DESCRIPTORS, page.report_error)
        self._drain = Drain(page, self._slot, processes)
        self._folders_seen: tuple[int, ...] = ()
        self._folder_look_at = 0.0
        self._scan_at = 0.0
        self._keeper_look_at = 0.0
        self._retire_at = 0.0
        self._sync_at = time.monotonic() + page.sync_us / 1e6

    def run(self) -> None:
        """Works until the session stops or the keeper is gone.

        One turn is made in any case: a writer that was killed before may have left something to be cleared away.
        """
        pause = _SHORTEST_PAUSE_S
        moved = self.turn()
        while self._page.state == STARTED and self._has_keeper():
            if not self._drain.is_busy:
                pause = self._rest(_SHORTEST_PAUSE_S if moved else pause)
            moved = self.turn()
        self.close()
        if self._page.state == STARTED:
            start_keeper(self._states)

    def _rest(self, pause: float) -> float:
        """Sleeps until a ring holds something, longer each time, or until it is time to look around.

        Returns:
            How long the next rest should begin with.
        """
        page, longest = self._page, min(self._page.sleep_us / 1e6, _FOLDER_LOOK_S)
        rings = [ring for ring in self._rings.values() if ring not in self._drain.set_aside]
        until = time.monotonic() + _FOLDER_LOOK_S
        while True:
            pause = min(pause, longest)
            time.sleep(pause)
            pause *= 2
            if any(ring.consumer.backlog for ring in rings) or page.state != STARTED or time.monotonic() >= until:
                return pause

    def turn(self) -> int:
        """Gives every ring its turn; returns how many packages were stored since the last one."""
        now = time.monotonic()
        if now >= self._folder_look_at:
            self._folder_look_at = now + _FOLDER_LOOK_S
            self._look_for_rings(now)
        moved = 0
        for _ in range(_TURNS_A_LOOK):
            stored = self._drain.turn(self._rings.values())
            self._slot.progress += stored
            moved += stored
            if not self._drain.is_busy:
                break
        if now >= self._retire_at:
            self._retire_at = now + _OTHERS_LOOK_S
            self._retire_exhausted()
        if self._page.sync_us and now >= self._sync_at:
            self._sync_at = now + self._page.sync_us / 1e6
            self._drain.sync()
        return moved

    def close(self) -> None:
        """Ends the store and lets go of the rings."""
        self._retire_exhausted()
        self._drain.close()
        self._unclaimed.close()
        for ring in self._rings.values():
            ring.consumer.close()

    def _has_keeper(self) -> bool:
        now = time.monotonic()
        if now < self._keeper_look_at:
            return True
        self._keeper_look_at = now + _OTHERS_LOOK_S
        return self._page.is_held(KEEPER_LOCK) and self._page.keeper_pid == self._keeper

    def _look_for_rings(self, now: float) -> None:
        """Claims rings when the folders have changed, and now and then all the same: claims change no folder."""
        folders = tuple(map(_changed_at, self._states))
        if folders != self._folders_seen or now >= self._scan_at:
            # Not noted as seen while it is so young that a later change could have the same time.
            is_settled = time.time_ns() - max(folders) > _CLOCK_TICK_NS
            self._folders_seen = folders if is_settled else ()
            self._scan_at = now + _SCAN_S
            self._claim_rings()

    def _claim_rings(self) -> None:
        if self._unclaimed.is_short:
            self._let_go_of_empty()
        paths = ring_paths(self._states)
        living = sum(slot.pid > 0 for slot in self._page.writers())
        share = -(-len(paths) // max(1, living))
        for consumer in self._claimable(paths):
            if len(self._rings) < share and consumer.claim():
                self._take(self._unclaimed.take(consumer.path))
                if not consumer.path.exists():
                    # Another writer has just removed it, and counted what came through it.
                    self._drain.forget(self._rings[consumer.path])
                    self._let_go(consumer.path)
        self._slot.rings = len(self._rings)
        self._slot.unreadable = len(self._drain.set_aside) + self._unclaimed.unopened

    def _claimable(self, paths: list[Path]) -> "list[RingConsumer]":
        """Returns the rings that this writer has not claimed, but of each process only the oldest until it is empty.

        A process has a second ring when it went on to put after `stop`, which may have left something in the first.
        """
        unclaimed = self._unclaimed.look(path for path in paths if path not in self._rings)
        oldest: dict[int, int] = {}
        for ring in (*unclaimed, *(claimed.consumer for claimed in self._rings.values())):
            if ring.backlog and ring.consistent:
                oldest[ring.process] = min(ring.created, oldest.get(ring.process, ring.created))
        return [ring for ring in unclaimed if ring.created <= oldest.get(ring.process, ring.created)]

    def _take(self, consumer: "RingConsumer") -> None:
        ring = self._rings[consumer.path] = ClaimedRing(consumer, self._states)
        self._drain.add(ring)

    def _let_go_of_empty(self) -> None:
        """Gives up the claims to empty rings: others wait for their descriptors."""
        self._retire_exhausted()
        for path, ring in list(self._rings.items()):
            if not ring.consumer.backlog and self._drain.release(ring):
                self._let_go(path)

    def _retire_exhausted(self) -> None:
        """Removes the rings that are empty and stay so, and keeps their counts."""
        for path, ring in list(self._rings.items()):
            # The ring goes last: without it nobody would look for its pending entries and spill files.
            if ring.consumer.exhausted and self._drain.release(ring):
                ring.spills.discard_all()
                self._move_counts(ring)
                self._let_go(path)

    def _let_go(self, path: Path) -> None:
        self._rings.pop(path).consumer.close()

    def _move_counts(self, ring: ClaimedRing) -> None:
        """Removes a ring's file and adds what came through it to the writer's own counts."""
        slot, counts = self._slot, (ring.consumer.records, ring.stored)
        slot.retirements |= 1  # odd already after a kill in here, which leaves this ring out of the counts
        ring.consumer.unlink()
        slot.retired_accepted += counts[0]
        slot.retired_stored += counts[1]
        slot.retirements += 1


def _changed_at(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116  # Path.stat is the same call behind two more
    except FileNotFoundError:
        return 0


def main(arguments: Sequence[str]) -> None:
    """Runs a writer: its number, then the state folders of the log."""
    number, states = int(arguments[0]), tuple(map(Path, arguments[1:]))
    page = SessionPage.attach(states[0])
    if page is None or not page.file.try_lock_byte(WRITER_LOCKS + number):
        return
    slot = page.writer(number)
    slot.pid = os.getpid()
    _raise_limit()
    try:
        Writer(states, page, number).run()
    except Exception as error:  # noqa: BLE001  # whatever it was
        page.report_error(f"writer {number} failed: {type(error).__name__}: {error}")
        sys.excepthook(type(error), error, error.__traceback__)  # the module traceback takes longer to import
        sys.exit(_CRASH_STATUS)
    finally:
        slot.pid = 0


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _raise_limit() -> None:
        """There is no limit to raise."""

else:

    def _raise_limit() -> None:
        """Takes as many descriptors as the system grants: each ring needs one, and there may be many producers."""
        import resource  # noqa: PLC0415  # absent on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):  # macOS grants less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
