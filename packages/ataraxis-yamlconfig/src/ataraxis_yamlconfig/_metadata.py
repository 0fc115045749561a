"""What a field can say about how it is kept."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXCLUDE, COMMENT, ENCODE, DECODE = "yaml_exclude", "yaml_comment", "yaml_encode", "yaml_decode"


def yaml_metadata(
    *,
    exclude: bool = False,
    comment: str | None = None,
    encode: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """Make the metadata of a field: ``field(metadata=yaml_metadata(...))``.

    Can be merged with other metadata: ``{**yaml_metadata(comment="in Hz"), "unit": "Hz"}``.

    Args:
        exclude: Do not write the field. When the file is loaded it takes its default, or what
            :meth:`YamlConfig.restore_excluded_fields` gives.
        comment: Written above the field, for people. Several lines are fine.
        encode: Called with the value (never with None) before it is written; returns anything that YAML can hold.
        decode: Called with what the file holds (never with null); returns the value.

    Returns:
        A mapping with one entry for each thing said.

    Raises:
        TypeError: An argument is not of its kind.

    Examples:
        >>> from dataclasses import dataclass, field
        >>> from ataraxis_yamlconfig import YamlConfig
        >>> @dataclass
        ... class Camera(YamlConfig):
        ...     rate: float = field(default=30.0, metadata=yaml_metadata(comment="frames a second"))
        >>> print(Camera().to_yaml_string(), end="")
        ---
        # frames a second
        rate: 30.0
        ...
    """
    if comment is not None and not isinstance(comment, str):
        raise TypeError(f"comment has to be a str, not {type(comment).__name__}")
    for name, hook in (("encode", encode), ("decode", decode)):
        if hook is not None and not callable(hook):
            raise TypeError(f"{name} has to be a function of one argument, not {type(hook).__name__}")
    given = {EXCLUDE: exclude or None, COMMENT: comment, ENCODE: encode, DECODE: decode}
    return {name: value for name, value in given.items() if value is not None}


YAML_EXCLUDE_METADATA: Mapping[str, Any] = MappingProxyType(yaml_metadata(exclude=True))
"""The metadata of a field that is not written."""


def is_excluded(metadata: Mapping[str, Any]) -> bool:
    """Whether a field is not written."""
    return bool(metadata.get(EXCLUDE))


def hooks(metadata: Mapping[str, Any]) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """Give the encode and the decode hook of a field."""
    return metadata.get(ENCODE), metadata.get(DECODE)


def comment_lines(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the lines of a comment; what YAML cannot hold in a comment is replaced."""
    comment = metadata.get(COMMENT)
    if comment is None:
        return ()
    return tuple(
        "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in line) for line in comment.splitlines()
    )
