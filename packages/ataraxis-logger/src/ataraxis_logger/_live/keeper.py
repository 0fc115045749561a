"""The keeper: a small process that starts the writers, restarts them, and outlives the program until all is stored.

It has a session of its own, so that neither Ctrl-C nor the end of a terminal reaches it. It holds the folder's keeper
lock and knows who else lives from the locks of others, which the system frees when their holders die.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ataraxis_logger._live.launch import KEEPER, WRITER, command
from ataraxis_logger._live.session_page import (
    KEEPER_LOCK,
    MAX_WRITERS,
    OWNER_LOCK,
    STARTED,
    STOPPING,
    WRITER_LOCKS,
    SessionPage,
)
from ataraxis_logger._live.tidy import survey, tidy
from ataraxis_shm._ring_layout import wait_until

_TICK_S: Final = 0.02
_ORPHAN_LOOK_S: Final = 0.05
_SHORTEST_BACKOFF_S: Final = 0.05
_LONGEST_BACKOFF_S: Final = 1.0  # well below the patience of who waits for a writer
_ORPHAN_PATIENCE_S: Final = 60.0
"""How long a keeper without an owner goes on while nothing can be stored; then the data waits in its rings."""
_STOP_PATIENCE_S: Final = 60.0
_READY: Final = b"ready"
_AT_WORK: Final = "--at-work"


class _Child:
    """One writer, and how often it failed without getting anything done."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0
        self.backoff = 0.0
        self.progress_at_start = 0

    def back_off(self) -> None:
        """Puts off the next start, each time for longer."""
        self.backoff = min(max(2 * self.backoff, _SHORTEST_BACKOFF_S), _LONGEST_BACKOFF_S)
        self.start_at = time.monotonic() + self.backoff

    def start_at_once(self) -> None:
        """Lets the next start be at once."""
        self.backoff = 0.0
        self.start_at = time.monotonic()


