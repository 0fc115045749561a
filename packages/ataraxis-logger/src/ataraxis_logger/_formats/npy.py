"""One entry as a `.npy` file: a NumPy header of fixed size, then the entry's bytes.

The format is NumPy's own (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), version 1.0, and the
array is always one-dimensional uint8. Nothing here imports NumPy: the writers start without it.
"""

import struct
from functools import lru_cache
from typing import Final, NamedTuple

SUFFIX: Final = ".npy"
HEADER_SIZE: Final = 128
"""The size of the header this module writes, for an entry of any length. NumPy writes the same."""

_MAGIC: Final = b"\x93NUMPY"
_VERSION_1: Final = struct.Struct("<6sBBH")
_LENGTH_2: Final = struct.Struct("<I")
_DESCRIPTION_START: Final = _VERSION_1.size
_BYTE_TYPES: Final = frozenset({"|u1", "u1", "<u1", ">u1", "=u1"})
_LONGEST_DESCRIPTION: Final = 10_000  # as NumPy; Python's parser can be brought down by what is much longer
_NEEDED_KEYS: Final = frozenset({"descr", "fortran_order", "shape"})


class NpyLayout(NamedTuple):
    """Where the bytes of an array lie in its file."""

    offset: int
    size: int


@lru_cache(maxsize=4096)
def npy_header(size: int) -> bytes:
    """Returns the 128-byte header of a one-dimensional uint8 array of `size` elements.

    >>> import io, numpy as np
    >>> np.load(io.BytesIO(npy_header(3) + b"abc"))
    array([97, 98, 99], dtype=uint8)
    """
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}".encode()
    padded = text.ljust(HEADER_SIZE - _DESCRIPTION_START - 1) + b"\n"
    return _VERSION_1.pack(_MAGIC, 1, 0, len(padded)) + padded


def parse_npy(data: bytes | memoryview) -> NpyLayout:
    """Returns where the array's bytes lie in `data`, the content of an `.npy` file (or at least its header).

    Accepts whatever NumPy writes for a one-dimensional uint8 array: header versions 1 to 3, any padding.

    Raises:
        ValueError: this is no `.npy` file, its header is torn, or it holds another kind of array.
    """
    offset, description = _description(data)
    return NpyLayout(offset, _size_in(description))


@lru_cache(maxsize=256)
def _size_in(description: str) -> int:
    """Returns the size of the array that a header describes; the files of another writer mostly have a few headers."""
    import ast  # noqa: PLC0415  # the writers start sooner without it

    try:
        parsed = ast.literal_eval(description)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("the .npy header cannot be parsed") from None
    if not isinstance(parsed, dict) or parsed.keys() != _NEEDED_KEYS:
        raise ValueError("the .npy header does not have the keys that NumPy writes")
    shape = parsed["shape"]
    # str() because the descr of a structured array is a list, which cannot be looked up in a set.
    if str(parsed["descr"]) not in _BYTE_TYPES or not isinstance(shape, tuple) or len(shape) != 1:
        raise ValueError(f"the array is not one-dimensional uint8 but {str(parsed)[:100]}")
    size = shape[0]
    if type(size) is not int or size < 0:
        raise ValueError(f"the array has the impossible shape {str(shape)[:40]}")
    return size


def entry_span(data: bytes | memoryview) -> NpyLayout:
    """Returns where the entry lies in a whole `.npy` file, and checks that the file ends exactly with it.

    Raises:
        ValueError: as `parse_npy`, or the file is shorter or longer than its header says.
    """
    size = len(data) - HEADER_SIZE
    # Nearly every file is one of ours: one comparison instead of a parse.
    if size >= 0 and data[:HEADER_SIZE] == npy_header(size):
        return NpyLayout(HEADER_SIZE, size)
    layout = parse_npy(data)
    if layout.offset + layout.size != len(data):
        raise ValueError(
            f"the file holds {len(data) - layout.offset} bytes of data where its header promises {layout.size}"
        )
    return layout


def _description(data: bytes | memoryview) -> tuple[int, str]:
    if len(data) < _VERSION_1.size:
        raise ValueError(f"{len(data)} bytes are too few for an .npy file")
    magic, major, _, length = _VERSION_1.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("this is not an .npy file")
    start = _DESCRIPTION_START
    if major in (2, 3):
        if len(data) < start + 2:
            raise ValueError("the .npy header is torn")
        start += 2
        (length,) = _LENGTH_2.unpack_from(data, _DESCRIPTION_START - 2)
    elif major != 1:
        raise ValueError(f"the .npy format has version {major}, expected 1, 2 or 3")
    if length > _LONGEST_DESCRIPTION:
        raise ValueError(f"the .npy header of {length} bytes is too long for an array of bytes")
    if len(data) < start + length:
        raise ValueError("the .npy header is torn")
    return start + length, bytes(data[start : start + length]).decode("latin-1")
