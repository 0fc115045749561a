"""Mappings whose keys and values each have one type: dict, defaultdict, OrderedDict, Counter."""

from __future__ import annotations

import collections
import collections.abc as abstract
from typing import TYPE_CHECKING, Any, get_args, get_origin

from ataraxis_yamlconfig._codec import RANK_PARSED, RANK_STRUCTURE, Codec, Run
from ataraxis_yamlconfig._document.keys import frozen_key, thawed_key
from ataraxis_yamlconfig._rules.containers import all_native
from ataraxis_yamlconfig._rules.dynamic import ANY, encode_any_key, encode_mapping, encode_misfit
from ataraxis_yamlconfig._same import same

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS: dict[Any, type[dict[Any, Any]]] = {
    dict: dict,
    abstract.Mapping: dict,
    abstract.MutableMapping: dict,
    collections.defaultdict: collections.defaultdict,
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
}


def mapping_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a mapping."""
    kind = _KINDS.get(get_origin(hint) or hint)
    if kind is None:
        return None
    arguments = get_args(hint)
    key_hint = arguments[0] if arguments else Any
    value_hint = int if kind is collections.Counter else arguments[1] if arguments else Any
    return _mapping_codec(kind, codec_for(key_hint), codec_for(value_hint), _factory_of(value_hint))


def _factory_of(hint: Any) -> Any:
    """Give the factory that a defaultdict of such values is rebuilt with."""
    origin = get_origin(hint) or hint
    return origin if isinstance(origin, type) and origin is not Any else None


def _mapping_codec(kind: Any, key: Codec, value: Codec, factory: Any) -> Codec:
    name = f"{kind.__name__}[{key.name}, {value.name}]"
    is_default = kind is collections.defaultdict
    both_native = key.native and value.native
    keeps_keys = key.native or key is ANY
    encode_key = encode_any_key if key is ANY else _key_encoder(key)

    def decode(plain: Any, run: Run) -> Any:
        if type(plain) is not dict:
            return plain
        items = plain if keeps_keys and value.native else _decode_items(plain, key, value, run)
        if type(items) is kind:
            return items
        return kind(factory, items) if is_default else kind(items)

    def encode(instance: Any, run: Run) -> Any:
        if type(instance) is not kind:
            return encode_misfit(instance, run, decode, name)
        if is_default and instance.default_factory is not factory:
            run.note_inexact(instance, f"{name} with another default_factory")
        if both_native and all_native(instance) and all_native(instance.values()):
            return dict(instance)
        return encode_mapping(instance, encode_key, value.encode, run)

    def fits(instance: Any) -> bool:
        return type(instance) is kind and all(map(key.fits, instance)) and all(map(value.fits, instance.values()))

    def accepts(plain: Any) -> bool:
        return (
            type(plain) is dict
            and all(key.accepts(thawed_key(name)) for name in plain)
            and all(map(value.accepts, plain.values()))
        )

    return Codec(
        name, encode, decode, fits, accepts, RANK_STRUCTURE if kind is dict else RANK_PARSED, frozenset((dict,))
    )


def _key_encoder(key: Codec) -> Callable[[Any, Run], Any]:
    """Give the encoder of keys; as a key a tuple reads back exactly, whatever the annotation."""

    def encode_key(name: Any, run: Run) -> Any:
        attempt = run.aside()
        plain = frozen_key(key.encode(name, attempt))
        if attempt.inexact and not same(_decoded_key(plain, key, attempt), name):
            run.inexact |= attempt.inexact
        return plain

    return encode_key


def _decode_items(plain: dict[Any, Any], key: Codec, value: Codec, run: Run) -> dict[Any, Any]:
    path = run.path
    path.append(None)
    result = {}
    for path[-1], item in plain.items():
        name = path[-1] if key.native or key is ANY else _decoded_key(path[-1], key, run)
        if name in result:  # two texts of one key: keep both
            name = path[-1]
        result[name] = None if item is None else value.decode(item, run)
    path.pop()
    return result


def _decoded_key(name: Any, key: Codec, run: Run) -> Any:
    if name is None:
        return None
    decoded = key.decode(thawed_key(name), run)
    try:
        hash(decoded)
    except TypeError:  # it does not fit, and a list cannot be a key
        return name
    return decoded
