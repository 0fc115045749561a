"""Workloads of the rows on archives: making them from memory, files and journals, and reading them."""

# ruff: noqa: PLC0415 - this module also runs in the environments of the peers, which have no ataraxis-logger

from __future__ import annotations

import os
import random
import struct
import tempfile
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench_model import QUICK, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENTRIES: Final = 10_000 if QUICK else 100_000
_FILES: Final = 5_000 if QUICK else 30_000
_JOURNAL: Final = 30_000 if QUICK else 300_000
_PAYLOAD: Final = 64
_PREFIX: Final = struct.Struct("<BQ")


def _payloads(count: int) -> list[bytes]:
    """Payloads like a sensor's: a counter, two readings that hardly change, and noise."""
    chance = random.Random(1)  # noqa: S311 - data, not secrets
    return [
        struct.pack("<Qdd", number, 20 + number % 50 / 100, -1.5) + chance.randbytes(16) + bytes(_PAYLOAD - 40)
        for number in range(count)
    ]


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder in memory where there is one, so that the drive does not decide."""
    memory = Path("/dev/shm")  # noqa: S108 - for a folder with a random name, of mode 0700
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="ataraxis-bench-") as folder:
        yield Path(folder)


def _check_archive(path: Path, count: int) -> None:
    import numpy as np

    payloads = _payloads(count)
    with np.load(path) as archive:
        names = archive.files
        if len(names) != count:
            raise AssertionError(f"{path.name} holds {len(names)} entries instead of {count}")
        for number in (0, count // 2, count - 1):
            if archive[names[number]][9:].tobytes() != payloads[number]:
                raise AssertionError(f"entry {number} of {path.name} is not what was archived")


# Archives from memory.


def _write_ours(compress: bool) -> Iterator[Work]:
    import numpy as np

    from ataraxis_logger._archive.write import EntryWriter

    arrays = [np.frombuffer(payload, dtype=np.uint8) for payload in _payloads(_ENTRIES)]
    times = np.arange(1, _ENTRIES + 1, dtype=np.uint64)
    with _folder() as folder:
        path = folder / "1_log.npz"

        def write() -> None:
            with path.open("w+b") as file:
                writer = EntryWriter(file, folder, 1, compress=compress)
                for start in range(0, _ENTRIES, 2048):
                    block: list[bytes | memoryview] = [array.data for array in arrays[start : start + 2048]]
                    writer.add(times[start : start + 2048], block)
                writer.close()

        yield Work(call=write, items=_ENTRIES, once=True)
        _check_archive(path, _ENTRIES)


def _write_numpy(save: str) -> Iterator[Work]:
    import numpy as np

    # Any: NumPy's annotations take what follows ** for the options of savez too.
    entries: dict[str, Any] = {
        f"001_{number:020d}": np.frombuffer(_PREFIX.pack(1, number) + payload, dtype=np.uint8)
        for number, payload in enumerate(_payloads(_ENTRIES), 1)
    }
    with _folder() as folder:
        path = folder / "1_log.npz"
        yield Work(call=lambda: getattr(np, save)(path, **entries), items=_ENTRIES, once=True)
        _check_archive(path, _ENTRIES)


def write_stored() -> Iterator[Work]:
    """Our archive writer, stored."""
    yield from _write_ours(compress=False)


def write_deflated() -> Iterator[Work]:
    """Our archive writer, deflated."""
    yield from _write_ours(compress=True)


def write_stored_numpy() -> Iterator[Work]:
    """numpy.savez."""
    yield from _write_numpy("savez")


def write_deflated_numpy() -> Iterator[Work]:
    """numpy.savez_compressed."""
    yield from _write_numpy("savez_compressed")


# Archives from what a logger leaves.


def _write_files(folder: Path, count: int) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({9 + _PAYLOAD},), }}".encode()
    start = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117) + b"\n"
    for number, payload in enumerate(_payloads(count), 1):
        (folder / f"001_{number:020d}.npy").write_bytes(start + _PREFIX.pack(1, number) + payload)


def _archive_ours(fill: Callable[[Path], object], count: int) -> Iterator[Work]:
    from ataraxis_logger import compress_npy_logs

    with _folder() as folder:
        fill(folder)

        def archive() -> None:
            compress_npy_logs(folder, compress=False, verify_integrity=False, max_workers=1)

        yield Work(call=archive, items=count, once=True)
        _check_archive(folder / "1_log.npz", count)


def archive_files() -> Iterator[Work]:
    """Our archive of an npy folder, stored, not verified."""
    yield from _archive_ours(lambda folder: _write_files(folder, _FILES), _FILES)


def archive_files_floor() -> Iterator[Work]:
    """Opens, reads and closes every file, without looking at it."""
    with _folder() as folder:
        _write_files(folder, _FILES)
        sizes = 0

        def read_all() -> None:
            nonlocal sizes
            for name in os.listdir(folder):  # noqa: PTH208 - the least there is
                with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123 - as above
                    sizes += len(file.read())

        yield Work(call=read_all, items=_FILES, once=True)
        if sizes != _FILES * (128 + 9 + _PAYLOAD):
            raise AssertionError("not every byte was read")


def archive_files_published() -> Iterator[Work]:
    """The published function, stored, not verified, one worker."""
    import ataraxis_data_structures as published

    with _folder() as folder:
        _write_files(folder, _FILES)

        def archive() -> None:
            if hasattr(published, "assemble_log_archives"):
                published.assemble_log_archives(folder, 1, remove_sources=False, memory_mapping=False)
            else:
                published.compress_npy_logs(folder, compress=False, max_workers=1)

        yield Work(call=archive, items=_FILES, once=True)
        _check_archive(folder / "1_log.npz", _FILES)


def _write_journal(folder: Path, count: int) -> None:
    from ataraxis_logger._formats.journal_layout import BODY_PREFIX, SegmentHeader
    from ataraxis_logger._formats.journal_writer import SegmentWriter
    from ataraxis_shm._frame import pack_frame

    writer = SegmentWriter(folder, SegmentHeader(5))
    position, entries = 0, enumerate(_payloads(count), 1)
    while batch := list(islice(entries, 4096)):  # not all at once: the peak of memory is measured
        frames = bytearray()
        for number, payload in batch:
            frames += pack_frame(7, position + len(frames), BODY_PREFIX.pack(1, 0, number), payload, salt=5)
        writer.append_frames([memoryview(frames)], len(batch))
        position += len(frames)
    writer.close()


def archive_journal() -> Iterator[Work]:
    """Our archive of a journal, stored, not verified."""
    yield from _archive_ours(lambda folder: _write_journal(folder, _JOURNAL), _JOURNAL)


def archive_journal_floor() -> Iterator[Work]:
    """Reads the segment's bytes."""
    with _folder() as folder:
        _write_journal(folder, _JOURNAL)
        (path,) = folder.iterdir()
        read = 0

        def read_all() -> None:
            nonlocal read
            read += len(path.read_bytes())

        yield Work(call=read_all, items=_JOURNAL, once=True)
        if read < _JOURNAL * _PAYLOAD:
            raise AssertionError("not every byte was read")


