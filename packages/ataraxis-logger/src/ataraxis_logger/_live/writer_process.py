"""The writers as the program that started them sees them."""

import os
import signal
import sys
from pathlib import Path

from ataraxis_logger._live.session_page import WRITER_LOCKS, SessionPage
from ataraxis_shm._ring_layout import wait_until


class WriterProcess:
    """One writer of a running logger. Killing it loses nothing: the keeper starts another one.

    Attributes:
        name: Which of the writers it is.
        pid: Its process.
    """

    def __init__(self, state_folder: Path, number: int, pid: int) -> None:
        self.name = f"ataraxis-logger writer {number}"
        self.pid = pid
        self._state_folder = state_folder
        self._number = number

    def is_alive(self) -> bool:
        """Tells whether this very process is still the writer."""
        page = SessionPage.attach(self._state_folder)
        if page is None:
            return False
        try:
            if page.writer(self._number).pid != self.pid:
                return False
            return page.is_held(WRITER_LOCKS + self._number) or _exists(self.pid)
        finally:
            page.close()

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL (on Windows there is only one way to end a process)."""
        self._send(_SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        """Waits until the process has ended, at most so many seconds."""
        wait_until(lambda: not self.is_alive(), timeout)

    def __repr__(self) -> str:
        return f"<WriterProcess {self.name!r} pid={self.pid}>"

    def _send(self, number: signal.Signals) -> None:
        if self.is_alive():
            os.kill(self.pid, number)


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
    _SIGKILL = signal.SIGTERM

    def _exists(_pid: int) -> bool:
        return False  # os.kill would end the process there

else:
    _SIGKILL = signal.SIGKILL

    def _exists(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
