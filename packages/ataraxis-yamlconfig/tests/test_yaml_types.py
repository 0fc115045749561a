"""What is written when an annotation cannot restore a value, and what cannot be written."""

# mypy: disable-error-code="arg-type, type-arg, var-annotated"
# Nothing is validated: values of other types than annotated are what these tests are about.

# ruff: noqa: E501, PT012, PIE796 - tables are wide; the warning comes before the error; aliases are the point

import collections
import decimal
import enum
import pathlib
import re
import sys
import types
import warnings
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import pytest

from ataraxis_yamlconfig import YamlConfig, YamlEncodeError, YamlTypeWarning
from ataraxis_yamlconfig._document.keys import MappingKey
from ataraxis_yamlconfig._document.read import read_document
from ataraxis_yamlconfig._document.write import write_document
from ataraxis_yamlconfig._same import same
from yaml_cases import Access, Box, Cat, Color, Dog, Level, Mode, Options, Plain, Point, Position


def config_of(hint):
    return make_dataclass("Config", [("field", hint)], bases=(YamlConfig,))


def written(hint, value):
    """Give what is read back, and the warnings of writing."""
    cls = config_of(hint)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = cls(value).to_yaml_string()
    assert all(item.category is YamlTypeWarning for item in caught)
    return cls.from_yaml_string(text).field, [str(item.message).partition(": ")[0] for item in caught]


class MyText(str):
    __slots__ = ()

    def __str__(self):
        return "not this"


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyBytes(bytes):
    pass


class MyList(list):
    pass


class MyDate(date):
    pass


class MyTime(time):
    pass


class MyPath(PurePosixPath):
    pass


