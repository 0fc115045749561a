"""The container protocol, equality, repr, copies, pickle, searching, and errors."""

from __future__ import annotations

import copy
import doctest
import pickle
import subprocess
import sys
from typing import Any

import pytest

import ataraxis_nested
from ataraxis_nested import (
    NestedConversionError,
    NestedDictionary,
    NestedDictionaryError,
    NestedKeyError,
    NestedTypeError,
    NestedValueError,
    _dictionary,
)
from nested_helpers import check, sections_of

SEED = {"a": {"b": {"c": 1, "d": {}}}, "e": 2}


def test_iteration_gives_the_terminals():
    nested = NestedDictionary(SEED)
    assert list(nested) == [("a", "b", "c"), ("a", "b", "d"), ("e",)]
    assert list(nested.items()) == [(("a", "b", "c"), 1), (("a", "b", "d"), {}), (("e",), 2)]
    assert len(nested) == 3
    assert nested
    assert not NestedDictionary()
    assert len(NestedDictionary()) == 0
    assert len(NestedDictionary({"a": {}})) == 1


def test_a_dict_of_an_instance_is_flat():
    nested = NestedDictionary(SEED)
    flat = {("a", "b", "c"): 1, ("a", "b", "d"): {}, ("e",): 2}
    assert dict(nested) == {**nested} == dict(nested.items()) == flat
    assert list(nested.keys()) == list(nested)
    assert list(nested.values()) == [1, {}, 2]


def test_an_instance_is_no_sequence():
    unordered: Any = NestedDictionary(SEED)
    with pytest.raises(TypeError, match="not reversible"):
        reversed(unordered)


def test_brackets_read_write_and_delete():
    nested = NestedDictionary(SEED)
    assert nested["a.b.c"] == nested["a", "b", "c"] == 1
    nested["a.b.x"] = 3
    nested["a", "b", "c"] = 4
    del nested["e"]
    assert nested == {"a": {"b": {"c": 4, "d": {}, "x": 3}}}
    with pytest.raises(KeyError):
        nested["e"]
    with pytest.raises(KeyError):
        del nested["e"]
    check(nested)


def test_changing_while_iterating_raises_as_for_a_dict():
    nested = NestedDictionary(SEED)
    iterator = iter(nested)
    next(iterator)
    nested["a.b.new"] = 1
    with pytest.raises(RuntimeError):
        list(iterator)


def test_get_returns_a_default_only_for_what_is_missing():
    nested = NestedDictionary({"a": {"none": None}})
    assert nested.get("a.none", 5) is None
    assert nested.get("a.x") is None
    assert nested.get("a.x", 5) == nested.get(["a", "none", "x"], default=5) == 5


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"a": {"b": {"c": 1, "d": {}}}},
        {"a": {"b": {"c": 1, "d": {}}}, "e": 3},
        {"a": {"b": {"c": 1, "d": 0}}, "e": 2},
        {"a": {"b": {"c": 1, "x": {}}}, "e": 2},
        {"a": {"b": {"c": {}, "d": {}}}, "e": 2},
        {"a": {"b": {"c": 1, "d": {"x": 1}}}, "e": 2},
        {"a": {"b": {"c": None, "d": {}}}, "e": 2},
    ],
)
def test_other_content_is_not_equal(other):
    for one, two in ((SEED, other), (other, SEED)):
        assert NestedDictionary(one) != NestedDictionary(two)
        assert NestedDictionary(one) != two
        assert two != NestedDictionary(one)


def test_equality_looks_at_content_alone():
    nested = NestedDictionary(SEED, "/")
    assert nested == NestedDictionary({"e": 2.0, "a": {"b": {"d": {}, "c": True}}}, "::")
    assert nested == SEED
    assert nested != [SEED]
    assert nested.__eq__(5) is NotImplemented
    nan = float("nan")
    assert NestedDictionary({"a": nan}) == {"a": nan}
    with pytest.raises(TypeError):
        hash(nested)


def test_array_leaves_are_compared_whole():
    class Array:
        def __init__(self, *elements):
            self.elements, self.shape = elements, (len(elements),)

        def __eq__(self, other):
            return Elementwise([one == two for one, two in zip(self.elements, other.elements, strict=True)])

        __hash__ = None  # type: ignore[assignment]  # as arrays have it

    class Elementwise(list[bool]):
        def all(self):
            return all(self) if self.ndim == 1 else Elementwise([all(self)], ndim=1)

        def __init__(self, elements, ndim=2):
            super().__init__(elements)
            self.ndim = ndim  # a table's all() gives a column, whose all() gives a value

        def __bool__(self):
            raise ValueError

    one = NestedDictionary({"a": Array(1, 2)})
    assert one == NestedDictionary({"a": Array(1, 2)})
    assert one != NestedDictionary({"a": Array(1, 3)})
    assert one != NestedDictionary({"a": Array(1)})
    assert one != NestedDictionary({"a": 1})


