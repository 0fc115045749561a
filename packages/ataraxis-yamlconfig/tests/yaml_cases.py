"""The table of supported types: an annotation and values of it, each tried in every place a value can stand."""

# mypy: disable-error-code="valid-type"
# Hints are built at run time.

# ruff: noqa: E501, DTZ001, DTZ901, UP007, UP045, PYI024, PLR0124, FURB167 - a table: wide rows, and every old and new spelling on purpose

import collections
import collections.abc
import enum
import re
import sys
import warnings
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
)
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from uuid import UUID

from ataraxis_yamlconfig import YamlConfig, YamlTypeWarning

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Mixed(enum.Enum):
    NONE = None
    NUMBER = 1
    TRUTH = True
    FLOAT = 1.5
    PAIR = (1, 2)
    NAME = "PAIR"
    NAN = float("nan")


@dataclass(frozen=True)
class Size:
    width: int
    height: int


class Screen(Size, enum.Enum):
    SMALL = 640, 480
    LARGE = 1920, 1080


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Mode(enum.StrEnum):
    FAST = "fast"
    YES = "yes"


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Bits(enum.IntFlag):
    A = 1
    B = 2


@dataclass(frozen=True)
class Point:
    x: int = 0
    y: float = 0.5


@dataclass(frozen=True)
class Circle:
    centre: Point
    radius: float


@dataclass(frozen=True)
class Cat:
    name: str
    lives: int = 9


@dataclass(frozen=True)
class Dog:
    name: str
    tricks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaggedA:
    kind: Literal["a"] = "a"
    size: int = 1


@dataclass(frozen=True)
class TaggedB:
    kind: Literal["b"] = "b"
    size: int = 1


@dataclass
class Node:
    value: int
    children: "list[Node]" = field(default_factory=list)
    parent: "Node | None" = None


@dataclass(frozen=True)
class Box(Generic[T]):
    content: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Modern:
    _private: int = 1
    path: Path = Path("a")


@dataclass(frozen=True)
class WithFields:
    path: Path
    _fields: ClassVar[tuple[str, ...]] = ("not", "a", "namedtuple")


@dataclass
class Computed:
    a: int = 1
    b: int = field(init=False, default=5)

    def __post_init__(self):
        self.b = self.a + 1


class Position(NamedTuple):
    x: int
    label: str = "here"
    path: Path = Path("p")


Plain = collections.namedtuple("Plain", ["a", "b"])


class Options(TypedDict, total=False):
    path: Path
    count: int


TRICKY_TEXTS = (
    "",
    " ",
    "text",
    "two words",
    " lead",
    "trail ",
    "1",
    "-1",
    "1.5",
    "1e5",
    "1.0e+5",
    "0x1F",
    "0o17",
    "017",
    "0b1",
    "1_000",
    "1:30",
    "12:30:45",
    "yes",
    "No",
    "on",
    "OFF",
    "true",
    "null",
    "~",
    "Null",
    "=",
    "<<",
    ".inf",
    ".nan",
    "-.inf",
    "+",
    "-",
    "--",
    "---",
    "...",
    "- a",
    "-a",
    "? a",
    "?a",
    ": a",
    ":a",
    "a:",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "#a",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'",
    "''",
    '"',
    '"a"',
    "it's",
    "[a]",
    "{a}",
    "a, b",
    "a,b",
    "[",
    "]",
    "{",
    "}",
    ",a",
    "2024-01-01",
    "2024-01-01 10:00:00",
    "2024-13-45",
    "a\nb",
    "a\n",
    "\na",
    "a\n\n",
    "\n",
    "a\n  b\n",
    " a\nb",
    "a\n \nb",
    "a\tb",
    "\ta",
    "a\r\nb",
    "a\rb",
    "a\\b",
    "\\",
    "\x00",
    "\x07",
    "\x1b[0m",
    "\x7f",
    "\x85",
    "a\x85b",
    "\xa0",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "\uffff",
    "é",
    "日本",
    "🐭",
    "\U0010ffff",
    "\ud800",
    "caf\udce9",
    "\udc00\ud800",
    "x" * 300,
    "a " * 200,
    "a b\n" * 50,
    "k" * 1200,
    "None",
    "nan",
    "C:\\x",
    "~/a",
    "${x}",
    "y",
    "n",
    "a\n# b",
    "a\n---\nb",
    "\n\n",
    "-\n-",
    "a:\n b",
    "\\n",
    "a\u200bb",
    "1:0" * 5000,
    "1:0" * 33,
)

