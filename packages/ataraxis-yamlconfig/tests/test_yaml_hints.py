"""How annotations are resolved: strings, classes inside functions, aliases, names that nobody knows."""

# mypy: disable-error-code="arg-type, name-defined, attr-defined, index"
# Names that nobody knows and classes made at run time are what these tests are about.

from __future__ import annotations

import gc
import os
import sys
import threading
import typing
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import pytest

from ataraxis_yamlconfig import YamlConfig, YamlTypeWarning
from ataraxis_yamlconfig._local_names import LOCAL_NAMES
from ataraxis_yamlconfig._plan import codec_for
from ataraxis_yamlconfig._same import same
from yaml_cases import Color

if TYPE_CHECKING:
    from decimal import Decimal  # known to type checkers only

T = TypeVar("T")


def round_trip(config):
    return type(config).from_yaml_string(config.to_yaml_string(), strict=True)


@dataclass
class Tree(YamlConfig):
    path: Path
    branches: list[Tree] = field(default_factory=list)
    by_name: dict[str, Tree | None] = field(default_factory=dict)


@dataclass
class Left:
    right: Right | None = None


@dataclass
class Right:
    left: Left | None = None
    path: Path | None = None


@dataclass
class Ring(YamlConfig):
    left: Left


def test_self_reference_and_mutual_reference():
    tree = Tree(Path("a"), [Tree(Path("b"), [Tree(Path("c"))])], {"x": Tree(Path("d")), "y": None})
    assert round_trip(tree) == tree
    ring = Ring(Left(Right(Left(Right(None, Path("z"))))))
    assert round_trip(ring) == ring


def test_classes_inside_functions():
    @dataclass
    class Inner:
        path: Path
        more: list[Inner] = field(default_factory=list)

    Alias = dict[str, Inner]  # noqa: N806 - a type

    @dataclass
    class Config(YamlConfig):
        inner: Inner
        named: Alias
        color: Color
        choice: Literal["a", "b"] = "a"

    config = Config(Inner(Path("a"), [Inner(Path("b"))]), {"k": Inner(Path("c"))}, Color.RED)
    assert round_trip(config) == config


def make_local_config():
    @dataclass
    class Inner:
        path: Path

    @dataclass
    class Middle:
        inner: Inner

    @dataclass
    class Config(YamlConfig):
        middle: Middle

    return Config, Middle, Inner


def test_classes_of_a_function_that_has_returned():
    cls, middle, inner = make_local_config()
    config = cls(middle(inner(Path("a"))))
    assert round_trip(config) == config


def test_a_class_that_is_defined_after_the_one_that_names_it():
    @dataclass
    class Config(YamlConfig):
        later: Later

    @dataclass
    class Later:
        path: Path

    assert round_trip(Config(Later(Path("a")))) == Config(Later(Path("a")))


def test_slotted_classes_inside_functions():
    @dataclass(slots=True)
    class Inner:
        path: Path

    @dataclass(slots=True)
    class Config(YamlConfig):
        inner: Inner
        self_reference: Config | None = None

    config = Config(Inner(Path("a")), Config(Inner(Path("b"))))
    assert LOCAL_NAMES in Config.__dict__
    assert round_trip(config) == config


def test_classes_inside_functions_can_be_collected():
    def use():
        cls, middle, inner = make_local_config()
        round_trip(cls(middle(inner(Path("a")))))
        return weakref.ref(cls)

    reference = use()
    gc.collect()
    assert reference() is None


def test_a_name_that_nobody_knows_is_read_as_any_with_a_warning():
    @dataclass
    class Config(YamlConfig):
        price: Decimal
        count: list[Undefined]  # noqa: F821 - that is the point

    with pytest.warns(YamlTypeWarning, match="cannot be resolved") as caught:
        text = Config("1.5", [1]).to_yaml_string()
    assert [str(item.message).partition(" cannot")[0].rpartition(".")[2] for item in caught] == ["price", "count"]
    assert Config.from_yaml_string(text) == Config("1.5", [1])


def test_an_annotation_that_fails_is_read_as_any_with_a_warning():
    cls = make_dataclass("Config", [("a", "1 / 0"), ("b", "Path[int]")], bases=(YamlConfig,))
    with pytest.warns(YamlTypeWarning, match="cannot be resolved") as caught:
        assert round_trip(cls(1, 2)) == cls(1, 2)
    assert ["ZeroDivisionError" in str(item.message) for item in caught] == [True, False]


def test_unusual_annotations_are_read_as_any():
    hints = [Any, object, "typing.Callable[..., int]", type, type[int], typing.Hashable, "int and str", TypeVar("Free")]
    for hint in hints:
        cls = make_dataclass("Config", [("a", hint)], bases=(YamlConfig,), namespace={"__module__": __name__})
        assert round_trip(cls({"k": [1, "x"]})) == cls({"k": [1, "x"]})


