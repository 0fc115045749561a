"""A producer process: samples one signal at its rate, logs every sample and shows the newest in shared memory."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import struct
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

    from rig_config import SourceConfig

    from ataraxis_data_structures import LogSource, SharedMemoryArray

# Every sample starts with its number and how late (ns) it was taken; the signal's values follow.
SAMPLE_HEAD = struct.Struct("<Qq")
# What a producer leaves for the main process: live values while it runs, sum and digest when it is done.
LIVE = np.dtype([("sent", "<u8"), ("lateness_us", "<f8"), ("value", "<f8")])
RESULT = np.dtype([("done", "?"), ("sent", "<u8"), ("digest", "u1", 32)])
ORPHAN_CHECK_EVERY = 256
READY_TIMEOUT_S = 60.0
NS = 1_000_000_000


class Shared(NamedTuple):
    """The arrays that producers and main process share, one element a producer."""

    stop: SharedMemoryArray
    live: SharedMemoryArray
    results: SharedMemoryArray


def produce(index: int, config: SourceConfig, log: LogSource, shared: Shared, ready: Barrier) -> None:
    """Sample until the stop element is set or the main process is gone, then leave sum and digest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to everyone; the main process decides
    sample = SIGNALS[config.signal]
    digest = hashlib.sha256()
    sent = 0
    ready.wait(READY_TIMEOUT_S)
    for lateness_ns in ticks(config.rate_hz, stop_asked(shared.stop)):
        values = sample()
        payload = SAMPLE_HEAD.pack(sent, lateness_ns) + struct.pack(f"<{len(values)}d", *values)
        log.log(payload)
        digest.update(payload)
        sent += 1
        shared.live.write_data(index, (sent, lateness_ns / 1000, values[0]))
    shared.results.write_data(index, (True, sent, np.frombuffer(digest.digest(), dtype=np.uint8)))


def ticks(rate_hz: float, stop: Callable[[], bool]) -> Iterator[int]:
    """Yield at `rate_hz`: how late (ns, monotonic clock) each tick came."""
    start_ns = time.monotonic_ns()
    period_ns = NS / rate_hz
    number = 0
    while not stop():
        due = start_ns + round(number * period_ns)
        wait_ns = due - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / NS)
        yield time.monotonic_ns() - due
        number += 1


def stop_asked(stop: SharedMemoryArray) -> Callable[[], bool]:
    """A test for the end: asked for in shared memory, or (looked at now and then) the main process has died."""
    parent = multiprocessing.parent_process()
    calls = 0

    def asked() -> bool:
        nonlocal calls
        calls += 1
        orphaned = calls % ORPHAN_CHECK_EVERY == 0 and parent is not None and not parent.is_alive()
        return orphaned or bool(stop.read_data(0))

    return asked
