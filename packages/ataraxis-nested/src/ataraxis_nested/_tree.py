"""Plain nested dictionaries, walked without recursion: depth is limited by memory alone.

A *section* is a dictionary inside the dictionary; what is not a dictionary is a *leaf*; leaves and empty sections are
*terminals*. Every function takes the outermost section as `root`.
"""

from __future__ import annotations

import sys

from ataraxis_nested._errors import NestedConversionError, NestedValueError, describe_keys, short, short_path, type_name
from ataraxis_nested._key_types import types_of
from ataraxis_nested._paths import is_nan, is_numpy_type, plain_key, undelimited_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    from ataraxis_nested._key_types import KeyTypes
    from ataraxis_nested._paths import Notation

    Section: TypeAlias = dict[Any, Any]

# A dictionary that contains itself has no bottom, so a walk need not look for cycles above this depth.
_TRUSTED_DEPTH = 64


class Descent:
    """A depth-first walk in insertion order whose loop body stays with the caller, where it costs no call per item.

    The caller iterates over `items`. At a section to walk through it calls `enter` and breaks, at the end of `items` it
    calls `leave`, and it stops when `items` is None. (A generator that yields every item reads better and makes
    `extract` 1.4 times slower.)

    Attributes:
        items: What is left of the current section, or None after the root.
        keys: The keys that lead to the current section; one list for the whole walk.
    """

    __slots__ = ("_outer", "_root", "_trusted_depth", "items", "keys")

    def __init__(self, root: Section) -> None:
        self.items: Iterator[tuple[Any, Any]] | None = iter(root.items())
        self.keys: list[Any] = []
        self._outer: list[Iterator[tuple[Any, Any]] | None] = []
        self._root = root
        self._trusted_depth = _TRUSTED_DEPTH

    def enter(self, key: Any, section: Section) -> None:
        """Goes into a section of the current one.

        Raises:
            NestedValueError: The dictionary contains itself.
        """
        self.keys.append(key)
        self._outer.append(self.items)
        self.items = iter(section.items())
        if len(self.keys) > self._trusted_depth:
            require_acyclic(self._root)
            self._trusted_depth = sys.maxsize

    def leave(self) -> None:
        """Goes back to where the current section was entered."""
        if self.keys:
            self.keys.pop()
            self.items = self._outer.pop()
        else:
            self.items = None


def require_acyclic(root: Section) -> None:
    """Raises NestedValueError if the dictionary contains itself.

    A section that stands in two places is no cycle, but looks like one until the whole path has been seen. That costs,
    so the other functions call this only at the first sign of a cycle, and then trust it.
    """
    keys: list[Any] = []
    path = {id(root): iter(root.items())}  # what is left of each section on the path
    done: set[int] = set()  # sections without a cycle, which are entered once, in however many places they stand
    while path:
        for key, value in next(reversed(path.values())):
            if not isinstance(value, dict) or id(value) in done:
                continue
            keys.append(key)
            if id(value) in path:
                raise NestedValueError(
                    f"The dictionary contains itself: the section at {short_path(tuple(keys))} is also one of the "
                    f"sections that it stands in. Remove that reference."
                )
            path[id(value)] = iter(value.items())
            break
        else:
            done.add(path.popitem()[0])
            if keys:
                keys.pop()


def all_sections(root: Section) -> list[Section]:
    """Returns the root and every section in it, in no particular order; one that stands in two places twice.

    Raises:
        NestedValueError: The dictionary contains itself.
    """
    found = [root]
    seen, shared = {id(root)}, False
    for section in found:  # which grows meanwhile
        for value in section.values():
            if isinstance(value, dict):
                if id(value) in seen and not shared:
                    require_acyclic(root)
                    shared = True
                seen.add(id(value))
                found.append(value)
    return found