def test_repr_shows_all_of_a_small_dictionary():
    nested = NestedDictionary({1: {"b": {}, None: (1,)}, "e": "text"})
    data = "{1: {'b': {}, None: (1,)}, 'e': 'text'}"
    assert repr(nested) == str(nested)
    assert repr(nested) == f"NestedDictionary(key_datatypes=NoneType, int, str, path_delimiter='.', data={data})"
    assert repr(NestedDictionary(path_delimiter="/")) == (
        "NestedDictionary(key_datatypes=str, path_delimiter='/', data={})"
    )


def test_an_instance_that_is_a_value_of_itself_can_be_shown_and_copied():
    nested = NestedDictionary({"a": 1})
    nested["me"] = nested
    assert repr(nested).endswith("data={'a': 1, 'me': NestedDictionary(...)})")
    assert nested.copy() == nested
    twin = copy.deepcopy(nested)
    assert twin["me"] is twin
    assert pickle.loads(pickle.dumps(nested))["me"]["a"] == 1


@pytest.mark.parametrize(
    "seed",
    [
        {"k" * 10_000: "v" * 10_000},
        {number: number for number in range(100_000)},
        {number: {number: "x" * 500} for number in range(1000)},
        {"list": [list(range(1000))] * 1000, 10**5000: 10**5000},
    ],
)
def test_repr_is_bounded(seed):
    nested = NestedDictionary(seed)
    assert len(repr(nested)) < 2500


