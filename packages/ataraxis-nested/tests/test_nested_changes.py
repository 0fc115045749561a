"""Writing, deleting and converting: examples, options, and what stays untouched."""

from __future__ import annotations

from typing import Any

import pytest

from ataraxis_nested import NestedConversionError, NestedDictionary, NestedKeyError, NestedTypeError, NestedValueError
from nested_helpers import check, snapshot


@pytest.fixture
def nested():
    return NestedDictionary({"a": {"b": {"c": 1, "d": {}}}, "e": 2})


# --------------------------------------------------------------------------------------------------------- construct


def test_an_instance_starts_empty():
    for nested in (NestedDictionary(), NestedDictionary(None), NestedDictionary({})):
        assert nested.to_dict() == {}
        assert nested.key_datatypes == ("str",)
        assert nested.path_delimiter == "."
        nested.write_nested_value("a.b", 1)
        assert nested == {"a": {"b": 1}}
        check(nested)


@pytest.mark.parametrize("seed", [[], "a", 1, [("a", 1)], NestedDictionary()])
def test_a_seed_that_is_no_dict_is_a_type_error(seed):
    with pytest.raises(NestedTypeError, match="seed_dictionary has to be a dict or None"):
        NestedDictionary(seed)


@pytest.mark.parametrize("delimiter", [None, 1, b".", ["."]])
def test_a_delimiter_that_is_no_string_is_a_type_error(nested, delimiter):
    with pytest.raises(NestedTypeError, match="path_delimiter has to be a string"):
        NestedDictionary({}, delimiter)
    with pytest.raises(NestedTypeError, match="new_delimiter has to be a string"):
        nested.set_path_delimiter(new_delimiter=delimiter)
    assert nested.path_delimiter == "."


def test_a_section_that_stands_in_two_places_becomes_two():
    shared = {"x": {"y": 1}}
    nested = NestedDictionary({"a": shared, "b": shared, "c": [shared]})
    nested.write_nested_value("a.x.y", 2)
    assert nested == {"a": {"x": {"y": 2}}, "b": {"x": {"y": 1}}, "c": [shared]}
    assert shared == {"x": {"y": 1}}
    check(nested)


def test_dict_subclasses_become_plain_sections():
    class Special(dict[Any, Any]):
        def __missing__(self, key):
            raise AssertionError

    nested = NestedDictionary(Special(a=Special(b=1)))
    nested.write_nested_value("c", Special(d=2))
    assert "a.x" not in nested
    check(nested)


# -------------------------------------------------------------------------------------------------------------- write


def test_write_makes_the_sections_that_are_missing(nested):
    nested.write_nested_value("x.y.z", 1)
    nested.write_nested_value(["a", "b", "new"], None)
    nested.write_nested_value(("a", None), 3)
    assert nested == {"a": {"b": {"c": 1, "d": {}, "new": None}, None: 3}, "e": 2, "x": {"y": {"z": 1}}}
    check(nested)


def test_write_shares_leaves_and_copies_sections(nested):
    leaf = [1]
    section = {"inner": {"leaf": leaf}}
    nested.write_nested_value("x", section)
    assert nested.read_nested_value("x.inner.leaf") is leaf
    nested.write_nested_value("x.inner.more", 1)
    assert section == {"inner": {"leaf": [1]}}
    nested.write_nested_value("y", nested.read_nested_value("x"))
    nested.write_nested_value("x.self", nested.read_nested_value(()))
    nested.delete_nested_value("y.inner.more")
    assert "x.inner.more" in nested
    check(nested)


@pytest.mark.parametrize("path", ["a.b.c", "a.b", "a.b.d", "e"])
@pytest.mark.parametrize("value", [5, {"new": 6}, {}])
def test_the_end_of_a_path_is_overwritten_only_when_allowed(nested, path, value):
    before = snapshot(nested._root)
    with pytest.raises(NestedKeyError, match="allow_terminal_overwrite=True") as caught:
        nested.write_nested_value(path, value, allow_terminal_overwrite=False, allow_intermediate_overwrite=True)
    assert caught.value.path == tuple(path.split("."))
    assert caught.value.depth == len(caught.value.path) - 1
    assert snapshot(nested._root) == before
    nested.write_nested_value(path, value)
    assert nested.read_nested_value(path) == value
    check(nested)


