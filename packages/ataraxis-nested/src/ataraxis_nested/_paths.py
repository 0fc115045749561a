"""Paths: between text and keys, and from whatever the caller gave to plain Python keys."""

from __future__ import annotations

import sys
from itertools import chain, count

from ataraxis_nested._errors import NestedTypeError, NestedValueError, short, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeAlias

    class ArrayPath(Protocol):
        """What a one-dimensional NumPy array offers to be read as a path, so that NumPy is not needed to say so."""

        @property
        def ndim(self) -> int:
            """The number of dimensions."""

        def tolist(self) -> Any:
            """The elements as Python objects."""

    Path: TypeAlias = str | list[Any] | tuple[Any, ...] | ArrayPath
    """A delimited string, or a list, tuple or one-dimensional NumPy array of keys."""


def _to_bool(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def _to_none(text: str) -> None:
    if text != "None":
        raise ValueError(text)


# How the text of a key becomes a key again, for every type of which this is possible.
FROM_TEXT: dict[type | None, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _to_bool,
    type(None): _to_none,
}


def key_text(key: Any) -> str:
    """Returns a key as text: `str(key)`, without the BytesWarning that Python may give for bytes.

    Raises:
        NestedValueError: The key has no text, as an int of more digits than Python writes out.
    """
    try:
        return repr(key) if isinstance(key, bytes) else str(key)
    except Exception as error:  # whatever the key's own __str__ raises
        raise NestedValueError(
            f"The key {short(key)} ({type_name(key)}) cannot be written as text: {type_name(error)}. Ask for the keys "
            f"of the path with return_raw=True."
        ) from error


class Notation:
    r"""How paths are written as text with one delimiter.

    A delimiter that is part of a key is escaped by a backslash. So that text without such keys means what it always
    meant, a backslash is special in two places only:

    - Directly before the first character of the delimiter a run of backslashes is read in pairs: each pair is one
      backslash, one left over makes that character part of the key. (The first character, not the whole delimiter: with
      `::` the keys `a:` and `b` would otherwise be written like `a` and `:b`.)
    - Where the last key is nothing but backslashes it is read in pairs as well, and one left over is nothing. So a lone
      backslash is the empty key, which could not stand at the end otherwise: a path may not end in the delimiter.

    A delimiter that contains a backslash takes another escape character, the slash where possible.

    Attributes:
        delimiter: What separates keys. When empty, every text is one key.
        escape: The escape character.
    """

    __slots__ = ("delimiter", "escape")

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        candidates = chain("\\/", map(chr, count(ord("!"))))
        self.escape = next(character for character in candidates if character not in delimiter)

    def split(self, text: str) -> list[str]:
        """Returns the texts of the keys.

        Raises:
            NestedValueError: The text ends in the delimiter.
        """
        if not self.delimiter:
            return [str.__str__(text)]  # an exact str, also from a subclass
        if not text:
            return []
        keys = text.split(self.delimiter) if self.escape not in text else self._split_escaped(text)
        if keys[-1] or text[-1] == self.escape:
            return keys
        raise NestedValueError(
            f"The path {short(text)} ends in the delimiter {short(self.delimiter)}. Leave the delimiter out, or write "
            f"{self.escape} after it if the last key is the empty string."
        )

    def _split_escaped(self, text: str) -> list[str]:
        delimiter, first, escape = self.delimiter, self.delimiter[0], self.escape
        keys: list[str] = []
        key: list[str] = []
        start = at = 0  # of the key; of the next character
        while at < len(text):
            if text[at] == escape:
                end = _end_of_run(text, at)
                before_delimiter = text.startswith(first, end)
                paired = before_delimiter or (at == start and end == len(text))
                key.append(escape * ((end - at) // 2 if paired else end - at))
                if before_delimiter and (end - at) % 2:
                    key.append(first)
                    end += 1
                at = end
            elif text.startswith(delimiter, at):
                keys.append("".join(key))
                key.clear()
                start = at = at + len(delimiter)
            else:
                key.append(text[at])
                at += 1
        return [*keys, "".join(key)]

    def section_text(self, key: Any) -> str:
        """Returns the text of a key that others follow, with the delimiter after it."""
        if type(key) is str and self.escape not in key and self.delimiter[:1] not in key:
            return key + self.delimiter  # nearly always
        text = key_text(key)
        return self._escaped(text, text + self.delimiter) + self.delimiter

    def last_text(self, key: Any) -> str:
        """Returns the text of the last key of a path."""
        text = key_text(key)
        if self.delimiter and text == self.escape * len(text):
            return text * 2 or self.escape
        return self._escaped(text, text)

    def _escaped(self, text: str, context: str) -> str:
        """Returns `text` with escapes, given the text that a reader will see from its start on."""
        delimiter, first, escape = self.delimiter, self.delimiter[:1], self.escape
        if not first or (first not in text and escape not in text):
            return text
        escaped = []
        at = 0
        while at < len(text):
            if text[at] == escape:
                end = _end_of_run(text, at)
                escaped.append(escape * (end - at) * (2 if context.startswith(first, end) else 1))
                at = end
            else:
                escaped.append(escape + first if context.startswith(delimiter, at) else text[at])
                at += 1
        return "".join(escaped)

    def text(self, keys: tuple[Any, ...]) -> str:
        """Returns a path of at least one key as text.

        Raises:
            NestedValueError: The delimiter is empty and there is more than one key.
        """
        if len(keys) > 1 and not self.delimiter:
            raise undelimited_error(keys)
        return "".join(map(self.section_text, keys[:-1])) + self.last_text(keys[-1])


def _end_of_run(text: str, start: int) -> int:
    end = start + 1
    while text.startswith(text[start], end):
        end += 1
    return end


def undelimited_error(keys: tuple[Any, ...]) -> NestedValueError:
    """Returns the error for a path of several keys that has to be written without a delimiter."""
    return NestedValueError(
        f"A path of {len(keys)} keys cannot be written as a string while the path delimiter is empty. Set a delimiter, "
        f"or ask for the keys with return_raw=True."
    )


def array_keys(path: Any) -> list[Any]:
    """Returns the elements of a one-dimensional NumPy array as Python objects.

    Raises:
        NestedTypeError: It is not a NumPy array.
        NestedValueError: It is one, but not one-dimensional.
    """
    # What was never imported cannot have made the array; so NumPy is found here without being imported.
    array_type = getattr(sys.modules.get("numpy"), "ndarray", ())
    if not isinstance(path, array_type):
        raise NestedTypeError(
            f"A path has to be a string, or a list, tuple or one-dimensional NumPy array of keys, "
            f"but {short(path)} is of type {type_name(path)}."
        )
    if path.ndim != 1:
        raise NestedValueError(f"A NumPy array used as a path needs one dimension, but this one has {path.ndim}.")
    keys: list[Any] = path.tolist()
    return keys


def is_numpy_type(kind: type) -> bool:
    """Whether values of a type are NumPy scalars."""
    return issubclass(kind, getattr(sys.modules.get("numpy"), "generic", ()))


def plain_key(key: Any) -> Any:
    """Returns a NumPy scalar as the Python object it stands for, anything else as it is."""
    return key.item() if is_numpy_type(type(key)) else key


def is_nan(key: Any) -> bool:
    """Whether a key is a floating-point nan, which equals nothing, not even itself."""
    return isinstance(key, float) and key != key  # noqa: PLR0124 - the definition of nan