@pytest.mark.parametrize(
    "duplicate", [NestedDictionary.copy, copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_duplicates_are_independent_and_complete(duplicate):
    nan, leaf = float("nan"), [1]
    nested = NestedDictionary({1: {"b": {nan: {"x": 1}}, None: {}}, "e": {}, "leaf": leaf, "last": {"y": {}}}, "/")
    vars(nested)["remark"] = "kept"
    twin = duplicate(nested)
    assert [repr(path) for path in twin] == [repr(path) for path in nested]
    assert vars(twin)["remark"] == "kept"
    assert twin.path_delimiter == "/"
    assert twin.key_datatypes == nested.key_datatypes
    assert not set(map(id, sections_of(nested._root))) & set(map(id, sections_of(twin._root)))
    assert (twin["leaf",] is leaf) is (duplicate in (NestedDictionary.copy, copy.copy))
    twin["leaf",] = 2
    assert nested["leaf",] is leaf
    check(twin)


def test_every_protocol_pickles():
    nested = NestedDictionary(SEED)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        check(pickle.loads(pickle.dumps(nested, protocol)))


def test_to_dict_gives_plain_independent_sections():
    leaf = [1]
    nested = NestedDictionary({"a": {"b": leaf}})
    plain = nested.to_dict()
    assert plain["a"]["b"] is leaf
    plain["a"]["c"] = 1
    assert "a.c" not in nested


# ------------------------------------------------------------------------------------------------------------- search

FOREST = {"a": {"a": {"a": 1, "b": {}}, "b": 2}, "c": {"b": {"d": 3}}}


@pytest.mark.parametrize(
    ("key", "mode", "found"),
    [
        ("a", "terminal_only", "a.a.a"),
        ("a", "intermediate_only", ("a", "a.a")),
        ("a", "all", ("a", "a.a", "a.a.a")),
        ("b", "terminal_only", ("a.a.b", "a.b")),
        ("b", "intermediate_only", "c.b"),
        ("b", "all", ("a.a.b", "a.b", "c.b")),
        ("x", "all", None),
        ("d", "intermediate_only", None),
        ("c", "terminal_only", None),
    ],
)
def test_searching(key, mode, found):
    nested = NestedDictionary(FOREST)
    assert nested.find_nested_variable_path(key, mode) == found
    assert nested.find_nested_variable_path(target_key=key, search_mode=mode) == found
    raw = nested.find_nested_variable_path(key, mode, return_raw=True)
    keys = tuple(tuple(path.split(".")) for path in ((found,) if isinstance(found, str) else found or ()))
    assert raw == (None if found is None else keys[0] if isinstance(found, str) else keys)


def test_search_matches_value_and_type():
    nested = NestedDictionary({"a": {1: 0}, "b": {True: 0}, "c": {1.0: 0}, "d": {"1": 0}, (1, 2): {None: 0}})
    for key, section in ((1, "a"), (True, "b"), (1.0, "c"), ("1", "d"), (None, (1, 2))):
        found: Any = nested.find_nested_variable_path(key, return_raw=True)
        *outer, last = found
        assert (outer, type(last)) == ([section], type(key))
    assert nested.find_nested_variable_path((1, 2), "intermediate_only", return_raw=True) == ((1, 2),)
    assert nested.find_nested_variable_path(2) is None


def test_search_for_nan_finds_every_nan():
    nested = NestedDictionary({float("nan"): 1, "a": {float("nan"): 2, 1.0: 3}})
    found: Any = nested.find_nested_variable_path(float("nan"), return_raw=True)
    assert [nested.read_nested_value(path) for path in found] == [1, 2]


@pytest.mark.parametrize("mode", ["", "terminal", None, 1, ["all"]])
def test_an_unknown_search_mode_is_a_value_error(mode):
    with pytest.raises(NestedValueError, match="'terminal_only', 'intermediate_only', 'all'"):
        NestedDictionary(SEED).find_nested_variable_path("a", mode)


@pytest.mark.parametrize("key", [[], {}, ([],)])
def test_a_target_that_is_not_hashable_is_a_type_error(key):
    with pytest.raises(NestedTypeError, match="cannot be a dictionary key"):
        NestedDictionary(SEED).find_nested_variable_path(key)


def test_with_mixed_key_types_paths_are_still_written_as_text():
    nested = NestedDictionary({1: {"a.b": 0}, None: {}})
    assert nested.extract_nested_variable_paths() == ("1.a\\.b", "None")
    assert nested.find_nested_variable_path("a.b") == "1.a\\.b"


# ------------------------------------------------------------------------------------------------------------- errors


def test_every_error_is_of_the_package_and_of_a_builtin_kind():
    for error, builtin in (
        (NestedKeyError, KeyError),
        (NestedValueError, ValueError),
        (NestedTypeError, TypeError),
        (NestedConversionError, RuntimeError),
    ):
        assert issubclass(error, NestedDictionaryError)
        assert issubclass(error, builtin)


def test_a_key_error_says_what_is_wrong_and_carries_it():
    nested = NestedDictionary({"a": {f"key{number}": 0 for number in range(12)}})
    with pytest.raises(NestedKeyError) as caught:
        nested.read_nested_value("a.x.y")
    error = caught.value
    assert (error.path, error.key, error.depth) == (("a", "x", "y"), "x", 1)
    assert str(error) == (
        "The path ('a', 'x', 'y') leads nowhere at depth 1: the key 'x' (str) does not exist; the section holds "
        + ", ".join(f"'key{number}' (str)" for number in range(10))
        + " and 2 more."
    )
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is NestedKeyError
    assert (twin.path, twin.key, twin.depth, str(twin)) == (error.path, error.key, error.depth, str(error))
    with pytest.raises(KeyError, match="the section is empty"):
        NestedDictionary().read_nested_value("a")


def test_messages_are_bounded_whatever_the_data():
    wide = {"long " * 1000: 0} | {f"{number}" + "long " * 20: 0 for number in range(100_000)}
    kind = type("T" * 5000, (), {"__hash__": lambda _: 1, "__eq__": lambda one, two: one is two})
    path = ("long " * 1000,) * 50
    any_list: Any = list(wide)
    nested: Any = NestedDictionary({"wide": wide, "leaf": "x" * 100_000, kind(): 0, 10**5000: {}, 1: {}})
    calls = [
        lambda: nested["wide", *path],
        lambda: nested["leaf", *path],
        lambda: nested[kind(), 1],
        lambda: nested[10**5000, 10**5000 + 1],
        lambda: nested["x" * 100_000],
        lambda: nested["x" * 100_000 + "."],
        lambda: nested[10**5000],
        lambda: nested[[wide]],
        lambda: nested[{1: wide}.values()],
        lambda: nested.write_nested_value(("leaf", *path), 1),
        lambda: nested.write_nested_value((float("inf"), *path), 1) or nested.write_nested_value((True, *path), 1),
        lambda: nested.write_nested_value(("wide",), 1, allow_terminal_overwrite=False),
        lambda: nested.convert_all_keys_to_datatype("int"),
        lambda: nested.convert_all_keys_to_datatype("x" * 100_000),
        lambda: nested.find_nested_variable_path("a", "x" * 100_000),
        lambda: nested.set_path_delimiter(wide),
        lambda: NestedDictionary(any_list),
        lambda: NestedDictionary(kind()),
        lambda: NestedDictionary({}, kind()),
        lambda: nested[kind()],
        lambda: NestedDictionary({kind(): 1}).convert_all_keys_to_datatype("int"),
    ]
    for call in calls:
        with pytest.raises(NestedDictionaryError) as caught:
            call()
        assert len(str(caught.value)) < 2000


# ------------------------------------------------------------------------------------------------------------ package


def test_the_examples_in_the_documentation_run():
    failed, attempted = doctest.testmod(
        _dictionary, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, raise_on_error=False
    )
    assert attempted > 20
    assert failed == 0


def test_the_public_names():
    assert sorted(ataraxis_nested.__all__) == sorted(
        name for name in vars(ataraxis_nested) if not name.startswith("_") or name == "__version__"
    )
    assert ataraxis_nested.__version__.count(".") == 2


def test_importing_loads_little():
    code = "import ataraxis_nested, sys; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}; {code}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert not {"typing", "re", "enum", "collections", "inspect", "numpy"} & set(out.split())


def test_importing_needs_nothing_outside_the_standard_library():
    code = "import sys; before = set(sys.modules); import ataraxis_nested; print(*set(sys.modules) - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    roots = {name.partition(".")[0] for name in out.split()}
    assert roots <= set(sys.stdlib_module_names) | {"ataraxis_nested"}
