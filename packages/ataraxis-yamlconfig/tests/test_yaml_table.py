"""Every supported type, in every place: what is read is equal to what was written, in value and in type."""

import warnings
from dataclasses import make_dataclass
from decimal import Decimal

import pytest
import yaml

from ataraxis_yamlconfig import YamlConfig
from ataraxis_yamlconfig._same import same
from yaml_cases import CASES, HAS_NUMPY, Point, places


def round_trip(hint, value):
    config = make_dataclass("Config", [("field", hint)], bases=(YamlConfig,))(value)
    text = config.to_yaml_string()
    return type(config).from_yaml_string(text, strict=True).field, text


def test_every_type_in_every_place_reads_back_equal_in_value_and_type(capsys):
    outcomes: dict[tuple[str, str], bool] = {}
    failures = []
    for name, hint, values in CASES:
        for value in values:
            for place, place_hint, placed in places(hint, value):
                restored, text = round_trip(place_hint, placed)
                is_same = same(restored, placed) and "!!python" not in text
                outcomes[name, place] = outcomes.get((name, place), True) and is_same
                if not is_same:
                    failures.append(f"{name}, {place}: {placed!r} was read as {restored!r} from\n{text}")
    with capsys.disabled():
        numpy = "with" if HAS_NUMPY else "without"
        print(  # noqa: T201 - the count is to be seen
            f"\n{sum(outcomes.values())} of {len(outcomes)} typed cases ({len(CASES)} types, {numpy} NumPy) round trip"
        )
    assert not failures, "\n".join(failures)
    assert len(outcomes) >= 500


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_other_readers_of_yaml_get_plain_values(loader):
    config = make_dataclass("Config", [("a", list), ("b", dict)], bases=(YamlConfig,))
    a, b = [1, "yes", 1.5, None, [True, "a: b", "x\ny\n"]], {"1": "~", "k": {"z": "\x07"}}
    assert yaml.load(config(a, b).to_yaml_string(), Loader=loader) == {"a": a, "b": b}


def test_the_comparison_of_this_table_is_strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not same(1, True)
        assert not same(0.0, -0.0)
        assert not same((1,), [1])
        assert not same([1], [1.0])
        assert not same({1: "a"}, {1.0: "a"})
        assert not same({1}, {True})
        assert same({float("nan")}, {float("nan")})
        assert same([float("nan")], [float("nan")])


def test_the_comparison_looks_into_everything():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        def __hash__(self):
            return 1

    assert same(Decimal("NaN"), Decimal("NaN"))
    assert not same(Decimal("1.0"), Decimal("1.00"))
    assert same(complex("nan"), complex("nan"))
    assert not same({1, 2}, {1, 3})
    assert not same({1, 2}, {1})
    assert not same([1], [1, 2])
    assert not same({1: 2}, {1: 2, 3: 4})
    assert not same(Point(1), Point(2))
    assert not same(Odd(), Odd())
    assert not same("a", "b")
