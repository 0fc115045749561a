"""Nothing recurses: every method at depth 10,000, and dictionaries that contain themselves."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from ataraxis_nested import NestedDictionary, NestedKeyError, NestedValueError
from ataraxis_nested._tree import require_acyclic
from nested_helpers import DEPTH, deep

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = ("k",) * DEPTH
TEXT = ".".join(PATH)


@pytest.fixture
def nested():
    return NestedDictionary(deep())


def test_depth_reading(nested):
    assert (
        nested.read_nested_value(PATH) == nested.read_nested_value(TEXT) == nested[list(PATH)] == nested.get(PATH) == 0
    )
    assert PATH in nested
    assert (*PATH, "k") not in nested
    with pytest.raises(NestedKeyError) as caught:
        nested.read_nested_value((*PATH[:-1], "x"))
    assert caught.value.depth == DEPTH - 1
    assert len(str(caught.value)) < 2000


def test_depth_writing_and_deleting(nested):
    for in_place in (True, False):
        target = nested if in_place else nested.write_nested_value(PATH, 1, modify_class_dictionary=False)
        target.write_nested_value((*PATH[:-1], "new"), 2)
        target.write_nested_value(PATH, deep(), allow_intermediate_overwrite=True)
        target.write_nested_value((*PATH, *PATH, "further"), 3, allow_intermediate_overwrite=True)
        assert len(target) == 2
        target.delete_nested_value((*PATH[:-1], "new"))
        target.delete_nested_value((*PATH, *PATH, "further"))
        assert not target
    nested.write_nested_value(TEXT, 5)
    assert nested == deep(leaf=5)
    assert nested.delete_nested_value(TEXT, modify_class_dictionary=False) == {}
    nested.delete_nested_value("k")
    assert nested == {}


def test_depth_searching(nested):
    assert nested.extract_nested_variable_paths() == (TEXT,)
    assert nested.extract_nested_variable_paths(return_raw=True) == (PATH,)
    assert nested.find_nested_variable_path("k", return_raw=True) == PATH
    assert nested.find_nested_variable_path("k") == TEXT
    half = PATH[: DEPTH // 2]
    nested.write_nested_value((*half, "s"), deep(DEPTH // 2))
    assert nested.find_nested_variable_path("s", "intermediate_only", return_raw=True) == (*half, "s")
    assert nested.find_nested_variable_path("x", "all") is None


def test_depth_converting():
    nested = NestedDictionary(deep())
    nested.write_nested_value(("k", "2"), deep())
    with pytest.raises(RuntimeError):
        nested.convert_all_keys_to_datatype("int")
    nested.convert_all_keys_to_datatype("str")
    assert nested == nested.convert_all_keys_to_datatype("str", modify_class_dictionary=False)


def test_depth_container(nested):
    assert len(nested) == 1
    assert bool(nested)
    assert list(nested) == [PATH]
    assert list(nested.items()) == [(PATH, 0)]
    assert len(repr(nested)) < 2500
    assert nested == NestedDictionary(nested.to_dict()) == nested.copy()
    assert nested != deep(leaf=1)
    assert nested != deep(DEPTH + 1)
    assert deep(DEPTH - 1) != nested


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda nested: pickle.loads(pickle.dumps(nested))])
def test_depth_duplicates(nested, duplicate):
    nested["other"] = deep()
    assert duplicate(nested) == nested


# ------------------------------------------------------------------------------------------------------------- cycles


def loop(length=1):
    section: dict[str, Any] = {"leaf": 0}
    last = section
    for _ in range(length - 1):
        last["k"] = last = {}
    last["again"] = section
    return section


@pytest.mark.parametrize("length", [1, 2, 100, DEPTH])
def test_a_cyclic_seed_or_value_is_a_value_error(length):
    with pytest.raises(NestedValueError, match="contains itself"):
        NestedDictionary(loop(length))
    nested = NestedDictionary({"a": 1})
    for path in ("a", "b.c"):
        with pytest.raises(NestedValueError, match="contains itself") as caught:
            nested.write_nested_value(path, {"x": loop(length)}, allow_intermediate_overwrite=True)
        assert len(str(caught.value)) < 2000
    assert nested == {"a": 1}


@pytest.mark.parametrize("branches", [1, 2])
def test_a_cycle_made_by_hand_ends_every_walk_with_a_value_error(branches):
    nested = NestedDictionary({"a": {"leaf": 1, "b": {"c": 2}}})
    section = nested.read_nested_value("a.b")
    for branch in range(branches):
        section[f"loop{branch}"] = nested.read_nested_value("a")
    walks: list[Callable[[], object]] = [
        nested.extract_nested_variable_paths,
        lambda: nested.extract_nested_variable_paths(return_raw=True),
        lambda: nested.find_nested_variable_path("c"),
        lambda: nested.find_nested_variable_path("none", "all"),
        lambda: nested.convert_all_keys_to_datatype("str"),
        lambda: nested.write_nested_value("x", 1, modify_class_dictionary=False),
        lambda: nested.write_nested_value("a", 1),
        lambda: nested.delete_nested_value("a"),
        nested.copy,
        nested.to_dict,
        nested.__len__,
        lambda: list(nested),
        lambda: list(nested.items()),
        lambda: nested == nested,  # noqa: PLR0124 - identical sections are walked all the same
        lambda: pickle.dumps(nested),
    ]
    for walk in walks:
        with pytest.raises(NestedValueError, match="contains itself"):
            walk()
    assert nested.read_nested_value("a.b.loop0.b.loop0.leaf") == 1
    assert len(repr(nested)) < 2500
    for branch in range(branches):
        del section[f"loop{branch}"]
    assert nested == {"a": {"leaf": 1, "b": {"c": 2}}}


def test_a_cycle_is_found_beside_sections_that_stand_in_many_places():
    seed: dict[str, Any] = {}
    for _ in range(60):
        seed = {"a": seed, "b": seed}  # 2 ** 60 paths
    require_acyclic(seed)
    seed["itself"] = seed
    with pytest.raises(NestedValueError, match="contains itself"):
        NestedDictionary(seed)


def test_the_paths_of_a_deep_dictionary_take_little_memory():
    key = "k" * 50
    chain: Any = 0
    for _ in range(2000):
        chain = {key: chain}
    nested = NestedDictionary(chain)
    tracemalloc.start()
    try:
        (path,) = nested.extract_nested_variable_paths()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert nested[path] == 0
    assert peak < 50 * len(path)  # not 1,000 of all lengths


def test_a_section_that_stands_in_two_places_is_no_cycle():
    shared = {"x": {"y": 1}}
    seed = {"a": shared, "b": {"c": shared, "d": {"e": shared}}}
    require_acyclic(seed)
    assert len(NestedDictionary(seed)) == 3
    nested = NestedDictionary({"a": {}})
    root = nested.read_nested_value(())
    root["a"], root["b"] = shared, shared
    assert len(nested) == 2
    assert nested == {"a": {"x": {"y": 1}}, "b": {"x": {"y": 1}}}
    shallow = deep(200)
    assert len(NestedDictionary({"a": shallow, "b": shallow}).extract_nested_variable_paths()) == 2
