"""Errors of the package, and the short descriptions that keep their messages bounded."""

from __future__ import annotations

from itertools import islice
from reprlib import Repr

TYPE_CHECKING = False  # as in typing, whose import would take longer than all else here
if TYPE_CHECKING:
    from typing import Any

_SIBLINGS_NAMED = 10
_KEY_LENGTH = 60
_PATH_LENGTH = 240
_PATH_KEYS_SHOWN = 6


class NestedDictionaryError(Exception):
    """Root of every error that this package raises on purpose."""


class NestedKeyError(NestedDictionaryError, KeyError):
    """A path leads nowhere, or to something that may not be overwritten.

    Attributes:
        path: The keys of the whole path, as a tuple.
        key: The key at which the path could not be followed.
        depth: The position of that key in the path, counted from 0.
    """

    def __init__(self, message: str, path: tuple[Any, ...], key: Any, depth: int) -> None:
        super().__init__(message)
        self.path = path
        self.key = key
        self.depth = depth

    def __str__(self) -> str:
        """Returns the message itself; KeyError would return its repr, quotes and all."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles all four arguments; BaseException would pass the message alone."""
        return type(self), (self.args[0], self.path, self.key, self.depth)


class NestedValueError(NestedDictionaryError, ValueError):
    """An argument has the right type but a value that cannot be used, or the data holds itself."""


class NestedTypeError(NestedDictionaryError, TypeError):
    """An argument has a wrong type."""


class NestedConversionError(NestedDictionaryError, RuntimeError):
    """The keys cannot be converted: a key has no such form, or two keys would become one."""


def _bounded_repr() -> Repr:
    bounded = Repr()  # arguments of the constructor are 3.12+
    bounded.maxlevel = 2
    bounded.maxdict = bounded.maxlist = bounded.maxtuple = bounded.maxset = bounded.maxfrozenset = 4
    bounded.maxstring = bounded.maxother = bounded.maxlong = _KEY_LENGTH
    return bounded


_REPR = _bounded_repr()


def short(thing: Any) -> str:
    """Returns the repr of anything, cut to 60 characters, without ever building a huge one of a container."""
    try:
        text = _REPR.repr(thing)
    except ValueError:  # an int of more than 4,300 digits has no decimal repr
        text = f"<{type(thing).__name__}>"
    return text if len(text) <= _KEY_LENGTH else f"{text[: _KEY_LENGTH - 3]}..."


def type_name(thing: Any) -> str:
    """Returns the name of the type of anything, cut to 40 characters."""
    return f"{type(thing).__name__:.40}"


def short_path(keys: tuple[Any, ...]) -> str:
    """Returns the keys as a tuple reads, with the middle of a long path left out."""
    if len(keys) <= _PATH_KEYS_SHOWN:
        shown = [short(key) for key in keys]
    else:
        half = _PATH_KEYS_SHOWN // 2
        left_out = f"... {len(keys) - 2 * half} more ..."
        shown = [*map(short, keys[:half]), left_out, *map(short, keys[-half:])]
    text = ", ".join(shown) + ("," if len(shown) == 1 else "")
    return f"({text})" if len(text) <= _PATH_LENGTH else f"({text[:_PATH_LENGTH]}...)"


def describe_keys(section: dict[Any, Any]) -> str:
    """Names at most ten keys of a section with their types, and counts the others."""
    if not section:
        return "the section is empty"
    named = [f"{short(key)} ({type_name(key)})" for key in islice(section, _SIBLINGS_NAMED)]
    others = len(section) - len(named)
    return f"the section holds {', '.join(named)}{f' and {others} more' if others else ''}"
