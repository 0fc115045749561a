"""Equality in value and type, which is what "reads back" means."""

from __future__ import annotations

import math
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal and of the same type, at every depth; nan is the same as nan, 0.0 is not -0.0."""
    kind = type(first)
    if kind is not type(second):
        return False
    if first is second:
        return True
    for kinds, compare in _COMPARISONS:
        if isinstance(first, kinds):
            return compare(first, second)
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        return all(same(getattr(first, name, fields), getattr(second, name, fields)) for name in fields)
    return _same_leaf(first, second)


def _same_sequence(first: Any, second: Any) -> bool:
    return len(first) == len(second) and all(map(same, first, second))


def _same_float(first: float, second: float) -> bool:
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return first == second and math.copysign(1, first) == math.copysign(1, second)


def _same_complex(first: complex, second: complex) -> bool:
    return _same_float(first.real, second.real) and _same_float(first.imag, second.imag)


def _same_items(first: dict[Any, Any], second: dict[Any, Any]) -> bool:
    return len(first) == len(second) and all(
        same(*keys) and same(*values)
        for keys, values in zip(
            zip(first, second, strict=True), zip(first.values(), second.values(), strict=True), strict=True
        )
    )


def _same_members(first: Any, second: Any) -> bool:
    """Compare sets: each member of one needs a partner in the other, of equal type (1 and True are equal members)."""
    if len(first) != len(second):
        return False
    partners = {member: member for member in second}
    left_over = [member for member in first if member not in partners or not same(member, partners[member])]
    # nan finds no partner by hash unless it is the same object.
    return all(any(same(member, other) for other in second) for member in left_over)


def _same_leaf(first: Any, second: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(first, numpy.ndarray | numpy.generic):
        return _same_array(numpy, first, second)
    if type(first).__module__ in {"decimal", "_decimal", "_pydecimal"}:
        return repr(first) == repr(second)  # nan, -0 and trailing zeros
    try:
        return bool(first == second)
    except Exception:  # noqa: BLE001 - a value whose comparison fails is not known to be the same
        return False


def _same_array(numpy: Any, first: Any, second: Any) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype.kind in "fcmM":
        return bool(numpy.array_equal(first, second, equal_nan=True))
    return bool((first == second).all()) if first.dtype.kind == "V" else bool(numpy.array_equal(first, second))


_COMPARISONS: tuple[tuple[Any, Callable[[Any, Any], bool]], ...] = (
    (float, _same_float),
    (complex, _same_complex),
    ((list, tuple, deque), _same_sequence),
    ((set, frozenset), _same_members),
    (dict, _same_items),
)
