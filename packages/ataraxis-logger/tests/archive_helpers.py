"""Logs of every kind made from plain entries, and the loops that read them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ataraxis_logger._archive.log import Log
from ataraxis_logger._entry import ENTRY_PREFIX, onset_payload, stem_of
from ataraxis_logger._formats.npy import npy_header
from journal_helpers import write_journal

Entry = tuple[int, int, bytes]

ONSET_US = 1_700_000_000_000_000


def onset(source: int, utc_us: int = ONSET_US) -> Entry:
    """Returns the entry that marks a source's onset."""
    return source, 0, onset_payload(utc_us)


def npy_bytes(source: int, time: int, payload: bytes) -> bytes:
    """Returns the .npy file of an entry."""
    return npy_header(9 + len(payload)) + ENTRY_PREFIX.pack(source, time) + payload


def write_npy(folder: Path, entries: Iterable[Entry]) -> None:
    """Writes entries as .npy files, equal ones under free names, as the logger's default storage does."""
    folder.mkdir(parents=True, exist_ok=True)
    ranks: Counter[tuple[int, int]] = Counter()
    for source, time, payload in entries:
        while (path := folder / f"{stem_of(source, time, ranks[source, time])}.npy").exists():
            ranks[source, time] += 1
        path.write_bytes(npy_bytes(source, time, payload))


def write_npz(path: Path, entries: Iterable[Entry], *, compressed: bool = False) -> None:
    """Writes an archive with NumPy's own writer."""
    ranks: Counter[tuple[int, int]] = Counter()
    arrays = {}
    for source, time, payload in entries:
        stem = stem_of(source, time, ranks[source, time])
        ranks[source, time] += 1
        arrays[stem] = np.frombuffer(ENTRY_PREFIX.pack(source, time) + payload, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    (np.savez_compressed if compressed else np.savez)(path, **arrays)


def read_log(log: Log) -> list[Entry]:
    """Returns all entries of a log, source by source."""
    return [entry for source in log.sources() for entry in read_source(log, source)]


def read_source(log: Log, source: int, start: int = 0, stop: int | None = None) -> list[Entry]:
    """Returns some entries of a source; a damaged one raises."""
    entries = []
    for block in log.read(source, start, stop):
        for error in block.damaged.values():
            raise error
        entries += [(source, time, bytes(p)) for time, p in zip(block.times.tolist(), block.payloads, strict=True)]
    return entries


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Returns entries as a log gives them: by source and time, an onset first, equal times as accepted."""
    return sorted(entries, key=lambda entry: (entry[0], entry[1], entry[1] == 0 and len(entry[2]) != 8))


def field_loop(path: Path) -> tuple[int | None, list[tuple[int, bytes]]]:
    """Reads an archive as programs in the field do: first zero time is the onset, the rest in file order."""
    with np.load(path) as archive:
        onset_us, messages = None, []
        for name in archive.files:
            data = archive[name]
            time, payload = int(data[1:9].view("<u8")[0]), data[9:]
            if onset_us is None and time == 0:
                onset_us, messages = int(payload.view("<i8")[0]), []
                continue
            messages.append((time, payload.tobytes()))
    return onset_us, messages


def archived(folder: Path) -> list[Entry]:
    """Returns all entries of the archives in a folder, read by NumPy, in file order."""
    entries = []
    for path in sorted(folder.glob("*_log.npz"), key=lambda path: int(path.name.split("_")[0])):
        with np.load(path) as archive:
            for name in archive.files:
                data = archive[name].tobytes()
                entries.append((*ENTRY_PREFIX.unpack_from(data), data[9:]))
    return entries


__all__ = [
    "ONSET_US",
    "Entry",
    "archived",
    "field_loop",
    "in_order",
    "npy_bytes",
    "onset",
    "read_log",
    "read_source",
    "write_journal",
    "write_npy",
    "write_npz",
]
