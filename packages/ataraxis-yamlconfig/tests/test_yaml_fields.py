"""What a class and its fields can say: comments, exclusion, hooks, options of dataclasses, InitVars."""

# mypy: disable-error-code="arg-type, type-arg, list-item, dict-item, attr-defined"
# Nothing is validated: values of other types than annotated are what these tests are about.

# ruff: noqa: ARG003, RUF008 - hooks have the signature that is asked for; a ClassVar in a string is none of ruff's defaults

import math
import warnings
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

import pytest

from ataraxis_yamlconfig import (
    YAML_EXCLUDE_METADATA,
    YamlConfig,
    YamlEncodeError,
    YamlFieldError,
    YamlTypeWarning,
    yaml_metadata,
)
from yaml_cases import Color


def round_trip(config, **options):
    return type(config).from_yaml_string(config.to_yaml_string(), **options)


@pytest.fixture
def caught():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


def messages(caught):
    assert all(item.category is YamlTypeWarning for item in caught)
    return [str(item.message) for item in caught]


def test_the_look_of_a_file():
    @dataclass
    class Lens:
        focus: float = field(default=1.0, metadata=yaml_metadata(comment="in mm"))
        name: str = ""

    @dataclass
    class Camera(YamlConfig):
        rate: float = field(default=30.0, metadata=yaml_metadata(comment="frames a second\n\nat most 120"))
        note: str = "first line\nsecond line\n"
        lens: Lens = field(default_factory=Lens)
        lenses: list[Lens] = field(default_factory=lambda: [Lens(2.0), Lens()])
        empty: dict[str, int] = field(default_factory=dict)
        nothing: None = None

    assert Camera().to_yaml_string() == (
        "---\n# frames a second\n#\n# at most 120\nrate: 30.0\nnote: |\n  first line\n  second line\nlens:\n"
        "  # in mm\n  focus: 1.0\n  name: ''\nlenses:\n# in mm\n- focus: 2.0\n  name: ''\n# in mm\n- focus: 1.0\n"
        "  name: ''\nempty: {}\nnothing: null\n...\n"
    )
    assert round_trip(Camera()) == Camera()


def test_comments_with_any_text_stay_comments():
    text = "tab\there\x07 \u2028evil: 1\r\nmore: 2\x85third: 3 🐭"

    @dataclass
    class Config(YamlConfig):
        a: int = field(default=1, metadata=yaml_metadata(comment=text))

    written = Config().to_yaml_string()
    assert all(line.startswith("#") for line in written.splitlines()[1:-2])
    assert round_trip(Config(5), strict=True) == Config(5)


def test_an_empty_class_and_an_empty_comment():
    @dataclass
    class Empty(YamlConfig):
        pass

    @dataclass
    class Uncommented(YamlConfig):
        a: int = field(default=1, metadata=yaml_metadata(comment=""))

    assert Empty().to_yaml_string() == "---\n{}\n...\n"
    assert round_trip(Empty()) == Empty()
    assert Uncommented().to_yaml_string() == "---\na: 1\n...\n"


def test_metadata_is_checked_and_merges():
    assert yaml_metadata() == {}
    assert dict(YAML_EXCLUDE_METADATA) == yaml_metadata(exclude=True)
    merged = {**YAML_EXCLUDE_METADATA, **yaml_metadata(comment="x"), "mine": 1}
    assert merged == {**yaml_metadata(exclude=True, comment="x"), "mine": 1}
    with pytest.raises(TypeError, match="comment has to be a str"):
        yaml_metadata(comment=3)
    for name in ("encode", "decode"):
        with pytest.raises(TypeError, match=f"{name} has to be a function"):
            yaml_metadata(**{name: "str"})


def test_excluded_fields_take_their_default_or_what_the_hook_gives(tmp_path):
    seen = []

    @dataclass
    class Config(YamlConfig):
        name: str
        folder: Path = field(metadata=YAML_EXCLUDE_METADATA)
        live: object = field(default=None, metadata=yaml_metadata(exclude=True))

        @classmethod
        def restore_excluded_fields(cls, data, file_path):
            seen.append((dict(data), file_path))
            return {**data, "folder": None if file_path is None else file_path.parent}

    config = Config("a", tmp_path, object())
    assert config.to_yaml_string() == "---\nname: a\n...\n"
    config.to_yaml(tmp_path / "a.yaml")
    assert Config.from_yaml(str(tmp_path / "a.yaml"), strict=True) == Config("a", tmp_path)
    assert Config.from_yaml_string("name: b") == Config("b", None)
    assert seen == [({"name": "a"}, tmp_path / "a.yaml"), ({"name": "b"}, None)]


