from __future__ import annotations

from enum import IntEnum, StrEnum
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ataraxis_nested import NestedConversionError, NestedDictionary, NestedKeyError, NestedTypeError, NestedValueError
from ataraxis_nested._paths import Notation
from nested_helpers import check, delimiters, key_kinds, mixed_keys, same_key, texts, trees

SEED = {"a": {"b": {"c": 1, "d": {}}}, "e": 2}


# ---------------------------------------------------------------------------------------------------- text <-> keys


@given(keys=st.lists(texts, min_size=1, max_size=4), delimiter=delimiters | st.text(min_size=1, max_size=3))
@example(keys=["a:", "b"], delimiter="::")
@example(keys=["a", ":b"], delimiter="::")
@example(keys=["x:::y", ":", "::"], delimiter="::")
@example(keys=["a\\", "b"], delimiter=".")
@example(keys=["a\\", "\\"], delimiter=".")
@example(keys=[""], delimiter=".")
@example(keys=["", ""], delimiter=".")
@example(keys=["\\", "\\\\", "/"], delimiter="\\")
@example(keys=["aaa", "a"], delimiter="aa")
def test_any_keys_survive_being_written_as_text_with_any_delimiter(keys, delimiter):
    notation = Notation(delimiter)
    text = notation.text(tuple(keys))
    assert notation.split(text) == keys
    assert all(type(key) is str for key in notation.split(text))


@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=2, max_size=6), delimiters)
def test_different_keys_never_become_the_same_text(paths, delimiter):
    notation = Notation(delimiter)
    by_text = {notation.text(tuple(path)): path for path in paths}
    assert len(by_text) == len({tuple(path) for path in paths})


@pytest.mark.parametrize(
    ("keys", "delimiter", "text"),
    [
        (("a", "b"), ".", "a.b"),
        (("a.b", "c"), ".", "a\\.b.c"),
        (("C:\\data", "x"), ".", "C:\\data.x"),  # a backslash elsewhere is no escape: paths of 3.x stay as they are
        (("\\\\server",), ".", "\\\\server"),
        (("a\\", "b"), ".", "a\\\\.b"),
        (("a\\",), ".", "a\\"),
        (("", "b"), ".", ".b"),
        (("a", ""), ".", "a.\\"),
        (("a::b",), "::", "a\\::b"),
        (("a\\b", "c/d"), "\\", "a/\\b\\c/d"),
        ((1.5, 2.5), ".", "1\\.5.2\\.5"),
        ((-1, -2), "-", "\\-1-\\-2"),
        ((None, True, b"x"), ".", "None.True.b'x'"),
    ],
)
def test_how_keys_are_written(keys, delimiter, text):
    assert Notation(delimiter).text(keys) == text


@pytest.mark.parametrize("text", ["a.", ".", "a..", "a\\\\."])
def test_a_path_that_ends_in_the_delimiter_is_refused(text):
    with pytest.raises(NestedValueError, match="ends in the delimiter"):
        NestedDictionary(SEED).read_nested_value(text)


@pytest.mark.parametrize("delimiter", ["\\", "\\/", "!\\/"])
def test_a_delimiter_with_a_backslash_takes_another_escape(delimiter):
    nested = NestedDictionary({f"x{delimiter}y": {f"\\{delimiter}": 1}, "\\": {"/": {"": 2}}}, delimiter)
    assert [nested.read_nested_value(path) for path in nested.extract_nested_variable_paths()] == [1, 2]


def test_with_an_empty_delimiter_a_string_is_one_key():
    nested = NestedDictionary({"a.b": 1, "": 2, "\\": 3, "c": {}}, "")
    assert [nested.read_nested_value(path) for path in ("a.b", "", "\\")] == [1, 2, 3]
    assert nested.extract_nested_variable_paths() == ("a.b", "", "\\", "c")
    assert nested.find_nested_variable_path("a.b") == "a.b"


def test_with_an_empty_delimiter_paths_of_several_keys_cannot_be_strings():
    nested = NestedDictionary({"a": {"b": 1}, "ab": 2}, "")
    with pytest.raises(NestedValueError, match="return_raw=True"):
        nested.extract_nested_variable_paths()
    with pytest.raises(NestedValueError, match="return_raw=True"):
        nested.find_nested_variable_path("b")
    assert nested.extract_nested_variable_paths(return_raw=True) == (("a", "b"), ("ab",))


# ----------------------------------------------------------------------------------------------------- round trips