INEXACT = {
    "tuple": (Any, (1, 2), [1, 2], ["$.field"]),
    "tuple in depth": (Any, {"a": [0, {"b": (1,)}]}, {"a": [0, {"b": [1]}]}, ["$.field.a[1].b"]),
    "Path": (Any, Path("a"), "a", ["$.field"]),
    "Path in a bare list": (list, [1, Path("a")], [1, "a"], ["$.field[1]"]),
    "Enum": (Any, Color.RED, "red", ["$.field"]),
    "IntEnum as int": (int, Level.LOW, 1, ["$.field"]),
    "StrEnum as str": (str, Mode.FAST, "fast", ["$.field"]),
    "dataclass": (Any, Point(1, 2.0), {"x": 1, "y": 2.0}, ["$.field"]),
    "Decimal": (Any, Decimal("1.5"), "1.5", ["$.field"]),
    "frozenset": (Any, frozenset({1}), [1], ["$.field"]),
    "deque": (Any, collections.deque([1]), [1], ["$.field"]),
    "OrderedDict": (Any, collections.OrderedDict(a=1), {"a": 1}, ["$.field"]),
    "defaultdict": (Any, collections.defaultdict(int, a=1), {"a": 1}, ["$.field"]),
    "mapping proxy": (Any, types.MappingProxyType({"a": 1}), {"a": 1}, ["$.field"]),
    "ChainMap": (dict, collections.ChainMap({"a": 1}), {"a": 1}, ["$.field"]),
    "range": (list[int], range(3), [0, 1, 2], ["$.field"]),
    "dict keys": (Any, {"a": 1}.keys(), {"a"}, ["$.field"]),
    "str subclass": (str, MyText("x"), "x", ["$.field"]),
    "int subclass": (int, MyInt(5), 5, ["$.field"]),
    "float subclass": (Any, MyFloat(0.5), 0.5, ["$.field"]),
    "bytes subclass": (bytes, MyBytes(b"a"), b"a", ["$.field"]),
    "bytearray": (Any, bytearray(b"a"), b"a", ["$.field"]),
    "list subclass": (list, MyList([1]), [1], ["$.field"]),
    "date subclass": (date, MyDate(2024, 1, 2), "2024-01-02", ["$.field"]),
    "time subclass": (Any, MyTime(1, 2), "01:02:00", ["$.field"]),
    "path subclass": (PurePosixPath, MyPath("a"), PurePosixPath("a"), ["$.field"]),
    "str in a Path field": (Path, "a", Path("a"), ["$.field"]),
    "list in a tuple field": (tuple[int, ...], [1], (1,), ["$.field"]),
    "list in a set field": (set[int], [1, 1], {1}, ["$.field"]),
    "text of a Decimal": (Decimal, "1.5", Decimal("1.5"), ["$.field"]),
    "value of an Enum": (Color, "red", Color.RED, ["$.field"]),
    "name of an Enum": (Color, "GREEN", Color.GREEN, ["$.field"]),
    "int in a Flag field": (Access, 1, Access.READ, ["$.field"]),
    "Path in str | Path": (str | Path, Path("a"), "a", ["$.field"]),
    "tuple in list | tuple": (list[int] | tuple[int, ...], (1,), [1], ["$.field"]),
    "text in Color | str": (Color | str, "red", Color.RED, ["$.field"]),
    "Cat like a Dog": (Dog | Cat, Cat("a", 9), Cat("a", 9), []),
    "another dataclass": (Point | None, Cat("a"), Point(), ["$.field"]),
    "tuple of another length": (tuple[int, int], (1, 2, 3), [1, 2, 3], ["$.field"]),
    "tuple key of lists": (dict[Any, int], {(1, Path("a")): 1}, {(1, "a"): 1}, ["$.field[(1, PosixPath('a'))]"]),
    "Path key": (dict, {Path("a"): 1}, {"a": 1}, ["$.field[PosixPath('a')]"]),
    "text key of a Path": (dict[Path, int], {"a": 1}, {Path("a"): 1}, ["$.field.a"]),
    "other factory": (
        collections.defaultdict[str, int],
        collections.defaultdict(lambda: 7, a=1),
        collections.defaultdict(int, a=1),
        ["$.field"],
    ),
    "dict in a NamedTuple field": (Position, {"x": 1, "label": "a", "path": "b"}, Position(1, "a", Path("b")), ["$.field"]),
    "misfit in a TypedDict": (Options, {1: (2,)}, {1: [2]}, ["$.field"]),
    "dict in a dataclass field": (Point, {"x": 1}, Point(1), ["$.field"]),
    "nothing fits": (list[Path] | dict[str, Path], Decimal(1), "1", ["$.field"]),
    "namedtuple": (Any, Plain(1, (2,)), {"a": 1, "b": [2]}, ["$.field.b", "$.field"]),
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="names PosixPath")
@pytest.mark.parametrize(("hint", "value", "restored", "fields"), INEXACT.values(), ids=INEXACT)
def test_what_the_annotation_cannot_restore_is_written_as_its_nearest_value(hint, value, restored, fields):
    back, named = written(hint, value)
    assert same(back, restored)
    assert named == fields


FITS_ALL_THE_SAME = {
    "None in any field": (Path, None),
    "int in a Path field": (Path, 5),
    "list in an int field": (int, [1, "a"]),
    "dict in a list field": (list[Path], {"a": 1}),
    "None in a list": (list[Path], [None, Path("a")]),
    "tuple key": (dict[int, int], {(1, 2): 3}),
    "text in a time field": (time, "soon"),
    "text in a timedelta field": (timedelta, "long"),
    "text in a pattern field": (re.Pattern, "("),
    "mapping in a pattern field": (re.Pattern, {"pattern": "a"}),
    "list in a Literal field": (Literal["a"], ["a"]),
    "list in an Enum field": (Color, ["red"]),
    "text in a Flag field": (Access, "NONE"),
    "number in a Flag field": (Access, 99),
    "unhashable items": (set[Any], [[1], [2]]),
    "mapping in a deque field": (collections.deque[int], {"maxlen": -1, "items": []}),
    "wrong shape of a NamedTuple": (Position, [1]),
    "wrong keys of a NamedTuple": (Position, {"x": 1}),
    "list in a fixed tuple": (tuple[int, int], [1]),
    "bytes": (str, b"a"),
    "date in a datetime field": (datetime, date(2024, 1, 1)),
    "None key": (dict[Path, int], {None: 1, Path("a"): 2}),
    "unhashable key of a wrong type": (dict[Path, int], {Path("a"): 1, 5: 2}),
    "set without annotation": (Any, [{1, 2}, set()]),
    "fitting member in depth": (list[Path | int], [Path("1"), 1]),
    "class or list": (Point | list[Path], [Path("a"), 5]),
    "class with an unknown key": (Point | Cat, Point()),
    "zone": (datetime, datetime(2024, 7, 1, tzinfo=ZoneInfo("UTC"))),
}