def terminals(root: Section) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yields the path and the value of every terminal."""
    walk = Descent(root)
    keys = walk.keys
    while walk.items is not None:
        for key, value in walk.items:
            if isinstance(value, dict) and value:
                walk.enter(key, value)
                break
            yield (*keys, key), value
        else:
            walk.leave()


def terminal_paths(root: Section) -> tuple[tuple[Any, ...], ...]:
    """Returns the paths of all terminals as key tuples."""
    paths = []
    walk = Descent(root)
    keys = walk.keys
    while walk.items is not None:
        for key, value in walk.items:
            if isinstance(value, dict) and value:
                walk.enter(key, value)
                break
            paths.append((*keys, key))
        else:
            walk.leave()
    return tuple(paths)


def terminal_texts(root: Section, notation: Notation) -> tuple[str, ...]:
    """Returns the paths of all terminals as text; each section's text is made once, not once a terminal."""
    first, escape = notation.delimiter[:1], notation.escape
    texts = []
    prefix, lengths = "", []  # lengths of the outer prefixes; these themselves would take the square of a depth
    walk = Descent(root)
    while walk.items is not None:
        for key, value in walk.items:
            if isinstance(value, dict) and value:
                if not first:
                    raise undelimited_error((*walk.keys, key, next(iter(value))))
                walk.enter(key, value)
                lengths.append(len(prefix))
                prefix += notation.section_text(key)
                break
            if type(key) is str and key and first not in key and escape not in key:  # nearly always; else the same
                texts.append(prefix + key)
            else:
                texts.append(prefix + notation.last_text(key))
        else:
            walk.leave()
            prefix = prefix[: lengths.pop()] if lengths else ""
    return tuple(texts)


class _AnyNan:
    """Equals every nan, which nothing else does."""

    __hash__ = None  # type: ignore[assignment]  # never a key

    def __eq__(self, other: object) -> bool:
        return is_nan(other)


def find(root: Section, target: Any, *, in_terminals: bool, in_sections: bool) -> list[tuple[Any, ...]]:
    """Returns the paths that end in a key equal to the target and of its very type; NumPy scalars count as Python's.

    One look-up tells whether a section has such a key at all; keys are compared only where it has. The walk is that of
    `Descent`, whose calls would take a fifth of the time here.
    """
    kind = type(target)
    everywhere = is_nan(target)  # which no look-up finds
    if everywhere:
        target = _AnyNan()
    found: list[tuple[Any, ...]] = []
    keys: list[Any] = []
    outer: list[tuple[Iterator[tuple[Any, Any]], bool]] = []
    trusted_depth = _TRUSTED_DEPTH
    items, holds = iter(root.items()), everywhere or target in root
    while True:
        for key, value in items:
            if isinstance(value, dict) and value:
                if holds and key == target and in_sections and (type(key) is kind or type(plain_key(key)) is kind):
                    found.append((*keys, key))
                keys.append(key)
                outer.append((items, holds))
                items, holds = iter(value.items()), everywhere or target in value
                if len(keys) > trusted_depth:
                    require_acyclic(root)
                    trusted_depth = sys.maxsize
                break
            if holds and key == target and in_terminals and (type(key) is kind or type(plain_key(key)) is kind):
                found.append((*keys, key))
        else:
            if not keys:
                return found
            keys.pop()
            items, holds = outer.pop()


def copy_sections(root: Section) -> tuple[Section, KeyTypes]:
    """Returns a copy with sections of its own (plain dicts) and the same leaves, and the types of its keys.

    A section that stands in two places becomes two. NumPy scalars among the keys become Python objects, as in paths.

    Raises:
        NestedValueError: The dictionary contains itself, or a NumPy key would become one that is there already.
    """
    copies = [dict(root)]
    seen, shared = {id(root)}, False
    see, keep = seen.add, copies.append
    for section in copies:  # which grows meanwhile
        for key, value in section.items():
            if isinstance(value, dict):
                identity = id(value)
                if identity in seen and not shared:
                    require_acyclic(root)
                    shared = True
                see(identity)
                copy = {**value}
                section[key] = copy  # a new value for an old key, which iterators allow
                keep(copy)
    types = types_of(copies)
    if any(map(is_numpy_type, types.counts)):
        for section in copies:
            _make_keys_plain(section)
        types = types_of(copies)
    return copies[0], types


def _make_keys_plain(section: Section) -> None:
    """Puts Python objects in place of the NumPy scalars among the keys of one section, which is changed."""
    plain = {plain_key(key): value for key, value in section.items()}
    if len(plain) < len(section):
        raise NestedValueError(
            f"A section has a NumPy key beside the Python object that it stands for; {describe_keys(section)}. Rename "
            f"or remove one of the two."
        )
    section.clear()
    section.update(plain)


def copy_with_keys(root: Section, convert: Callable[[Any], Any]) -> tuple[Section, KeyTypes]:
    """Returns a copy as `copy_sections` does, with every key converted.

    Raises:
        NestedConversionError: A key cannot be converted, or two keys of a section become one.
    """
    copy: Section = {}
    outer = []
    walk = Descent(root)
    while walk.items is not None:
        for old, value in walk.items:
            key = _converted(convert, old, walk.keys)
            if key in copy:
                raise NestedConversionError(
                    f"The keys of the section at {short_path(tuple(walk.keys))} cannot be converted: {short(old)} and "
                    f"another one both become {short(key)}. Rename or remove one of the two."
                )
            if isinstance(value, dict):
                walk.enter(old, value)
                outer.append(copy)
                copy[key] = copy = {}
                break
            copy[key] = value
        else:
            walk.leave()
            copy = outer.pop() if outer else copy
    return copy, count_keys(copy)


