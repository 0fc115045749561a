"""Rows on the logger: from `put` to the disk beside the least the system needs and the published logger."""

from __future__ import annotations

from typing import Final

from bench_model import AtLeast, AtMost, Limits, Row, published

_NOTES: Final = {
    "npy": "The floor creates, writes and closes a file per entry in one process, with nothing kept if it is killed.",
    "journal": "The floor writes the same bytes to one file, unchecked.",
}
_SIZES: Final = {64: "64 B", 4096: "4 KiB", 65_536: "64 KiB"}
_PRODUCERS: Final = {1: "one producer", 2: "two producers"}


def _end_to_end(storage: str, size: int, producers: int = 1, must: Limits = (), aim: Limits = ()) -> Row:
    """From the first `put` until `stop` has returned."""
    number = "_two" if producers == 2 else ""  # noqa: PLR2004 - see _PRODUCERS
    has_floor = (storage, size) != ("journal", 64)  # a bare write of so little says nothing about what a record needs
    return Row(
        f"{storage}, {_SIZES[size]}, {_PRODUCERS[producers]}, end to end",
        ours=f"logger_work:{storage}_{size}{number}",
        floor=f"logger_work:{storage}_{size}_floor" if has_floor else None,
        must=must,
        aim=aim,
        peers=(published(f"logger_work:published_{size}{number}"),),
        note=_NOTES[storage] if has_floor else "",
    )


_NPY_AIM: Final = (AtLeast(0.8), AtLeast(15, versus="published"))
_JOURNAL_AIM: Final = AtLeast(300, versus="published")

ROWS: Final = (
    _end_to_end("npy", 64, must=AtLeast(0.6), aim=_NPY_AIM),
    _end_to_end("npy", 64, producers=2, must=AtLeast(0.6), aim=_NPY_AIM),
    _end_to_end("npy", 4096, aim=AtLeast(0.8)),
    _end_to_end("npy", 4096, producers=2, aim=AtLeast(0.8)),
    _end_to_end("npy", 65_536, aim=AtLeast(0.8)),
    _end_to_end("npy", 65_536, producers=2, aim=AtLeast(0.8)),
    _end_to_end("journal", 64, must=AtLeast(120, versus="published"), aim=_JOURNAL_AIM),
    _end_to_end("journal", 64, producers=2, must=AtLeast(150, versus="published"), aim=_JOURNAL_AIM),
    _end_to_end("journal", 4096),
    _end_to_end("journal", 4096, producers=2),
    _end_to_end("journal", 65_536, must=AtLeast(0.6), aim=AtLeast(0.9)),
    _end_to_end("journal", 65_536, producers=2, must=AtLeast(0.6), aim=AtLeast(0.9)),
    Row(
        "put of a ready package, 64 B",
        ours="logger_work:put_ready",
        must=(AtMost(3e-6, value="median"), AtMost(25e-6, value="p99")),
        aim=AtMost(1.5e-6, value="median"),
    ),
    Row(
        "put with construction of the package, 64 B",
        ours="logger_work:put_with_construction",
        must=AtMost(5e-6, value="median"),
        aim=AtMost(3e-6, value="median"),
    ),
    Row(
        "LogSource.log, 64 B",
        ours="logger_work:source_log",
        aim=AtMost(5e-6, value="median"),
    ),
)
