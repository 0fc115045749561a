"""Plain tree -> text: block style, keys in their order, comments before their key."""

from __future__ import annotations

from typing import Any

from ataraxis_yamlconfig._document.keys import thawed_key
from ataraxis_yamlconfig._document.text import SCALAR_TEXT, key_text, literal_lines, quoted

_LONGEST_SIMPLE_KEY = 100  # YAML allows 1,024 characters, people read fewer


class Section(dict[Any, Any]):
    """A mapping with a comment above some of its keys."""

    __slots__ = ("comments",)

    def __init__(self, comments: dict[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.comments = comments


def write_document(tree: dict[Any, Any]) -> str:
    """Write a document.

    Complexity: O(size of the tree).

    Args:
        tree: Dicts, :class:`Section`, lists, sets, and the scalars of
            :data:`~ataraxis_yamlconfig._document.text.SCALAR_TEXT`, each of exactly that type.
    """
    lines = ["---"]
    if tree:
        _mapping(tree, "", "", lines)
    else:
        lines.append("{}")
    lines += ("...", "")
    return "\n".join(lines)


def _mapping(mapping: dict[Any, Any], lead: str, pad: str, lines: list[str]) -> None:
    """Write the items of a mapping; ``lead`` starts the first line (it may hold a dash), ``pad`` all others."""
    comments = mapping.comments if type(mapping) is Section else None
    for key, value in mapping.items():
        if comments and key in comments:
            # Above the dash of an item, if this is its first key.
            indent = lead[: len(lead) - len(lead.lstrip())] if lead != pad else pad
            lines.extend(f"{indent}# {line}".rstrip() for line in comments[key])
        text = key_text(key) if type(key) is str else _flow(thawed_key(key))
        if len(text) <= _LONGEST_SIMPLE_KEY and text[0] not in "[{!":
            _value(value, f"{lead}{text}:", pad, lines)
        else:
            lines.append(f"{lead}? {text}")
            _compact(value, f"{pad}: ", pad, lines)
        lead = pad


def _value(value: Any, head: str, pad: str, lines: list[str]) -> None:
    """Write the value of a simple key, below it if it is a container."""
    kind = type(value)
    scalar = SCALAR_TEXT.get(kind)
    if scalar is not None:
        if kind is str and "\n" in value:
            _text(value, f"{head} ", pad, lines)
        else:
            lines.append(f"{head} {scalar(value)}")
    elif not value:
        lines.append(f"{head} {_empty(kind)}")
    elif kind is list:
        lines.append(head)
        _sequence(value, pad, pad, lines)
    elif kind is set:
        lines.append(f"{head} {_flow(value)}")
    else:
        lines.append(head)
        _mapping(value, f"{pad}  ", f"{pad}  ", lines)


def _sequence(items: list[Any], lead: str, pad: str, lines: list[str]) -> None:
    for item in items:
        scalar = SCALAR_TEXT.get(type(item))
        if scalar is not None and type(item) is not str:
            lines.append(f"{lead}- {scalar(item)}")
        else:
            _compact(item, f"{lead}- ", pad, lines)
        lead = pad


def _compact(value: Any, lead: str, pad: str, lines: list[str]) -> None:
    """Write a value that starts on the line of the indicator in ``lead``."""
    kind = type(value)
    if kind is str:
        _text(value, lead, pad, lines)
    elif kind in SCALAR_TEXT:
        lines.append(f"{lead}{SCALAR_TEXT[kind](value)}")
    elif not value:
        lines.append(f"{lead}{_empty(kind)}")
    elif kind is list:
        _sequence(value, lead, f"{pad}  ", lines)
    elif kind is set:
        lines.append(f"{lead}{_flow(value)}")
    else:
        _mapping(value, lead, f"{pad}  ", lines)


def _text(value: str, lead: str, pad: str, lines: list[str]) -> None:
    block = literal_lines(value) if "\n" in value else None
    if block is None:
        lines.append(f"{lead}{SCALAR_TEXT[str](value)}")
        return
    header, body = block
    lines.append(f"{lead}{header}")
    lines.extend(f"{pad}  {line}" if line else "" for line in body)


def _empty(kind: type) -> str:
    return "[]" if kind is list else "!!set {}" if kind is set else "{}"


def _flow(value: Any) -> str:
    """Write a value on one line: keys that are containers, and sets."""
    kind = type(value)
    if kind is str:
        return quoted(value) if "\n" in value or not value.isidentifier() else SCALAR_TEXT[str](value)
    if kind is list:
        return f"[{', '.join([_flow(item) for item in value])}]"
    if kind is set:
        return f"!!set {{{', '.join([f'? {_flow(thawed_key(item))}' for item in value])}}}"
    if kind in SCALAR_TEXT:
        return SCALAR_TEXT[kind](value)
    return f"{{{', '.join([f'? {_flow(thawed_key(key))} : {_flow(item)}' for key, item in value.items()])}}}"