def count_keys(root: Section) -> KeyTypes:
    """Returns the types of all keys."""
    return types_of(all_sections(root))


def _converted(convert: Callable[[Any], Any], key: Any, keys: list[Any]) -> Any:
    try:
        return convert(key)
    except Exception as error:  # whatever the key's own __str__ or __int__ raises
        raise NestedConversionError(
            f"The key {short(key)} ({type_name(key)}) of the section at {short_path(tuple(keys))} cannot be "
            f"converted: {short(error)}. Rename the key, or convert to 'str', which most keys allow."
        ) from error


def count_terminals(root: Section) -> int:
    """Returns the number of leaves and empty sections; the root does not count."""
    found = all_sections(root)
    # Every key leads to a terminal, or to a section that holds something.
    return sum(map(len, found)) - sum(map(bool, found)) + bool(root)


def equal(first: Section, second: Section) -> bool:
    """Whether two nested dictionaries have equal keys and leaves, in any order, as `==` says of plain ones."""
    if len(first) != len(second):
        return False
    outer = []
    walk = Descent(first)
    while walk.items is not None:
        for key, value in walk.items:
            other = second.get(key, _ABSENT)
            if isinstance(value, dict):
                if not isinstance(other, dict) or len(value) != len(other):
                    return False
                walk.enter(key, value)
                outer.append(second)
                second = other
                break
            if not _leaves_equal(value, other):
                return False
        else:
            walk.leave()
            second = outer.pop() if outer else second
    return True


_ABSENT = object()


def _leaves_equal(first: Any, second: Any) -> bool:
    """Compares two leaves; arrays are equal when their shapes and all of their elements are."""
    if first is second:
        return True
    if getattr(first, "shape", None) != getattr(second, "shape", None):
        return False
    same = first == second
    while hasattr(same, "all") and getattr(same, "ndim", None) != 0:  # a table gives a column, a column a value
        same = same.all()
    return bool(same)


def flatten(root: Section) -> list[tuple[Section, tuple[int, ...]]]:
    """Returns the sections one after the other, as pickle needs them, which would recurse into nested ones.

    Returns:
        For every section, each before those in it: the section with None in place of its sections, and the positions of
        these among its keys. (Positions, because a nan key is lost once it is copied.)

    Raises:
        NestedValueError: The dictionary contains itself.
    """
    flat = [_flat_section(root)]
    walk = Descent(root)
    while walk.items is not None:
        for key, value in walk.items:
            if isinstance(value, dict):
                walk.enter(key, value)
                flat.append(_flat_section(value))
                break
        else:
            walk.leave()
    return flat


def _flat_section(section: Section) -> tuple[Section, tuple[int, ...]]:
    positions = tuple(at for at, value in enumerate(section.values()) if isinstance(value, dict))
    return {key: None if isinstance(value, dict) else value for key, value in section.items()}, positions


def unflatten(flat: list[tuple[Section, tuple[int, ...]]]) -> Section:
    """Returns the nested dictionary that `flatten` took apart."""
    pending: list[tuple[Section, list[Any]]] = []  # sections on the path, and their keys that still lack a section
    for section, positions in flat:
        if pending:
            outer, lacking = pending[-1]
            outer[lacking.pop()] = section
            if not lacking:
                pending.pop()
        if positions:
            keys = list(section)
            pending.append((section, [keys[at] for at in reversed(positions)]))
    return flat[0][0]


def render(root: Section, length: int) -> str:
    """Returns the repr of a nested dictionary, with an ellipsis in place of what is beyond about `length` characters.

    The bound makes this end even in a dictionary that contains itself.
    """
    parts = ["{"]
    open_sections = [iter(root.items())]
    while open_sections:
        for key, value in open_sections[-1]:
            comma = "" if parts[-1] == "{" else ", "
            if length <= 0:
                return "".join([*parts, comma, "...", "}" * len(open_sections)])
            parts.append(f"{comma}{short(key)}: ")
            length -= len(parts[-1]) + 1
            if isinstance(value, dict):
                open_sections.append(iter(value.items()))
                parts.append("{")
                break
            parts.append(short(value))
            length -= len(parts[-1])
        else:
            open_sections.pop()
            parts.append("}")
    return "".join(parts)
