"""What can go wrong, under one root, and the one warning."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable


class YamlConfigError(Exception):
    """The root of every error that this package defines.

    What the operating system refuses stays an :class:`OSError`, and what a class raises in its own ``__init__``,
    ``__post_init__`` or hooks passes through unchanged, with a note that names the file and the field.
    """


class YamlPathError(YamlConfigError, ValueError):
    """The path does not name a ``.yaml`` or ``.yml`` file."""


class YamlDocumentError(YamlConfigError, ValueError, yaml.YAMLError):
    """The text is not a YAML document that holds one mapping; says where, as file:line:column."""


class YamlFieldError(YamlConfigError, ValueError):
    """The document lacks a field that has no default, or holds an unknown one under ``strict=True``."""


class YamlEncodeError(YamlConfigError, TypeError, ValueError):
    """A value has no equivalent in YAML; names its field and type. Nothing was written."""


class YamlTypeWarning(UserWarning):
    """A value was written as its nearest YAML value, since its annotation will not restore its exact type.

    Examples:
        >>> import warnings
        >>> from dataclasses import dataclass
        >>> from typing import Any
        >>> from ataraxis_yamlconfig import YamlConfig
        >>> @dataclass
        ... class Session(YamlConfig):
        ...     size: Any = (640, 480)
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     text = Session().to_yaml_string()
        >>> str(caught[0].message).partition(":")[0]
        '$.size'
    """


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80
_short.maxlevel = 2


def shortened(value: object) -> str:
    """A repr of bounded length for messages; never raises, whatever the value's own repr does."""
    try:
        return _short.repr(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide the error that is being reported
        return f"<{type_name(value)} whose repr fails>"


def type_name(value: object) -> str:
    """How messages call the type of a value."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name if len(name) <= _LONGEST_NAME else f"...{name[-_LONGEST_NAME:]}"


def field_path(segments: Iterable[Any]) -> str:
    """Write the way to a value as ``$.a[3].b``.

    Examples:
        >>> field_path(("a", 3, "b"))
        '$.a[3].b'
        >>> field_path(("a b",))
        "$['a b']"
    """
    parts = [f".{key}" if _is_plain_name(key) else f"[{shortened(key)}]" for key in segments]
    if len(parts) > _LONGEST_PATH:
        half = _LONGEST_PATH // 2
        parts = [*parts[:half], "...", *parts[-half:]]
    return "$" + "".join(parts)


def _is_plain_name(key: object) -> bool:
    return isinstance(key, str) and key.isidentifier() and len(key) <= _LONGEST_NAME


_LONGEST_NAME = 100
_LONGEST_PATH = 20
