"""Finding and ending the processes that a worker left behind, also those that have left its process group.

A service that a workload starts in a session of its own (as the logger does) is out of reach of the group's signal when
the workload was killed before it could stop it. Every worker therefore carries a mark in its environment variables,
which its descendants inherit. They can be read on Linux only; elsewhere the group has to do.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Final

MARK_VARIABLE: Final = "ATARAXIS_BENCH_WORKER"
_POLL_SECONDS: Final = 0.05


def find_marked(mark: str) -> list[int]:
    """The processes whose environment has the mark; none where the system does not show environments."""
    if platform.system() != "Linux":
        return []
    needle = f"{MARK_VARIABLE}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at, and those of other users keep their environment to themselves.
        with contextlib.suppress(OSError):
            if needle in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end_marked(mark: str, patience: float) -> None:
    """Waits until no process has the mark; those that are there after `patience` seconds are killed."""
    deadline = time.monotonic() + patience
    while (processes := find_marked(mark)) and time.monotonic() < deadline + patience:
        if time.monotonic() > deadline:
            _kill(processes)
        time.sleep(_POLL_SECONDS)


def _kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform != "win32":
                os.kill(process, signal.SIGKILL)