CASES: list[tuple[str, Any, list[Any]]] = [
    ("None", None, [None]),
    ("bool", bool, [True, False]),
    ("int", int, [0, -1, 7, 10**30, -(2**63), 10**5000]),
    ("float", float, [0.0, -0.0, 1.5, 1e20, 1e-9, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan"), 0.1, 1e16]),
    ("str", str, list(TRICKY_TEXTS)),
    ("bytes", bytes, [b"", b"\x00\xff", b"text" * 100]),
    ("bytearray", bytearray, [bytearray(), bytearray(b"\x00a")]),
    ("complex", complex, [1 + 2j, -1j, 0j, complex("nan+infj"), complex(-0.0, 1)]),
    ("Decimal", Decimal, [Decimal("1.10"), Decimal("-0"), Decimal("1E+30"), Decimal("Infinity"), Decimal("NaN")]),
    ("Fraction", Fraction, [Fraction(1, 3), Fraction(-4), Fraction(0)]),
    ("date", date, [date(2024, 2, 29), date.min, date.max]),
    ("time", time, [time(12, 30), time(1, 2, 3, 4), time(0, tzinfo=UTC)]),
    ("datetime", datetime, [datetime(2024, 1, 2), datetime(1, 1, 1), datetime(2024, 1, 2, 3, 4, 5, 6), datetime.max]),
    ("datetime with zone", datetime, [
        datetime(2024, 1, 2, 3, 4, 5, 60, UTC),
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(minutes=-30))),
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=5, seconds=3, microseconds=7))),
    ]),
    ("timedelta", timedelta, [timedelta(0), timedelta(days=-1, microseconds=1), timedelta(hours=1.5), timedelta.max, timedelta.min]),
    ("UUID", UUID, [UUID(int=5)]),
    ("IPv4Address", IPv4Address, [IPv4Address("127.0.0.1")]),
    ("IPv6Address", IPv6Address, [IPv6Address("::1"), IPv6Address("fe80::1%eth0")]),
    ("IPv4Network", IPv4Network, [IPv4Network("10.0.0.0/8")]),
    ("IPv6Network", IPv6Network, [IPv6Network("fe80::/10")]),
    ("IPv4Interface", IPv4Interface, [IPv4Interface("10.1.2.3/8")]),
    ("IPv6Interface", IPv6Interface, [IPv6Interface("fe80::1/64")]),
    ("any address", Union[IPv4Address, IPv6Address], [ip_address("1.2.3.4"), ip_address("::2")]),
    ("re.Pattern", re.Pattern, [re.compile("a.*"), re.compile("(?i)b"), re.compile("x y", re.VERBOSE | re.I), re.compile(b"\xff\x00")]),
    ("re.Pattern[str]", re.Pattern[str], [re.compile(r"\d+", re.ASCII)]),
    ("Path", Path, [Path(), Path("/a/b"), Path("../c d"), Path("yes"), Path("1"), Path("caf\udce9")]),
    ("PurePath", PurePath, [PurePath("a/b")]),
    ("PurePosixPath", PurePosixPath, [PurePosixPath("/x")]),
    ("PureWindowsPath", PureWindowsPath, [PureWindowsPath("C:\\a\\b"), PureWindowsPath("//host/share/x")]),
    ("Enum", Color, list(Color)),
    ("Enum of mixed values", Mixed, list(Mixed)),
    ("Enum of dataclasses", Screen, list(Screen)),
    ("IntEnum", Level, list(Level)),
    ("StrEnum", Mode, list(Mode)),
    ("Flag", Access, [Access.READ, Access.READ | Access.WRITE, Access(0)]),
    ("IntFlag", Bits, [Bits.A, Bits.A | Bits.B, Bits(0)]),
    ("Literal", Literal["a", 1, True, b"x", Color.RED], ["a", 1, True, b"x", Color.RED]),
    ("Annotated", Annotated[Path, "meta"], [Path("a")]),
    ("NewType", UserId, [5]),
    ("Any", Any, [1, "yes", None, 1.5, True, [1, "a", None], {"a": {1: [2]}}, b"x", date(2024, 1, 1), datetime(2024, 1, 1, 5), {1, 2}]),
    ("object", object, [1, "x"]),
    ("int | str", int | str, [1, "1", "x"]),
    ("int | float | bool", int | float | bool, [1, 1.0, True]),
    ("date | datetime", date | datetime, [date(2024, 1, 1), datetime(2024, 1, 1)]),
    ("datetime | str", datetime | str, [datetime(2024, 1, 1), "2024-01-01 00:00:00"]),
    ("bytes | str", bytes | str, [b"a", "a"]),
    ("Color | str", Color | str, [Color.RED, "blue"]),
    ("Path | int", Path | int, [Path("1"), 1]),
    ("Decimal | float", Decimal | float, [Decimal("1.5"), 1.5]),
    ("Cat | Dog", Cat | Dog, [Cat("a"), Cat("a", 3), Dog("b", ("sit",)), Dog("c")]),
    ("TaggedA | TaggedB", TaggedA | TaggedB, [TaggedA(), TaggedB(size=2)]),
    ("Point | dict", Point | dict[str, int], [Point(1, 2.5), {"z": 1}]),
    ("Box[int] | Box[Path]", Box[int] | Box[Path], [Box(1), Box(Path("a"))]),
    ("list[Path] | dict[str, Path]", list[Path] | dict[str, Path], [[Path("a")], {"k": Path("b")}]),
    ("Point | list[Point]", Point | list[Point], [Point(), [Point(1), Point(2)]]),
    ("list", list, [[], [1, "a", [None]]]),
    ("list[int]", list[int], [[], [1, 2], [None, 1]]),
    ("list[Path]", list[Path], [[], [Path("a")], [None]]),
    ("list[list[Color]]", list[list[Color]], [[[Color.RED], []]]),
    ("Sequence[Path]", collections.abc.Sequence[Path], [[Path("a")]]),
    ("tuple", tuple, [(), (1, "a")]),
    ("tuple[()]", tuple[()], [()]),
    ("tuple[int, ...]", tuple[int, ...], [(), (1, 2, 3)]),
    ("tuple[int, str, Path]", tuple[int, str, Path], [(1, "a", Path("b"))]),
    ("tuple[tuple[int, int], ...]", tuple[tuple[int, int], ...], [((1, 2), (3, 4))]),
    ("NamedTuple", Position, [Position(1), Position(2, "yes", Path("z"))]),
    ("namedtuple", Plain, [Plain(1, "b")]),
    ("set", set, [set(), {1, "a", None}]),
    ("set[Path]", set[Path], [{Path("a"), Path("b")}]),
    ("set[tuple[int, str]]", set[tuple[int, str]], [{(1, "a"), (2, "b")}]),
    ("frozenset", frozenset[Color], [frozenset(), frozenset({Color.RED})]),
    ("Set", collections.abc.Set[int], [{1, 2}]),
    ("deque", collections.deque, [collections.deque(), collections.deque([1, 2])]),
    ("deque[Path]", collections.deque[Path], [collections.deque([Path("a")]), collections.deque([Path("b")], maxlen=3)]),
    ("dict", dict, [{}, {1: "a", "b": [1], None: 2, 1.5: 3, (1, (2, "x")): 4}]),
    ("dict[str, int]", dict[str, int], [{}, {"yes": 1, "1": 2, "": 3, "a: b": 4, "k" * 2000: 5, "a\nb": 6}]),
    ("dict[int, Path]", dict[int, Path], [{1: Path("a")}]),
    ("dict[Path, Color]", dict[Path, Color], [{Path("a"): Color.RED}]),
    ("dict[tuple[int, int], str]", dict[tuple[int, int], str], [{(1, 2): "a"}]),
    ("dict[Point, int]", dict[Point, int], [{Point(1, 2.5): 3}]),
    ("dict[frozenset[int], int]", dict[frozenset[int], int], [{frozenset({1, 2}): 1}]),
    ("Mapping[str, Point]", collections.abc.Mapping[str, Point], [{"a": Point()}]),
    ("TypedDict", Options, [{"path": Path("a"), "count": 1}, {}]),
    ("defaultdict[str, list[int]]", collections.defaultdict[str, list[int]], [collections.defaultdict(list, {"a": [1]})]),
    ("defaultdict[str, int]", collections.defaultdict[str, int], [collections.defaultdict(int, a=1)]),
    ("OrderedDict[str, int]", collections.OrderedDict[str, int], [collections.OrderedDict(b=1, a=2)]),
    ("Counter[str]", collections.Counter[str], [collections.Counter("abca")]),
    ("dataclass", Point, [Point(), Point(1, 2.5)]),
    ("dataclass in dataclass", Circle, [Circle(Point(1), 2.5)]),
    ("frozen slotted keyword-only", Modern, [Modern(), Modern(_private=3, path=Path("q"))]),
    ("self-reference", Node, [Node(1, [Node(2), Node(3, [Node(4)])], Node(0))]),
    ("with an attribute _fields", WithFields, [WithFields(Path("a"))]),
    ("init=False", Computed, [Computed(4)]),
    ("generic Box[Path]", Box[Path], [Box(Path("a"))]),
    ("generic Box[list[Color]]", Box[list[Color]], [Box([Color.RED])]),
]  # fmt: skip

