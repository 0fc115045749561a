"""The recording itself: producers started, shown and ended; returns what they say they sent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from producer import LIVE, NS, RESULT, Shared, produce

from ataraxis_data_structures import SharedMemoryArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    from rig_config import RigConfig

    from ataraxis_data_structures import DataLogger

START_TIMEOUT_S = 60.0  # for spawned producers to import what they need
REFRESH_S = 0.2
JOIN_TIMEOUT_S = 30.0


class Sent(NamedTuple):
    """What a producer says it logged."""

    samples: int
    digest: bytes


class RecordingError(RuntimeError):
    """A producer did not live to the end of the recording."""


def record(config: RigConfig, logger: DataLogger, interrupted: threading.Event) -> list[Sent]:
    """Run every source of `config` into `logger` for its duration, or until `interrupted` is set.

    Raises:
        RecordingError: A producer ended before it was asked to.
    """
    with shared_arrays(len(config.sources)) as shared:
        producers = start_producers(config, logger, shared)
        try:
            end_ns = time.monotonic_ns() + round(config.duration_s * NS)
            while (left_ns := end_ns - time.monotonic_ns()) > 0 and not interrupted.is_set():
                if not all(producer.is_alive() for producer in producers):
                    break
                show_progress(config, logger, shared.live)
                interrupted.wait(min(REFRESH_S, left_ns / NS))
        finally:
            shared.stop.write_data(0, 1)
            for producer in producers:
                producer.join(JOIN_TIMEOUT_S)
        end_progress(interrupted=interrupted.is_set())
        return collect(config, shared.results, producers)


def start_producers(config: RigConfig, logger: DataLogger, shared: Shared) -> list[SpawnProcess]:
    """Spawn one process a source and wait until all are ready, so that they begin together.

    Ctrl-C is held back from them until they ignore it themselves.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(len(config.sources) + 1)
    producers = [
        context.Process(target=produce, args=(index, source, logger.source(source.source_id), shared, ready))
        for index, source in enumerate(config.sources)
    ]
    with sigint_held_back():
        for producer in producers:
            producer.start()
    try:
        ready.wait(START_TIMEOUT_S)
    except threading.BrokenBarrierError:
        shared.stop.write_data(0, 1)
        raise RecordingError(f"not all producers were ready within {START_TIMEOUT_S:.0f} s") from None
    return producers


def collect(config: RigConfig, results: SharedMemoryArray, producers: list[SpawnProcess]) -> list[Sent]:
    """The sums of all producers, each of which must have ended well."""
    for index, (source, producer) in enumerate(zip(config.sources, producers, strict=True)):
        if producer.exitcode != 0 or not results[index]["done"]:
            raise RecordingError(
                f"the producer of {source.name!r} ended with exit code {producer.exitcode} before it was asked to; "
                "what it had logged is kept and can be archived with `ataraxis-logger compress`"
            )
    rows = [results[index] for index in range(len(producers))]
    return [Sent(int(row["sent"]), row["digest"].tobytes()) for row in rows]


@contextlib.contextmanager
def shared_arrays(count: int) -> Iterator[Shared]:
    """The three arrays of a recording, destroyed at its end."""
    prototypes = {"stop": np.zeros(1, np.uint8), "live": np.zeros(count, LIVE), "results": np.zeros(count, RESULT)}
    with contextlib.ExitStack() as stack:
        arrays = []
        for name, prototype in prototypes.items():
            array = SharedMemoryArray.create_array(f"ataraxis_demo_{os.getpid()}_{name}", prototype, exist_ok=True)
            stack.callback(array.destroy)
            stack.callback(array.disconnect)
            arrays.append(array)
        yield Shared(*arrays)


@contextlib.contextmanager
def interrupt_flag() -> Iterator[threading.Event]:
    """Note Ctrl-C instead of raising: whenever it comes, what was recorded is still stored, archived and verified."""
    flag = threading.Event()
    previous = signal.signal(signal.SIGINT, lambda *_: flag.set())
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def sigint_held_back() -> Iterator[None]:
    """Block SIGINT: children inherit the mask, so that none dies of Ctrl-C while it is still importing."""
    if sys.platform == "win32":
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def show_progress(config: RigConfig, logger: DataLogger, live: SharedMemoryArray) -> None:
    """One line: rate, backlog and the newest values; nothing when nobody watches."""
    if not sys.stderr.isatty():
        return
    statistics = logger.statistics
    newest = [live[index] for index in range(len(config.sources))]
    values = "  ".join(
        f"{source.name} {row['value']:.6g} ({row['lateness_us']:.0f} µs late)"
        for source, row in zip(config.sources, newest, strict=True)
    )
    line = f"{statistics.rate:7.0f} samples/s  backlog {statistics.backlog}  {values}"
    print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def end_progress(*, interrupted: bool) -> None:
    """Leave the progress line, and say so when Ctrl-C ended the recording."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if interrupted:
        print("Ctrl-C: recording ended early; archiving and verifying what was recorded …", file=sys.stderr)
