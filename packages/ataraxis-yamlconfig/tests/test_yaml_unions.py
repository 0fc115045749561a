"""Every supported type as a member of a union, beside members that it has to be told from."""

# mypy: disable-error-code="valid-type, attr-defined"
# Hints and classes are built at run time.

# ruff: noqa: UP007, UP044 - hints are built from parts, in every spelling

from dataclasses import dataclass, make_dataclass
from fractions import Fraction
from typing import Any, Union, Unpack

import pytest

from ataraxis_yamlconfig import YamlConfig
from ataraxis_yamlconfig._same import same
from yaml_cases import CASES, Dog, outcome


@dataclass(frozen=True)
class Marker:
    """No other type of the table is written like this."""

    marker_a: int
    marker_b: int


OTHERS = [Marker, Fraction, Dog, list[Marker], tuple[Marker, Marker], dict[str, Marker]]


@pytest.mark.parametrize(("hint", "values"), [pytest.param(hint, values, id=name) for name, hint, values in CASES])
def test_a_member_of_a_union_reads_back_or_is_warned_about(hint, values):
    for other in OTHERS:
        for union in (Union[hint, other], Union[other, hint], Union[list[hint], other, None]):
            for value in values:
                placed = [value] if union is Union[list[hint], other, None] else value
                back, warned = outcome(union, placed)
                assert same(back, placed) != bool(warned), (union, placed, back)


@pytest.mark.parametrize(("hint", "values"), [pytest.param(hint, values, id=name) for name, hint, values in CASES])
def test_a_union_with_a_class_of_its_own_is_always_exact(hint, values):
    for value in [*values, Marker(1, 2)]:
        back, warned = outcome(Union[hint, Marker], value)
        assert same(back, value)
        assert not warned


WRONG = [5, "text", [1], {"a": 1}, None, b"x", [[1]], {"maxlen": 2, "items": "no"}, {"x": 1}]


@pytest.mark.parametrize(("hint", "values"), [pytest.param(hint, values, id=name) for name, hint, values in CASES])
def test_a_value_that_is_of_no_member_reads_back_or_is_warned_about(hint, values):
    for wrong in WRONG:
        back, warned = outcome(Union[hint, Fraction, Marker], wrong)
        assert same(back, wrong) != bool(warned), (wrong, values)


def test_tuples_with_unpacked_parts_hold_anything():
    for hint in (tuple[int, *tuple[str, ...]], tuple[int, Unpack[tuple[str, ...]]]):
        assert outcome(hint, (1, "a", "b")) == ((1, "a", "b"), [])


def test_a_set_with_yaml_s_own_tag_is_read_by_every_container():
    for hint in (set[int], frozenset[int], tuple[int, ...]):
        cls = make_dataclass("Config", [("field", hint)], bases=(YamlConfig,))
        assert set(cls.from_yaml_string("field: !!set {1, 2}").field) == {1, 2}
    cls = make_dataclass("Config", [("field", Any)], bases=(YamlConfig,))
    assert cls.from_yaml_string("field: !!set {1, 2}").field == {1, 2}
