"""Types with a fixed set of values: Enum of every kind, and Literal."""

from __future__ import annotations

from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, NO_RUN, RANK_ENUM, Codec, Run
from ataraxis_yamlconfig._rules.dynamic import encode_misfit

if TYPE_CHECKING:
    from collections.abc import Callable


def enum_rule(hint: Any, _: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of an Enum class."""
    if not (isinstance(hint, type) and issubclass(hint, Enum)):
        return None
    return _flag_codec(hint) if issubclass(hint, Flag) else _table_codec(hint.__qualname__, _tokens(hint), _names(hint))


def literal_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a Literal."""
    if get_origin(hint) is not Literal:
        return None
    values = [value for value in get_args(hint) if value is not None]
    run = Run(codec_for)
    tokens = [(codec_for(type(value)).encode(value, run), value) for value in values]
    return _table_codec(str(hint), tokens, [])


def _tokens(kind: type[Enum]) -> list[tuple[Any, Enum]]:
    """Give what each member is written as: its value where YAML keeps that, else its name."""
    plain = [(member.value, member) for member in kind if type(member.value) in NATIVE_SCALARS and _findable(member)]
    taken = {value for value, _ in plain}
    named = [
        (f"{kind.__name__}.{member.name}" if member.name in taken else member.name, member)
        for member in kind
        if not any(member is other for _, other in plain)
    ]
    return [*plain, *named]


def _findable(member: Enum) -> bool:
    """None means that nothing is set, and nan equals nothing."""
    return member.value is not None and member.value == member.value


def _names(kind: type[Enum]) -> list[tuple[Any, Enum]]:
    """Give what people may write instead: the names, aliases included."""
    return list(kind.__members__.items())


def _table_codec(name: str, tokens: list[tuple[Any, Any]], also: list[tuple[Any, Any]]) -> Codec:
    """Make the codec of values that stand in a table; keyed by type too, since 1, 1.0 and True are equal."""
    encoded = {(type(value), value): plain for plain, value in tokens}
    decoded = {(type(plain), plain): value for plain, value in also}
    decoded |= {(type(plain), plain): value for plain, value in tokens}

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - every codec has this signature
        try:
            return decoded.get((type(plain), plain), plain)
        except TypeError:  # unhashable
            return plain

    def encode(value: Any, run: Run) -> Any:
        return encoded[type(value), value] if fits(value) else encode_misfit(value, run, decode, name)

    def fits(value: Any) -> bool:
        try:
            return (type(value), value) in encoded
        except TypeError:
            return False

    def accepts(plain: Any) -> bool:
        try:
            return (type(plain), plain) in decoded
        except TypeError:
            return False

    return Codec(name, encode, decode, fits, accepts, RANK_ENUM)


def _flag_codec(kind: type[Flag]) -> Codec:
    """Flags are written as their integer, which also holds combinations; single members may be given by name."""

    def from_plain(plain: Any) -> Any:
        if type(plain) is int:
            return kind(plain)
        return kind.__members__[plain] if type(plain) is str else plain

    def decode(plain: Any, run: Run) -> Any:  # noqa: ARG001 - see above
        try:
            return from_plain(plain)
        except (ValueError, KeyError):
            return plain

    def encode(value: Any, run: Run) -> Any:
        return value.value if fits(value) else encode_misfit(value, run, decode, kind.__qualname__)

    def fits(value: Any) -> bool:
        return type(value) is kind

    def accepts(plain: Any) -> bool:
        return fits(decode(plain, NO_RUN))

    return Codec(kind.__qualname__, encode, decode, fits, accepts, RANK_ENUM)
