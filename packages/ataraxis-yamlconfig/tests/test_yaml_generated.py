"""Generated classes, values, texts and documents."""

# mypy: disable-error-code="valid-type, attr-defined"
# Hints and classes are built at run time.

# ruff: noqa: E501, UP045, PLR0124, PT017 - tables are wide; nan is not itself; errors are checked, not expected

import collections
import keyword
import warnings
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Optional
from uuid import UUID

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ataraxis_yamlconfig import YamlConfig, YamlConfigError, YamlTypeWarning
from ataraxis_yamlconfig._same import same
from yaml_cases import Access, Cat, Color, Dog, Level, Mixed, Mode, Point, Position, TaggedA, TaggedB

any_text = st.text(st.characters(codec=None, exclude_categories=())) | st.text(
    "ab01:-#'\"\\ \n\t\r,[]{}&*!|>%@`?=<~.\x85\u2028\ufeff"
)
scalars: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(),
    str: any_text,
    bytes: st.binary(),
    complex: st.complex_numbers(),
    Decimal: st.decimals(allow_nan=False),
    Fraction: st.fractions(),
    date: st.dates(),
    datetime: st.datetimes(),
    time: st.times(),
    timedelta: st.timedeltas(),
    UUID: st.uuids(),
    Path: any_text.filter(lambda text: "\0" not in text).map(Path),
    PurePosixPath: any_text.map(PurePosixPath),
    Color: st.sampled_from(Color),
    Level: st.sampled_from(Level),
    Mixed: st.sampled_from([member for member in Mixed if member is not Mixed.NAN]),
    Mode: st.sampled_from(Mode),
    Access: st.integers(0, 3).map(Access),
    Literal["a", 1, True]: st.sampled_from(["a", 1, True]),
    Point: st.builds(Point, st.integers(), st.floats(allow_nan=False)),
    Position: st.builds(Position, st.integers(), any_text, st.just(Path("p"))),
    Cat | Dog: st.builds(Cat, any_text, st.integers()) | st.builds(Dog, any_text, st.tuples(any_text)),
    TaggedA | TaggedB: st.builds(TaggedA, size=st.integers()) | st.builds(TaggedB, size=st.integers()),
    int | str: st.integers() | any_text,
    date | datetime | str: st.dates() | st.datetimes() | any_text,
}  # fmt: skip
hashable = list(scalars.items())


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def build(pair: tuple[Any, Any], key: tuple[Any, Any], other: tuple[Any, Any]) -> st.SearchStrategy[Any]:
        (hint, values), (key_hint, keys), (other_hint, others) = pair, key, other
        # An infinity or a nan is a fine key, but nan equals nothing.
        keys = keys.filter(lambda value: value == value)
        small = st.lists(values, max_size=3)
        class_pair = dataclass_of([hint, other_hint], [values, others])
        return st.sampled_from([
            (list[hint], small),
            (tuple[hint, ...], small.map(tuple)),
            (tuple[hint, other_hint], st.tuples(values, others)),
            (Optional[hint], st.none() | values),
            (dict[key_hint, hint], st.dictionaries(keys, values, max_size=3)),
            (collections.deque[hint], small.map(collections.deque)),
            (set[key_hint], st.sets(keys, max_size=3)),
            (frozenset[key_hint], st.frozensets(keys, max_size=3)),
            (collections.OrderedDict[key_hint, hint], st.dictionaries(keys, values, max_size=3).map(collections.OrderedDict)),
            class_pair,
        ])  # fmt: skip

    return st.tuples(inner, st.sampled_from(hashable), inner).flatmap(lambda parts: build(*parts))


def dataclass_of(hints: list[Any], values: list[st.SearchStrategy[Any]]) -> tuple[Any, st.SearchStrategy[Any]]:
    names = [f"field_{index}" for index in range(len(hints))]
    cls = make_dataclass("Generated", list(zip(names, hints, strict=True)))
    return cls, st.builds(cls, *values)


pairs = st.recursive(st.sampled_from(list(scalars.items())), containers, max_leaves=6)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))


