"""Rows on the logger: from `put` to the disk beside the least the system needs and the published logger."""

from __future__ import annotations

from typing import Final

from bench_model import AtLeast, AtMost, Row, published

_FILES: Final = (
    "The floor creates, writes and closes a file per entry in one process, with nothing kept if it is killed."
)
_WRITE: Final = "The floor writes the same bytes to one file, unchecked."

ROWS: Final = (
    Row(
        "npy, 64 B, one producer, end to end",
        ours="logger_work:npy_64",
        floor="logger_work:npy_64_floor",
        must=AtLeast(0.6),
        aim=(AtLeast(0.8), AtLeast(15, versus="published")),
        peers=(published("logger_work:published_64"),),
        note=_FILES,
    ),
    Row(
        "npy, 64 B, two producers, end to end",
        ours="logger_work:npy_64_two",
        floor="logger_work:npy_64_floor",
        aim=(AtLeast(0.8), AtLeast(15, versus="published")),
        peers=(published("logger_work:published_64_two"),),
        note=_FILES,
    ),
    Row(
        "npy, 4 KiB, one producer, end to end",
        ours="logger_work:npy_4096",
        floor="logger_work:npy_4096_floor",
        aim=AtLeast(0.8),
        peers=(published("logger_work:published_4096"),),
        note=_FILES,
    ),
    Row(
        "npy, 64 KiB, one producer, end to end",
        ours="logger_work:npy_65536",
        floor="logger_work:npy_65536_floor",
        aim=AtLeast(0.8),
        peers=(published("logger_work:published_65536"),),
        note=_FILES,
    ),
    Row(
        "journal, 64 B, one producer, end to end",
        ours="logger_work:journal_64",
        must=AtLeast(120, versus="published"),
        aim=AtLeast(300, versus="published"),
        peers=(published("logger_work:published_64"),),
    ),
    Row(
        "journal, 64 B, two producers, end to end",
        ours="logger_work:journal_64_two",
        must=AtLeast(150, versus="published"),
        aim=AtLeast(300, versus="published"),
        peers=(published("logger_work:published_64_two"),),
    ),
    Row(
        "journal, 4 KiB, one producer, end to end",
        ours="logger_work:journal_4096",
        floor="logger_work:journal_4096_floor",
        peers=(published("logger_work:published_4096"),),
        note=_WRITE,
    ),
    Row(
        "journal, 64 KiB, one producer, end to end",
        ours="logger_work:journal_65536",
        floor="logger_work:journal_65536_floor",
        must=AtLeast(0.6),
        aim=AtLeast(0.9),
        peers=(published("logger_work:published_65536"),),
        note=_WRITE,
    ),
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
