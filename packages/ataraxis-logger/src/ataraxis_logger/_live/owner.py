"""The owner's end of a session: starting it, waiting for it, ending it."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

from ataraxis_logger._errors import FlushTimeoutError, LoggerStateError
from ataraxis_logger._live.exits import SESSION_PRIORITY, ctrl_c_put_off, drain_at_exit, leave_at_exit, report_at_exit
from ataraxis_logger._live.launch import start_keeper
from ataraxis_logger._live.pending import pending_names
from ataraxis_logger._live.places import LogPlace, folder_identity, make_state_folder
from ataraxis_logger._live.pressure import PATIENCE_S, Trouble, revive
from ataraxis_logger._live.producers import close_producer, current_producer
from ataraxis_logger._live.reports import package_logger
from ataraxis_logger._live.ring_watch import Goal, RingView, RingWatch
from ataraxis_logger._live.session_page import (
    IDLE,
    KEEPER_LOCK,
    MAX_WRITERS,
    OWNER_LOCK,
    STARTED,
    STOPPING,
    STORAGES,
    SessionPage,
)
from ataraxis_logger._live.tidy import Survey, survey, tidy
from ataraxis_shm._ring_layout import wait_until

if TYPE_CHECKING:
    from ataraxis_logger._live.leftovers import Leftovers
    from ataraxis_logger._live.producers import FolderProducer

_LOOK_S: Final = 0.1
_NOTICE_S: Final = 1.0
_OTHER_ENDS_S: Final = 60.0
_OWNER_LEAVES_S: Final = 1.0
_KEEPER_ENDS_S: Final = 90.0


class SessionSettings:
    """How a session is to run.

    Attributes:
        storage: One of `STORAGES`.
        process_count: Writers.
        thread_count: Processes that make files for a writer of the npy storage.
        sleep_us: The longest sleep of an idle writer, microseconds.
        sync_us: Microseconds between syncs of a journal, 0 for never.
    """

    __slots__ = ("process_count", "sleep_us", "storage", "sync_us", "thread_count")

    def __init__(self, storage: str, process_count: int, thread_count: int, sleep_us: int, sync_us: int) -> None:
        self.storage = storage
        self.process_count = process_count
        self.thread_count = thread_count
        self.sleep_us = sleep_us
        self.sync_us = sync_us

    def with_storage(self, storage: str) -> "SessionSettings":
        """Returns the same settings for another storage."""
        return SessionSettings(storage, self.process_count, self.thread_count, self.sleep_us, self.sync_us)


class OwnedSession:
    """A running session that this process has started, and has to end.

    It ends by `stop`, when nothing refers to it any more, or at the exit of the interpreter. When this process is
    killed, the keeper ends it. A forked child does not own its parent's session.

    Args:
        place: The place of the log folder, which must exist.
        settings: How the session is to run.

    Attributes:
        folder: The log folder.
        states: Its state folders.
        leftovers: What a power cut had left in the log folder, and what became of it.

    Raises:
        LoggerStateError: Another logger runs on the folder, or the keeper could not be started.
        OSError: The folder is not there, or there is no shared memory.
    """

    def __init__(self, place: LogPlace, settings: SessionSettings) -> None:
        self.folder, self.states, _ = place
        from multiprocessing.util import Finalize  # noqa: PLC0415  # importing the package costs less without it

        _finish_in_other_storage(place, settings)
        page, self.leftovers = _begin(self.folder, self.states, settings)
        self._end = _SessionEnd(place, page)
        self._finalizer = Finalize(self, self._end.at_exit, exitpriority=SESSION_PRIORITY)
        drain_at_exit(self.folder, _LastSession(place, settings))

    @property
    def page(self) -> SessionPage:
        """The session page."""
        return self._end.page

    @property
    def is_running(self) -> bool:
        """Whether this process owns the session and has not ended it."""
        return self._end.is_running and self._end.pid == os.getpid()

    @property
    def is_ending(self) -> bool:
        """Whether `stop` was called and did not come to its end."""
        return self.is_running and self.page.state != STARTED

    def look(self) -> list[RingView]:
        """Returns how the rings are now."""
        return self._end.watch.look()

    def revive(self) -> None:
        """Starts the keeper again if it was killed."""
        self._end.revive()

    def flush(self, timeout: float | None) -> None:
        """Waits until everything that is accepted now is stored; see `DataLogger.flush`."""
        self._end.flush(timeout)

    def release_files(self) -> None:
        """Waits until the writers have let go of the files that are there now, or take too long to."""
        held = pending_names(self.folder)
        self.flush(None)  # a pending name goes some moments after its entry was stored
        wait_until(lambda: held.isdisjoint(pending_names(self.folder)), _NOTICE_S)

    def stop(self) -> None:
        """Ends the session; see `DataLogger.stop`."""
        # Cancelled afterwards: a stop that Ctrl-C interrupts is finished at the exit.
        try:
            self._end.stop()
        finally:
            if not self._end.is_running:
                self._finalizer.cancel()


def _finish_in_other_storage(place: LogPlace, settings: SessionSettings) -> None:
    """Has a batch that a killed writer began finished in the storage that it began in.

    Each storage knows of a staged batch what it has of it already; another one would store all of it again.

    Raises:
        LoggerStateError: That storage refuses.
    """
    while (storage := _unfinished_storage(place.states)) not in {None, settings.storage}:
        OwnedSession(place, settings.with_storage(storage)).stop()


def _unfinished_storage(states: tuple[Path, ...]) -> str | None:
    """Returns the storage in which a batch was begun and not finished, None when there is no such batch."""
    page = SessionPage.attach(states[0])
    if page is None:
        return None
    storage = page.storage
    page.close()
    return storage if survey(states).unfinished else None


def _begin(folder: Path, states: tuple[Path, ...], settings: SessionSettings) -> "tuple[SessionPage, Leftovers]":
    """Takes the folder's lock, clears away what a power cut left, describes the session and starts the keeper."""
    from ataraxis_logger._live.leftovers import settle_leftovers  # noqa: PLC0415  # the same

    identity = folder_identity(folder)
    page = _own_page(folder, states, settings.storage)
    try:
        _wait_for_last_keeper(page, folder)
        if page.folder_identity not in {0, identity}:  # 0: made by a producer, for the folder that is there
            page.forget_onsets()
        leftovers = settle_leftovers(folder, states)
        _tell_what_is_odd(page, identity, states)
        page.begin(identity)
        page.storage_index = STORAGES.index(settings.storage)
        page.process_count = min(settings.process_count, MAX_WRITERS)
        page.thread_count = settings.thread_count
        page.sleep_us = settings.sleep_us
        page.sync_us = settings.sync_us
        page.state = STARTED
        start_keeper(states)
        _require_keeper(page)
    except BaseException:
        page.state = IDLE
        if not page.is_at_work():
            tidy(states, page)
        page.close()
        raise
    return page, leftovers


