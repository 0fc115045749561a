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
    """What it takes to open another session like the last one of this process on a folder. It is kept to the exit.

    Attributes:
        states: The state folders of the log.
    """

    states: tuple[Path, ...]

    def reopen(self) -> _Session:
        """Opens another session like it."""


_to_drain: dict[Path, LastSession] = {}
_serving: list[_Session] = []
_hooks: set[Callable[[], None]] = set()


def at_exit(hook: Callable[[], None], priority: int) -> None:
    """Has a hook run at the exit of this process, once, however often this is called.

    Args:
        hook: A function.
        priority: When it runs, compared to others of `multiprocessing`: the highest comes first, 0 and above before the
            children are joined.
    """
    from multiprocessing.util import Finalize  # noqa: PLC0415  # importing the package costs less without it

    if hook not in _hooks:
        _hooks.add(hook)
        Finalize(None, hook, exitpriority=priority)


def drain_at_exit(folder: Path, last: LastSession) -> None:
    """Has a folder looked after at the exit, through another session when it takes one."""
    at_exit(_serve_children, _BEFORE_CHILDREN)
    at_exit(_drain_rest, _AFTER_SESSIONS)
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
    """Lets Ctrl-C wait until the block has ended, or takes too long: half of what it does would leave things about.

    Also until a block has ended that raises: its error is the context of the KeyboardInterrupt then.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = time.monotonic() + _LONGEST_PUT_OFF_S
    waiting: list[int] = []

    def put_off(number: int, frame: FrameType | None) -> None:
        if time.monotonic() > deadline:
            waiting.clear()  # this one stands for those before it
            handler(number, frame)
        else:
            waiting.append(number)

    signal.signal(signal.SIGINT, put_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if waiting:
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
    _hooks.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)
