"""NumPy: what is written, what is refused, and what does not fit."""

# mypy: disable-error-code="attr-defined"
# Classes are built at run time.

# ruff: noqa: E501 - tables are wide

import subprocess
import sys
from dataclasses import make_dataclass
from typing import Any

import pytest

from ataraxis_yamlconfig import YamlConfig, YamlEncodeError
from ataraxis_yamlconfig._same import same
from yaml_cases import outcome

np = pytest.importorskip("numpy")
npt = pytest.importorskip("numpy.typing")


def loaded(hint, text):
    return make_dataclass("Config", [("field", hint)], bases=(YamlConfig,)).from_yaml_string(f"field: {text}").field


def test_the_look_of_arrays():
    config = make_dataclass("Config", [("a", npt.NDArray[np.float32]), ("b", np.ndarray)], bases=(YamlConfig,))
    text = config(np.array([[1, 0.5]], np.float32), np.array([1], np.uint8)).to_yaml_string()
    assert text == "---\na:\n- - 1.0\n  - 0.5\nb:\n  dtype: '|u1'\n  shape:\n  - 1\n  data:\n  - 1\n...\n"


def test_without_an_exact_annotation_the_nearest_value_is_written():
    assert same(outcome(Any, np.float32(0.5)), (0.5, ["$.field"]))
    assert same(outcome(Any, np.array([1, 2])), ([1, 2], ["$.field"]))
    assert same(outcome(list, [np.int8(1)]), ([1], ["$.field[0]"]))
    assert same(outcome(float, np.float64(1.5)), (1.5, ["$.field"]))
    assert same(outcome(np.ndarray, np.ma.array([1, 2], mask=[1, 0])), (np.array([1, 2]), ["$.field"]))
    assert same(outcome(np.float64, 1.5), (np.float64(1.5), ["$.field"]))
    assert same(outcome(np.ndarray, [1.5]), (np.array([1.5]), ["$.field"]))


def test_an_array_of_another_dtype_than_annotated_is_exact_all_the_same():
    array = np.array([1, 2], np.int8)
    assert same(outcome(npt.NDArray[np.float64], array), (array, []))


def test_what_does_not_fit_loads_as_it_is():
    for text, value in {
        "[1, a]": [1, "a"],
        "[[1], [1, 2]]": [[1], [1, 2]],
        "5": 5,
        "[300]": [300],
        "[1.5]": [1.5],
    }.items():
        assert same(loaded(npt.NDArray[np.uint8], text), value)
    for text, value in {"[true, 1]": [True, 1], "{a: 1}": {"a": 1}, "[null]": [None]}.items():
        assert same(loaded(np.ndarray, text), value)
    for text in ("{dtype: 5, shape: [1], data: [1]}", "{dtype: O, shape: [1], data: [1]}", "{dtype: i4, shape: 1, data: [1]}",
                 "{dtype: nope, shape: [1], data: [1]}", "{dtype: i4, shape: [2], data: [1]}", "{dtype: i4, shape: [1], data: x}",
                 "{dtype: i4, shape: [9], data: !!binary AAAA}"):  # fmt: skip
        assert isinstance(loaded(np.ndarray, text), dict)
        assert isinstance(loaded(np.void, text), dict)
    assert same(loaded(np.uint8, "300"), 300)
    assert same(loaded(np.uint8, "1.5"), 1.5)
    assert same(loaded(np.datetime64, "{dtype: i4, shape: [], data: [1]}"), {"dtype": "i4", "shape": [], "data": [1]})
    assert same(loaded(np.float64, "3"), np.float64(3))
    assert same(outcome(np.datetime64, "now"), ("now", []))
    assert same(outcome(np.datetime64, np.float32(1)), (1.0, ["$.field"]))
    assert same(outcome(np.ndarray, "text"), ("text", []))


def test_an_integer_that_an_older_numpy_would_wrap_around_loads_as_it_is():
    from ataraxis_yamlconfig._rules.numpy_types import _exact_integer

    with pytest.raises(OverflowError):
        _exact_integer(lambda plain: plain % 256, 300)


def test_objects_and_missing_texts_are_refused():
    for array in (np.array([object()]), np.array([(object(),)], dtype=[("a", "O")])):
        with pytest.raises(YamlEncodeError, match=r"\$\.field: .*its elements are Python objects"):
            outcome(np.ndarray, array)
    if hasattr(np.dtypes, "StringDType"):
        array = np.array(["a", None], np.dtypes.StringDType(na_object=None))
        with pytest.raises(YamlEncodeError, match="it holds missing values"):
            outcome(np.ndarray, array)


def test_a_dtype_that_its_description_does_not_restore_is_warned_about():
    if hasattr(np.dtypes, "StringDType"):
        array = np.array(["a"], np.dtypes.StringDType(na_object=None))
        assert outcome(np.ndarray, array)[1] == ["$.field"]


def test_records_with_titles_shapes_and_padding():
    dtypes = [
        np.dtype([(("a title", "a"), "<i4"), ("b", "<f8", (2, 2))]),
        np.dtype([("a", "i1"), ("b", "f8")], align=True),
        np.dtype([("a", [("none", "V0")]), ("b", "i1")]),
        np.dtype([("a", [("b", [("c", "u1", (3,))], (2,))])]),
        np.dtype([("when", "M8[ms]"), ("text", "U5"), ("raw", "S3"), ("pair", "c8")]),
    ]
    for dtype in dtypes:
        array = np.zeros((2, 1), dtype)
        back, warned = outcome(np.ndarray, array)
        assert same(back, array)
        assert warned == []
        back, warned = outcome(np.void, array[0, 0])
        assert back == array[0, 0]
        assert warned == []


def test_the_comparison_of_arrays_is_strict():
    assert not same(np.array([1]), np.array([1.0]))
    assert not same(np.array([1]), np.array([[1]]))
    assert same(np.array([np.nan]), np.array([np.nan]))
    assert not same(np.array(["a"]), np.array(["b"]))


def test_a_class_of_a_library_that_is_not_numpy_is_left_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    assert loaded(type("Unknown", (), {}), "[1]") == [1]


def test_numpy_is_never_imported_by_this_package():
    code = """
import sys
from dataclasses import dataclass
from ataraxis_yamlconfig import YamlConfig
@dataclass
class Config(YamlConfig):
    a: object = 1
Config.from_yaml_string(Config().to_yaml_string())
assert "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_few_characters_never_become_gigabytes():
    text = "{{dtype: '<U{}', shape: [1], data: [a]}}"
    assert loaded(np.ndarray, text.format(400_000_000)) == {"dtype": "<U400000000", "shape": [1], "data": ["a"]}
    assert loaded(np.ndarray, text.format(4000)).dtype == np.dtype("<U4000")
