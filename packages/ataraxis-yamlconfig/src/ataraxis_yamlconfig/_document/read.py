"""Text -> plain tree, straight from the events of libyaml.

PyYAML's own way (nodes, then a constructor written in Python) takes three times as long, and shares the value of an
alias between all places that use it, so that whoever walks the tree afterwards walks a bomb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from ataraxis_yamlconfig._document.keys import frozen_key
from ataraxis_yamlconfig._document.plain import plain_value
from ataraxis_yamlconfig._document.tags import mapping_maker, scalar_of, sequence_maker
from ataraxis_yamlconfig._errors import YamlDocumentError, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it, else the one in Python; both give the same events."""

MAX_ALIASED_NODES = 100_000
"""How many nodes aliases may add to a document. Shared defaults stay far below, a bomb passes it at once."""

MAX_DEPTH = 200
"""How deep a document may nest: far beyond what people read, and safe for code that recurses."""

_NO_KEY: Any = object()
_MERGE: Any = object()


def read_document(text: str, source: str) -> Any:
    """Parse one document.

    Complexity: O(length) plus what aliases add, which is bounded by ``MAX_ALIASED_NODES``.

    Args:
        text: The document.
        source: How messages call it: the path of the file.

    Returns:
        A tree of dicts, lists, None, bool, int, float, str, bytes, date and datetime, and what the tags of
        :mod:`~ataraxis_yamlconfig._document.tags` make. Every alias is an independent copy. None for an empty document.

    Raises:
        YamlDocumentError: Not YAML, more than one document, a duplicate key, an unknown tag, or too large once its
            aliases are expanded. The message starts with source:line:column.
    """
    try:
        parser = PARSER(text)
        try:
            return _Builder(source).build(parser.get_event)
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlDocumentError(f"{_where(source, mark)}: {_reason(error)}") from None
    except yaml.reader.ReaderError as error:
        raise YamlDocumentError(f"{_character_position(source, text)}: {error.reason}") from None
    except UnicodeEncodeError as error:
        raise YamlDocumentError(
            f"{position_at(source, text, error.start)}: a lone surrogate is not a character"
        ) from None


class _Builder:
    """Consumes events and grows the tree; one open container per level of nesting."""

    __slots__ = ("anchors", "container", "copied", "key", "open", "source", "value")

    def __init__(self, source: str) -> None:
        self.source = source
        self.anchors: dict[str, Any] = {}
        self.copied = 0
        self.open: list[tuple[Any, Any, Any]] = []
        self.container: Any = None
        self.key = _NO_KEY
        self.value: Any = None

    def build(self, next_event: Callable[[], Any]) -> Any:
        """Run through all events of the stream."""
        documents = 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._start(event, {} if kind is MappingStartEvent else [])
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._end()
            elif kind is AliasEvent:
                self._add(self._copy(event), event)
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self._error(event, "a second document starts here; a configuration file holds one")
            elif kind is StreamEndEvent:
                return self.value

    def _scalar(self, event: Any) -> None:
        text = event.value
        try:
            if event.implicit[0]:
                value = plain_value(text)
            elif event.tag is None:
                value = text
            else:
                value = scalar_of(event.tag, text)
        except ValueError as error:
            reason = f"{error}; if it is meant as text, put it in quotes, without a tag"
            raise self._error(event, reason) from None
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        container = self.container
        # The common case of _add, inlined: more than half of all events end here.
        if type(container) is dict and self.key is not _NO_KEY and self.key is not _MERGE:
            container[self.key] = value
            self.key = _NO_KEY
        else:
            is_merge = text == "<<" and event.implicit[0]
            self._add(_MERGE if is_merge and type(container) is dict and self.key is _NO_KEY else value, event)

    def _start(self, event: Any, container: Any) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor is not None:
            self.anchors[event.anchor] = _OPEN
        self.open.append((self.container, self.key, event))
        self.container = container
        self.key = _NO_KEY

    def _end(self) -> None:
        value = self.container
        self.container, self.key, start = self.open.pop()
        try:
            if type(value) is dict:
                if _MERGE in value:
                    value = _merged(value)
                maker: Any = mapping_maker(start.tag)
            else:
                maker = sequence_maker(start.tag)
            if maker is not None:
                value = maker(value)
        except ValueError as error:
            raise self._error(start, str(error)) from None
        if start.anchor is not None:
            self.anchors[start.anchor] = value
        self._add(value, start)

    def _add(self, value: Any, event: Any) -> None:
        container = self.container
        if type(container) is list:
            container.append(value)
        elif container is None:
            self.value = value
        elif self.key is not _NO_KEY:
            container[self.key] = value
            self.key = _NO_KEY
        else:
            key = frozen_key(value)
            if key in container:
                shown = "<<" if key is _MERGE else shortened(value)
                raise self._error(event, f"the key {shown} stands here for the second time")
            container[key] = None
            self.key = key

    def _copy(self, event: Any) -> Any:
        name = event.anchor
        if name not in self.anchors:
            raise self._error(event, f"the alias *{name[:40]} has no anchor before it")
        if self.anchors[name] is _OPEN:
            raise self._error(event, f"the alias *{name[:40]} stands inside of what it repeats")
        try:
            return self._copied(self.anchors[name], len(self.open))
        except OverflowError as error:
            raise self._error(event, str(error)) from None

    def _copied(self, value: Any, depth: int) -> Any:
        kind = type(value)
        self.copied += 1
        if self.copied > MAX_ALIASED_NODES:
            raise OverflowError(f"aliases repeat more than {MAX_ALIASED_NODES} values; the document looks like a bomb")
        if depth > MAX_DEPTH:
            raise OverflowError(f"nested deeper than {MAX_DEPTH} levels")
        if kind is list or kind is tuple:
            return kind([self._copied(item, depth + 1) for item in value])
        if kind is dict:
            return {key: self._copied(item, depth + 1) for key, item in value.items()}
        return set(value) if kind is set else value

    def _error(self, event: Any, reason: str) -> YamlDocumentError:
        return YamlDocumentError(f"{_where(self.source, event.start_mark)}: {reason}")


_OPEN: Any = object()


def _merged(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """Apply ``<<``: what the mapping itself says wins, then the first of several sources."""
    sources = mapping.pop(_MERGE)
    result: dict[Any, Any] = {}
    for source in reversed(sources) if type(sources) is list else [sources]:
        if type(source) is not dict:
            raise ValueError("<< takes a mapping or a list of mappings")
        result |= source
    return result | mapping


def _where(source: str, mark: Any) -> str:
    return source if mark is None else f"{source}:{mark.line + 1}:{mark.column + 1}"


def _reason(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


def position_at(source: str, text: str, index: int) -> str:
    """Write the place of a character as source:line:column."""
    before = text[:index]
    return f"{source}:{before.count(chr(10)) + 1}:{index - before.rfind(chr(10))}"


def _character_position(source: str, text: str) -> str:
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return position_at(source, text, match.start()) if match else source
