"""Workloads of ataraxis-nested: reading, writing, deleting, listing, finding and building, at depth 5.

A dictionary of width 3 has 243 leaves, one of width 10 has 100,000. Workloads come from functions that take the width
(and whether paths are strings), so that every size and form is measured by the same code. The floors are the least code
in plain Python that does the same for a path that is data: a loop over its keys, after a `split` where it is a string.
"""

# ruff: noqa: PLC0415 - the environments of the peers do not have ours; peers are loaded by name, which mypy need not know

from __future__ import annotations

import random
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench_model import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Workload = Callable[[], Iterator[Work]]

_DEPTH = 5
_PATHS = 1000
_NEEDLE = "needle"


def _make_data(width: int, depth: int = _DEPTH) -> dict[str, Any]:
    """A nested dictionary; one leaf of it has a key that occurs nowhere else."""

    def level(remaining: int) -> Any:
        return {f"key{index}": level(remaining - 1) for index in range(width)} if remaining else 1

    data: dict[str, Any] = level(depth)
    section = data
    for _ in range(depth - 1):
        section = section["key1"]
    section[_NEEDLE] = section.pop("key1")
    return data


def _make_paths(width: int, last: str | None = None) -> list[tuple[str, ...]]:
    """Paths of random leaves, the same in every process; with `last`, of leaves that are not there."""
    choose = random.Random(7)  # noqa: S311 - a choice of test data
    paths = [tuple(f"key{choose.randrange(width)}" for _ in range(_DEPTH)) for _ in range(2 * _PATHS)]
    there = [path for path in paths if path[:-1] != ("key1",) * (_DEPTH - 1)][:_PATHS]
    return [(*path[:-1], last or path[-1]) for path in there]


def _forms(paths: list[tuple[str, ...]], *, text: bool, delimiter: str = ".") -> list[Any]:
    return [delimiter.join(path) for path in paths] if text else list(paths)


def _require(*, holds: bool) -> None:
    if not holds:
        raise AssertionError("the workload left something else than it should")


# --------------------------------------------------------------------------------------------------------------- read


