"""The indexes of `read_data` and `write_data`: an integer, or a half-open range of the first axis as a tuple."""

from operator import index as to_integer
from reprlib import repr as short_repr

from ataraxis_shm._errors import IndexRangeError, InvalidIndexError


def resolve_index(index: object, length: int) -> int | slice:
    """Turns an index of `read_data` or `write_data` into one that NumPy takes, checked against the first axis.

    Args:
        index: An integer of any kind, or a range ``(start,)`` or ``(start, stop)``. Negative values count from the end.
        length: Length of the first axis.

    Returns:
        The integer from 0 to `length` - 1, or the slice.

    Raises:
        IndexRangeError: If an element does not exist (an IndexError).
        InvalidIndexError: If it is something else, or a range that runs backwards (a ValueError).
    """
    if isinstance(index, tuple):
        return _resolve_range(index, length)
    return _resolve_start(_integer(index, index), length)


def _resolve_range(index: tuple[object, ...], length: int) -> slice:
    if len(index) not in (1, 2):
        raise InvalidIndexError(
            f"Unable to use {short_repr(index)} as an index: expected a range (start,) or (start, stop) of the first "
            f"axis, got a tuple of {len(index)} items."
        )
    start = _resolve_start(_integer(index[0], index), length)
    stop = length if len(index) == 1 else _resolve_stop(_integer(index[1], index), length)
    if start > stop:
        raise InvalidIndexError(
            f"Unable to use {short_repr(index)} as an index: in an array of length {length} the range ends before it "
            "starts. Expected start <= stop."
        )
    return slice(start, stop)


def _integer(value: object, index: object) -> int:
    try:
        return to_integer(value)  # type: ignore[arg-type] # it raises for what is not an integer
    except TypeError:
        raise InvalidIndexError(
            f"Unable to use {short_repr(index)} as an index: expected an integer or a tuple of one or two integers, "
            f"got {type(value).__name__}."
        ) from None


def _resolve_start(start: int, length: int) -> int:
    if not -length <= start < length:
        raise IndexRangeError(
            f"Unable to find element {short_repr(start)} in an array of length {length}: expected an index from "
            f"{-length} to {length - 1}."
        )
    return start + length if start < 0 else start


def _resolve_stop(stop: int, length: int) -> int:
    if not -length <= stop <= length:
        raise IndexRangeError(
            f"Unable to end a range at {short_repr(stop)} in an array of length {length}: expected an index from "
            f"{-length} to {length}."
        )
    return stop + length if stop < 0 else stop
