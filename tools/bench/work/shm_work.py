"""Workloads on ataraxis-shm arrays: one locked scalar, a locked range, an increment as one step."""

# ruff: noqa: PLC0415 - the environments of the peers do not have what the others import

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_model import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ataraxis_shm import SharedMemoryArray

_LENGTH = 1000
_AT = 7
_RANGE = (100, 612)
_TIMES = range(200)


@contextlib.contextmanager
def _shared() -> Iterator[SharedMemoryArray]:
    import numpy as np

    from ataraxis_shm import SharedMemoryArray

    shared = SharedMemoryArray.create_array(f"bench-{os.getpid()}", np.arange(_LENGTH, dtype=np.uint64))
    try:
        yield shared
    finally:
        shared.destroy()


@contextlib.contextmanager
def _plain_array_and_lock() -> Iterator[tuple[Any, Callable[[], object], Callable[[], object]]]:
    """An array of this process, and the least that locks a file: one `flock` call to lock, one to unlock."""
    import fcntl
    from functools import partial

    import numpy as np

    folder = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (the same place as ours)
    with tempfile.TemporaryFile(dir=folder) as file:
        lock = partial(fcntl.flock, file.fileno(), fcntl.LOCK_EX)
        unlock = partial(fcntl.flock, file.fileno(), fcntl.LOCK_UN)
        yield np.arange(_LENGTH, dtype=np.uint64), lock, unlock


@contextlib.contextmanager
def _published() -> Iterator[Any]:
    import numpy as np

    from ataraxis_data_structures import SharedMemoryArray

    prototype = np.arange(_LENGTH, dtype=np.uint64)
    shared = SharedMemoryArray.create_array(f"bench-{os.getpid()}", prototype, exist_ok=True)
    try:
        yield shared
    finally:
        shared.disconnect()
        shared.destroy()


def _check(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def _read_data(shared: Any, index: int | tuple[int, int]) -> Work:
    def call() -> None:
        read = shared.read_data
        for _ in _TIMES:
            read(index)

    return Work(call=call, items=len(_TIMES))


def _write_data(shared: Any) -> Work:
    def call() -> None:
        write = shared.write_data
        for number in _TIMES:
            write(_AT, number)

    return Work(call=call, items=len(_TIMES))


def read_scalar() -> Iterator[Work]:
    """`read_data` of one element."""
    with _shared() as shared:
        yield _read_data(shared, _AT)
        _check(int(shared.read_data(_AT)), _AT)


def read_scalar_published() -> Iterator[Work]:
    """The same in the 3.x line."""
    with _published() as shared:
        yield _read_data(shared, _AT)
        _check(int(shared.read_data(_AT)), _AT)


def read_scalar_floor() -> Iterator[Work]:
    """A bare pair of `flock` calls around an index."""
    with _plain_array_and_lock() as (plain, lock, unlock):

        def call() -> None:
            for _ in _TIMES:
                lock()
                plain[_AT]
                unlock()

        yield Work(call=call, items=len(_TIMES))


def read_scalar_multiprocessing() -> Iterator[Work]:
    """A `multiprocessing.Lock`, which is never free again when its holder is killed, around an index."""
    import multiprocessing

    lock = multiprocessing.Lock()
    with _plain_array_and_lock() as (plain, _, _):

        def call() -> None:
            for _ in _TIMES:
                with lock:
                    plain[_AT]

        yield Work(call=call, items=len(_TIMES))


def index_scalar() -> Iterator[Work]:
    """`shared[index]`."""
    with _shared() as shared:

        def call() -> None:
            for _ in _TIMES:
                shared[_AT]

        yield Work(call=call, items=len(_TIMES))
        _check(int(shared[_AT]), _AT)


def write_scalar() -> Iterator[Work]:
    """`write_data` of one Python integer."""
    with _shared() as shared:
        yield _write_data(shared)
        _check(int(shared.read_data(_AT)), _TIMES[-1])


def write_scalar_published() -> Iterator[Work]:
    """The same in the 3.x line."""
    with _published() as shared:
        yield _write_data(shared)
        _check(int(shared.read_data(_AT)), _TIMES[-1])


def write_scalar_floor() -> Iterator[Work]:
    """A bare pair of `flock` calls around an assignment."""
    with _plain_array_and_lock() as (plain, lock, unlock):

        def call() -> None:
            for number in _TIMES:
                lock()
                plain[_AT] = number
                unlock()

        yield Work(call=call, items=len(_TIMES))
        _check(int(plain[_AT]), _TIMES[-1])


def write_scalar_multiprocessing() -> Iterator[Work]:
    """A `multiprocessing.Lock` around an assignment."""
    import multiprocessing

    lock = multiprocessing.Lock()
    with _plain_array_and_lock() as (plain, _, _):

        def call() -> None:
            for number in _TIMES:
                with lock:
                    plain[_AT] = number

        yield Work(call=call, items=len(_TIMES))
        _check(int(plain[_AT]), _TIMES[-1])


def increment() -> Iterator[Work]:
    """One increment as one step, through `array()`."""
    done = 0
    with _shared() as shared:

        def call() -> None:
            nonlocal done
            for _ in _TIMES:
                with shared.array() as live:
                    live[_AT] += 1
            done += len(_TIMES)

        yield Work(call=call, items=len(_TIMES))
        _check(int(shared.read_data(_AT)), _AT + done)


def increment_floor() -> Iterator[Work]:
    """A bare pair of `flock` calls around an increment."""
    with _plain_array_and_lock() as (plain, lock, unlock):

        def call() -> None:
            for _ in _TIMES:
                lock()
                plain[_AT] += 1
                unlock()

        yield Work(call=call, items=len(_TIMES))


def read_range() -> Iterator[Work]:
    """`read_data` of 512 elements."""
    with _shared() as shared:
        yield _read_data(shared, _RANGE)
        _check(shared.read_data(_RANGE).tolist(), list(range(*_RANGE)))


def read_range_published() -> Iterator[Work]:
    """The same in the 3.x line."""
    with _published() as shared:
        yield _read_data(shared, _RANGE)
        _check(shared.read_data(_RANGE).tolist(), list(range(*_RANGE)))


def read_range_floor() -> Iterator[Work]:
    """A bare pair of `flock` calls around the copy of a slice."""
    with _plain_array_and_lock() as (plain, lock, unlock):

        def call() -> None:
            for _ in _TIMES:
                lock()
                plain[_RANGE[0] : _RANGE[1]].copy()
                unlock()

        yield Work(call=call, items=len(_TIMES))