@pytest.mark.parametrize(("hint", "value"), FITS_ALL_THE_SAME.values(), ids=FITS_ALL_THE_SAME)
def test_what_reads_back_is_written_without_a_warning(hint, value):
    back, named = written(hint, value)
    assert same(back, value) or (back == value and isinstance(value, datetime))
    assert named == []


def test_warnings_are_bounded():
    _, named = written(list, [(index,) for index in range(1000)])
    assert named == [*(f"$.field[{index}]" for index in range(20)), "$"]


NO_EQUIVALENT = {
    "object": (Any, object(), "$.field: <object"),
    "in depth": (Any, {"a": [1, 2, 3, {"b": object()}]}, "$.field.a[3].b: <object"),
    "function": (int, len, "$.field: <built-in"),
    "class": (type, int, "$.field: <class 'int'> of type type"),
    "module": (Any, sys, "$.field: <module"),
    "generator": (list, (n for n in ()), "$.field: <generator"),
    "in a list of paths": (list[Path], [Path("a"), object()], "$.field[1]: <object"),
    "in a fixed tuple": (tuple[int, Path], (1, object()), "$.field[1]: <object"),
    "in a mapping": (dict[str, Path], {"a b": object()}, "$.field['a b']: <object"),
    "as a key": (dict, {object(): 1}, "$.field[<object"),
    "in a dataclass": (Point, Point(object()), "$.field.x: <object"),
    "in a set": (set, {object()}, "$.field"),
    "two keys alike": (dict[Any, int], {"a": 1, Path("a"): 2}, "$.field[PosixPath('a')]: PosixPath('a')"),
    "two keys alike without annotation": (Any, {"a": 1, Path("a"): 2}, "$.field[PosixPath('a')]: PosixPath('a')"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="names PosixPath")
@pytest.mark.parametrize(("hint", "value", "start"), NO_EQUIVALENT.values(), ids=NO_EQUIVALENT)
def test_what_has_no_equivalent_is_refused_with_its_field(hint, value, start):
    with pytest.raises(YamlEncodeError) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore", YamlTypeWarning)
        config_of(hint)(value).to_yaml_string()
    assert str(caught.value).startswith(start)
    assert "has no equivalent in YAML" in str(caught.value)
    assert len(str(caught.value)) < 600


def nested(depth, wrap):
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}, Box, lambda v: (v,)])
def test_depth_is_bounded_when_writing_by_less_than_when_reading(wrap):
    cls = config_of(Any)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", YamlTypeWarning)
        cls.from_yaml_string(cls(nested(140, wrap)).to_yaml_string())
        for depth in (160, 5000):
            with pytest.raises(YamlEncodeError, match="nested deeper than 150 levels"):
                cls(nested(depth, wrap)).to_yaml_string()


