"""Datatypes of shared arrays: which can be shared, and as text in the header of a segment."""

import ast
from typing import Any

import numpy as np
from numpy.lib.format import descr_to_dtype, dtype_to_descr

from ataraxis_shm._errors import SegmentFormatError


def check_prototype(prototype: object) -> np.dtype[Any]:
    """Returns the datatype of an array that can be shared.

    Raises:
        TypeError: If it is no NumPy array.
        ValueError: If it is zero-dimensional, empty, or holds references to objects.
    """
    if not isinstance(prototype, np.ndarray):
        raise TypeError(
            f"Unable to create a shared array: expected a NumPy array as prototype, got {type(prototype).__name__}."
        )
    if prototype.ndim == 0 or prototype.size == 0 or prototype.nbytes == 0:
        raise ValueError(
            "Unable to create a shared array: expected a prototype of at least one dimension and one element, got "
            f"shape {prototype.shape} and {prototype.nbytes} bytes."
        )
    if prototype.dtype.hasobject:
        raise ValueError(
            f"Unable to create a shared array of datatype {prototype.dtype}: its elements are references to objects of "
            "one process. Expected a datatype with values of a fixed size."
        )
    datatype: np.dtype[Any] = prototype.dtype
    return datatype


def describe_datatype(datatype: np.dtype[Any]) -> str:
    """Writes a datatype as text."""
    # As in .npy files: covers structured, string and big-endian datatypes, and reading it runs no code.
    return repr(dtype_to_descr(datatype))


def restore_datatype(text: str) -> np.dtype[Any]:
    """Reads what `describe_datatype` wrote.

    Raises:
        SegmentFormatError: If it is something else.
    """
    try:
        return descr_to_dtype(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError) as error:
        raise SegmentFormatError(f"Unable to read the datatype of a segment: {text!r:.200}") from error


def addressed_datatype(datatype: np.dtype[Any], key: object) -> np.dtype[Any]:
    """Returns the datatype of what an index addresses: that of the array, or of one or more of its fields."""
    if isinstance(key, str):
        return datatype[key]
    if isinstance(key, list) and key and all(isinstance(field, str) for field in key):
        return datatype[key]
    return datatype
