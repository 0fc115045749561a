"""Workloads of the rows on YAML: loading and dumping a configuration of 1,000 fields.

The configuration is 100 nested dataclasses of ten fields: numbers, words, texts that need quotes, a path, an enum and
two lists. Peers that do not read YAML themselves get the tree from PyYAML's C loader, and dump through its C dumper;
types that they cannot keep (the path, the enum) they convert as they are made to.
"""

# ruff: noqa: PLC0415 - a worker imports only what its own environment has; peers by name, which mypy need not know

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field, make_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench_model import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GROUPS: Final = 100
_FIELDS: Final = 1000


class Mode(Enum):
    """How a device runs."""

    FAST = "fast"
    EXACT = "exact"


@dataclass
class Device:
    """Ten fields of the kinds that configurations have."""

    name: str = "camera one"
    label: str = "yes"
    index: int = 7
    rate: float = 29.97
    enabled: bool = True
    parent: int | None = None
    folder: Path = Path("/data/mouse_1/session_2")
    mode: Mode = Mode.EXACT
    gains: list[float] = field(default_factory=lambda: [0.5, 1.0, 1.0e-6])
    tags: list[str] = field(default_factory=lambda: ["left", "12:30", "two words"])


@dataclass
class PlainDevice:
    """The same for the 3.x line, which keeps neither paths nor enums."""

    name: str = "camera one"
    label: str = "yes"
    index: int = 7
    rate: float = 29.97
    enabled: bool = True
    parent: int | None = None
    folder: str = "/data/mouse_1/session_2"
    mode: str = "exact"
    gains: list[float] = field(default_factory=lambda: [0.5, 1.0, 1.0e-6])
    tags: list[str] = field(default_factory=lambda: ["left", "12:30", "two words"])


def _rig(device: type, *bases: type) -> Any:
    """An instance of a class of 100 devices."""
    names = [f"device_{index:03d}" for index in range(_GROUPS)]
    return make_dataclass("Rig", [(name, device) for name in names], bases=bases)(*[device() for _ in names])


def _tree() -> dict[str, Any]:
    return asdict(_rig(PlainDevice))


def _text() -> str:
    import yaml

    return yaml.dump(_tree(), Dumper=yaml.CSafeDumper, sort_keys=False, explicit_start=True, explicit_end=True)


def load() -> Iterator[Work]:
    """Text to instance."""
    from ataraxis_yamlconfig import YamlConfig

    text, rig = _text(), _rig(Device, YamlConfig)
    yield Work(call=lambda: type(rig).from_yaml_string(text), items=_FIELDS)
    _check(type(rig).from_yaml_string(text), rig)


def load_floor() -> Iterator[Work]:
    """Text to dictionaries, by the C loader alone."""
    import yaml

    text = _text()
    yield Work(call=lambda: yaml.load(text, Loader=yaml.CSafeLoader), items=_FIELDS)
    _check(yaml.load(text, Loader=yaml.CSafeLoader), _tree())


def dump() -> Iterator[Work]:
    """Instance to text."""
    from ataraxis_yamlconfig import YamlConfig

    rig = _rig(Device, YamlConfig)
    yield Work(call=rig.to_yaml_string, items=_FIELDS)
    _check(type(rig).from_yaml_string(rig.to_yaml_string()), rig)


def dump_floor() -> Iterator[Work]:
    """Dictionaries to text, by the C dumper alone."""
    import yaml

    tree = _tree()
    yield Work(call=lambda: yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False), items=_FIELDS)
    _check(yaml.safe_load(yaml.dump(tree, Dumper=yaml.CSafeDumper)), tree)


def save() -> Iterator[Work]:
    """Instance to a durable file, and back."""
    from ataraxis_yamlconfig import YamlConfig

    yield from _file_work(_rig(Device, YamlConfig))


def save_published() -> Iterator[Work]:
    """The same with the published package, which neither synchronises nor replaces."""
    yield from _file_work(_rig(PlainDevice, import_module("ataraxis_data_structures").YamlConfig))


def save_floor() -> Iterator[Work]:
    """The C dumper and loader with a plain file."""
    import yaml

    with tempfile.TemporaryDirectory() as folder:
        path, tree = Path(folder, "rig.yaml"), _tree()

        def save_and_load() -> object:
            path.write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
            return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)

        yield Work(call=save_and_load, items=_FIELDS)
        _check(save_and_load(), tree)