def found_paths(nested, key, mode, *, return_raw):
    """What find returns, as a list in all three cases; `key` is no tuple."""
    found = nested.find_nested_variable_path(key, mode, return_raw=return_raw)
    if found is None:
        return []
    several = isinstance(found, tuple) and (not return_raw or isinstance(found[-1], tuple))  # one path ends in the key
    return list(found) if several else [found]


def expected_paths(seed, key, mode, path=()):
    """The obvious recursive search."""
    for other, value in seed.items():
        section = isinstance(value, dict) and bool(value)
        if same_key(other, key) and (mode == "all" or section == (mode == "intermediate_only")):
            yield (*path, other)
        if section:
            yield from expected_paths(value, key, mode, (*path, other))


modes = st.sampled_from(["terminal_only", "intermediate_only", "all"])


@given(trees(mixed_keys), mixed_keys.filter(lambda key: not isinstance(key, tuple)), modes)
def test_every_path_of_any_dictionary_reads_back_as_keys(seed, key, mode):
    nested = NestedDictionary(seed)
    for path, value in nested.items():
        assert nested.read_nested_value(path) is value
        assert nested.read_nested_value(list(path)) is value
        assert nested.get(path) is value
    for target in (key, *(key for path in nested for key in path if not isinstance(key, tuple))):
        found = found_paths(nested, target, mode, return_raw=True)
        assert found == list(expected_paths(seed, target, mode))
        assert all(same_key(path[-1], target) and path in nested for path in found)


@pytest.mark.parametrize("kind", key_kinds)
@given(data=st.data(), delimiter=delimiters, mode=modes)
def test_every_path_reads_back_as_a_string_while_keys_share_a_type(kind, data, delimiter, mode):
    nested = NestedDictionary(data.draw(trees(key_kinds[kind])), delimiter)
    paths = nested.extract_nested_variable_paths()
    assert len(paths) == len(set(paths)) == len(nested)
    for path, (_, value) in zip(paths, nested.items(), strict=True):
        assert nested.read_nested_value(path) is value
    for key in {key for path in nested for key in path}:
        raw = found_paths(nested, key, mode, return_raw=True)
        for text, keys in zip(found_paths(nested, key, mode, return_raw=False), raw, strict=True):
            assert nested.read_nested_value(text) is nested.read_nested_value(keys)


@given(trees(texts), delimiters)
def test_string_paths_build_the_same_dictionary_again(seed, delimiter):
    nested = NestedDictionary(seed, delimiter)
    again = NestedDictionary(path_delimiter=delimiter)
    for text, (_, value) in zip(nested.extract_nested_variable_paths(), nested.items(), strict=True):
        again.write_nested_value(text, value)
    assert again == nested
    assert list(again) == list(nested)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (1e300, "1e+300"),
        (0.1, "0\\.1"),
        (-0.0, "-0\\.0"),
        (True, "True"),
        (False, "False"),
        (None, "None"),
        (-7, "-7"),
    ],
)
def test_keys_of_every_type_as_text(key, text):
    nested = NestedDictionary({key: {key: "value"}})
    assert nested.extract_nested_variable_paths() == (f"{text}.{text}",)
    assert nested.read_nested_value(f"{text}.{text}") == "value"


def test_a_nan_key_is_found_by_its_text_where_it_is_the_only_one():
    nan = float("nan")
    nested = NestedDictionary({nan: {1.5: {nan: "value"}}, 2.0: 0})
    assert nested.extract_nested_variable_paths() == ("nan.1\\.5.nan", "2\\.0")
    assert nested.read_nested_value("nan.1\\.5.nan") == "value"
    assert nested.read_nested_value((nan, 1.5, nan)) == "value"
    nested.write_nested_value("nan.1\\.5.nan", "other")
    assert len(nested) == 2
    nested.delete_nested_value("nan.1\\.5.nan")
    assert nested == {2.0: 0}
    nested.write_nested_value("2\\.0.nan.nan", 1, allow_intermediate_overwrite=True)
    assert nested.read_nested_value("2\\.0.nan.nan") == 1
    assert nested.get("2\\.0.nan.nan.nan", "through a leaf") == "through a leaf"


def test_several_nan_keys_of_a_section_cannot_be_told_apart_by_text():
    one, other = float("nan"), float("nan")
    nested = NestedDictionary({one: 1, other: 2})
    assert [nested.read_nested_value(path) for path in nested] == [1, 2]
    with pytest.raises(NestedValueError, match="2 nan keys"):
        nested.read_nested_value("nan")


