"""Tuples of fixed length, NamedTuples and TypedDicts: containers whose every place has a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin, is_typeddict

from ataraxis_yamlconfig._codec import RANK_CLASS, Codec, Run
from ataraxis_yamlconfig._hints import is_namedtuple, record_hints
from ataraxis_yamlconfig._rules.containers import collection_codec
from ataraxis_yamlconfig._rules.dynamic import ANY, encode_misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def tuple_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a tuple; a bare one holds anything, in any number."""
    if hint is tuple:
        return collection_codec(tuple, codec_for(Any))
    if get_origin(hint) is not tuple:
        return None
    arguments = get_args(hint)
    if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        return collection_codec(tuple, codec_for(arguments[0]))
    if any(str(argument).startswith(("*", "typing.Unpack")) for argument in arguments):
        return collection_codec(tuple, codec_for(Any))  # tuple[int, *tuple[str, ...]]
    return _fixed_tuple([codec_for(argument) for argument in arguments])


def namedtuple_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a NamedTuple, which is written as a mapping and also read from a list."""
    kind = get_origin(hint) or hint
    if not is_namedtuple(kind):
        return None
    hints = record_hints(kind, get_args(hint))
    return _named_tuple(kind, {name: codec_for(hints.get(name, Any)) for name in kind._fields})


def typeddict_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a TypedDict; keys that it does not name hold anything."""
    kind = get_origin(hint) or hint
    if not is_typeddict(kind):
        return None
    hints = record_hints(kind, get_args(hint))
    return _typed_dict(kind, {name: codec_for(hint) for name, hint in hints.items()})


def _encode_places(places: Iterable[tuple[Any, Any, Codec]], run: Run) -> dict[Any, Any]:
    path = run.descend()
    result = {}
    for key, value, codec in places:
        path[-1] = key
        result[key] = codec.encode(value, run)
    path.pop()
    return result


def _decode_places(places: Iterable[tuple[Any, Any, Codec]], run: Run) -> dict[Any, Any]:
    path = run.path
    path.append(None)
    result = {}
    for key, plain, codec in places:
        path[-1] = key
        result[key] = None if plain is None else codec.decode(plain, run)
    path.pop()
    return result


def _fixed_tuple(codecs: list[Codec]) -> Codec:
    name = f"tuple[{', '.join(codec.name for codec in codecs)}]"

    def places(values: Any) -> Iterable[tuple[Any, Any, Codec]]:
        return zip(range(len(codecs)), values, codecs, strict=True)

    def decode(plain: Any, run: Run) -> Any:
        if type(plain) not in {list, tuple} or len(plain) != len(codecs):
            return plain
        return tuple(_decode_places(places(plain), run).values())

    def encode(value: Any, run: Run) -> Any:
        if type(value) is not tuple or len(value) != len(codecs):
            return encode_misfit(value, run, decode, name)
        return list(_encode_places(places(value), run).values())

    def fits(value: Any) -> bool:
        return (
            type(value) is tuple
            and len(value) == len(codecs)
            and all(codec.fits(item) for _, item, codec in places(value))
        )

    def accepts(plain: Any) -> bool:
        return (
            type(plain) in {list, tuple}
            and len(plain) == len(codecs)
            and all(codec.accepts(item) for _, item, codec in places(plain))
        )

    return Codec(name, encode, decode, fits, accepts)


def _named_tuple(kind: type[tuple[Any, ...]], codecs: dict[str, Codec]) -> Codec:
    name = kind.__qualname__

    def by_name(plain: Any) -> Any:
        """Give the mapping for a list as well."""
        if type(plain) in {list, tuple} and len(plain) == len(codecs):
            return dict(zip(codecs, plain, strict=True))
        return plain

    def decode(plain: Any, run: Run) -> Any:
        named = by_name(plain)
        if type(named) is not dict or named.keys() != codecs.keys():
            return plain
        values = _decode_places(((key, named[key], codec) for key, codec in codecs.items()), run)
        return tuple.__new__(kind, values.values())

    def encode(value: Any, run: Run) -> Any:
        if type(value) is not kind:
            return encode_misfit(value, run, decode, name)
        return _encode_places(zip(codecs, value, codecs.values(), strict=True), run)

    def fits(value: Any) -> bool:
        return type(value) is kind and all(codec.fits(item) for item, codec in zip(value, codecs.values(), strict=True))

    def accepts(plain: Any) -> bool:
        named = by_name(plain)
        return (
            type(named) is dict
            and named.keys() == codecs.keys()
            and all(codec.accepts(named[key]) for key, codec in codecs.items())
        )

    return Codec(name, encode, decode, fits, accepts, RANK_CLASS)


def _typed_dict(kind: Any, codecs: dict[str, Codec]) -> Codec:
    name = kind.__qualname__

    def places(mapping: dict[Any, Any]) -> Iterable[tuple[Any, Any, Codec]]:
        return ((key, value, codecs.get(key, ANY)) for key, value in mapping.items())

    def decode(plain: Any, run: Run) -> Any:
        return _decode_places(places(plain), run) if type(plain) is dict else plain

    def encode(value: Any, run: Run) -> Any:
        if type(value) is not dict or not all(type(key) is str for key in value):
            return encode_misfit(value, run, decode, name)
        return _encode_places(places(value), run)

    def fits(value: Any) -> bool:
        return (
            type(value) is dict
            and kind.__required_keys__ <= value.keys() <= codecs.keys()
            and all(codec.fits(item) for _, item, codec in places(value))
        )

    def accepts(plain: Any) -> bool:
        return (
            type(plain) is dict
            and kind.__required_keys__ <= plain.keys() <= codecs.keys()
            and all(codec.accepts(item) for _, item, codec in places(plain))
        )

    return Codec(name, encode, decode, fits, accepts, RANK_CLASS, frozenset((dict,)))