class Keeper:
    """Keeps the writers of one session running.

    Args:
        states: The state folders of the log.
        page: Its session page; the caller holds the keeper's lock.
    """

    def __init__(self, states: tuple[Path, ...], page: SessionPage) -> None:
        self._states = states
        self._page = page
        self._children = [_Child(number) for number in range(min(page.process_count, MAX_WRITERS))]
        self._look_at = 0.0
        self._progress_seen = 0
        self._hopeless_at: float | None = None  # there is hope for as long as there is an owner
        page.keeper_pid = os.getpid()

    def start_writers(self) -> None:
        """Starts the writers.

        Raises:
            OSError: The system refused.
        """
        for child in self._children:
            self._start(child)

    def run(self) -> None:
        """Watches until the session stops and the writers have ended."""
        while self._page.state == STARTED:
            self._reap()
            self._start_again()
            if self._page.is_held(OWNER_LOCK):
                self._hopeless_at = None
            else:
                self._watch_orphans()
            time.sleep(_TICK_S)
        self._end_writers()

    def _start_again(self) -> None:
        """Starts the writers that have ended and are due."""
        for child in self._children:
            if child.process is None and time.monotonic() >= child.start_at:
                try:
                    self._start(child)
                except OSError as error:  # no process, or no memory for one, at the moment
                    self._page.report_error(f"unable to start writer {child.number}: {error}")
                    child.back_off()

    def _start(self, child: _Child) -> None:
        # A writer of the keeper before this one may still be finishing its batch.
        if self._page.is_held(WRITER_LOCKS + child.number):
            return
        child.process = subprocess.Popen(  # noqa: S603  # our own command
            command(WRITER, str(child.number), *self._states),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        child.progress_at_start = self._progress()
        self._page.writer(child.number).pid = child.process.pid

    def _reap(self) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._note_end(child, child.process.returncode)
                child.process = None

    def _note_end(self, child: _Child, status: int) -> None:
        """Plans the restart: at once for a writer that got something done, later each time for one that did not."""
        page = self._page
        slot = page.writer(child.number)
        slot.pid = slot.refused_since = 0
        if page.state != STARTED:
            return
        page.restarts += 1
        if status < 0 or not page.last_error:
            page.report_error(f"writer {child.number} {_describe(status)}")
        if self._progress() > child.progress_at_start:
            child.start_at_once()
        else:
            child.back_off()

    def _progress(self) -> int:
        return sum(slot.progress for slot in self._page.writers())

    def _watch_orphans(self) -> None:
        """Ends a session without an owner when nobody can put any more and all is stored, or cannot be."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _ORPHAN_LOOK_S
        left, progress = survey(self._states), self._progress()
        if self._hopeless_at is None or progress != self._progress_seen or not left.waiting:
            self._progress_seen, self._hopeless_at = progress, now + _ORPHAN_PATIENCE_S
        if now >= self._hopeless_at or not (left.producers or left.waiting):
            self._page.state = STOPPING

    def _end_writers(self) -> None:
        deadline = time.monotonic() + _STOP_PATIENCE_S
        for child in self._children:
            if child.process is not None:
                try:
                    child.process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    # It hangs in the system, on a dead network drive for instance. Killing it loses nothing.
                    child.process.kill()
                    child.process.wait()
            self._page.writer(child.number).pid = 0
        # Those of a keeper before this one.
        wait_until(lambda: not self._page.is_writing(), max(0.0, deadline - time.monotonic()))


def _describe(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def main(arguments: Sequence[str]) -> None:
    """Runs a keeper in the background; returns in the foreground when it is at work. Arguments: the state folders."""
    if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
        _detach_windows(arguments)
    else:
        _detach_posix(arguments)


def _work(states: tuple[Path, ...], ready: "_Ready") -> None:
    page = SessionPage.attach(states[0])
    if page is None:
        raise FileNotFoundError(f"there is no session page in {states[0]}")
    if not page.file.try_lock_byte(KEEPER_LOCK):
        ready.tell(_READY)  # another keeper was faster, which is just as well
        return
    keeper = Keeper(states, page)
    keeper.start_writers()
    ready.tell(_READY)
    keeper.run()
    page.keeper_pid = 0
    # The keeper's lock is left to the end of this process: who waits for it knows then that nobody is left.
    if page.file.try_lock_byte(OWNER_LOCK) and page.is_current:
        tidy(states, page)


class _Ready:
    """Tells the foreground process how the start went, once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, message: bytes) -> None:
        """Sends the message and lets the foreground process go."""
        if self._descriptor >= 0:
            os.write(self._descriptor, message)
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _detach_windows(arguments: Sequence[str]) -> None:
        if arguments[0] == _AT_WORK:
            _work(tuple(map(Path, arguments[1:])), _Ready(-1))
            return
        page = SessionPage.attach(Path(arguments[0]))
        if page is None:
            raise FileNotFoundError(f"there is no session page in {arguments[0]}")
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        keeper = subprocess.Popen(command(KEEPER, _AT_WORK, *arguments), creationflags=flags)  # noqa: S603  # the same
        while not page.is_held(KEEPER_LOCK):
            if keeper.poll() is not None:
                sys.exit(keeper.returncode)
            time.sleep(_TICK_S)
        keeper.returncode = 0  # it is left to itself

else:

    def _detach_posix(arguments: Sequence[str]) -> None:
        """Forks, so that the keeper belongs to nobody: its program need not wait for it, and cannot forget to."""
        receive, send = os.pipe()
        if os.fork():
            os.close(send)
            with os.fdopen(receive, "rb") as channel:
                message = channel.read()
            if message != _READY:
                sys.exit(message.decode(errors="replace") or "the keeper ended without a word")
            return
        os.close(receive)
        ready = _Ready(send)
        silent = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(silent, descriptor)
        try:
            _work(tuple(map(Path, arguments)), ready)
        except Exception:
            import traceback  # noqa: PLC0415  # a keeper starts sooner without it

            ready.tell(traceback.format_exc().encode())
            raise