# ---------------------------------------------------------------------------------------- exact keys, kinds of paths


@pytest.mark.parametrize("stored", [1, True, 1.0, 1 + 0j])
@pytest.mark.parametrize("given_key", [1, True, 1.0, 1 + 0j])
def test_equal_numbers_of_different_types_are_different_keys(stored, given_key):
    nested = NestedDictionary({stored: {"x": "value"}, "a": {stored: 0}})
    before = nested.to_dict()
    if type(stored) is type(given_key):
        assert nested.read_nested_value((given_key, "x")) == "value"
        return
    for path in ((given_key,), (given_key, "x"), ("a", given_key)):
        assert path not in nested
        assert nested.get(path, "default") == "default"
        with pytest.raises(NestedKeyError, match="equal key of another type"):
            nested.read_nested_value(path)
        with pytest.raises(NestedKeyError):
            nested.delete_nested_value(path)
        nested.delete_nested_value(path, allow_missing=True)
        with pytest.raises(NestedKeyError, match="cannot hold the equal key") as caught:
            nested.write_nested_value(path, 5, allow_intermediate_overwrite=True)
        assert caught.value.key is given_key
    assert nested == before
    assert nested.key_datatypes == tuple(sorted({type(stored).__name__, "str"}))


def test_numbers_are_told_apart_where_all_keys_share_a_type_too():
    nested = NestedDictionary({1: {2: "value"}})
    assert nested.read_nested_value([1, 2]) == "value"
    assert nested.read_nested_value("1.2") == "value"
    assert (True, 2) not in nested
    assert (1, 2.0) not in nested


def test_mixed_numbers_in_one_dictionary_stay_exact():
    nested = NestedDictionary({1: {True: {1.0: "value"}}})
    assert nested.read_nested_value((1, True, 1.0)) == "value"
    for wrong in ((True, True, 1.0), (1, 1, 1.0), (1, True, 1), (1, True, True)):
        assert wrong not in nested


def test_keys_whose_hashes_collide_are_told_apart():
    large = 2**61  # has the hash of 1 on 64-bit builds
    nested = NestedDictionary({1: {True: "one"}, large: "large"})
    assert nested.read_nested_value((large,)) == "large"
    nested.delete_nested_value((large,))
    assert nested == {1: {True: "one"}}


def test_a_subclass_member_stands_for_its_base_as_in_a_dict():
    class Channel(IntEnum):
        LEFT = 1

    class Name(StrEnum):
        CAMERA = "camera"

    nested = NestedDictionary({1: {"camera": "value"}})
    assert nested.read_nested_value([Channel.LEFT, Name.CAMERA]) == "value"
    nested.write_nested_value([Channel.LEFT, Name.CAMERA], "other")
    assert nested.key_datatypes == ("int", "str")
    members = NestedDictionary({Channel.LEFT: 1})
    assert members.read_nested_value((1,)) == 1
    assert (True,) not in members
    with pytest.raises(NestedValueError, match="keys of type Channel"):
        members.read_nested_value("1")
    members.delete_nested_value((1,))
    assert members.key_datatypes == ("str",)


def test_a_key_that_refuses_comparison_with_strangers_still_works():
    class Stubborn:
        def __hash__(self):
            return 7

        def __eq__(self, other):
            return isinstance(other, Stubborn)

    nested = NestedDictionary({Stubborn(): {"x": 1}})
    assert nested.read_nested_value((Stubborn(), "x")) == 1
    nested.delete_nested_value((Stubborn(),))
    assert not nested


@pytest.mark.parametrize("path", [("a", "b", "c"), ["a", "b", "c"], "a.b.c"])
def test_the_kinds_of_paths(path):
    assert NestedDictionary(SEED).read_nested_value(path) == 1


@pytest.mark.parametrize("path", [None, 1, {"a"}, {"a": 1}, iter("a"), b"a", range(2)])
def test_anything_else_is_no_path(path):
    nested = NestedDictionary(SEED)
    for call in (nested.read_nested_value, nested.get, nested.__contains__, nested.delete_nested_value):
        with pytest.raises(NestedTypeError, match="A path has to be"):
            call(path)
    with pytest.raises(NestedTypeError, match="A path has to be"):
        nested.write_nested_value(path, 1)


