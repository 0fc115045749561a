"""What the exit of the interpreter does for the folders that this process has logged to.

A logger that was stopped is done, but what children and threads put afterwards is to be stored all the same. The hooks
of `multiprocessing` run before and after it joins the children, by priority, and not at all once Ctrl-C has
interrupted that join. So a session is there before it begins: when nobody gets to end it, its keeper does.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from ataraxis_logger._errors import LoggerStateError
from ataraxis_logger._live.reports import package_logger
from ataraxis_logger._live.session_page import OWNER_LOCK, SessionPage
from ataraxis_logger._live.tidy import Survey, survey

SESSION_PRIORITY: Final = -100
"""A session ends after children are joined (-5 and above) and the rings of this process are closed (-90)."""

_LONGEST_PUT_OFF_S: Final = 5.0
_BEFORE_CHILDREN: Final = 0
_AFTER_SESSIONS: Final = -101


class _Session(Protocol):
    def stop(self) -> None: ...


class LastSession(Protocol):
    """The last session of this process on a folder.

    Attributes:
        states: The state folders of the log.
    """

    states: tuple[Path, ...]

    def reopen(self) -> _Session:
        """Opens another session like it."""


_to_drain: dict[Path, LastSession] = {}
_serving: list[_Session] = []


def drain_at_exit(folder: Path, last: LastSession) -> None:
    """Has a folder looked after at the exit, through another session when it takes one."""
    from multiprocessing.util import Finalize  # noqa: PLC0415  # importing the package costs less without it

    if not _to_drain:
        Finalize(None, _serve_children, exitpriority=_BEFORE_CHILDREN)
        Finalize(None, _drain_rest, exitpriority=_AFTER_SESSIONS)
    _to_drain[folder] = last


def leave_at_exit(folder: Path) -> None:
    """Has a folder left alone at the exit: what waits there cannot be stored."""
    _to_drain.pop(folder, None)


def report_at_exit(error: Exception) -> None:
    """Says what went wrong at the exit, where nobody can catch it."""
    package_logger().error("At exit: %s", error)


def _serve_children() -> None:
    """Opens a session for each folder to which somebody may still log; it ends like one that was never stopped."""
    with ctrl_c_put_off():
        _for_each_folder(lambda left: left.producers or left.waiting, lambda last: _serving.append(last.reopen()))


def _drain_rest() -> None:
    """Stores what came so late that no session was opened for it."""
    _for_each_folder(lambda left: left.waiting, lambda last: last.reopen().stop())


def _for_each_folder(is_wanted: Callable[[Survey], int], act: Callable[[LastSession], None]) -> None:
    """Acts on the folders that nobody serves and where something is left; one that refuses does not stop the rest."""
    for folder, last in list(_to_drain.items()):
        try:
            if is_wanted(survey(last.states)) and not _is_owned(last.states):
                act(last)
        except (LoggerStateError, OSError) as error:
            leave_at_exit(folder)
            report_at_exit(error)


@contextmanager
def ctrl_c_put_off() -> Iterator[None]:
    """Lets Ctrl-C wait until the block has ended, or takes too long: half of what it does would leave things about."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = time.monotonic() + _LONGEST_PUT_OFF_S
    arrived: list[int] = []

    def put_off(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        if time.monotonic() > deadline:
            handler(number, frame)

    signal.signal(signal.SIGINT, put_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if arrived:
        signal.raise_signal(signal.SIGINT)


def _is_owned(states: tuple[Path, ...]) -> bool:
    page = SessionPage.attach(states[0])
    if page is None:
        return False
    try:
        return page.is_held(OWNER_LOCK)
    finally:
        page.close()


def _forget_all() -> None:
    """The exit of a forked child is not its parent's."""
    _to_drain.clear()
    _serving.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)