def test_a_container_that_holds_itself_is_refused():
    for hint in (Any, list, list[Any], dict[str, Any], list[Path]):
        loop: Any = []
        loop.append(loop)
        with pytest.raises(YamlEncodeError, match="a container that holds itself"):
            config_of(hint)(loop).to_yaml_string()
    loop = {}
    loop["self"] = loop
    with pytest.raises(YamlEncodeError, match="a container that holds itself"):
        config_of(dict)(loop).to_yaml_string()

    @dataclass
    class Node:
        next: "Node | None" = None

    node = Node()
    node.next = node
    with pytest.raises(YamlEncodeError, match="a container that holds itself"):
        config_of(Node)(node).to_yaml_string()


def test_a_value_whose_repr_fails_is_still_reported():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(YamlEncodeError, match=r"\$\.field: <Broken instance at "):
        config_of(Any)(Broken()).to_yaml_string()
    long_name = type("L" * 500, (), {})
    with pytest.raises(YamlEncodeError, match=r"\.\.\.L{100} has no equivalent"):
        config_of(Any)(long_name()).to_yaml_string()


def test_a_subclass_instance_in_a_field_of_its_base():
    @dataclass
    class Base:
        a: int = 1

    @dataclass
    class Derived(Base):
        b: int = 2

    back, named = written(Base, Derived(5, 6))
    assert same(back, Base(5))
    assert named == ["$.field"]
    back, named = written(Base | Derived, Derived(5, 6))
    assert same(back, Derived(5, 6))
    assert named == []


def test_unions_of_dataclasses_by_hand():
    cls = config_of(Cat | Dog | None)
    assert cls.from_yaml_string("field: {name: a, tricks: [sit]}").field == Dog("a", ("sit",))
    assert cls.from_yaml_string("field: {name: a, lives: 3, colour: red}").field == Cat("a", 3)
    assert cls.from_yaml_string("field: {name: a, tricks: 5, x: 1}").field == Dog("a", 5)
    assert cls.from_yaml_string("field: {lives: 3}").field == {"lives": 3}
    assert cls.from_yaml_string("field: text").field == "text"
    mixed = config_of(Cat | dict[str, Path] | list[Path])
    assert mixed.from_yaml_string("field: {name: a, lives: 1}").field == Cat("a", 1)
    assert mixed.from_yaml_string("field: {x: a}").field == {"x": Path("a")}
    assert mixed.from_yaml_string("field: {x: 1, y: b}").field == {"x": 1, "y": Path("b")}
    assert mixed.from_yaml_string("field: [1, b]").field == [1, Path("b")]
    assert mixed.from_yaml_string("field: 5").field == 5


def test_a_class_that_refuses_what_a_union_tries_is_still_loaded_by_its_own():
    @dataclass
    class Positive:
        x: int

        def __post_init__(self):
            if self.x < 0:
                raise ValueError("negative")

    value = Positive(1)
    value.x = -1
    with pytest.raises(ValueError, match="negative"):
        config_of(Positive | Point).from_yaml_string("field: {x: -1}")
    cls = config_of(Positive | Cat)
    with pytest.warns(YamlTypeWarning, match=r"\$\.field"):
        cls(value).to_yaml_string()


def test_enums_that_are_hard_to_tell():
    class Odd(enum.Enum):
        A = "B"
        B = "A"
        PAIR = (1, 2)
        NAME = "PAIR"
        ALIAS = "B"

    back, named = written(list[Odd], list(Odd))
    assert same(back, list(Odd))
    assert named == []
    assert config_of(Odd).from_yaml_string("field: ALIAS").field is Odd.A
    assert config_of(Color).from_yaml_string("field: RED").field is Color.RED
    assert config_of(Access).from_yaml_string("field: WRITE").field is Access.WRITE
    assert config_of(Access).from_yaml_string("field: [1]").field == [1]


def test_a_mapping_as_a_key_without_annotation_is_written_again():
    cls = config_of(Any)
    config = cls.from_yaml_string("field: {? {a: [1], b: {c: 2}} : 3}")
    assert same(cls.from_yaml_string(config.to_yaml_string()), config)


