"""NumPy scalars and arrays. NumPy is never imported here: whoever has such values or annotations has done it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ataraxis_yamlconfig._codec import NO_RUN, Codec, Run
from ataraxis_yamlconfig._rules.dynamic import encode_misfit
from ataraxis_yamlconfig._rules.leaves import NOT_OF_THE_TYPE, leaf
from ataraxis_yamlconfig._rules.numpy_data import array_to_plain, from_list, from_mapping

if TYPE_CHECKING:
    from collections.abc import Callable


def numpy_rule(hint: Any, _: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a NumPy scalar or array type."""
    numpy = sys.modules.get("numpy")
    kind = get_origin(hint) or hint
    if numpy is None or not isinstance(kind, type):
        return None
    if issubclass(kind, numpy.ndarray):
        return _array_codec(numpy, kind, _annotated_dtype(numpy, hint))
    return _scalar_codec(numpy, kind) if issubclass(kind, numpy.generic) else None


def _annotated_dtype(numpy: Any, hint: Any) -> Any:
    """Give the dtype of ``NDArray[np.float64]``; None where the annotation leaves it open."""
    _, dtype_hint, *_ = *get_args(hint), None, None
    (scalar,) = get_args(dtype_hint) or (None,)
    if not isinstance(scalar, type) or scalar not in _types(numpy, "?bhilqBHILQefd"):
        return None
    return numpy.dtype(scalar)


def _scalar_codec(numpy: Any, kind: Any) -> Codec:
    """Make the codec of a scalar type: what Python holds exactly is written as that."""
    for kinds, to_plain, from_plain, plain_kinds in (
        ({numpy.bool_}, bool, kind, (bool,)),
        (_types(numpy, "bhilqBHILQ"), int, lambda plain: _exact_integer(kind, plain), (int,)),
        (_types(numpy, "efd"), float, kind, (float, int)),
        (_types(numpy, "FD"), _complex_text, lambda plain: kind(complex(plain)), (str,)),
        ({numpy.str_}, str, kind, (str,)),
        ({numpy.bytes_}, bytes, kind, (bytes,)),
    ):
        if kind in kinds:
            return leaf(kind, to_plain, from_plain, plain_kinds)
    return _other_scalar_codec(numpy, kind)


def _complex_text(value: Any) -> str:
    return str(complex(value)).strip("()")


def _types(numpy: Any, codes: str) -> set[type]:
    """Give the scalar types of these dtype codes; two codes may be one type, depending on the system."""
    return {numpy.dtype(code).type for code in codes}


def _exact_integer(kind: Any, plain: int) -> Any:
    scalar = kind(plain)
    if int(scalar) != plain:  # NumPy 1 wraps around, with a warning only
        raise OverflowError("out of range")
    return scalar


def _other_scalar_codec(numpy: Any, kind: Any) -> Codec:
    """Times, records, long doubles and abstract annotations (``np.floating``) are written with their dtype."""
    name = kind.__name__

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - every codec has this signature
        try:
            scalar = from_mapping(numpy, plain)[()]
        except NOT_OF_THE_TYPE:
            return plain
        return scalar if isinstance(scalar, kind) else plain

    def encode(value: Any, run: Run) -> Any:
        if not isinstance(value, kind):
            return encode_misfit(value, run, decode, name)
        return array_to_plain(numpy, numpy.asarray(value), run)

    def fits(value: Any) -> bool:
        return isinstance(value, kind)

    def accepts(plain: Any) -> bool:
        return type(plain) is dict and isinstance(decode(plain, NO_RUN), kind)

    return Codec(name, encode, decode, fits, accepts)


def _array_codec(numpy: Any, kind: type, dtype: Any) -> Codec:
    """Make the codec of arrays: nested lists where the annotation or the numbers give the dtype, else with dtype."""
    name = f"{kind.__name__}[{'Any' if dtype is None else dtype.name}]"

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - see above
        try:
            return from_list(numpy, plain, dtype) if type(plain) is list else from_mapping(numpy, plain)
        except NOT_OF_THE_TYPE:
            return plain

    def encode(value: Any, run: Run) -> Any:
        if not isinstance(value, numpy.ndarray):
            return encode_misfit(value, run, decode, name)
        if type(value) is not numpy.ndarray:
            run.note_inexact(value, name)
        return array_to_plain(numpy, numpy.asarray(value), run, dtype)

    def fits(value: Any) -> bool:
        return type(value) is numpy.ndarray and dtype in {None, value.dtype}

    def accepts(plain: Any) -> bool:
        return fits(decode(plain, NO_RUN))

    return Codec(name, encode, decode, fits, accepts)