def test_a_value_on_the_way_is_overwritten_only_when_allowed(nested):
    before = snapshot(nested._root)
    with pytest.raises(NestedKeyError, match="allow_intermediate_overwrite=True") as caught:
        nested.write_nested_value("a.b.c.x.y", 5)
    assert caught.value.path == ("a", "b", "c", "x", "y")
    assert (caught.value.key, caught.value.depth) == ("c", 2)
    assert snapshot(nested._root) == before
    nested.write_nested_value("a.b.c.x.y", 5, allow_terminal_overwrite=False, allow_intermediate_overwrite=True)
    assert nested.read_nested_value("a.b") == {"c": {"x": {"y": 5}}, "d": {}}
    check(nested)


@pytest.mark.parametrize("leaf", ["text", [10, 20], (10, 20), range(3), b"bytes"])
def test_a_path_never_goes_into_a_leaf_that_could_be_indexed(leaf):
    nested = NestedDictionary({"a": leaf, 1: leaf})
    for path in (("a", 0), (1, 1), (1, 1, 0), ("a", "a")):
        assert path not in nested
        with pytest.raises(NestedKeyError, match="not a section") as caught:
            nested.read_nested_value(path)
        assert (caught.value.key, caught.value.depth) == (path[1], 1)
        with pytest.raises(NestedKeyError):
            nested.write_nested_value(path, 1)
        with pytest.raises(NestedKeyError):
            nested.delete_nested_value(path)
        nested.delete_nested_value(path, allow_missing=True)
    assert nested == {"a": leaf, 1: leaf}


@pytest.mark.parametrize("kind", [int, float, bool, bytes])
def test_keys_of_other_types_are_written_and_deleted(kind):
    one, two = kind(0), kind(1)
    nested = NestedDictionary({one: {one: 0}})
    nested.write_nested_value((one, two), 1)
    nested.write_nested_value((one, two), 2)
    nested.write_nested_value((two, one), 3)
    check(nested)
    assert nested == {one: {one: 0, two: 2}, two: {one: 3}}
    nested.delete_nested_value((one, two))
    nested.delete_nested_value((two, one))
    check(nested)
    assert nested == {one: {one: 0}}


def test_overwriting_and_deleting_sections_keeps_the_key_types_exact():
    nested: Any = NestedDictionary({"a": {1: {None: 0, 2.5: 1}}, "b": {True: {}}})
    assert nested.key_datatypes == ("NoneType", "bool", "float", "int", "str")
    nested.write_nested_value(("a", 1), "leaf")
    assert nested.key_datatypes == ("bool", "int", "str")
    nested.delete_nested_value(("a", 1))
    assert nested.key_datatypes == ("bool", "str")
    nested.write_nested_value(["b"], {b"x": 1})
    assert nested.key_datatypes == ("bytes", "str")
    nested.delete_nested_value(["b"])
    assert nested.key_datatypes == ("str",)
    nested.write_nested_value((1, 2), 3)
    assert nested.key_datatypes == ("int",)
    nested.write_nested_value("1.3", 4)
    assert nested.read_nested_value((1, 3)) == 4
    check(nested)


def test_a_copy_is_changed_and_returned_on_demand(nested):
    before = snapshot(nested._root)
    written = nested.write_nested_value("a.b.c", 5, modify_class_dictionary=False)
    deleted = nested.delete_nested_value("a.b", modify_class_dictionary=False)
    missing = nested.delete_nested_value("x.y", modify_class_dictionary=False, allow_missing=True)
    converted = NestedDictionary({1: 2}, "/").convert_all_keys_to_datatype("str", modify_class_dictionary=False)
    assert snapshot(nested._root) == before
    assert written == {"a": {"b": {"c": 5, "d": {}}}, "e": 2}
    assert deleted == {"e": 2}
    assert missing == nested
    assert missing is not nested
    assert (converted.to_dict(), converted.path_delimiter) == ({"1": 2}, "/")
    with pytest.raises(NestedKeyError):
        nested.write_nested_value("e.f", 5, modify_class_dictionary=False)
    with pytest.raises(NestedKeyError):
        nested.delete_nested_value("x", modify_class_dictionary=False)
    for each in (nested, written, deleted, missing, converted):
        check(each)


