"""Containers of one type of item: list, variadic tuple, set, frozenset, deque."""

from __future__ import annotations

import collections
import collections.abc as abstract
import sys
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, RANK_PARSED, RANK_STRUCTURE, Codec, Run
from ataraxis_yamlconfig._document.keys import thawed_key
from ataraxis_yamlconfig._rules.dynamic import encode_misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Abstract annotations read as the ordinary container.
_KINDS: dict[Any, type] = {kind: kind for kind in (list, set, frozenset, collections.deque)} | {
    abstract.Sequence: list,
    abstract.MutableSequence: list,
    abstract.Collection: list,
    abstract.Iterable: list,
    abstract.Set: set,
    abstract.MutableSet: set,
}


def container_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a container of one type of item."""
    kind = _KINDS.get(get_origin(hint) or hint)
    if kind is None:
        return None
    item = codec_for(*(get_args(hint) or (Any,)))
    return _deque_codec(item) if kind is collections.deque else collection_codec(kind, item)


def collection_codec(kind: Any, item: Codec) -> Codec:
    """Make the codec of a list, variadic tuple, set or frozenset."""
    is_set = kind is set or kind is frozenset
    sources = frozenset((list, tuple, set)) if is_set or kind is tuple else frozenset((list,))
    name = f"{kind.__name__}[{item.name}]"

    def decode(plain: Any, run: Run) -> Any:
        if type(plain) not in sources:
            return plain
        if type(plain) is set:
            plain = [thawed_key(member) for member in plain]
        items: Any = plain if item.native else decode_items(plain, item, run)
        if type(items) is kind:
            return items
        try:
            return kind(items)
        except TypeError:  # unhashable items in a set
            return items

    def encode(value: Any, run: Run) -> Any:
        if type(value) is not kind:
            return encode_misfit(value, run, decode, name)
        items = in_order(value) if is_set else value
        return list(items) if item.native and all_native(value) else encode_items(items, item, run)

    def fits(value: Any) -> bool:
        return type(value) is kind and all(map(item.fits, value))

    def accepts(plain: Any) -> bool:
        return type(plain) in sources and all(map(item.accepts, plain))

    return Codec(name, encode, decode, fits, accepts, RANK_STRUCTURE if kind is list else RANK_PARSED, sources)


def _deque_codec(item: Codec) -> Codec:
    """A deque with a maximal length is written with it, so that it keeps dropping what it would have dropped."""
    name = f"deque[{item.name}]"

    def decode(plain: Any, run: Run) -> Any:
        if type(plain) is list:
            return collections.deque(decode_items(plain, item, run))
        if not is_bounded(plain):
            return plain
        return collections.deque(decode_items(plain["items"], item, run), plain["maxlen"])

    def encode(value: Any, run: Run) -> Any:
        if type(value) is not collections.deque:
            return encode_misfit(value, run, decode, name)
        items = encode_items(value, item, run)
        return items if value.maxlen is None else {"maxlen": value.maxlen, "items": items}

    def is_bounded(plain: Any) -> bool:
        return (
            type(plain) is dict
            and plain.keys() == {"maxlen", "items"}
            and type(plain["items"]) is list
            and type(plain["maxlen"]) is int
            and 0 <= plain["maxlen"] <= sys.maxsize
        )

    def fits(value: Any) -> bool:
        return type(value) is collections.deque and all(map(item.fits, value))

    def accepts(plain: Any) -> bool:
        return type(plain) is list or is_bounded(plain)

    return Codec(name, encode, decode, fits, accepts)


def all_native(items: Iterable[Any]) -> bool:
    """Whether all items are their own YAML values, at the speed of C."""
    return NATIVE_SCALARS.issuperset(map(type, items))


def encode_items(items: Iterable[Any], item: Codec, run: Run) -> list[Any]:
    """Encode items one by one, keeping the path current."""
    path = run.descend()
    encode = item.encode
    result = []
    for path[-1], value in enumerate(items):
        result.append(encode(value, run))
    path.pop()
    return result


def decode_items(items: Iterable[Any], item: Codec, run: Run) -> list[Any]:
    """Decode items one by one, keeping the path current; null stays None in every place."""
    path = run.path
    path.append(None)
    decode = item.decode
    result = []
    for path[-1], plain in enumerate(items):
        result.append(None if plain is None else decode(plain, run))
    path.pop()
    return result


def in_order(members: Any) -> list[Any]:
    """Give the members of a set in an order that does not change from one process to the next."""
    try:
        return sorted(members)
    except TypeError:
        return sorted(members, key=lambda member: (type(member).__name__, repr(member)))