def test_the_hook_of_a_nested_class_is_called_too():
    @dataclass
    class Inner(YamlConfig):
        size: int = field(metadata=YAML_EXCLUDE_METADATA)

        @classmethod
        def restore_excluded_fields(cls, data, file_path):
            data["size"] = 7
            return data

    @dataclass
    class Outer(YamlConfig):
        inner: Inner

    assert Outer.from_yaml_string("inner: {}") == Outer(Inner(7))


def test_an_excluded_field_without_default_is_explained():
    @dataclass
    class Config(YamlConfig):
        live: object = field(metadata=YAML_EXCLUDE_METADATA)

    with pytest.raises(YamlFieldError, match="excluded fields need a default or restore_excluded_fields"):
        Config.from_yaml_string("{}")


def test_a_hook_has_to_return_a_mapping():
    @dataclass
    class Config(YamlConfig):
        @classmethod
        def restore_excluded_fields(cls, data, file_path):
            return None

    with pytest.raises(TypeError, match="has to return the dict to build from, not None"):
        Config.from_yaml_string("{}")


def test_hooks_of_a_field():
    @dataclass
    class Config(YamlConfig):
        angle: float | None = field(metadata=yaml_metadata(encode=math.degrees, decode=math.radians))
        shape: Any = field(default=(1, 2), metadata=yaml_metadata(encode=list, decode=tuple))
        inner: "dict[str, Any]" = field(
            default_factory=dict, metadata=yaml_metadata(encode=lambda value: {**value, "v": 2})
        )

    config = Config(math.pi)
    assert config.to_yaml_string() == "---\nangle: 180.0\nshape:\n- 1\n- 2\ninner:\n  v: 2\n...\n"
    assert round_trip(config) == Config(math.pi, (1, 2), {"v": 2})
    assert round_trip(Config(None)).angle is None


