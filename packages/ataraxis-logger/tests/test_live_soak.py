"""A long run at a steady rate: the writer's memory does not grow, and nothing is lost.

Two minutes at 50,000 messages a second: `pytest -m torture packages/ataraxis-logger/tests/test_live_soak.py`. The suite
runs a few seconds of it. `ATARAXIS_SOAK_SECONDS` and `ATARAXIS_SOAK_RATE` change both.
"""

import mmap
import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ataraxis_logger import DataLogger, LogPackage
from ataraxis_logger._formats.journal_layout import list_segments
from ataraxis_logger._formats.journal_reader import SegmentScan
from ataraxis_logger._formats.positions import Seen
from live_helpers import STORAGES, assert_nothing_left

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the writer's memory from /proc")

SECONDS = float(os.environ.get("ATARAXIS_SOAK_SECONDS", "120"))
RATE = int(os.environ.get("ATARAXIS_SOAK_RATE", "50000"))
PIECES_PER_SECOND = 100
GROWTH_ALLOWED_KIB = 8 * 1024
PEAK_ALLOWED_KIB = 150 * 1024


def memory_of(pid, field="RssAnon"):
    """Memory of a process in KiB; the anonymous part by default, as the ring's pages belong to nobody."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def numbered_piece(first, count):
    for number in range(first, first + count):
        payload = np.frombuffer(struct.pack("<Q", number) + bytes(56), dtype=np.uint8)
        yield LogPackage(1, number + 1, payload)


def put_at_rate(logger, seconds, rate):
    """Puts pieces at their times and looks at the writer's memory; returns the count and what was seen."""
    piece = rate // PIECES_PER_SECOND
    start, memory = time.monotonic(), []
    for number in range(int(seconds * PIECES_PER_SECOND)):
        time.sleep(max(0.0, start + number / PIECES_PER_SECOND - time.monotonic()))
        logger.input_queue.put_many(numbered_piece(number * piece, piece))
        if number % (PIECES_PER_SECOND // 4) == 0:
            memory.append(memory_of(logger.processes[0].pid))
    return int(seconds * PIECES_PER_SECOND) * piece, memory


def stored_in(folder):
    """Checks the numbers on the disk one by one and returns how many there are; in memory that does not grow."""
    if files := sum(entry.name.endswith(".npy") for entry in os.scandir(folder)):
        for number in range(files):
            data = (folder / f"001_{number + 1:020d}.npy").read_bytes()
            assert struct.unpack_from("<Q", data, 128 + 9) == (number,)
        return files
    seen, count = Seen(), 0
    for path in list_segments(folder):
        with path.open("rb") as file:
            for record in SegmentScan(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)):
                if seen.add(*record.span):
                    assert struct.unpack_from("<Q", record.payload) == (count,)
                    count += 1
    return count


def soak(tmp_path, storage, seconds, rate):
    with DataLogger(tmp_path, storage=storage) as logger:
        count, memory = put_at_rate(logger, seconds, rate)
        logger.flush()
        peak = memory_of(logger.processes[0].pid, "VmHWM")
        statistics = logger.statistics
    assert (statistics.accepted, statistics.written, statistics.restarts) == (count, count, 0)
    # The first second fills the caches; from then on the highest of the end is compared with that of the beginning.
    settled = memory[len(memory) // 4 :]
    assert max(settled[-4:]) - max(settled[:4]) < GROWTH_ALLOWED_KIB, memory
    assert peak < PEAK_ALLOWED_KIB
    assert stored_in(logger.output_directory) == count
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_short_soak(tmp_path, storage):
    soak(tmp_path, storage, seconds=4, rate=20_000 if storage == "journal" else 1_000)


@pytest.mark.torture
@pytest.mark.timeout(1200)
def test_a_long_soak(tmp_path):
    soak(tmp_path, "journal", SECONDS, RATE)