# Reading.


def _read(open_reader: Callable[[Path], Callable[[], Any]], compress: bool) -> Iterator[Work]:
    import numpy as np

    # Any: NumPy's annotations take what follows ** for the options of savez too.
    entries: dict[str, Any] = {
        f"001_{number:020d}": np.frombuffer(_PREFIX.pack(1, number) + payload, dtype=np.uint8)
        for number, payload in enumerate(_payloads(_ENTRIES), 1)
    }
    entries = {"001_" + "0" * 20: np.frombuffer(_PREFIX.pack(1, 0) + bytes(8), dtype=np.uint8), **entries}
    with _folder() as folder:
        path = folder / "1_log.npz"
        (np.savez_compressed if compress else np.savez)(path, **entries)
        found: list[Any] = []

        def read() -> None:
            found[:] = open_reader(path)()

        yield Work(call=read, items=_ENTRIES, once=True)
        if [bytes(payload) for payload in found[-3:]] != _payloads(_ENTRIES)[-3:] or len(found) < _ENTRIES:
            raise AssertionError("the reader did not give all payloads")


def _our_reader(path: Path) -> Callable[[], Any]:
    from ataraxis_logger import LogArchiveReader

    return lambda: LogArchiveReader(path).read_all_messages()[1]


def _numpys_reader(path: Path) -> Callable[[], Any]:
    import numpy as np

    def read() -> list[Any]:
        with np.load(path) as archive:
            return [archive[name][9:] for name in archive.files]

    return read


def _published_reader(path: Path) -> Callable[[], Any]:
    from ataraxis_data_structures import LogArchiveReader

    return lambda: LogArchiveReader(path).read_all_messages()[1]


def read_stored() -> Iterator[Work]:
    """Our reader on an archive that NumPy stored."""
    yield from _read(_our_reader, compress=False)


def read_stored_numpy() -> Iterator[Work]:
    """numpy.load on the same."""
    yield from _read(_numpys_reader, compress=False)


def read_stored_published() -> Iterator[Work]:
    """The published reader on the same."""
    yield from _read(_published_reader, compress=False)


def read_deflated() -> Iterator[Work]:
    """Our reader on an archive that NumPy deflated."""
    yield from _read(_our_reader, compress=True)


def read_deflated_numpy() -> Iterator[Work]:
    """numpy.load on the same."""
    yield from _read(_numpys_reader, compress=True)


def read_deflated_published() -> Iterator[Work]:
    """The published reader on the same."""
    yield from _read(_published_reader, compress=True)