def test_a_subclass_gets_itself_with_its_attributes_back():
    class Settings(NestedDictionary):
        def __init__(self, owner):
            super().__init__({"a": {"b": 1}})
            self.owner = owner

    settings = Settings("me")
    for twin in (
        settings.copy(),
        settings.write_nested_value("a.c", 1, modify_class_dictionary=False),
        settings.convert_all_keys_to_datatype("str", modify_class_dictionary=False),
    ):
        assert type(twin) is Settings
        assert twin.owner == "me"
        check(twin)


# ------------------------------------------------------------------------------------------------------------- delete


def test_delete_prunes_only_sections_that_it_emptied():
    nested = NestedDictionary({"a": {"b": {"c": 1}, "empty": {}}, "d": {"e": {"f": 2}}, "g": 3})
    nested.delete_nested_value("a.b.c")
    assert nested == {"a": {"empty": {}}, "d": {"e": {"f": 2}}, "g": 3}
    nested.delete_nested_value("d.e.f")
    assert nested == {"a": {"empty": {}}, "g": 3}
    nested.delete_nested_value("g")
    nested.delete_nested_value("a.empty")
    assert nested == {}
    assert nested.key_datatypes == ("str",)
    check(nested)


def test_delete_keeps_emptied_sections_on_demand(nested):
    nested.delete_nested_value("a.b.c")
    nested.delete_nested_value("a.b.d", delete_empty_sections=False)
    assert nested == {"a": {"b": {}}, "e": 2}
    nested.delete_nested_value("a.b", delete_empty_sections=False)
    assert nested == {"a": {}, "e": 2}
    nested.delete_nested_value("e", delete_empty_sections=False)
    assert nested == {"a": {}}
    check(nested)


def test_delete_of_what_is_missing_raises_unless_that_is_allowed(nested):
    for path in ("x", "a.x", "a.b.c.x", "e.x.y"):
        with pytest.raises(NestedKeyError):
            nested.delete_nested_value(path)
        assert nested.delete_nested_value(path, allow_missing=True) is None
    assert nested == {"a": {"b": {"c": 1, "d": {}}}, "e": 2}


# ------------------------------------------------------------------------------------------------------------ convert


def test_keys_are_converted_like_str_and_int_do():
    nested = NestedDictionary({11: {"11": {True: False}}, 1.7: {b"x": 0}, None: {(1,): {}}})
    text = nested.convert_all_keys_to_datatype("str", modify_class_dictionary=False)
    assert text.to_dict() == {"11": {"11": {"True": False}}, "1.7": {"b'x'": 0}, "None": {"(1,)": {}}}
    assert text.key_datatypes == ("str",)
    numbers = NestedDictionary({11: {"11": {True: False}}, 1.7: 0, "-3": {}})
    numbers.convert_all_keys_to_datatype(datatype="int")
    assert numbers == {11: {11: {1: False}}, 1: 0, -3: {}}
    assert numbers.key_datatypes == ("int",)
    assert all(type(key) is int for path in numbers for key in path)
    check(text)
    check(numbers)


@pytest.mark.parametrize("seed", [{"x": 1}, {None: 1}, {float("inf"): 1}, {"a": {"1.5": 1}}, {(1,): 1}])
def test_a_key_that_cannot_be_converted_is_a_runtime_error(seed):
    nested = NestedDictionary({1: 2, "2": seed})
    before = snapshot(nested._root)
    with pytest.raises(NestedConversionError, match="cannot be converted"):
        nested.convert_all_keys_to_datatype("int")
    assert snapshot(nested._root) == before


@pytest.mark.parametrize(
    ("seed", "kind"), [({1: 0, "1": 0}, "str"), ({"a": {1.2: 0, 1.7: 0}}, "str"), ({"1": 0, 1: 0}, "int")]
)
def test_keys_that_collide_are_a_runtime_error(seed, kind):
    nested = NestedDictionary(seed)
    if "a" in seed:
        assert nested.convert_all_keys_to_datatype(kind) is None  # these do not
        return
    with pytest.raises(NestedConversionError, match="both become"):
        nested.convert_all_keys_to_datatype(kind)
    assert nested == seed


