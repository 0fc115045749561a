"""Data on its way into an array: converted before the lock is taken, and integers never wrap around silently."""

from contextlib import suppress
from reprlib import repr as short_repr
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ataraxis_shm._errors import IntegerRangeError, InvalidDataError

_INTEGER_KINDS = "iu"
_FLOAT_KINDS = "fc"
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (),
    "u": (),
    "f": (float,),
    "c": (float, complex),
}


def integer_range(datatype: np.dtype[Any]) -> tuple[int, int] | None:
    """Returns the smallest and the largest integer that a datatype holds; None where integers are not numbers in it."""
    if datatype.kind in _INTEGER_KINDS:
        limits = np.iinfo(datatype)
        return int(limits.min), int(limits.max)
    if datatype.kind in _FLOAT_KINDS:
        largest = int(np.finfo(datatype).max)
        return -largest, largest
    return None


def directly_storable_types(datatype: np.dtype[Any]) -> frozenset[type]:
    """Returns the types whose every value goes into an element as it is, without a check or a conversion before."""
    if datatype.kind not in _PYTHON_TYPES:
        return frozenset()
    return frozenset((datatype.type, *_PYTHON_TYPES[datatype.kind]))


def convert(data: object, datatype: np.dtype[Any]) -> NDArray[Any]:
    """Converts data to an array of a datatype, as NumPy does, except that what goes into integers must fit.

    Floating-point numbers lose their fraction on the way into integers.

    Raises:
        IntegerRangeError: If a number does not fit (a ValueError and an OverflowError).
        InvalidDataError: If the data means nothing in this datatype (a ValueError).
        TypeError: If the data is of a type that has no place in this datatype.
    """
    try:
        _check_integers(data, datatype)
        return np.asarray(data, dtype=datatype)
    except IntegerRangeError:
        raise
    except OverflowError as error:
        raise _does_not_fit(data, datatype) from error
    except ValueError as error:
        raise InvalidDataError(f"Unable to convert {short_repr(data)} to {datatype}: {str(error)[:200]}") from error


def _check_integers(data: object, datatype: np.dtype[Any]) -> None:
    """Raises for integers that do not fit, also in the fields of records, where NumPy wraps its own ones silently."""
    limits = integer_range(datatype)
    if limits is not None:
        _check_range(data, limits, datatype)
    elif datatype.subdtype is not None:
        base, shape = datatype.subdtype
        for item in _unpack(data, len(shape)):
            _check_integers(item, base)
    elif datatype.names is not None:
        _check_record(data, [datatype[name] for name in datatype.names])


def _check_record(data: object, fields: list[np.dtype[Any]]) -> None:
    if isinstance(data, np.ndarray | np.void) and data.dtype.names is not None:
        values = [data[name] for name in data.dtype.names]  # NumPy goes by the order of the fields, not by their names
    elif isinstance(data, tuple):
        values = list(data)
    elif isinstance(data, list) or (isinstance(data, np.ndarray) and data.dtype.hasobject):
        for item in data if isinstance(data, list) else data.flat:
            _check_record(item, fields)
        return
    else:
        values = [data] * len(fields)  # one value for all fields
    if len(values) == len(fields):  # otherwise the conversion says what is wrong
        for value, field in zip(values, fields, strict=True):
            _check_integers(value, field)


def _unpack(data: object, depth: int) -> list[object]:
    """Returns what lies in `depth` levels of sequences; a value that is no sequence stands for all of its level."""
    items = [data]
    for _ in range(depth):
        items = [part for item in items for part in (item if isinstance(item, list | tuple) else (item,))]
    return items


def _check_range(data: object, limits: tuple[int, int], datatype: np.dtype[Any]) -> None:
    source = np.asarray(data)
    if source.dtype.kind in _INTEGER_KINDS:
        if source.size and not limits[0] <= int(source.min()) <= int(source.max()) <= limits[1]:
            raise _does_not_fit(data, datatype)
    elif source.dtype.hasobject or not isinstance(data, (np.ndarray, np.generic, float)):
        # NumPy has no common type for integers of more than 64 bits, or makes them floating-point numbers.
        for item in np.asarray(data, dtype=object).flat:
            _check_item(item, limits, datatype)
    elif source.dtype.kind == "f" and source.size:
        _check_truncated(data, source.min(), source.max(), datatype)


def _check_item(item: object, limits: tuple[int, int], datatype: np.dtype[Any]) -> None:
    if isinstance(item, float | np.floating):
        _check_truncated(item, item, item, datatype)
        return
    number = _as_integer(item)
    if number is not None and not limits[0] <= number <= limits[1]:
        raise _does_not_fit(item, datatype)


def _check_truncated(
    data: object, lowest: "float | np.floating[Any]", highest: "float | np.floating[Any]", datatype: np.dtype[Any]
) -> None:
    """Raises for floats on their way into integers that do not fit without their fractions: NumPy wraps them."""
    if datatype.kind not in _INTEGER_KINDS:
        return
    if np.isnan(lowest):  # a nan is the extreme of whatever it is among
        raise InvalidDataError(f"Unable to convert {short_repr(data)} to {datatype}: nan is no integer.")
    limits = np.iinfo(datatype)
    if np.isinf(lowest) or np.isinf(highest) or not limits.min <= int(lowest) <= int(highest) <= limits.max:
        raise _does_not_fit(data, datatype)


def _as_integer(item: object) -> int | None:
    """Returns the integer that an item is, or spells: NumPy reads texts, and before version 2 wraps what they say."""
    if isinstance(item, str | bytes | int | np.integer):
        with suppress(ValueError):
            return int(item)
    return None


def _does_not_fit(data: object, datatype: np.dtype[Any]) -> IntegerRangeError:
    limits = integer_range(datatype)
    expected = "" if limits is None or datatype.kind in _FLOAT_KINDS else f" from {limits[0]} to {limits[1]}"
    return IntegerRangeError(f"Unable to store {short_repr(data)} as {datatype}: expected numbers{expected} only.")