def _file_work(rig: Any) -> Iterator[Work]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rig.yaml")

        def save_and_load() -> object:
            rig.to_yaml(path)
            return type(rig).from_yaml(path)

        yield Work(call=save_and_load, items=_FIELDS)
        _check(save_and_load(), rig)


def load_published() -> Iterator[Work]:
    """The published package reads files only."""
    config = import_module("ataraxis_data_structures").YamlConfig
    with tempfile.TemporaryDirectory() as folder:
        path, rig = Path(folder, "rig.yaml"), _rig(PlainDevice, config)
        path.write_text(_text(), encoding="utf-8")
        yield Work(call=lambda: type(rig).from_yaml(path), items=_FIELDS)
        _check(type(rig).from_yaml(path), rig)


def dump_published() -> Iterator[Work]:
    """The published package writes files only, without synchronising them."""
    config = import_module("ataraxis_data_structures").YamlConfig
    with tempfile.TemporaryDirectory() as folder:
        path, rig = Path(folder, "rig.yaml"), _rig(PlainDevice, config)
        yield Work(call=lambda: rig.to_yaml(path), items=_FIELDS)
        _check(type(rig).from_yaml(path), rig)


def _load_through(convert: Callable[[Any], object], rig: object) -> Iterator[Work]:
    """The C loader, and a library that makes instances of the tree."""
    import yaml

    text = _text()
    yield Work(call=lambda: convert(yaml.load(text, Loader=yaml.CSafeLoader)), items=_FIELDS)
    _check(convert(yaml.load(text, Loader=yaml.CSafeLoader)), rig)


def _dump_through(convert: Callable[[Any], object], rig: object) -> Iterator[Work]:
    """A library that makes a tree of instances, and the C dumper."""
    import yaml

    yield Work(call=lambda: yaml.dump(convert(rig), Dumper=yaml.CSafeDumper, sort_keys=False), items=_FIELDS)
    _check(convert(rig), _tree())


def load_dacite() -> Iterator[Work]:
    """Dacite checks types; the casts make paths and enums."""
    dacite = import_module("dacite")
    rig = _rig(Device)
    options = dacite.Config(cast=[Path, Enum])
    yield from _load_through(lambda tree: dacite.from_dict(type(rig), tree, options), rig)


def load_cattrs() -> Iterator[Work]:
    """Cattrs with its preconfigured converter for YAML."""
    rig, converter = _rig(Device), import_module("cattrs.preconf.pyyaml").make_converter()
    converter.register_structure_hook(Path, lambda text, _: Path(text))
    yield from _load_through(lambda tree: converter.structure(tree, type(rig)), rig)


def dump_cattrs() -> Iterator[Work]:
    """Cattrs with its preconfigured converter for YAML."""
    converter = import_module("cattrs.preconf.pyyaml").make_converter()
    converter.register_unstructure_hook(Path, str)
    yield from _dump_through(converter.unstructure, _rig(Device))


def load_mashumaro() -> Iterator[Work]:
    """Mashumaro generates code for the class."""
    rig = _rig(Device)
    yield from _load_through(import_module("mashumaro.codecs").BasicDecoder(type(rig)).decode, rig)


def dump_mashumaro() -> Iterator[Work]:
    """Mashumaro generates code for the class."""
    rig = _rig(Device)
    yield from _dump_through(import_module("mashumaro.codecs").BasicEncoder(type(rig)).encode, rig)


def load_msgspec() -> Iterator[Work]:
    """Msgspec knows no paths: a hook makes them."""
    msgspec = import_module("msgspec")
    rig = _rig(Device)
    yield from _load_through(lambda tree: msgspec.convert(tree, type(rig), dec_hook=lambda kind, text: kind(text)), rig)


def dump_msgspec() -> Iterator[Work]:
    """Msgspec knows no paths: a hook writes them."""
    msgspec = import_module("msgspec")
    yield from _dump_through(lambda rig: msgspec.to_builtins(rig, enc_hook=str), _rig(Device))


def load_pydantic() -> Iterator[Work]:
    """Pydantic validates."""
    rig = _rig(Device)
    yield from _load_through(import_module("pydantic").TypeAdapter(type(rig)).validate_python, rig)


def dump_pydantic() -> Iterator[Work]:
    """Pydantic in its mode for JSON."""
    rig = _rig(Device)
    adapter = import_module("pydantic").TypeAdapter(type(rig))
    yield from _dump_through(lambda value: adapter.dump_python(value, mode="json"), rig)


def _check(actual: object, expected: object) -> None:
    if actual != expected:
        raise AssertionError(f"{str(actual)[:200]} instead of {str(expected)[:200]}")