@st.composite
def configs(draw):
    chosen = draw(st.lists(pairs, min_size=1, max_size=4))
    labels = draw(st.lists(names, min_size=len(chosen), max_size=len(chosen), unique=True))
    options = draw(st.sampled_from([{}, {"frozen": True}, {"slots": True}, {"kw_only": True}]))
    fields = [(name, hint) for name, (hint, _) in zip(labels, chosen, strict=True)]
    cls = make_dataclass("Config", fields, bases=(YamlConfig,), **options)
    return cls(**{name: draw(values) for name, (_, values) in zip(labels, chosen, strict=True)})


@given(configs())
@settings(deadline=None)
def test_generated_classes_survive_the_round_trip(config):
    text = config.to_yaml_string()
    restored = type(config).from_yaml_string(text, strict=True)
    assert same(restored, config), text


@given(any_text)
@settings(max_examples=200, deadline=None)
def test_every_string_survives_in_every_place(text):
    cls = make_dataclass(
        "Config", [("a", str), ("b", list[str]), ("c", dict[str, Any]), ("d", Any)], bases=(YamlConfig,)
    )
    config = cls(text, [text], {text: text, "inner": {text: [text]}}, {text})
    assert same(cls.from_yaml_string(config.to_yaml_string()), config)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary() | st.dates() | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(any_text | st.integers() | st.none() | st.tuples(st.integers(), any_text), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(plain)
@settings(deadline=None)
def test_what_has_no_annotation_survives_when_yaml_can_hold_it(value):
    cls = make_dataclass("Config", [("field", Any)], bases=(YamlConfig,))
    assert same(cls.from_yaml_string(cls(value).to_yaml_string()).field, value)


@given(st.sampled_from(list(scalars)), plain)
@settings(deadline=None, max_examples=150)
def test_a_value_that_does_not_fit_reads_back_or_is_warned_about(hint, value):
    cls = make_dataclass("Config", [("field", hint)], bases=(YamlConfig,))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = cls(value).to_yaml_string()
    is_same = same(cls.from_yaml_string(text).field, value)
    assert is_same != bool(caught), text
    assert all(item.category is YamlTypeWarning and str(item.message).startswith("$.field") for item in caught)


@dataclass
class Everything(YamlConfig):
    a: int = 0
    b: list[Path] = field(default_factory=list)
    c: dict[tuple[int, int], Color] = field(default_factory=dict)
    d: Cat | Dog | None = None
    e: Decimal | str = ""
    f: "Everything | None" = None
    g: tuple[int, Point] = (1, Point())
    h: set[Point] = field(default_factory=set)
    i: Position | None = None


def load_or_documented_error(text):
    try:
        return Everything.from_yaml_string(text)
    except YamlConfigError as error:
        assert len(str(error)) < 2000
        return None


@given(st.text() | any_text)
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_never_crashes(text):
    load_or_documented_error(text)


fragments = st.sampled_from(
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", ": ", ":\n  ", "\n", "- ", "[", "]", "{", "}", ", ", "? ", "&x ", "*x", "<<: ", "'", '"',
     "!!set ", "!!python/tuple ", "!!binary ", "!!int ", "!!omap ", "!!timestamp ", "!x ", "1", "1.5", "2024-01-01", "null", "|\n  ", "---\n", "...\n", "# ", "%"]
)  # fmt: skip


@given(st.lists(fragments, max_size=30).map("".join))
@settings(max_examples=400, deadline=None)
def test_arbitrary_yaml_never_crashes(text):
    load_or_documented_error(text)


@given(st.dictionaries(st.sampled_from("abcdefghi") | any_text, plain, max_size=9))
@settings(max_examples=100, deadline=None)
def test_arbitrary_documents_load_as_they_are(document):
    text = yaml.safe_dump({key: value for key, value in document.items() if encodable(key, value)})
    assert isinstance(load_or_documented_error(text), Everything | None)


def encodable(*values):
    """Whether PyYAML itself can write the values and read them again."""
    try:
        for value in values:
            yaml.safe_load(yaml.safe_dump(value))
    except (yaml.YAMLError, UnicodeError, ValueError, OverflowError):
        return False
    return not any("\\ud" in repr(value) for value in values)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_arbitrary_bytes_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "a.yaml"
    path.write_bytes(data)
    try:
        Everything.from_yaml(path)
    except YamlConfigError as error:
        assert str(path) in str(error)