def test_equal_keys_of_different_texts_are_both_kept():
    assert config_of(dict[Color, int]).from_yaml_string("field: {red: 1, RED: 2}").field == {Color.RED: 1, "RED": 2}


def test_sets_are_written_in_one_order_whatever_the_hash_seed():
    assert config_of(set[str])({"b", "a", "c"}).to_yaml_string() == "---\nfield:\n- a\n- b\n- c\n...\n"
    assert config_of(frozenset)(frozenset({"b", 1})).to_yaml_string() == "---\nfield:\n- 1\n- b\n...\n"


def test_containers_as_keys_and_as_values_of_complex_keys():
    tree = {
        (1, (2, "x")): {"a": [1, {"b": {1, 2}}]},
        MappingKey((("k", (1,)), ("m", MappingKey((("n", "two words"),))))): [[1], []],
        frozenset({1, 2}): "first\nsecond",
        "k" * 200: {(): "v\n"},
        b"x": set(),
        (): {},
    }
    text = write_document(tree)
    assert read_document(text, "x") == tree
    assert same(read_document(text, "x"), tree)


class WithKeys(NamedTuple):
    point: Point
    seen: frozenset[tuple[int, ...]]


class Nested(TypedDict):
    points: dict[Point, WithKeys]


def test_dataclasses_and_records_as_keys():
    value: Nested = {"points": {Point(1, 2.0): WithKeys(Point(3, 4.0), frozenset({(1, 2)}))}}
    back, named = written(Nested, value)
    assert same(back, value)
    assert named == []
    keyed = {WithKeys(Point(), frozenset()): 1}
    back, named = written(dict[WithKeys, int], keyed)
    assert same(back, keyed)
    assert named == []


def test_types_of_other_modules_with_known_names():
    assert decimal.Decimal is Decimal
    cls = config_of(pathlib.Path)
    assert cls.from_yaml_string("field: a").field == Path("a")
    import os

    assert config_of(os.PathLike).from_yaml_string("field: a").field == Path("a")
    other = "WindowsPath" if sys.platform != "win32" else "PosixPath"
    assert config_of(getattr(pathlib, other)).from_yaml_string("field: a").field == "a"


@dataclass
class Collected:
    items: list[int] = field(default_factory=list)


def test_a_value_changed_after_writing_does_not_share_anything():
    cls = config_of(list[int])
    config = cls([1])
    loaded = cls.from_yaml_string(config.to_yaml_string())
    loaded.field.append(2)
    assert config.field == [1]


@pytest.mark.parametrize("value", [Fraction(10**5000, 3), Fraction(-1, 10**5000), Fraction(-(7**9000))])
def test_a_fraction_longer_than_python_prints_survives(value):
    assert written(Fraction, value) == (value, [])


@pytest.mark.parametrize("text", ["1e999999999", "-1.5E-999_999_999", "1ex", "0x", "0x1", "0x1/0x0", "1/0"])
def test_a_text_that_is_no_fraction_of_sane_length_loads_as_it_is(text):
    assert config_of(Fraction).from_yaml_string(f"field: '{text}'").field == text


def test_a_fraction_written_by_hand_loads():
    assert config_of(Fraction).from_yaml_string("field: '1.5e3'").field == Fraction(1500)


def test_a_deque_longer_than_any_memory_loads_as_it_is():
    config = config_of(collections.deque[int]).from_yaml_string("field: {maxlen: 99999999999999999999, items: [1]}")
    assert config.field == {"maxlen": 99999999999999999999, "items": [1]}


def test_a_list_of_the_right_length_becomes_a_named_tuple():
    @dataclass
    class Config(YamlConfig):
        field: Position

    loaded = Config.from_yaml_string("field: [1, a, b]\n").field
    assert type(loaded) is Position
    assert loaded == Position(1, "a", Path("b"))