@pytest.mark.parametrize("datatype", ["float", "bool", "NoneType", int, None, ["int"]])
def test_other_datatypes_are_a_value_error(nested, datatype):
    with pytest.raises(NestedValueError, match="Use 'str' or 'int'"):
        nested.convert_all_keys_to_datatype(datatype)


# ------------------------------------------------------------------------------------------- sections changed by hand


def test_a_section_changed_by_hand_shows_in_reads_at_once(nested):
    nested.read_nested_value("a.b")["by hand"] = {"x": 1}
    assert nested.read_nested_value("a.b.by hand.x") == 1
    assert len(nested) == 4


def test_key_types_are_counted_again_when_a_string_path_does_not_fit(nested):
    root = nested.read_nested_value(())
    root.clear()
    root.update({1: {2: "value"}})
    assert nested.read_nested_value("1.2") == "value"
    assert nested.key_datatypes == ("int",)
    nested.write_nested_value("1.3", "other")
    root[1]["a"] = 0
    with pytest.raises(NestedValueError, match="int, str"):
        nested.read_nested_value("1.x")
    assert nested.key_datatypes == ("int", "str")
    del root[1]["a"]
    assert nested.read_nested_value("1.3") == "other"
    assert nested.key_datatypes == ("int",)
    check(nested)


def test_a_string_path_is_written_with_the_types_that_are_there_now(nested):
    section = nested.read_nested_value(())
    section.clear()
    section[7] = {8: 9}
    nested.write_nested_value("7.10", 11)
    assert nested == {7: {8: 9, 10: 11}}
    check(nested)


def test_a_string_that_is_new_is_no_reason_to_count_again(nested):
    types = nested._types
    assert "a.b.x" not in nested
    nested.write_nested_value("a.b.x", 1)
    nested.write_nested_value("a.b.d.y", 1)
    assert nested._types is types


def test_counts_that_do_not_add_up_are_taken_again(nested):
    nested.read_nested_value("a.b")[1] = {None: 2}
    nested.delete_nested_value(("a", "b"))
    assert nested.key_datatypes == ("str",)
    check(nested)
    nested.read_nested_value(())[3] = 4
    nested.delete_nested_value((3,))
    check(nested)


def test_a_key_put_in_by_hand_can_be_deleted_although_it_was_not_counted():
    for by_hand in ("a", 1):
        nested = NestedDictionary()
        nested.read_nested_value(())[by_hand] = 0
        nested.delete_nested_value((by_hand,))
        check(nested)
    nested.write_nested_value("a", 1)
    nested.read_nested_value(())["b"] = 2
    nested.delete_nested_value("a")
    nested.delete_nested_value("b")
    check(nested)


def test_a_call_that_finds_a_cycle_made_by_hand_while_counting_changes_nothing():
    nested = NestedDictionary({"a": {"b": {}}, "c": {}})
    root = nested.read_nested_value(())
    root["a"]["b"]["loop"] = root["a"]
    root["c"][1] = {2: 3}
    before = dict(root)
    for call in (
        lambda: nested.delete_nested_value(("c", 1)),
        lambda: nested.delete_nested_value(("c",)),
        lambda: nested.write_nested_value(("c",), 1),
    ):
        with pytest.raises(NestedValueError, match="contains itself"):
            call()
        assert dict(root) == before
        assert root["c"] == {1: {2: 3}}


def test_a_dict_subclass_put_in_by_hand_is_a_section(nested):
    class Special(dict[Any, Any]):
        pass

    nested.read_nested_value("a")["s"] = Special(x=1)
    assert nested.read_nested_value("a.s.x") == 1
    nested.write_nested_value("a.s.y", 2)
    nested.write_nested_value("a.s.x", 3)
    nested.delete_nested_value("a.s.y")
    assert nested.read_nested_value("a.s") == {"x": 3}
    nested.read_nested_value("a")["t"] = Special(x=Special(y=1))
    nested.delete_nested_value("a.t.x.y")
    assert "a.t" not in nested
    assert nested.extract_nested_variable_paths() == ("a.b.c", "a.b.d", "a.s.x", "e")
