"""Values without an annotation, or that do not fit theirs: each becomes its nearest YAML value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, RANK_ANY, Codec, Run
from ataraxis_yamlconfig._document.keys import MappingKey, frozen_key, thawed_key
from ataraxis_yamlconfig._same import same

if TYPE_CHECKING:
    from collections.abc import Callable

_EXACT_LEAVES = frozenset((bytes, date))


# The methods of the base itself: a subclass may have changed what str() or int() of it give.
_BASES: dict[Any, Callable[[Any], Any]] = {
    MappingKey: thawed_key,
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes,
    bytearray: bytes,
    date: date.isoformat,
    time: time.isoformat,
    PathLike: fspath,
}


def encode_any(value: Any, run: Run) -> Any:
    """Encode a value by its own type, noting what YAML will not bring back as that type.

    Raises:
        YamlEncodeError: The value has no equivalent.
    """
    kind = type(value)
    if kind in NATIVE_SCALARS or kind in _EXACT_LEAVES:
        return value
    if kind is list:
        return _encode_list(value, run)
    if kind is dict:
        return encode_mapping(value, encode_any_key, encode_any, run)
    if kind is set:
        return {frozen_key(encode_any(item, run)) for item in value}
    codec = run.codec_of(kind)
    plain = codec.encode(value, run) if codec.rank != RANK_ANY else _encode_relative(value, run)
    if not same(plain, value):
        run.note_inexact(value, ANY.name)
    return plain


def _encode_list(value: list[Any], run: Run) -> list[Any]:
    if NATIVE_SCALARS.issuperset(map(type, value)):
        return value
    path = run.descend()
    result = []
    for path[-1], item in enumerate(value):
        result.append(encode_any(item, run))
    path.pop()
    return result


def encode_mapping(
    mapping: Mapping[Any, Any],
    encode_key: Callable[[Any, Run], Any],
    encode_value: Callable[[Any, Run], Any],
    run: Run,
) -> dict[Any, Any]:
    """Encode the items of a mapping, keeping the path current.

    Raises:
        YamlEncodeError: Two keys are written alike, so that one value would be lost.
    """
    path = run.descend()
    result: dict[Any, Any] = {}
    for key, item in mapping.items():
        path[-1] = key
        plain_key = encode_key(key, run)
        if plain_key in result:
            raise run.no_equivalent(key, "another key of the same mapping is written like it")
        result[plain_key] = encode_value(item, run)
    path.pop()
    return result


def encode_any_key(key: Any, run: Run) -> Any:
    """Encode a key without an annotation; tuples come back as tuples there, since keys have to be hashable."""
    if type(key) in NATIVE_SCALARS:
        return key
    quiet = run.aside()
    plain = frozen_key(encode_any(key, quiet))
    if not same(plain, key):
        run.note_inexact(key, ANY.name)
    return plain


def _encode_relative(value: Any, run: Run) -> Any:
    """Encode a value whose type no rule knows, as the supported type that it derives from or behaves like."""
    for base, convert in _BASES.items():
        if isinstance(value, base):
            return convert(value)
    if isinstance(value, Mapping):
        return encode_mapping(value, encode_any_key, encode_any, run)
    if isinstance(value, AbstractSet):
        return encode_any(set(value), run)
    if isinstance(value, Sequence):
        return _encode_list(list(value), run)
    raise run.no_equivalent(value)


def encode_misfit(value: Any, run: Run, decode: Callable[[Any, Run], Any], name: str) -> Any:
    """Encode a value that is not of its annotated type: as if it had no annotation.

    Noted as inexact unless reading the result under the annotation gives the value back.
    """
    if value is None:
        return None
    plain = encode_any(value, run.aside())
    if not restores(plain, value, decode, run):
        run.note_inexact(value, name)
    return plain


def restores(plain: Any, value: Any, decode: Callable[[Any, Run], Any], run: Run) -> bool:
    """Whether reading a tree gives the very value."""
    try:
        return same(decode(plain, Run(run.codec_for)), value)
    except Exception:  # noqa: BLE001 - whatever the user's class raises here means no
        return False


def _anything(_: Any) -> bool:
    return True


def _unchanged(plain: Any, run: Run) -> Any:  # noqa: ARG001 - every codec has this signature
    return plain


ANY = Codec("Any", encode_any, _unchanged, _anything, _anything, RANK_ANY)
"""What a field without a usable annotation has."""
