"""The tags that a document may hold, and the values that they make. Nothing here runs code or imports by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._document.plain import tagged_scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STANDARD = "tag:yaml.org,2002:"

SURROGATES_TAG = "!surrogates"
"""Marks a text with lone surrogates, which no encoding of YAML can carry: they are written as ``\\udcff`` escapes."""

# How PyYAML's full dumper, and with it the 3.x line, wrote a pathlib path: a list of its parts.
_PATH_TAG = re.compile(r"tag:yaml\.org,2002:python/object/apply:pathlib(?:\._local)?\.(?:Pure)?(?:Posix|Windows)?Path")

_SCALAR_TAGS = frozenset(f"{_STANDARD}{name}" for name in ("int", "float", "bool", "null", "binary", "timestamp"))


def scalar_of(tag: str, text: str) -> Any:
    """Give the value of a tagged scalar.

    Raises:
        ValueError: The tag is unknown, or the text does not fit it.
    """
    if tag in {"!", f"{_STANDARD}str"}:
        return text
    if tag == SURROGATES_TAG:
        return text.encode("ascii", "backslashreplace").decode("unicode_escape")
    if tag in _SCALAR_TAGS:
        return tagged_scalar(tag, text)
    raise ValueError(_unknown(tag))


def sequence_maker(tag: str | None) -> Callable[[list[Any]], Any] | None:
    """Give what turns the items of a tagged sequence into its value; None when the list is the value.

    Raises:
        ValueError: The tag is unknown.
    """
    if tag in {None, "!", f"{_STANDARD}seq"}:
        return None
    if tag == f"{_STANDARD}python/tuple":
        return tuple
    if tag in {f"{_STANDARD}omap", f"{_STANDARD}pairs"}:
        return _pairs
    if _PATH_TAG.fullmatch(str(tag)):
        return _path
    raise ValueError(_unknown(str(tag)))


def mapping_maker(tag: str | None) -> Callable[[dict[Any, Any]], Any] | None:
    """Give what turns a tagged mapping into its value; None when the dict is the value.

    Raises:
        ValueError: The tag is unknown.
    """
    if tag in {None, "!", f"{_STANDARD}map"}:
        return None
    if tag == f"{_STANDARD}set":
        return set
    raise ValueError(_unknown(str(tag)))


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    if not all(type(item) is dict and len(item) == 1 for item in items):
        raise ValueError("every item of an ordered mapping has to be a mapping of one key")
    return [pair for item in items for pair in item.items()]


def _path(parts: list[Any]) -> Path:
    if not all(type(part) is str for part in parts):
        raise ValueError("the parts of a path have to be strings")
    from pathlib import Path  # noqa: PLC0415 - only old files need it

    return Path(*parts)


def _unknown(tag: str) -> str:
    shown = f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag
    return (
        f"the tag {shown[:100]} is not read, because it could run code or name a type that YAML does not know; "
        f"write the plain value without a tag"
    )
