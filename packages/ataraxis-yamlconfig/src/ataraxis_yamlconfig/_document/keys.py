"""Keys of mappings that are containers in YAML: hashable in Python, and recognisable afterwards."""

from __future__ import annotations

from typing import Any


class MappingKey(tuple[tuple[Any, Any], ...]):
    """A mapping that stands as a key: its items."""

    __slots__ = ()


def frozen_key(key: Any) -> Any:
    """Make a value of the tree hashable: lists become tuples, mappings their items, sets frozen."""
    kind = type(key)
    if kind is list or kind is tuple:
        return tuple([frozen_key(item) for item in key])
    if kind is dict:
        return MappingKey((frozen_key(name), frozen_key(value)) for name, value in key.items())
    return frozenset(key) if kind is set else key


def thawed_key(key: Any) -> Any:
    """Undo :func:`frozen_key`, for the codecs, which see the same tree in keys as in values."""
    kind = type(key)
    if kind is tuple:
        return [thawed_key(item) for item in key]
    if kind is MappingKey:
        return {frozen_key(thawed_key(name)): thawed_key(value) for name, value in key}
    return set(key) if kind is frozenset else key