@pytest.mark.parametrize("path", [(["a"],), ("a", {}), ("x", "y", []), [[]]])
def test_a_key_that_is_not_hashable_is_a_type_error(path):
    nested = NestedDictionary(SEED)
    for call in (nested.read_nested_value, nested.get, nested.__contains__, nested.delete_nested_value):
        with pytest.raises(NestedTypeError, match="cannot be a dictionary key"):
            call(path)
    with pytest.raises(NestedTypeError, match="cannot be a dictionary key"):
        nested.write_nested_value(path, 1)
    assert nested == SEED


def test_the_empty_path_stands_for_the_whole():
    for seed in (SEED, {1: {"a": 2}}, {1: 2}, {}):
        nested = NestedDictionary(seed)
        empty_paths: tuple[Any, ...] = ((), [], "")
        for path in empty_paths:
            assert nested.read_nested_value(path) == seed
            with pytest.raises(NestedValueError, match="cannot be written"):
                nested.write_nested_value(path, 1)
            with pytest.raises(NestedValueError, match="cannot be deleted"):
                nested.delete_nested_value(path, allow_missing=True)
        assert nested == seed


@pytest.mark.parametrize(
    ("seed", "path"),
    [
        ({1: {"a": 2}}, "1.a"),
        ({1: 2}, "x"),
        ({1.5: 2}, "x"),
        ({True: 2}, "1"),
        ({None: 2}, "none"),
        ({(1,): 2}, "(1,)"),
        ({b"a": 2}, "a"),
    ],
)
def test_a_string_that_cannot_become_keys_is_a_value_error(seed, path):
    nested = NestedDictionary(seed)
    for call in (nested.read_nested_value, nested.get, nested.__contains__, nested.delete_nested_value):
        with pytest.raises(NestedValueError, match="Give the path as a list or tuple of keys"):
            call(path)
    with pytest.raises(NestedValueError, match="cannot be used with keys of type"):
        nested.write_nested_value(path, 1)
    assert nested == seed


# ---------------------------------------------------------------------------------------------------- NumPy, absent


class StandInScalar(str):
    __slots__ = ()

    def item(self):
        return str.__str__(self)


class StandInDate:
    """A scalar that does not equal what it stands for, like some dates of NumPy."""

    def item(self):
        return "date"


class StandInArray:
    """Behaves like a NumPy array as far as this package may look."""

    def __init__(self, elements, ndim=1):
        self.elements, self.ndim = elements, ndim

    def tolist(self):
        return [element.item() for element in self.elements]


@pytest.fixture
def stand_in_numpy(monkeypatch):
    module = ModuleType("numpy")
    vars(module).update(ndarray=StandInArray, generic=(StandInScalar, StandInDate))
    monkeypatch.setitem(__import__("sys").modules, "numpy", module)


@pytest.mark.usefixtures("stand_in_numpy")
def test_arrays_and_scalars_of_a_numpy_that_is_imported_become_python_objects():
    nested = NestedDictionary({"a": {"b": 1}})
    assert nested.read_nested_value(StandInArray([StandInScalar("a"), StandInScalar("b")])) == 1
    with pytest.raises(NestedValueError, match="one dimension, but this one has 2"):
        nested.read_nested_value(StandInArray([], ndim=2))
    nested.write_nested_value((StandInScalar("c"), StandInScalar("d")), 2)
    assert nested.key_datatypes == ("str",)
    assert nested.find_nested_variable_path(StandInScalar("d")) == "c.d"
    nested.write_nested_value((StandInDate(), StandInDate()), 3)
    nested.write_nested_value((StandInDate(), StandInDate()), 4)
    assert nested.read_nested_value("date.date") == nested.read_nested_value([StandInDate(), StandInDate()]) == 4
    assert len(nested) == 3


@pytest.mark.usefixtures("stand_in_numpy")
def test_scalars_among_the_keys_of_a_seed_or_value_become_python_objects_in_their_place():
    seed: Any = {"x": 0, StandInScalar("a"): {StandInScalar("b"): 1, "c": 2}, "y": 3}
    nested = NestedDictionary(seed)
    nested.write_nested_value("z", {StandInScalar("d"): {StandInDate(): 4}})
    assert nested.key_datatypes == ("str",)
    paths = ("x", "a.b", "a.c", "y", "z.d.date")
    assert nested.extract_nested_variable_paths() == paths
    assert [nested[path] for path in paths] == [0, 1, 2, 3, 4]
    assert [type(key) for key in seed] == [str, StandInScalar, str]
    check(nested)


