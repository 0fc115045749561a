"""Where in the text a value stands. Used only once something is wrong: the text is parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from ataraxis_yamlconfig._document.plain import plain_value
from ataraxis_yamlconfig._document.read import PARSER

if TYPE_CHECKING:
    from collections.abc import Sequence


def position_of(text: str, source: str, path: Sequence[Any]) -> str:
    """Give source:line:column of the key, or the item, that a path leads to.

    Args:
        text: A document that could be read.
        source: How messages call it.
        path: Keys and indexes. What does not stand in the text itself (a merged key, a key that is a container) ends
            the walk at the place that holds it.
    """
    node: Any = yaml.compose(text, Loader=PARSER)
    mark = node.start_mark
    for segment in path:
        step = _step(node, segment)
        if step is None:
            break
        place, node = step
        mark = place.start_mark
    return f"{source}:{mark.line + 1}:{mark.column + 1}"


def _step(node: Any, segment: Any) -> tuple[Any, Any] | None:
    """Follow one segment: give the node to point at and the node to go on with."""
    if isinstance(node, SequenceNode) and isinstance(segment, int) and segment < len(node.value):
        item = node.value[segment]
        return item, item
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(key, ScalarNode) and _is_key(key, segment):
            return key, value
    return None


def _is_key(node: Any, segment: Any) -> bool:
    try:
        value = plain_value(node.value) if node.style in {None, ""} else node.value
    except ValueError:  # no date, nor meant as one: a tag says that it is text
        value = node.value
    return bool(value == segment)
