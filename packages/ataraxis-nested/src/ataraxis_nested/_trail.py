"""Following the keys of a path through sections, as far as they lead, and saying why no further."""

from __future__ import annotations

from ataraxis_nested._errors import (
    NestedKeyError,
    NestedTypeError,
    NestedValueError,
    describe_keys,
    short,
    short_path,
    type_name,
)
from ataraxis_nested._key_types import UNMISTAKABLE
from ataraxis_nested._paths import is_nan, plain_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from ataraxis_nested._tree import Section

# Python's own numbers, of which bool even derives from int: keys of these types are told apart although they are equal.
_NUMBERS = frozenset((bool, int, float, complex))


class End:
    """How following a path ended; plain constants, since enum would be a sixth of what importing this package takes."""

    FOUND: Final = "found"
    MISSING: Final = "missing"
    """The section has no such key."""
    LEAF: Final = "leaf"
    """What the keys before this one lead to is not a section."""
    RIVAL: Final = "rival"
    """The section has an equal key of another type, as 1 beside True; a dict cannot hold both."""


class Trail:
    """Where the keys of a path lead.

    Attributes:
        keys: The keys. NumPy scalars that are not themselves keys here have become Python objects.
        sections: The sections in which a key was looked up: `keys[i]` in `sections[i]`.
        end: How it ended.
        depth: The position of the key at which it ended, the number of keys when all were found.
        value: What the keys before `depth` lead to.
    """

    __slots__ = ("depth", "end", "keys", "sections", "value")

    def __init__(self, root: Section, keys: list[Any] | tuple[Any, ...]) -> None:
        require_hashable(keys)
        self.keys = list(keys)
        self.sections: list[Section] = []
        self.value: Any = root
        self.end: str = End.FOUND
        self.depth = 0
        while self.depth < len(keys):
            self.end = self._step()
            if self.end != End.FOUND:
                break
            self.depth += 1

    def _step(self) -> str:
        section = self.value
        if not isinstance(section, dict):
            return End.LEAF
        self.sections.append(section)
        key = self.keys[self.depth]
        if key not in section:
            key = self.keys[self.depth] = plain_key(key)
            if key not in section:
                return End.MISSING
        if _is_rival(key, section):
            return End.RIVAL
        self.value = section[key]
        return End.FOUND

    def missing_error(self) -> NestedKeyError:
        """Returns the error for a path that does not lead to anything."""
        key = self.keys[self.depth]
        if self.end == End.LEAF:
            why = (
                f"{short(self.keys[self.depth - 1])} holds a value of type {type_name(self.value)}, not a "
                f"section in which {short(key)} could be looked up. End the path there."
            )
        else:
            section = self.sections[self.depth]
            rival = f" ({_RIVAL_HINT})" if self.end == End.RIVAL else ""
            why = f"the key {short(key)} ({type_name(key)}) does not exist{rival}; {describe_keys(section)}."
        return self._error(f"The path {short_path(tuple(self.keys))} leads nowhere at depth {self.depth}: {why}")

    def rival_error(self) -> NestedKeyError:
        """Returns the error for a path along which a key cannot be written."""
        key = self.keys[self.depth]
        stored = stored_key(self.sections[self.depth], key)
        return self._error(
            f"The path {short_path(tuple(self.keys))} cannot be written: at depth {self.depth} the section holds "
            f"{short(stored)} ({type_name(stored)}), and a dictionary cannot hold the equal key {short(key)} "
            f"({type_name(key)}) beside it. Use the existing key, or delete it first."
        )

    def overwrite_error(self, depth: int, option: str) -> NestedKeyError:
        """Returns the error for a value that is in the way and may not be overwritten without an option."""
        self.depth = depth
        return self._error(
            f"The path {short_path(tuple(self.keys))} cannot be written: {short(self.keys[depth])} at depth {depth} "
            f"holds a value of type {type_name(self.value)}, which may not be overwritten. Allow it with {option}=True."
        )

    def _error(self, message: str) -> NestedKeyError:
        return NestedKeyError(message, tuple(self.keys), self.keys[self.depth], self.depth)


_RIVAL_HINT = "an equal key of another type does"


def require_hashable(keys: list[Any] | tuple[Any, ...]) -> None:
    """Raises NestedTypeError if one of the keys of a path is not hashable."""
    for depth, key in enumerate(keys):
        try:
            hash(key)
        except TypeError as error:
            raise NestedTypeError(
                f"The key {short(key)} ({type_name(key)}) at depth {depth} of the path cannot be a dictionary "
                f"key: {error!s:.120}."
            ) from None


def _is_rival(key: Any, section: Section) -> bool:
    kind = type(plain_key(key))
    if kind in UNMISTAKABLE:
        return False
    other = type(plain_key(stored_key(section, key)))
    if kind is other:
        return False
    # A subclass may stand for its base class, as an IntEnum member for its number; but bool may not stand for int.
    return {kind, other} <= _NUMBERS or not (issubclass(kind, other) or issubclass(other, kind))


class _Probe:
    """Equals what a key equals, and remembers it: the only way in O(1) from a key to the equal one in a dictionary."""

    __slots__ = ("_hash", "_key", "met")

    def __init__(self, key: Any) -> None:
        self._key = key
        self._hash = hash(key)
        self.met = [key]

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        same = other is self._key or other == self._key
        if same:
            self.met.append(other)
        return bool(same)


def stored_key(section: Section, key: Any) -> Any:
    """Returns the key of a section that equals the given one, which the section has to have."""
    probe = _Probe(key)
    # A key whose own __eq__ turns the probe down, where it should return NotImplemented, is taken for the given one.
    section.get(probe)
    return probe.met[-1]


def with_stored_nans(root: Section, keys: list[Any]) -> list[Any]:
    """Returns the keys with every nan, as which text was read, replaced by the nan that is there.

    Raises:
        NestedValueError: A section holds several nan keys, which text cannot tell apart.
    """
    keys = list(keys)
    section: Any = root
    for depth, key in enumerate(keys):
        if not isinstance(section, dict):
            break
        if is_nan(key):
            stored = list(filter(is_nan, section))
            if len(stored) > 1:
                raise NestedValueError(
                    f"The section at {short_path(tuple(keys[:depth]))} holds {len(stored)} nan keys, which a string "
                    f"cannot tell apart. Give the path as a tuple with the very key."
                )
            keys[depth] = stored[0] if stored else key
        section = section.get(keys[depth])
    return keys