def _read(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        nested = NestedDictionary(_make_data(width))
        paths = _forms(_make_paths(width), text=text)
        read = nested.read_nested_value

        def call() -> None:
            for path in paths:
                read(path)

        yield Work(call, items=len(paths))
        _require(holds=nested == _make_data(width) and all(read(path) == 1 for path in paths))

    return workload


def _read_floor(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        paths = _forms(_make_paths(width), text=text)

        def call_tuple() -> None:
            for path in paths:
                section: Any = data
                for key in path:
                    section = section[key]

        def call_text() -> None:
            for path in paths:
                section: Any = data
                for key in path.split("."):
                    section = section[key]

        yield Work(call_text if text else call_tuple, items=len(paths))

    return workload


def _read_index(width: int) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        paths = _make_paths(width)

        def call() -> None:
            for one, two, three, four, five in paths:
                data[one][two][three][four][five]

        yield Work(call, items=len(paths))

    return workload


# -------------------------------------------------------------------------------------------- write, write and delete


def _write(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        nested = NestedDictionary(_make_data(width))
        paths = _forms(_make_paths(width), text=text)
        write = nested.write_nested_value

        def call() -> None:
            for path in paths:
                write(path, 2)

        yield Work(call, items=len(paths))
        _require(holds=all(nested.read_nested_value(path) == 2 for path in paths))  # noqa: PLR2004 - as written

    return workload


def _write_floor(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        paths = _forms(_make_paths(width), text=text)

        def call() -> None:
            for path in paths:
                keys = path.split(".") if text else path
                section = data
                for key in keys[:-1]:
                    section = section.setdefault(key, {})
                section[keys[-1]] = 2

        yield Work(call, items=len(paths))

    return workload


def _write_delete(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        nested = NestedDictionary(_make_data(width))
        paths = _forms(_make_paths(width, "new"), text=text)
        write, delete = nested.write_nested_value, nested.delete_nested_value

        def call() -> None:
            for path in paths:
                write(path, 2)
                delete(path)

        yield Work(call, items=len(paths))
        _require(holds=nested == _make_data(width))

    return workload


def _write_delete_floor(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        paths = _forms(_make_paths(width, "new"), text=text)

        def call() -> None:
            for path in paths:
                keys = path.split(".") if text else path
                section = data
                for key in keys[:-1]:
                    section = section.setdefault(key, {})
                section[keys[-1]] = 2
                keys = path.split(".") if text else path
                section = data
                for key in keys[:-1]:
                    section = section[key]
                del section[keys[-1]]

        yield Work(call, items=len(paths))
        _require(holds=data == _make_data(width))

    return workload


# ------------------------------------------------------------------------------------------- all paths, find, construct


def _all_paths(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        nested = NestedDictionary(_make_data(width))
        yield Work(lambda: nested.extract_nested_variable_paths(return_raw=not text), items=width**_DEPTH)
        paths = nested.extract_nested_variable_paths(return_raw=not text)
        _require(holds=paths == _plain_paths(_make_data(width), text=text))

    return workload


def _plain_paths(data: dict[str, Any], *, text: bool) -> tuple[Any, ...]:
    """The paths of all leaves and empty sections, by one walk without recursion and without any check."""
    paths: list[Any] = []
    keys: list[str] = []
    stack = [iter(data.items())]
    while stack:
        for key, value in stack[-1]:
            if isinstance(value, dict) and value:
                keys.append(key)
                stack.append(iter(value.items()))
                break
            paths.append(".".join((*keys, key)) if text else (*keys, key))
        else:
            stack.pop()
            if keys:
                keys.pop()
    return tuple(paths)


def _all_paths_floor(width: int, *, text: bool) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        yield Work(lambda: _plain_paths(data, text=text), items=width**_DEPTH)

    return workload


def _find(width: int, target: str) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        nested = NestedDictionary(_make_data(width))
        yield Work(lambda: nested.find_nested_variable_path(target, return_raw=True), items=width**_DEPTH)
        found: Any = nested.find_nested_variable_path(target, return_raw=True)
        _require(
            holds=(tuple(found) if isinstance(found[0], tuple) else (found,)) == _plain_find(nested.to_dict(), target)
        )

    return workload


def _plain_find(data: dict[str, Any], target: str) -> tuple[Any, ...]:
    """The paths of all leaves with a key, by one walk without recursion and without any check."""
    paths: list[Any] = []
    keys: list[str] = []
    stack = [iter(data.items())]
    while stack:
        for key, value in stack[-1]:
            if isinstance(value, dict) and value:
                keys.append(key)
                stack.append(iter(value.items()))
                break
            if key == target:
                paths.append((*keys, key))
        else:
            stack.pop()
            if keys:
                keys.pop()
    return tuple(paths)


def _find_floor(width: int, target: str) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)
        yield Work(lambda: _plain_find(data, target), items=width**_DEPTH)

    return workload


def _construct(width: int) -> Workload:
    def workload() -> Iterator[Work]:
        from ataraxis_nested import NestedDictionary

        data = _make_data(width)
        yield Work(lambda: NestedDictionary(data), items=width**_DEPTH)
        _require(holds=data == _make_data(width))

    return workload


def _construct_floor(width: int) -> Workload:
    def workload() -> Iterator[Work]:
        data = _make_data(width)

        def call() -> dict[str, Any]:
            top: dict[str, Any] = {}
            stack = [(data, top)]
            while stack:
                section, copy = stack.pop()
                for key, value in section.items():
                    if isinstance(value, dict):
                        inner: dict[str, Any] = {}
                        copy[key] = inner
                        stack.append((value, inner))
                    else:
                        copy[key] = value
            return top

        yield Work(call, items=width**_DEPTH)
        _require(holds=call() == data)

    return workload


# -------------------------------------------------------------------------------------------------------------- peers


def _peer_reads(
    width: int, open_data: Callable[[dict[str, Any]], Callable[[Any], Any]], *, text: bool, items: int
) -> Workload:
    """Reads some of the same paths by what `open_data` returns for the data."""

    def workload() -> Iterator[Work]:
        read = open_data(_make_data(width))
        paths = _forms(_make_paths(width), text=text)[:items]

        def call() -> None:
            for path in paths:
                read(path)

        yield Work(call, items=len(paths))
        _require(holds=all(read(path) == 1 for path in paths))

    return workload


def _dpath_reader(data: dict[str, Any]) -> Callable[[Any], Any]:
    dpath: Any = import_module("dpath")

    return lambda path: dpath.get(data, path, separator=".") if isinstance(path, str) else dpath.get(data, path)


def _glom_reader(data: dict[str, Any]) -> Callable[[Any], Any]:
    glom: Any = import_module("glom")

    return lambda path: glom.glom(data, path if isinstance(path, str) else glom.Path(*path))


def _benedict_reader(data: dict[str, Any]) -> Callable[[Any], Any]:
    benedict: Any = import_module("benedict").benedict

    opened = benedict(data)
    return lambda path: opened[path if isinstance(path, str) else list(path)]


def _published_reader(data: dict[str, Any]) -> Callable[[Any], Any]:
    published: Any = import_module("ataraxis_data_structures").NestedDictionary

    opened = published(data)
    reader: Callable[[Any], Any] = opened.read_nested_value
    return reader


Editors = tuple["Callable[[Any, Any], Any]", "Callable[[Any], Any]", "Callable[[], Any]"]


def _peer_edits(
    width: int, open_data: Callable[[dict[str, Any]], Editors], *, text: bool, delete: bool, items: int
) -> Workload:
    """Writes, or writes and deletes, by the functions that `open_data` returns: write, delete, give the content."""

    def workload() -> Iterator[Work]:
        write, remove, content = open_data(_make_data(width))
        paths = _forms(_make_paths(width, "new" if delete else None), text=text)[:items]

        def call() -> None:
            for path in paths:
                write(path, 2)
                if delete:
                    remove(path)

        yield Work(call, items=len(paths))
        _require(holds=not delete or content() == _make_data(width))

    return workload


def _dpath_editors(data: dict[str, Any]) -> Editors:
    dpath: Any = import_module("dpath")

    def write(path: Any, value: Any) -> None:
        dpath.new(data, path, value, separator="." if isinstance(path, str) else "/")

    def remove(path: Any) -> None:
        dpath.delete(data, path, separator="." if isinstance(path, str) else "/")

    return write, remove, lambda: data


def _glom_editors(data: dict[str, Any]) -> Editors:
    glom: Any = import_module("glom")

    def to_path(path: Any) -> Any:
        return path if isinstance(path, str) else glom.Path(*path)

    return (
        lambda path, value: glom.assign(data, to_path(path), value),
        lambda path: glom.delete(data, to_path(path)),
        lambda: data,
    )


def _benedict_editors(data: dict[str, Any]) -> Editors:
    benedict: Any = import_module("benedict").benedict

    opened = benedict(data)

    def write(path: Any, value: Any) -> None:
        opened[path if isinstance(path, str) else list(path)] = value

    def remove(path: Any) -> None:
        del opened[path if isinstance(path, str) else list(path)]

    return write, remove, lambda: opened


def _published_editors(data: dict[str, Any]) -> Editors:
    published: Any = import_module("ataraxis_data_structures").NestedDictionary

    opened = published(data)
    return (
        opened.write_nested_value,
        opened.delete_nested_value,
        lambda: opened.read_nested_value(()),
    )


def _peer_whole(
    width: int, open_data: Callable[[dict[str, Any]], Callable[[], Any]], least: int | None = None
) -> Workload:
    """Calls what `open_data` returns, which goes through the whole dictionary; it gives at least so many results."""

    def workload() -> Iterator[Work]:
        call = open_data(_make_data(width))
        yield Work(call, items=width**_DEPTH)
        _require(holds=least is None or len(call()) >= least)

    return workload


def _published_method(method: str, *arguments: Any, **options: Any) -> Callable[[dict[str, Any]], Callable[[], Any]]:
    def open_data(data: dict[str, Any]) -> Callable[[], Any]:
        published: Any = import_module("ataraxis_data_structures").NestedDictionary

        return partial(getattr(published(data), method), *arguments, **options)

    return open_data


def _published_construct(data: dict[str, Any]) -> Callable[[], Any]:
    return partial(import_module("ataraxis_data_structures").NestedDictionary, data)


def _benedict_construct(data: dict[str, Any]) -> Callable[[], Any]:
    return partial(import_module("benedict").benedict, data)


def _benedict_all_paths(data: dict[str, Any]) -> Callable[[], Any]:
    all_paths: Callable[[], Any] = import_module("benedict").benedict(data).keypaths
    return all_paths


def _dpath_all_paths(data: dict[str, Any]) -> Callable[[], Any]:
    dpath: Any = import_module("dpath")

    return lambda: [path for path, _ in dpath.search(data, "/".join("*" * _DEPTH), yielded=True)]


def _dpath_find(data: dict[str, Any]) -> Callable[[], Any]:
    dpath: Any = import_module("dpath")

    return lambda: list(dpath.search(data, f"**/{_NEEDLE}", yielded=True))


# ------------------------------------------------------------------------------------------- the workloads, by name


def _workloads() -> dict[str, Workload]:
    named: dict[str, Workload] = {}
    for size, width in (("243", 3), ("100k", 10)):
        for form, text in (("keys", False), ("string", True)):
            of = f"{form}_{size}"
            named[f"read_{of}"] = _read(width, text=text)
            named[f"read_{of}_floor"] = _read_floor(width, text=text)
            named[f"write_{of}"] = _write(width, text=text)
            named[f"write_{of}_floor"] = _write_floor(width, text=text)
            named[f"write_delete_{of}"] = _write_delete(width, text=text)
            named[f"write_delete_{of}_floor"] = _write_delete_floor(width, text=text)
            named[f"all_paths_{of}"] = _all_paths(width, text=text)
            named[f"all_paths_{of}_floor"] = _all_paths_floor(width, text=text)
            named[f"all_paths_{of}_published"] = _peer_whole(
                width, _published_method("extract_nested_variable_paths", return_raw=not text)
            )
            for peer, reader, editors in (
                ("dpath", _dpath_reader, _dpath_editors),
                ("glom", _glom_reader, _glom_editors),
                ("benedict", _benedict_reader, _benedict_editors),
                ("published", _published_reader, _published_editors),
            ):
                # Some go through the whole dictionary for one path: a second for each change, half of one for a read.
                few = 1 if size == "100k" and peer != "glom" else 100
                named[f"read_{of}_{peer}"] = _peer_reads(width, reader, text=text, items=few)
                named[f"write_{of}_{peer}"] = _peer_edits(width, editors, text=text, delete=False, items=few)
                named[f"write_delete_{of}_{peer}"] = _peer_edits(width, editors, text=text, delete=True, items=few)
        named[f"read_index_{size}"] = _read_index(width)
        named[f"all_paths_{size}_benedict"] = _peer_whole(width, _benedict_all_paths, width**_DEPTH)
        named[f"all_paths_{size}_dpath"] = _peer_whole(width, _dpath_all_paths, width**_DEPTH)
        for often, target in (("once", _NEEDLE), ("everywhere", "key2")):
            named[f"find_{often}_{size}"] = _find(width, target)
            named[f"find_{often}_{size}_floor"] = _find_floor(width, target)
            named[f"find_{often}_{size}_published"] = _peer_whole(
                width, _published_method("find_nested_variable_path", target, return_raw=True)
            )
        named[f"find_once_{size}_dpath"] = _peer_whole(width, _dpath_find, 1)
        named[f"construct_{size}"] = _construct(width)
        named[f"construct_{size}_floor"] = _construct_floor(width)
        named[f"construct_{size}_published"] = _peer_whole(width, _published_construct)
        named[f"construct_{size}_benedict"] = _peer_whole(width, _benedict_construct)
    return named


globals().update(_workloads())
