"""`LogPackage`: one message on its way into the log."""

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np

from ataraxis_logger._entry import ENTRY_PREFIX, MAX_SOURCE, MAX_TIME, ONSET_TIME, onset_payload, stem_of
from ataraxis_logger._errors import PackageTypeError, PackageValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTE = np.dtype(np.uint8)
_SHOWN_BYTES = 8


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LogPackage:
    """One message: who sent it, when, and its bytes.

    A package is checked when it is made, so that a bad one is refused where the mistake is, not in the writer. It is
    immutable, equal to a package of the same source, time and bytes, and hashable; do not change the bytes of the
    payload array while a package that holds it is used as a key. The payload is copied when the package is put into a
    queue, not here.

    Args:
        source_id: the source, 0 to 255; any integer type.
        time_stamp: the time, 0 to 2**64 - 1; any integer type. With an onset in the log it counts microseconds since
            then, without one its unit is up to the caller. Time 0 is the onset's.
        serialized_data: the payload, a one-dimensional uint8 array of any length, zero included.

    Raises:
        PackageTypeError: (TypeError) a field is not an integer, or the payload is not a uint8 array.
        PackageValueError: (ValueError) an integer is out of range, or the payload is not one-dimensional.

    Example:
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage
        >>> package = LogPackage(np.uint8(1), np.uint64(77), np.array([5, 6], dtype=np.uint8))
        >>> package
        LogPackage(source_id=1, time_stamp=77, serialized_data=2 bytes: 05 06)
        >>> package == LogPackage(1, 77, np.array([5, 6], dtype=np.uint8))
        True
        >>> package.get_data()[0]
        '001_00000000000000000077.npy'
    """

    source_id: np.uint8
    time_stamp: np.uint64
    serialized_data: "NDArray[np.uint8]"

    def __init__(
        self, source_id: SupportsIndex, time_stamp: SupportsIndex, serialized_data: "NDArray[np.uint8]"
    ) -> None:
        # The exact types are the usual case and pass with one comparison each; this runs once a message.
        if type(source_id) is not np.uint8:
            source_id = np.uint8(_checked(source_id, MAX_SOURCE, "source_id"))
        if type(time_stamp) is not np.uint64:
            time_stamp = np.uint64(_checked(time_stamp, MAX_TIME, "time_stamp"))
        if type(serialized_data) is not np.ndarray or serialized_data.dtype is not _BYTE or serialized_data.ndim != 1:
            _check_payload(serialized_data)
        # Through the slots: a frozen dataclass refuses assignment, and object.__setattr__ costs twice as much.
        _set_source(self, source_id)
        _set_time(self, time_stamp)
        _set_data(self, serialized_data)

    @classmethod
    def onset(cls, source_id: SupportsIndex) -> Self:
        """Returns the entry that marks now as the onset of a source: time 0, payload UTC microseconds (int64).

        The source's other times are microseconds since then. `LogSource` writes it by itself.

        >>> from ataraxis_logger import LogPackage
        >>> LogPackage.onset(3).serialized_data.size
        8
        """
        return cls(source_id, ONSET_TIME, np.frombuffer(onset_payload(), dtype=np.uint8))

    def get_data(self) -> "tuple[str, NDArray[np.uint8]]":
        """Returns the file name of this entry (with `.npy`) and its bytes as they are stored.

        The bytes are one of source, eight of time (little-endian), then the payload.
        """
        prefix = np.frombuffer(ENTRY_PREFIX.pack(self.source_id, self.time_stamp), dtype=np.uint8)
        return f"{stem_of(int(self.source_id), int(self.time_stamp))}.npy", np.concatenate(
            (prefix, self.serialized_data)
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LogPackage):
            return NotImplemented
        return bool(
            self.source_id == other.source_id
            and self.time_stamp == other.time_stamp
            and np.array_equal(self.serialized_data, other.serialized_data)
        )

    def __hash__(self) -> int:
        return hash((int(self.source_id), int(self.time_stamp), self.serialized_data.tobytes()))

    def __repr__(self) -> str:
        size = self.serialized_data.size
        shown = self.serialized_data[:_SHOWN_BYTES].tobytes().hex(" ")
        ending = "" if not size else f": {shown}" + (" ..." if size > _SHOWN_BYTES else "")
        return (
            f"LogPackage(source_id={self.source_id}, time_stamp={self.time_stamp}, "
            f"serialized_data={size} bytes{ending})"
        )

    def __reduce__(self) -> "tuple[Any, tuple[int, int, bytearray]]":
        # A NumPy array pickles through four objects; its bytes alone take a fifth of the time and space.
        return _rebuild, (int(self.source_id), int(self.time_stamp), bytearray(self.serialized_data.data))


# The setters of the slots, bound once.
_set_source, _set_time, _set_data = (
    LogPackage.__dict__[name].__set__ for name in ("source_id", "time_stamp", "serialized_data")
)


def _rebuild(source: int, time_stamp: int, payload: bytearray) -> LogPackage:
    # A bytearray, so that the array of the copy is as writable as the original's.
    return LogPackage(source, time_stamp, np.frombuffer(payload, dtype=np.uint8))


def _checked(value: SupportsIndex, largest: int, field: str) -> int:
    try:
        number = index(value)
    except TypeError:
        raise PackageTypeError(
            f"LogPackage.{field} must be an integer from 0 to {largest}, not {type(value).__name__}."
        ) from None
    if not 0 <= number <= largest:
        shown = str(number) if abs(number) < 10**30 else f"a number of {number.bit_length()} bits"
        raise PackageValueError(f"LogPackage.{field} must be from 0 to {largest}, not {shown}.")
    return number


def _check_payload(payload: object) -> None:
    wanted = "LogPackage.serialized_data must be a one-dimensional NumPy array of uint8"
    if not isinstance(payload, np.ndarray):
        raise PackageTypeError(
            f"{wanted}, not {type(payload).__name__}. Bytes become one with np.frombuffer(data, dtype=np.uint8)."
        )
    if payload.dtype != _BYTE:
        raise PackageTypeError(
            f"{wanted}, not of {str(payload.dtype)[:60]}. Any array becomes one with "
            "np.ascontiguousarray(data).reshape(-1).view(np.uint8)."
        )
    if payload.ndim != 1:
        raise PackageValueError(f"{wanted}; this one has {payload.ndim} dimensions. Use data.reshape(-1).")
