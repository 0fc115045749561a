"""A NumPy array shared by processes, and a single-producer single-consumer ring buffer.

Names are imported when they are first used (PEP 562), so that a process that only moves bytes never loads NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ataraxis_shm._version import __version__

if TYPE_CHECKING:
    from ataraxis_shm._errors import (
        IndexRangeError,
        IntegerRangeError,
        InvalidDataError,
        InvalidIndexError,
        LockTimeoutError,
        NoSpaceError,
        NotConnectedError,
        RingDamageError,
        RingFormatError,
        RingFullError,
        SegmentExistsError,
        SegmentFormatError,
        SegmentNotFoundError,
        ShmError,
        TornWriteWarning,
        UnsafeFolderError,
    )

_HOMES = {
    "IndexRangeError": "_errors",
    "IntegerRangeError": "_errors",
    "InvalidDataError": "_errors",
    "InvalidIndexError": "_errors",
    "LockTimeoutError": "_errors",
    "NoSpaceError": "_errors",
    "NotConnectedError": "_errors",
    "RingDamageError": "_errors",
    "RingFormatError": "_errors",
    "RingFullError": "_errors",
    "SegmentExistsError": "_errors",
    "SegmentFormatError": "_errors",
    "SegmentNotFoundError": "_errors",
    "ShmError": "_errors",
    "TornWriteWarning": "_errors",
    "UnsafeFolderError": "_errors",
}

__all__ = [
    "IndexRangeError",
    "IntegerRangeError",
    "InvalidDataError",
    "InvalidIndexError",
    "LockTimeoutError",
    "NoSpaceError",
    "NotConnectedError",
    "RingDamageError",
    "RingFormatError",
    "RingFullError",
    "SegmentExistsError",
    "SegmentFormatError",
    "SegmentNotFoundError",
    "ShmError",
    "TornWriteWarning",
    "UnsafeFolderError",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
