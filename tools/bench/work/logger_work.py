"""Workloads on ataraxis-logger: packages from `put` to the disk, one producer and two, and what a single `put` takes.

Every run compares what was sent with what is on the disk.
"""

# ruff: noqa: PLC0415 - the environments of the peers do not have what the others import

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bench_model import QUICK, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_HEADER_BYTES: Final = 128 + 9  # what an npy file of one entry holds besides its payload
_FILES: Final = 2_000 if QUICK else 10_000
_RECORDS: Final = 100_000 if QUICK else 400_000
_BUFFER: Final = 64 << 20
_PUTS: Final = 5_000
_BURSTS: Final = 12  # a helper takes a tenth of a second to come up
_BURST: Final = 128
_WARM_UP_SOURCE: Final = 9
_P99: Final = 0.99


def _check(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found}, expected {expected}")


@contextlib.contextmanager
def _folder(storage: str) -> Iterator[str]:
    """A folder for one round. Single files are emptied afterwards and go with the whole run, not one round earlier.

    Before it gives out an inode, ext4 without a journal looks at all those that were removed in the last minutes. After
    ten thousand of them a new file took 500 microseconds of the processor instead of 30, whoever made it.
    """
    if storage != "npy":
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    folder = tempfile.mkdtemp()
    yield folder
    for file in Path(folder).rglob("*.npy"):
        os.truncate(file, 0)


@contextlib.contextmanager
def _logger(storage: Literal["npy", "journal"], sent: int) -> Iterator[Any]:
    """A running logger that has logged before; afterwards looks whether everything sent is on the disk.

    What happens once in a session, which takes hours on a rig, happens before the clock runs: the store is opened with
    the first package, and a writer of single files starts its helpers when many packages wait for the first time.
    """
    from ataraxis_logger import DataLogger

    with _folder(storage) as folder:
        with DataLogger(folder, storage=storage) as logger:
            for burst in range(_BURSTS):
                logger.input_queue.put_many(_packages(_BURST, 64, source=_WARM_UP_SOURCE, first=burst * _BURST))
                logger.flush()
            yield logger
        _check(_count_stored(logger.output_directory), sent + _BURSTS * _BURST, "packages on the disk")


def _count_stored(folder: Path) -> int:
    from ataraxis_logger._formats.journal_layout import list_segments
    from ataraxis_logger._formats.journal_reader import SegmentScan
    from ataraxis_logger._formats.positions import Seen

    files = sum(entry.name.endswith(".npy") for entry in os.scandir(folder))
    seen = Seen()
    return files + sum(
        seen.add(*record.span) for path in list_segments(folder) for record in SegmentScan(path.read_bytes())
    )


def _packages(count: int, size: int, source: int = 1, first: int = 0) -> list[Any]:
    import numpy as np

    from ataraxis_logger import LogPackage

    payload = np.arange(size, dtype=np.uint64).astype(np.uint8)
    identity = np.uint8(source)
    return [LogPackage(identity, np.uint64(first + number + 1), payload) for number in range(count)]


def _end_to_end(storage: Literal["npy", "journal"], count: int, size: int) -> Iterator[Work]:
    packages = _packages(count, size)
    with _logger(storage, count) as logger:

        def call() -> None:
            put = logger.input_queue.put
            for package in packages:
                put(package)
            logger.flush()

        yield Work(call=call, items=count, once=True)


def _produce(queue: Any, go: Any, count: int, size: int, source: int) -> None:
    packages = _packages(count, size, source)
    queue.put(packages[0])
    go.recv()
    for package in packages[1:]:
        queue.put(package)


def _end_to_end_of_two(storage: Literal["npy", "journal"], count: int, size: int) -> Iterator[Work]:
    from multiprocessing import get_context

    context = get_context("fork")
    with _logger(storage, 2 * count) as logger:
        ends = [context.Pipe() for _ in range(2)]
        children = [
            context.Process(target=_produce, args=(logger.input_queue, theirs, count, size, source))
            for source, (_, theirs) in enumerate(ends)
        ]
        for child in children:
            child.start()
        while logger.statistics.accepted < len(children) + _BURSTS * _BURST:
            time.sleep(0.01)
        logger.flush()

        def call() -> None:
            for ours, _ in ends:
                ours.send(None)
            for child in children:
                child.join()
            logger.flush()

        yield Work(call=call, items=2 * (count - 1), once=True)


def _bare_files(count: int, size: int) -> Iterator[Work]:
    """The least that a file per package needs: create, write, close."""
    entry = bytes(_HEADER_BYTES + size)
    with _folder("npy") as folder:
        names = [f"{folder}/001_{number:020d}.npy" for number in range(count)]

        def call() -> None:
            for name in names:
                file = os.open(name, _NEW, 0o666)
                os.write(file, entry)
                os.close(file)

        yield Work(call=call, items=count, once=True)


def _bare_write(count: int, size: int) -> Iterator[Work]:
    """The least that a journal needs: one file, written from the beginning to the end."""
    payload = bytes(size)
    with tempfile.TemporaryDirectory() as folder:
        file = os.open(f"{folder}/journal", _NEW, 0o666)

        def call() -> None:
            for _ in range(count):
                os.write(file, payload)

        try:
            yield Work(call=call, items=count, once=True)
        finally:
            os.close(file)