def _require_keeper(page: SessionPage) -> None:
    if not page.is_held(KEEPER_LOCK):
        raise LoggerStateError(
            f"Unable to start the keeper of the log: {sys.executable} has ended and started nothing. It has to be a "
            "Python interpreter."
        )


def _tell_what_is_odd(page: SessionPage, identity: int, states: tuple[Path, ...]) -> None:
    """Warns of what waits in memory and would end up where nobody expects it, or nowhere."""
    left = survey(states)
    if left.waiting and page.folder_identity not in (0, identity):
        package_logger().warning(
            "%d packages wait that were put for another folder of this name (it was renamed or replaced since). They "
            "are stored in this one now.",
            left.packages,
        )
    if left.unreadable:
        package_logger().warning(
            "%d buffers cannot be read and are left alone: %s", len(left.unreadable), "; ".join(left.unreadable[:3])
        )


def _own_page(folder: Path, states: tuple[Path, ...], storage: str) -> SessionPage:
    """Opens the session page and takes the owner's lock."""
    deadline = time.monotonic() + _OWNER_LEAVES_S
    while True:
        make_state_folder(states[0])
        try:
            page = SessionPage.provide(states[0], folder, storage)
        except FileNotFoundError:  # a session that just ended removed the folder
            continue
        except OSError:
            with suppress(OSError):  # something else is in it
                states[0].rmdir()
            raise
        if page.file.try_lock_byte(OWNER_LOCK):
            if page.is_current:
                return page
        elif time.monotonic() > deadline:
            pid = page.owner_pid
            page.close()
            whose = "this process" if pid == os.getpid() else f"process {pid}"
            raise LoggerStateError(
                f"Another logger, started by {whose}, runs on {folder}. Use its input_queue, stop it, or choose "
                "another instance_name."
            )
        page.close()
        time.sleep(_LOOK_S / 10)


def _wait_for_last_keeper(page: SessionPage, folder: Path) -> None:
    """Ends the session of an owner that was killed, if its keeper is still at work: this one takes over its rings."""
    if not page.is_at_work():
        return
    page.state = STOPPING
    if not wait_until(lambda: not page.is_at_work(), _OTHER_ENDS_S):
        raise LoggerStateError(
            f"The keeper (process {page.keeper_pid}) of an earlier session on {folder} does not end. It may hang on a "
            "drive that does not answer; nothing is lost when it is killed."
        )


def _require_ring(producer: "FolderProducer | None") -> None:
    """Raises when what this process has put cannot reach the disk any more, because its buffer was removed."""
    # A writer that has the file open goes on, and may be about to finish.
    if producer is not None and producer.is_lost and not producer.ring.wait_empty(_NOTICE_S):
        raise LoggerStateError(
            f"The buffer {producer.ring.path} was removed by somebody, and {producer.ring.backlog} bytes of packages "
            "with it. Nothing but this package may change what is in its folder."
        )


