"""Files of the 3.x line: as ataraxis-data-structures 3.1.1 wrote them."""

# ruff: noqa: DTZ001 - the file holds a time without a zone

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ataraxis_yamlconfig import YamlConfig

# Written by ataraxis-data-structures 3.1.1 on Linux with Python 3.11.
OLD_FILE = """---
integer: 1
number: 1.5
text: 'yes'
almost_number: 1e5
nothing: null
items:
- 1
- 2
fixed: !!python/tuple
- 1
- 2
mapping:
  1: a
  x:
    y: 2
no_path: null
path: !!python/object/apply:pathlib.PosixPath
- /
- tmp
- x
any_path: !!python/object/apply:pathlib.PosixPath
- relative
any_tuple: !!python/tuple
- 1
- !!python/tuple []
unique: !!set
  1: null
  2: null
raw: !!binary |
  eHg=
when: 2026-11-22 15:09:16.914883
big: 1.0e+20
nested:
  a: 1
  _private: 2
computed: 77
...
"""


@dataclass
class Nested:
    a: int = 0
    _private: int = 0


@dataclass
class Old(YamlConfig):
    integer: int = 0
    number: float = 0.0
    text: str = ""
    almost_number: str = ""
    nothing: int | None = 5
    items: list[int] = field(default_factory=list)
    fixed: tuple[int, ...] = ()
    mapping: dict[Any, Any] = field(default_factory=dict)
    no_path: Path | None = Path("default")
    path: Path | None = None
    any_path: Any = None
    any_tuple: Any = None
    unique: set[int] = field(default_factory=set)
    raw: bytes = b""
    when: Any = None
    big: float = 0.0
    nested: Nested = field(default_factory=Nested)
    computed: int = field(init=False, default=0)

    def __post_init__(self):
        self.computed = 9


def test_a_file_of_the_3_x_line_loads_with_its_tags_read_safely(tmp_path):
    from datetime import datetime

    target = tmp_path / "old.yaml"
    target.write_text(OLD_FILE)
    old = Old.from_yaml(target, strict=True)
    expected = Old(
        1, 1.5, "yes", "1e5", None, [1, 2], (1, 2), {1: "a", "x": {"y": 2}}, None, Path("/tmp/x"), Path("relative"),
        (1, ()), {1, 2}, b"xx", datetime(2026, 11, 22, 15, 9, 16, 914883), 1e20, Nested(1, 2),
    )  # fmt: skip
    expected.computed = 77
    assert old == expected


def test_paths_of_windows_and_of_newer_interpreters():
    for tag in ("pathlib._local.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath"):
        assert Old.from_yaml_string(f"path: !!python/object/apply:{tag} [a, b]").path == Path("a", "b")


def test_positional_and_keyword_calls_of_the_3_x_line(tmp_path):
    config = Old(integer=5)
    config.to_yaml(file_path=tmp_path / "a.yml")
    assert Old.from_yaml(file_path=tmp_path / "a.yml") == config