def test_an_exception_in_a_hook_passes_with_a_note():
    @dataclass
    class Config(YamlConfig):
        a: int = field(metadata=yaml_metadata(encode=lambda value: 1 // value, decode=lambda plain: 1 // plain))

    with pytest.raises(ZeroDivisionError) as caught:
        Config(0).to_yaml_string()
    assert caught.value.__notes__ == [f"while saving $.a of {Config.__qualname__}"]
    with pytest.raises(ZeroDivisionError) as caught:
        Config.from_yaml_string("\na: 0")
    assert caught.value.__notes__ == ["while building $.a from <string>:2:1"]


def test_an_encode_hook_may_not_return_what_yaml_cannot_hold():
    @dataclass
    class Config(YamlConfig):
        a: int = field(default=1, metadata=yaml_metadata(encode=lambda _: object()))

    with pytest.raises(YamlEncodeError, match=r"\$\.a: <object"):
        Config().to_yaml_string()


def test_options_of_dataclasses():
    @dataclass(frozen=True)
    class Frozen(YamlConfig):
        a: int = 1
        b: int = field(default=0, init=False)

        def __post_init__(self):
            object.__setattr__(self, "b", self.a + 1)

    @dataclass(slots=True)
    class Slotted(YamlConfig):
        a: int
        b: int = field(default=5, init=False)

    @dataclass(kw_only=True)
    class Keyword(YamlConfig):
        a: int
        _private: int = 2

    for config in (Frozen(3), Slotted(4), Keyword(a=1, _private=7)):
        assert round_trip(config, strict=True) == config
    assert not hasattr(Slotted(1), "__dict__")
    assert Frozen.from_yaml_string("a: 1\nb: 9").b == 9
    assert Frozen.from_yaml_string("a: 1").b == 2


def test_fields_without_init_are_set_after_post_init_and_may_be_unset():
    @dataclass
    class Config(YamlConfig):
        a: int = 1
        b: list[Path] = field(init=False)
        c: int = field(init=False)

        def __post_init__(self):
            self.b = [Path("default")]

    config = Config()
    assert config.to_yaml_string() == "---\na: 1\nb:\n- default\n...\n"
    config.b = [Path("changed")]
    config.c = 4
    restored = round_trip(config, strict=True)
    assert (restored.b, restored.c) == ([Path("changed")], 4)


def test_class_variables_are_no_fields():
    @dataclass
    class Config(YamlConfig):
        a: Final[int] = 1
        count: ClassVar[int] = 0
        names: "ClassVar[list[str]]" = []

    assert Config().to_yaml_string() == "---\na: 1\n...\n"
    with pytest.raises(YamlFieldError, match="no field 'count'"):
        Config.from_yaml_string("count: 1", strict=True)


T = TypeVar("T")
U = TypeVar("U")
Bound = TypeVar("Bound", bound=Path)
Either = TypeVar("Either", Color, int)


@dataclass
class Pair(YamlConfig, Generic[T, U]):
    first: T
    second: list[U]


@dataclass
class PathPair(Pair[Path, Color]):
    third: int = 0


@dataclass
class Half(Pair[Path, T]):
    pass


@dataclass
class Whole(Half[Color]):
    pass


@dataclass
class Bounded(YamlConfig, Generic[Bound, Either]):
    path: Bound
    either: Either


def test_generic_classes_and_their_subclasses():
    assert round_trip(PathPair(Path("a"), [Color.RED], 1)) == PathPair(Path("a"), [Color.RED], 1)
    assert round_trip(Whole(Path("a"), [Color.RED])) == Whole(Path("a"), [Color.RED])
    assert round_trip(Bounded(Path("a"), Color.RED)) == Bounded(Path("a"), Color.RED)
    assert round_trip(Bounded(Path("a"), 3)) == Bounded(Path("a"), 3)
    assert round_trip(Pair(1, ["a"])) == Pair(1, ["a"])


def test_inheritance_keeps_the_order_and_the_annotations_of_the_bases():
    @dataclass
    class Base(YamlConfig):
        path: Path = Path("a")

    @dataclass
    class Derived(Base):
        color: Color = Color.RED
        path: Path = Path("b")

    class Plain(Derived):
        pass

    assert Derived().to_yaml_string() == "---\npath: b\ncolor: red\n...\n"
    assert round_trip(Plain(Path("z"))) == Plain(Path("z"))


def test_an_init_variable_is_never_wrong_in_silence(caught):
    @dataclass
    class Scaled(YamlConfig):
        value: float
        scale: InitVar[float]
        result: float = field(init=False)

        def __post_init__(self, scale):
            self.result = self.value * scale

    text = Scaled(2.0, 3.0).to_yaml_string()
    assert text == "---\nvalue: 2.0\nresult: 6.0\n...\n"
    assert [message.partition(": the")[0] for message in messages(caught)] == ["$.scale"]
    with pytest.raises(YamlFieldError, match="an InitVar is not kept by the instance"):
        Scaled.from_yaml_string(text)
    assert Scaled.from_yaml_string("value: 2.0\nscale: 5.0\n").result == 10.0
    assert Scaled.from_yaml_string(text.replace("result", "scale: 1.0\nresult"), strict=True).result == 6.0


def test_an_init_variable_that_the_instance_keeps_is_written(caught):
    @dataclass
    class Kept(YamlConfig):
        folder: "InitVar[Path]" = Path("default")
        plain: InitVar = 1

        def __post_init__(self, folder, plain):
            self.folder = folder
            self.plain = plain

    kept = round_trip(Kept(Path("mine"), 5), strict=True)
    assert (kept.folder, kept.plain) == (Path("mine"), 5)
    assert not caught


def test_an_init_variable_of_a_slotted_class(caught):
    @dataclass(slots=True)
    class Slotted(YamlConfig):
        a: int
        extra: InitVar[int | None] = None

        def __post_init__(self, extra):
            self.a += extra or 0

    assert round_trip(Slotted(1, 2)).a == 3
    assert len(messages(caught)) == 1


def test_no_validation_at_any_depth():
    @dataclass
    class Inner:
        paths: list[Path]
        counts: dict[int, tuple[int, int]]
        deep: "Inner | None" = None

    @dataclass
    class Config(YamlConfig):
        number: int = 0
        path: Path = Path()
        inner: Inner | None = None
        inners: list[Inner] = field(default_factory=list)
        color: Color = Color.RED

    text = (
        "number: text\npath: 5\ninner: {paths: [a, 1, null, [x]], counts: {1: [1, 2], two: [1], 3: null, [4, 5]: x}}\n"
        "inners: [1, null, {paths: x, counts: 3, deep: []}]\ncolor: blue\n"
    )
    inner = Inner([Path("a"), 1, None, ["x"]], {1: (1, 2), "two": [1], 3: None, (4, 5): "x"})
    expected = Config("text", 5, inner, [1, None, Inner("x", 3, [])], "blue")
    assert Config.from_yaml_string(text) == expected
    assert Config.from_yaml_string("number: null\npath: null\ninner: null\ninners: null\ncolor: null") == Config(
        None, None, None, None, None
    )
    assert round_trip(expected) == expected
