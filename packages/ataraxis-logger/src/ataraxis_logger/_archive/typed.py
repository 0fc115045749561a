"""Payloads of one size as elements of a dtype."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ataraxis_logger._errors import LogFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def message_dtype(payload: np.dtype[Any]) -> np.dtype[np.void]:
    """Returns the dtype of a message whose payload is of the given one.

    Raises:
        ValueError: the dtype holds Python objects, or has a field `timestamp_us` of its own.
    """
    if payload.hasobject:
        raise ValueError(f"The dtype {str(payload)[:60]} holds Python objects, which no payload can be.")
    fields = [("payload", payload)]
    if payload.names is not None:
        fields = [(name, payload[name]) for name in payload.names]
    if any(name == "timestamp_us" for name, _ in fields):
        raise ValueError("The dtype has a field timestamp_us, which is the name of the messages' times; rename it.")
    return np.dtype([("timestamp_us", "<u8"), *fields])


def typed_payloads(
    times: "NDArray[np.uint64]", payloads: Sequence[bytes | memoryview], dtype: np.dtype[Any]
) -> "NDArray[Any]":
    """Returns payloads as one array.

    Raises:
        LogFormatError: a payload has another size than the dtype.
    """
    sizes = np.fromiter(map(len, payloads), dtype=np.int64, count=len(payloads))
    wrong = np.flatnonzero(sizes != dtype.itemsize)
    if wrong.size:
        number = int(wrong[0])
        raise LogFormatError(
            f"The payload of time stamp {int(times[number])} has {sizes[number]} bytes, the dtype has "
            f"{dtype.itemsize}. All payloads must have that size."
        )
    return np.frombuffer(b"".join(payloads), dtype=dtype)


def fill_fields(target: "NDArray[np.void]", payloads: "NDArray[Any]") -> None:
    """Copies payloads into the fields behind `timestamp_us`."""
    if payloads.dtype.names is None:
        target["payload"] = payloads
    else:
        for name in payloads.dtype.names:
            target[name] = payloads[name]