def _published(count: int, size: int, producers: int = 1) -> Iterator[Work]:
    import numpy as np

    from ataraxis_data_structures import DataLogger, LogPackage

    payload = np.arange(size, dtype=np.uint64).astype(np.uint8)
    batches = [
        [LogPackage(np.uint8(source), np.uint64(number + 1), payload) for number in range(count)]
        for source in range(producers)
    ]
    with _folder("npy") as folder:
        logger = DataLogger(Path(folder), "bench")
        logger.start()

        def call() -> None:
            if producers == 1:
                _put_all(logger.input_queue, batches[0])
            else:
                _put_from_processes(logger.input_queue, batches)
            logger.stop()

        yield Work(call=call, items=count * producers, once=True)
        found = sum(1 for _ in logger.output_directory.glob("*.npy"))
        _check(found, count * producers, "files of the published logger")


def _put_all(queue: Any, packages: list[Any]) -> None:
    for package in packages:
        queue.put(package)


def _put_from_processes(queue: Any, batches: list[list[Any]]) -> None:
    from multiprocessing import get_context

    children = [get_context("fork").Process(target=_put_all, args=(queue, batch)) for batch in batches]
    for child in children:
        child.start()
    for child in children:
        child.join()


def _timed_puts(make: Callable[[Any], Callable[[int], object]]) -> Iterator[Work]:
    """Times every put by itself; the writer works at the same time, as it does on a rig."""
    times: list[int] = []
    clock = time.perf_counter_ns
    rounds = 0
    from ataraxis_logger import DataLogger

    with (
        tempfile.TemporaryDirectory() as folder,
        DataLogger(folder, storage="journal", buffer_size=_BUFFER) as logger,
    ):
        put = make(logger.input_queue)
        put(0)
        logger.flush()

        def call() -> None:
            nonlocal rounds
            rounds += 1
            times.clear()
            note = times.append
            for number in range(_PUTS):
                before = clock()
                put(number)
                note(clock() - before)

        def values() -> Mapping[str, float]:
            ordered = sorted(times)
            return {"median": statistics.median(ordered) * 1e-9, "p99": ordered[int(_P99 * len(ordered))] * 1e-9}

        yield Work(call=call, items=_PUTS, values=values)
        logger.flush()
        extra = logger.statistics.accepted - rounds * _PUTS
        if extra not in {1, 2}:  # the first put, and the onset of a source
            raise AssertionError(f"{extra} packages more than were put")
        _check(logger.statistics.written, logger.statistics.accepted, "packages stored")


def put_ready() -> Iterator[Work]:
    """`put` of packages that were made before."""

    def make(queue: Any) -> Callable[[int], object]:
        packages, put = _packages(_PUTS, 64), queue.put
        return lambda number: put(packages[number])

    return _timed_puts(make)


def put_with_construction() -> Iterator[Work]:
    """Making a package and putting it."""

    def make(queue: Any) -> Callable[[int], object]:
        import numpy as np

        from ataraxis_logger import LogPackage

        payload, source, put = np.arange(64, dtype=np.uint8), np.uint8(1), queue.put
        stamps = [np.uint64(number + 1) for number in range(_PUTS)]
        return lambda number: put(LogPackage(source, stamps[number], payload))

    return _timed_puts(make)


def source_log() -> Iterator[Work]:
    """`LogSource.log` of 64 bytes."""

    def make(queue: Any) -> Callable[[int], object]:
        from ataraxis_logger import LogSource

        source, payload = LogSource(queue, 3), bytes(64)
        return lambda _: source.log(payload)

    return _timed_puts(make)


_COUNTS: Final = {
    "npy": {64: _FILES, 4096: _FILES, 65_536: _FILES // 4},
    "journal": {64: _RECORDS, 4096: _RECORDS // 10, 65_536: _RECORDS // 100},
    "published": {size: (500 if QUICK else 2_000) * few for size, few in ((64, 2), (4096, 2), (65_536, 1))},
}


def _workloads() -> dict[str, Callable[[], Iterator[Work]]]:
    """End to end by storage, size and number of producers, with the floor of each size and the published logger."""
    named: dict[str, Callable[[], Iterator[Work]]] = {}
    for size, files in _COUNTS["npy"].items():
        records, published = _COUNTS["journal"][size], _COUNTS["published"][size]
        named[f"npy_{size}"] = partial(_end_to_end, "npy", files, size)
        named[f"npy_{size}_two"] = partial(_end_to_end_of_two, "npy", files // 2, size)
        named[f"npy_{size}_floor"] = partial(_bare_files, files, size)
        named[f"journal_{size}"] = partial(_end_to_end, "journal", records, size)
        named[f"journal_{size}_two"] = partial(_end_to_end_of_two, "journal", records // 2, size)
        named[f"journal_{size}_floor"] = partial(_bare_write, records, size)
        named[f"published_{size}"] = partial(_published, published, size)
        named[f"published_{size}_two"] = partial(_published, published // 2, size, producers=2)
    return named


globals().update(_workloads())