def test_annotated_with_what_cannot_be_hashed():
    @dataclass
    class Box(Generic[T]):
        content: T

    cls = make_dataclass(
        "Config", [("a", Box[Annotated[Path, []]]), ("b", Box[Annotated[Path, []]])], bases=(YamlConfig,)
    )
    config = cls(Box(Path("a")), Box(Path("b")))
    assert round_trip(config) == config


class Named(NamedTuple):
    path: Path
    next: Named | None = None


class GenericNamed(NamedTuple, Generic[T]):
    content: T


class Base(TypedDict):
    path: Path


class Derived(Base, total=False):
    color: Color


@dataclass
class Records(YamlConfig):
    named: Named
    generic: GenericNamed[Path]
    typed: Derived
    either: Derived | dict[str, int] | None = None


def test_records_with_string_annotations():
    config = Records(Named(Path("a")), GenericNamed(Path("b")), {"path": Path("c"), "color": Color.RED}, {"x": 1})
    assert same(round_trip(config), config)
    other = Records(Named(Path("a")), GenericNamed(Path("b")), {"path": Path("c")}, {"path": Path("d")})
    assert same(round_trip(other), other)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in 3.12")
def test_new_generics_and_aliases():
    source = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from ataraxis_yamlconfig import YamlConfig

type Paths = list[Path]
type Json = dict[str, Json] | list[Json] | Path | int
type Pairs[T] = list[tuple[T, T]]

@dataclass
class Box[T]:
    content: T

@dataclass
class Config(YamlConfig):
    paths: Paths
    json: Json
    pairs: Pairs[Path]
    box: Box[Paths]

config = Config([Path("a")], {"a": [Path("b"), {"c": 1}]}, [(Path("d"), Path("e"))], Box([Path("f")]))
"""
    module = type(sys)("new_syntax")
    sys.modules["new_syntax"] = module
    try:
        exec(source, module.__dict__, module.__dict__)
        config = module.config
        assert same(round_trip(config), config)
    finally:
        del sys.modules["new_syntax"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="defaults of type variables are new in 3.13")
def test_defaults_of_type_variables():
    variable = TypeVar("variable", default=Path)
    box = make_dataclass("Box", [("content", variable)], bases=(Generic[variable],))
    cls = make_dataclass("Config", [("box", box)], bases=(YamlConfig,))
    assert round_trip(cls(box(Path("a")))) == cls(box(Path("a")))


def test_threads_that_compile_one_class_get_one_plan():
    for _ in range(20):
        inner = make_dataclass("Inner", [(f"field_{n}", list[Path]) for n in range(20)])
        cls = make_dataclass("Config", [(f"field_{n}", inner | None) for n in range(10)], bases=(YamlConfig,))
        gate = threading.Barrier(8)

        def compile_it(cls=cls, gate=gate):
            gate.wait()
            return codec_for(cls)

        with ThreadPoolExecutor(8) as pool:
            plans = {id(future.result()) for future in [pool.submit(compile_it) for _ in range(8)]}
        assert len(plans) == 1
        assert codec_for(cls).fields["field_0"].codec is codec_for(inner)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_during_a_compilation_does_not_wait_for_it():
    from ataraxis_yamlconfig import _plan

    held, leave = threading.Event(), threading.Event()

    def hold():
        with _plan._lock:
            held.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        config = make_dataclass("Config", [("path", Path)], bases=(YamlConfig,))(Path("a"))
        os._exit(0 if round_trip(config) == config else 1)
    in_parent = _plan._lock
    _plan._renew_lock()  # what the child did
    assert _plan._lock is not in_parent
    leave.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_failed_compilation_leaves_no_half_made_plan(monkeypatch):
    from ataraxis_yamlconfig import _plan

    inner = make_dataclass("Inner", [("path", Path)])
    cls = make_dataclass("Config", [("inner", inner), ("other", Path)], bases=(YamlConfig,))
    real = _plan.hints_of
    calls = []

    def fail_once(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return real(*arguments)

    monkeypatch.setattr(_plan, "hints_of", fail_once)
    with pytest.raises(MemoryError):
        cls(inner(Path("a")), Path("b")).to_yaml_string()
    config = cls(inner(Path("a")), Path("b"))
    assert round_trip(config) == config


def test_a_class_whose_module_is_gone():
    cls = make_dataclass("Config", [("a", "int"), ("b", list[int])], bases=(YamlConfig,))
    cls.__module__ = "gone"
    assert round_trip(cls(1, [2])) == cls(1, [2])
