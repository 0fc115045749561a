"""What the tests of the live side share: packages that tell their number, and readers of what is on disk."""

from __future__ import annotations

import multiprocessing
import os
import struct
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from pathlib import Path
from select import select
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ataraxis_logger import DataLogger, LogPackage, LogQueue
from ataraxis_logger._entry import parse_stem
from ataraxis_logger._formats.journal_layout import list_segments
from ataraxis_logger._formats.journal_reader import SegmentScan
from ataraxis_logger._formats.positions import Seen
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.pending import pending_names, remove_pending_folder
from ataraxis_logger._live.places import folder_identity, real_folder, ring_paths, state_folders
from ataraxis_logger._live.session_page import SessionPage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ataraxis_logger._live.claimed_ring import ClaimedRing
    from ataraxis_logger._live.crew import HelperProcess
    from ataraxis_shm._ring_batch import Batch

START_METHODS = [
    method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()
]
STORAGES = ("npy", "journal")

_SHORT = {("npy", "fork"), ("journal", "spawn"), ("journal", "forkserver")}
EVERY_WAY = [
    pytest.param(storage, method, marks=() if (storage, method) in _SHORT else pytest.mark.torture)
    for storage in STORAGES
    for method in START_METHODS
]
"""Each storage with each start method; the fast tier has each of them once."""


def package(source: int, time_stamp: int, payload: bytes = b"") -> LogPackage:
    return LogPackage(source, time_stamp, np.frombuffer(payload, dtype=np.uint8))


def numbered(source: int, number: int, size: int = 64, *, per_stamp: int = 3) -> LogPackage:
    """The package with a number: the number is its payload's beginning, and several share a time stamp."""
    return package(source, number // per_stamp + 1, struct.pack("<I", number) + bytes(size - 4))


def put_numbered(queue: LogQueue, source: int, count: int, size: int = 64) -> None:
    for number in range(count):
        queue.put(numbered(source, number, size))


def read_log(folder: Path) -> dict[int, list[tuple[int, bytes]]]:
    """Time and payload of every entry on disk, by source, in the order of times and of acceptance.

    Written without the package's own readers, except for the format of a frame: what it finds is what is there.
    """
    entries = defaultdict(list)
    named = [(parse_stem(path.stem), path) for path in folder.glob("*.npy")]
    for stem, path in sorted(named):
        data = np.load(path).tobytes()
        source, time_stamp = struct.unpack_from("<BQ", data)
        assert (source, time_stamp) == (stem.source, stem.time)
        entries[source].append((time_stamp, data[9:]))
    seen = Seen()
    for path in list_segments(folder):
        for record in SegmentScan(path.read_bytes()):
            if seen.add(*record.span):
                entries[record.source].append((record.time, bytes(record.payload)))
    return dict(entries)


def numbers_of(entries: list[tuple[int, bytes]]) -> list[int]:
    return [struct.unpack_from("<I", payload)[0] for _, payload in entries]


def assert_numbered(folder: Path, counts: dict[int, int]) -> None:
    """Every numbered package of each source is on disk once, in order, and nothing else is."""
    found = {source: numbers_of(entries) for source, entries in read_log(folder).items()}
    for source, count in counts.items():
        numbers = found.pop(source, [])
        assert numbers == list(range(count)), (
            f"source {source}: {len(numbers)} entries, {len(set(numbers))} different, expected {count} in order"
        )
    assert not found


class HelpedNpyStore(NpyStore):
    """Waits for its helpers, and shares with them whatever there is."""

    def _helpers(self, ring: ClaimedRing, _batch: Batch | None = None) -> list[HelperProcess]:
        crew = self._crew
        crew.ready(ring.path)
        for helper in crew._helpers or ():
            if not helper._is_ready:
                select([helper._replies], [], [])
        return crew.ready(ring.path)


def started_log(folder: Path) -> tuple[Path, Path]:
    """Makes an npy log folder and its state folder with the session page that a store looks for; returns both."""
    log, state = folder / "log", folder / "state"
    log.mkdir(parents=True)
    state.mkdir()
    page = SessionPage.provide(state, log, "npy")
    page.folder_identity = folder_identity(log)
    page.close()
    return log, state


def is_cleared_away(log: Path) -> bool:
    """Tells whether a log folder holds entries only, after what the end of a session does there."""
    assert not pending_names(log)
    remove_pending_folder(log)
    return not list(log.glob(".*"))


def state_of(logger_or_folder: DataLogger | Path) -> tuple[Path, ...]:
    folder = logger_or_folder.output_directory if isinstance(logger_or_folder, DataLogger) else logger_or_folder
    return state_folders(real_folder(folder))


def assert_nothing_left(folder: Path, *, timeout: float = 20) -> None:
    """No ring, page or folder of the session is left, no hidden file in the log, no process that works on it."""
    states = state_of(folder)
    wait_for(lambda: not any(state.exists() for state in states), timeout, lambda: [list(s.glob("*")) for s in states])
    assert [path.name for path in folder.glob(".*")] == []
    wait_for(lambda: not processes_of(folder), timeout, lambda: processes_of(folder))


def rings_of(folder: Path) -> list[Path]:
    return ring_paths(state_of(folder))


def processes_of(folder: Path) -> list[int]:
    """Keepers and writers at work for a folder, by the state folder in their command lines."""
    wanted = os.fsencode(state_of(folder)[0])
    names = [entry.name for entry in os.scandir("/proc")]
    return [int(name) for name in names if name.isdigit() and wanted in _command_line(int(name))]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def wait_for(condition: Callable[[], object], timeout: float = 20, explain: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not in {timeout} s: {explain()}"
        time.sleep(0.002)


def run_script(source: str, *arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own, as a user would."""
    return subprocess.run(
        script_command(source, *arguments), capture_output=True, text=True, timeout=timeout, check=False
    )


def script_command(source: str, *arguments: object) -> Sequence[str]:
    return [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *map(str, arguments)]
