"""NumPy arrays <-> plain trees.

Where it says enough, an array is its nested list. Else it is a mapping of ``dtype`` (as in the header of an ``.npy``
file), ``shape`` and ``data``: a flat list where Python has exact scalars, the raw bytes elsewhere.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ataraxis_yamlconfig._codec import Run

_KEYS = {"dtype", "shape", "data"}
_LARGE = 256 << 20  # bytes
_PROPORTION = 4096  # bytes of an array per character of its text
_VARIABLE_TEXT = "StringDType()"
_PYTHON_FLOAT, _PYTHON_COMPLEX = 8, 16  # bytes
_MOST_NESTED = 10  # dimensions; beyond that nested lists are no help to a reader, and NumPy allows 64
_ALLOWED: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {int, float}}


def array_to_plain(numpy: Any, array: Any, run: Run, dtype: Any = None) -> Any:
    """Encode an array.

    Args:
        numpy: The module.
        array: An ndarray of any dtype but object.
        run: For errors and notes.
        dtype: What the reader will know from the annotation; None for nothing.
    """
    if array.dtype.hasobject and array.dtype.kind != "T":
        raise run.no_equivalent(array, "its elements are Python objects")
    if array.size and 0 < array.ndim <= _MOST_NESTED and array.dtype == (dtype or _natural(numpy, array.dtype.kind)):
        return array.tolist()
    return {
        "dtype": _dtype_to_plain(numpy, array.dtype, run),
        "shape": list(array.shape),
        "data": _data_to_plain(numpy, array, run),
    }


def from_list(numpy: Any, plain: list[Any], dtype: Any) -> Any:
    """Decode a nested list of numbers.

    Raises:
        ValueError: The items are no numbers of that dtype, or the lists are of different lengths.
    """
    items = numpy.array(plain, dtype=object).ravel()
    kinds = set(map(type, items))
    if dtype is None:
        dtype = _natural(numpy, "b" if kinds == {bool} else "i" if kinds == {int} else "f")
    if not kinds <= _ALLOWED[dtype.kind]:
        raise ValueError("not the items of such an array")
    return numpy.array(plain, dtype=dtype)


def from_mapping(numpy: Any, plain: Any) -> Any:
    """Decode what says its dtype.

    Raises:
        ValueError: Not of that form.
    """
    if type(plain) is not dict or plain.keys() != _KEYS:
        raise ValueError("not an array with its dtype")
    dtype = _dtype_from_plain(numpy, plain["dtype"])
    shape, data = plain["shape"], plain["data"]
    if (dtype.hasobject and dtype.kind != "T") or type(shape) is not list or type(data) not in {list, bytes}:
        raise ValueError("not an array with its dtype")
    if type(data) is bytes:
        return numpy.frombuffer(data, dtype, prod(shape)).reshape(shape).copy()
    if _is_inflated(dtype, data):
        raise ValueError("an array out of proportion to its text")
    stored = _stored_as(numpy, dtype)
    if stored is None:
        return numpy.array(data, dtype).reshape(shape)
    return numpy.array(data, stored).view(dtype).reshape(shape)


def _is_inflated(dtype: Any, data: list[Any]) -> bool:
    """Tell whether a few characters would become gigabytes: `U400000000` for one letter, say.

    Any array whose text could reasonably be in a configuration file is far within both bounds.
    """
    size = dtype.itemsize * len(data)
    return bool(size > _LARGE and size > _PROPORTION * sum(len(str(item)) + 1 for item in data))


def _natural(numpy: Any, code: str) -> Any:
    """Give the dtype that a list of Python numbers stands for, the same on every system; None for other kinds."""
    return {"b": numpy.dtype("?"), "i": numpy.dtype("i8"), "f": numpy.dtype("f8")}.get(code)


def _data_to_plain(numpy: Any, array: Any, run: Run) -> Any:
    dtype = array.dtype
    flat = numpy.ascontiguousarray(array).ravel()
    stored = _stored_as(numpy, dtype)
    if stored is not None:
        return flat.view(stored).tolist()
    if dtype.kind == "T":
        return _texts(flat, run)
    is_exact = dtype.kind in "biuUS" or (dtype.kind == "f" and dtype.itemsize <= _PYTHON_FLOAT)
    return flat.tolist() if is_exact else flat.tobytes()


def _texts(flat: Any, run: Run) -> list[Any]:
    items: list[Any] = flat.tolist()
    if not all(type(item) is str for item in items):
        raise run.no_equivalent(flat, "it holds missing values")
    return items


def _stored_as(numpy: Any, dtype: Any) -> Any:
    """Give the dtype of the numbers that stand for complex ones (pairs) and for times (ticks)."""
    order = dtype.byteorder
    if dtype.kind == "c" and dtype.itemsize <= _PYTHON_COMPLEX:
        return numpy.dtype(f"{order}f{dtype.itemsize // 2}")
    return numpy.dtype(f"{order}i8") if dtype.kind in "mM" else None


def _dtype_to_plain(numpy: Any, dtype: Any, run: Run) -> Any:
    if dtype.kind == "T":
        plain: Any = _VARIABLE_TEXT
    elif dtype.names is None:
        plain = dtype.str
    else:
        plain = _listed(numpy.lib.format.dtype_to_descr(dtype))
    if _dtype_from_plain(numpy, plain) != dtype:
        run.note_inexact(dtype, "an array with that dtype")
    return plain


def _dtype_from_plain(numpy: Any, plain: Any) -> Any:
    if plain == _VARIABLE_TEXT:
        return numpy.dtypes.StringDType()
    if type(plain) not in {str, list}:
        raise ValueError("not a dtype")
    return numpy.lib.format.descr_to_dtype(plain if type(plain) is str else _descr(plain))


def _listed(descr: Any) -> Any:
    """Write the tuples of a dtype description as lists, which YAML has."""
    return [_listed(item) for item in descr] if isinstance(descr, list | tuple) else descr


def _descr(fields: list[Any]) -> list[tuple[Any, ...]]:
    """Undo :func:`_listed`: fields are tuples of name (or title and name), format and shape."""
    return [
        (
            tuple(name) if type(name) is list else name,
            _descr(form) if type(form) is list else form,
            *(tuple(extent) for extent in shape),
        )
        for name, form, *shape in fields
    ]
