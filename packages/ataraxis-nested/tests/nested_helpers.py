"""What the tests of ataraxis-nested share: kinds of keys, plain models, and the invariants of an instance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ataraxis_nested import NestedDictionary

DEPTH = 10_000

texts = st.text(alphabet="ab.\\/: 1", max_size=4) | st.text(max_size=3)
ints = st.integers(-12, 12) | st.integers()
floats = st.floats(allow_nan=False)
key_kinds = {
    str: texts,
    int: ints,
    float: floats,
    bool: st.booleans(),
    type(None): st.none(),
}
mixed_keys = st.one_of(*key_kinds.values(), st.binary(max_size=2), st.tuples(st.integers(0, 2)))
delimiters = st.sampled_from([".", "/", "::", "\\", "ab", "aa", "aba", "\\.", " ", "1", "-", "é"])
leaves = st.integers(0, 9) | st.sampled_from(["", "text", None, 1.5])


def trees(keys: st.SearchStrategy[Any], max_leaves: int = 12) -> st.SearchStrategy[dict[Any, Any]]:
    """Nested dictionaries, empty sections included."""
    inner = st.recursive(leaves, lambda child: st.dictionaries(keys, child, max_size=4), max_leaves=max_leaves)
    return st.dictionaries(keys, inner, max_size=4)


def deep(depth: int = DEPTH, leaf: Any = 0) -> dict[Any, Any]:
    """A chain of sections: {"k": {"k": ... leaf}}, with `depth` keys."""
    value: Any = leaf
    for _ in range(depth):
        value = {"k": value}
    chain: dict[Any, Any] = value
    return chain


def same_key(one: Any, other: Any) -> bool:
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return type(one) is type(other) and (one == other or both_nan)


def terminals(section: dict[Any, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Paths and values of all terminals: the obvious recursive way, to compare with."""
    for key, value in section.items():
        if isinstance(value, dict) and value:
            yield from terminals(value, (*path, key))
        else:
            yield (*path, key), value


def all_keys(section: dict[Any, Any]) -> Iterator[Any]:
    """Every key at every level."""
    for key, value in section.items():
        yield key
        if isinstance(value, dict):
            yield from all_keys(value)


def snapshot(section: dict[Any, Any]) -> list[Any]:
    """Content with the order, the types and the identities of everything in it."""
    return [
        (type(key), key, snapshot(value) if isinstance(value, dict) else id(value)) for key, value in section.items()
    ]


def sections_of(section: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    yield section
    for value in section.values():
        if isinstance(value, dict):
            yield from sections_of(value)


def check(nested: NestedDictionary) -> None:
    """Asserts what is true of every instance at all times, unless sections were changed by hand."""
    root = nested._root
    counts: dict[type, int] = {}
    for key in all_keys(root):
        counts[type(key)] = counts.get(type(key), 0) + 1
    assert nested._types.counts == counts
    assert nested.key_datatypes == (tuple(sorted({kind.__name__ for kind in counts})) or ("str",))
    assert nested._types.single is (str if not counts else next(iter(counts)) if len(counts) == 1 else None)
    found = list(sections_of(root))
    assert len(set(map(id, found))) == len(found)  # no section stands in two places
    assert all(type(section) is dict for section in found)
    expected = list(terminals(root))
    assert list(nested.items()) == expected
    assert list(nested) == [path for path, _ in expected]
    assert nested.extract_nested_variable_paths(return_raw=True) == tuple(path for path, _ in expected)
    assert len(nested) == len(expected)
    assert bool(nested) is bool(expected)
    for path, value in expected:
        assert nested.read_nested_value(path) is value
        assert path in nested
    assert nested == nested.to_dict()