if sys.platform != "win32":
    from pathlib import PosixPath

    CASES.append(("PosixPath", PosixPath, [PosixPath("/a")]))

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError:
    HAS_NUMPY = False
else:
    HAS_NUMPY = True
    _RECORD = np.dtype([("a", "i4"), ("b", "f8"), ("c", "u1", (2,)), ("d", [("x", "i2")])])
    _kind: Any
    for _kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        _info = np.iinfo(_kind)
        _extremes = [_kind(_info.min), _kind(_info.max)]
        CASES += [
            (_kind.__name__, _kind, _extremes),
            (f"NDArray[{_kind.__name__}]", NDArray[_kind], [np.array(_extremes), np.array([], _kind)]),
        ]
    for _kind in (np.float16, np.float32, np.float64, np.complex64, np.complex128):
        _values = np.array([0.1, -0.0, np.inf, np.nan, np.finfo(_kind).max], _kind)
        CASES += [
            (_kind.__name__, _kind, list(_values)),
            (f"NDArray[{_kind.__name__}]", NDArray[_kind], [_values, _values[:4].reshape(2, 2)]),
        ]
    CASES += [
        ("np.bool_", np.bool_, [np.True_, np.False_]),
        ("NDArray[np.bool_]", NDArray[np.bool_], [np.array([True, False])]),
        ("np.str_", np.str_, [np.str_("yes")]),
        ("np.bytes_", np.bytes_, [np.bytes_(b"a")]),
        ("np.datetime64", np.datetime64, [np.datetime64("2024-01", "M"), np.datetime64("NaT", "s")]),
        ("np.timedelta64", np.timedelta64, [np.timedelta64(3, "h")]),
        ("np.longdouble", np.longdouble, [np.longdouble("0.1")]),
        ("np.void", np.void, [np.void(b"ab")]),
        ("np.floating", np.floating, [np.float32(0.1), np.float64(2)]),
        ("np.ndarray", np.ndarray, [
            np.arange(3.0), np.arange(6).reshape(2, 3), np.array(5), np.zeros((0, 3)), np.array(["a", "yes"]), np.array([b"x"]),
            np.array([1, 2], ">i4"), np.array(["2024-01-01", "NaT"], "M8[ms]"), np.array([1, 2], "m8[s]"), np.zeros(2, _RECORD),
            np.array([1.5], np.longdouble), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((1,) * 12), np.array([b"a"], "V3"),
        ]),
        ("NDArray[np.floating]", NDArray[np.floating], [np.array([1.5], np.float32)]),
    ]  # fmt: skip
    if hasattr(np.dtypes, "StringDType"):
        CASES.append(("np.ndarray of StringDType", np.ndarray, [np.array(["a", ""], np.dtypes.StringDType())]))


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def places(hint: Any, value: Any) -> list[tuple[str, Any, Any]]:
    """Every place where a value can stand: the place's name, its annotation, and what stands there."""
    found = [
        ("bare", hint, value),
        ("Optional", Optional[hint], value),
        ("Optional None", Optional[hint], None),
        ("in list", list[hint], [value, value]),
        ("in tuple", tuple[int, hint], (1, value)),
        ("in variadic tuple", tuple[hint, ...], (value,)),
        ("dict value", dict[str, hint], {"key": value}),
        ("in Box", Box[hint], Box(value)),
        ("in list of Optional", list[Optional[hint]], [None, value]),
    ]
    if is_hashable(value) and value == value:
        found.append(("dict key", dict[hint, int], {value: 1}))
        found.append(("in set", frozenset[hint], frozenset({value})))
    return found


def outcome(hint: Any, value: Any) -> tuple[Any, list[str]]:
    """What a field of this annotation and value reads back as, and the fields that were warned about on the way."""
    config = make_dataclass("Config", [("field", hint)], bases=(YamlConfig,))(value)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = config.to_yaml_string()
    assert all(item.category is YamlTypeWarning for item in caught)
    return type(config).from_yaml_string(text).field, [str(item.message).partition(": ")[0] for item in caught]