@pytest.mark.usefixtures("stand_in_numpy")
def test_a_scalar_beside_the_object_it_stands_for_is_a_value_error():
    with pytest.raises(NestedValueError, match="a NumPy key beside the Python object"):
        NestedDictionary({"a": {StandInDate(): 1, "date": 2}})
    nested = NestedDictionary({"a": 1})
    with pytest.raises(NestedValueError, match="a NumPy key beside the Python object"):
        nested.write_nested_value("a", {"date": 1, StandInDate(): 2})
    assert nested == {"a": 1}


@pytest.mark.usefixtures("stand_in_numpy")
def test_a_scalar_put_in_by_hand_is_found():
    nested = NestedDictionary({"a": {}})
    nested["a"][StandInScalar("b")] = 1
    assert nested.find_nested_variable_path("b") == nested.find_nested_variable_path(StandInScalar("b")) == "a.b"
    assert nested.find_nested_variable_path("b", "intermediate_only") is None
    assert nested.copy().key_datatypes == ("str",)


def test_an_array_means_nothing_while_numpy_is_not_imported(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "numpy", raising=False)
    with pytest.raises(NestedTypeError):
        NestedDictionary().read_nested_value(StandInArray([StandInScalar("a")]))


def test_real_numpy_arrays_and_scalars():
    np = pytest.importorskip("numpy")
    nested = NestedDictionary({"a": {"b": 1}})
    assert nested.read_nested_value(np.array(["a", "b"])) == 1
    assert nested.read_nested_value(np.array([])) == nested
    for wrong in (np.array("a"), np.array([["a"]])):
        with pytest.raises(NestedValueError, match="one dimension"):
            nested.read_nested_value(wrong)
    nested.write_nested_value(np.array(["x", "y"]), 2)
    nested.write_nested_value([np.str_("z")], 3)
    assert nested.key_datatypes == ("str",)
    numbers = NestedDictionary()
    numbers.write_nested_value(np.array([1, 2]), "int")
    numbers.write_nested_value((np.int64(1), np.uint8(3)), "int too")
    assert numbers.key_datatypes == ("int",)
    assert numbers.read_nested_value("1.3") == numbers.read_nested_value([1, np.int16(3)]) == "int too"
    assert np.array([1.0, 2.0]) not in numbers
    assert numbers.find_nested_variable_path(np.int64(2)) == "1.2"
    seeded: Any = NestedDictionary({np.str_("a"): {np.float64(0.5): 1}})
    assert seeded.key_datatypes == ("float", "str")
    for path in (*seeded, ("a", 0.5), np.array(["a"])):
        assert path in seeded
    seeded.delete_nested_value(("a", 0.5))
    assert seeded.key_datatypes == ("str",)


class Wordless:
    def __repr__(self):
        raise ArithmeticError("long " * 1000)


@pytest.mark.parametrize("key", [10**5000, Wordless()], ids=["int", "wordless"])
def test_a_key_without_text_is_a_value_error_unless_keys_are_wanted(key):
    nested = NestedDictionary({"a": {key: {"b": 1}, "c": 2}})
    for call in (nested.extract_nested_variable_paths, lambda: nested.find_nested_variable_path("b")):
        with pytest.raises(NestedValueError, match="cannot be written as text") as caught:
            call()
        assert len(str(caught.value)) < 2000
    assert nested.extract_nested_variable_paths(return_raw=True) == (("a", key, "b"), ("a", "c"))
    assert nested.find_nested_variable_path("c") == "a.c"
    with pytest.raises(NestedConversionError, match="cannot be converted"):
        nested.convert_all_keys_to_datatype("str")


def test_text_from_a_subclass_of_str_becomes_exact_keys():
    class Text(str):
        __slots__ = ()

    for delimiter in (".", ""):
        nested = NestedDictionary(path_delimiter=delimiter)
        nested.write_nested_value(Text("a"), 1)
        assert nested.key_datatypes == ("str",)


def test_paths_of_one_dictionary_are_in_insertion_order_depth_first():
    nested = NestedDictionary({"s": {"x": 1}, "x": 2, "t": {"u": {"x": 3}, "x": 4}, "empty": {}})
    order = ("s.x", "x", "t.u.x", "t.x", "empty")
    assert nested.extract_nested_variable_paths() == order
    assert nested.find_nested_variable_path("x") == order[:-1]
    assert all(one != other for one, other in pairwise(order))