def _require_intact(left: Survey) -> None:
    """Raises when there are packages that no writer can read, because somebody else has written to their buffers."""
    if left.damaged:
        raise LoggerStateError(
            f"{left.damaged} buffers are damaged and what is in them was not stored: {'; '.join(left.unreadable[:3])}. "
            "Somebody else has written to their memory. Remove the files to give it up; everything else is stored."
        )


class _LastSession:
    """What it takes to open another session like one that has ended. Not its page, which would stay in memory."""

    def __init__(self, place: LogPlace, settings: SessionSettings) -> None:
        self.states = place.states
        self._place = place
        self._settings = settings

    def reopen(self) -> OwnedSession:
        """Opens another session like it."""
        return OwnedSession(self._place, self._settings)


class _SessionEnd:
    """What is needed to end a session, without a reference to what ends it when it is collected."""

    def __init__(self, place: LogPlace, page: SessionPage) -> None:
        self.place = place
        self.folder, self.states, _ = place
        self.page = page
        self.watch = RingWatch(self.states)
        self.is_running = True
        self.pid = os.getpid()
        # Re-entrant: a signal handler may stop what its thread is just stopping.
        self._ending = RLock()

    def revive(self) -> None:
        revive(self.page, self.states)

    def flush(self, timeout: float | None) -> None:
        began = time.monotonic()
        deadline = None if timeout is None else began + timeout
        goal, trouble = Goal(self.watch.look), Trouble()
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if wait_until(goal.is_reached, _LOOK_S if left is None else max(0.0, min(left, _LOOK_S))):
                _require_ring(current_producer(self.place))
                return
            self._require_storing(trouble, time.monotonic() - began)
            if left is not None and left <= 0:
                raise FlushTimeoutError(f"After {timeout} s {self._waiting()}. Everything accepted is kept.")

    def stop(self) -> None:
        failure: LoggerStateError | None = None
        producer = current_producer(self.place)
        # First, so that the ring of this process is emptied for good; a thread that still puts makes another one.
        close_producer(self.place)
        try:
            self.flush(None)
        except LoggerStateError as error:
            failure = error
        self._finish()
        _require_ring(producer)
        left = survey(self.states)
        if failure is None:
            _require_intact(left)
        if failure is not None and (left.waiting or left.damaged):
            leave_at_exit(self.folder)
            raise LoggerStateError(
                f"{failure} The logger was stopped. {left.packages} packages in {left.waiting} buffers wait in "
                f"{', '.join(str(state) for state in self.states if state.is_dir())}: when the cause is gone, start a "
                f"logger on the folder again, or call recover_logs({str(self.folder)!r})."
            ) from failure

    def at_exit(self) -> None:
        """Ends the session at the exit of the interpreter. Producers that go on are left to the keeper."""
        if not self.is_running:
            return
        try:
            close_producer(self.place)
            if self.page.state == STARTED:  # else it is collected after a stop that was interrupted
                self.flush(None)
                left = survey(self.states)
                if left.producers:
                    self._let_go()
                    return
                _require_intact(left)
        except (LoggerStateError, OSError) as error:
            leave_at_exit(self.folder)
            report_at_exit(error)
        self._finish()

    def _finish(self) -> None:
        """Ends keeper and writers, and removes what is not needed any more, unless another call has done so.

        What is under the page's name then may be the next session's.
        """
        with ctrl_c_put_off(), self._ending:
            if not self.is_running:
                return
            self.page.state = STOPPING
            wait_until(lambda: not (self.is_running and self.page.is_at_work()), _KEEPER_ENDS_S)
            if self.is_running:
                self.is_running = False
                self.page.state = IDLE
                try:
                    tidy(self.states, self.page)
                finally:
                    self._let_go()

    def _let_go(self) -> None:
        self.is_running = False
        self.watch.close()
        self.page.close()

    def _require_storing(self, trouble: Trouble, waited: float) -> None:
        """Raises when nothing can be stored for longer than is bearable."""
        self.revive()
        seen = trouble.look(self.page)
        # The cause may have gone just before this wait began: the writers get the time to notice.
        if seen is not None and seen[0] >= PATIENCE_S and waited >= _NOTICE_S:
            seconds, cause, _ = seen
            raise LoggerStateError(f"Unable to store everything: for {seconds:.0f} s {cause[:600]}; {self._waiting()}.")

    def _waiting(self) -> str:
        views = self.watch.look()
        packages, size = sum(view.waiting for view in views), sum(view.backlog for view in views)
        return f"{packages} packages ({size} bytes) wait to be stored in {self.folder}"
