"""How the codec of a type without parts is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, RANK_NATIVE, Codec, Run
from ataraxis_yamlconfig._rules.dynamic import encode_misfit

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_OF_THE_TYPE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, re.error)
"""What constructors of the standard library raise for a text that is not theirs."""


def leaf(
    kind: type,
    to_plain: Callable[[Any], Any],
    from_plain: Callable[[Any], Any],
    plain_kinds: tuple[type, ...] = (str,),
) -> Codec:
    """Make the codec of a type without parts.

    Args:
        kind: The exact type of the values.
        to_plain: Value -> tree.
        from_plain: Tree -> value; raises one of ``NOT_OF_THE_TYPE`` for a tree that is not of the type.
        plain_kinds: The exact types of tree that ``from_plain`` is asked about.
    """
    name = kind.__qualname__

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - every codec has this signature
        if type(plain) not in plain_kinds:
            return plain
        try:
            return from_plain(plain)
        except NOT_OF_THE_TYPE:
            return plain

    def encode(value: Any, run: Run) -> Any:
        return to_plain(value) if type(value) is kind else encode_misfit(value, run, decode, name)

    def fits(value: Any) -> bool:
        return type(value) is kind

    def accepts(plain: Any) -> bool:
        if type(plain) not in plain_kinds:
            return False
        try:
            return type(from_plain(plain)) is kind
        except NOT_OF_THE_TYPE:
            return False

    return Codec(name, encode, decode, fits, accepts)


def native(kind: type) -> Codec:
    """Make the codec of a scalar that YAML keeps by itself."""

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - see above
        return plain

    def encode(value: Any, run: Run) -> Any:
        return value if type(value) in NATIVE_SCALARS else encode_misfit(value, run, decode, kind.__name__)

    def fits(value: Any) -> bool:
        return type(value) is kind

    return Codec(kind.__name__, encode, decode, fits, fits, RANK_NATIVE, native=True)
