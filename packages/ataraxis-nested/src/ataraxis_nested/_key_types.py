"""How many keys of each type a dictionary holds, kept up to date key by key."""

from __future__ import annotations

from itertools import chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Keys of these types equal keys of their own type only. Python takes others for one another: {1: "a"}[True] and
# {1: "a"}[1.0] are both "a".
UNMISTAKABLE: frozenset[type] = frozenset((str, bytes, tuple, type(None)))


class KeyTypes:
    """A count of keys by type, with the two answers that every path needs kept ready.

    Attributes:
        counts: The number of keys of each type; a type that no key has is absent.
        single: The one type that all keys share (str when there are none), or None when they do not.
        confusable: Those of the types whose keys may equal keys of another type.
    """

    __slots__ = ("confusable", "counts", "single")

    def __init__(self) -> None:
        self.counts: dict[type, int] = {}
        self._summarise()

    def _summarise(self) -> None:
        counts = self.counts
        self.single: type | None = str if not counts else next(iter(counts)) if len(counts) == 1 else None
        self.confusable = counts.keys() - UNMISTAKABLE

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all types, sorted; `("str",)` when there are no keys."""
        return tuple(sorted({kind.__name__ for kind in self.counts or (str,)}))

    def rules_out_confusion(self, keys: Iterable[Any]) -> bool:
        """Whether the types alone show that each of these keys, if it was found, has the type of the key it found."""
        return len(self.confusable) == 1 and self.counts.keys() >= set(map(type, keys))

    def add(self, kind: type, number: int = 1) -> None:
        """Counts `number` more keys of one type."""
        if kind in self.counts:
            self.counts[kind] += number
        else:
            self.counts[kind] = number
            self._summarise()

    def add_keys(self, keys: Iterable[Any]) -> None:
        """Counts every one of the given keys."""
        for kind in map(type, keys):
            self.add(kind)

    def discard(self, kind: type, number: int = 1) -> None:
        """Counts `number` fewer keys of one type, of which there have to be that many."""
        counts = self.counts
        left = counts[kind] - number
        if left:
            counts[kind] = left
        else:
            del counts[kind]
            self._summarise()

    def merge(self, other: KeyTypes) -> None:
        """Adds all that another instance counted."""
        for kind, number in other.counts.items():
            self.add(kind, number)

    def cover(self, other: KeyTypes) -> bool:
        """Whether at least as many keys of each type are counted here as in another instance."""
        return all(self.counts.get(kind, 0) >= number for kind, number in other.counts.items())

    def subtract(self, other: KeyTypes) -> None:
        """Takes away all that another instance counted, which has to be covered."""
        for kind, number in other.counts.items():
            self.discard(kind, number)


def types_of(sections: list[dict[Any, Any]]) -> KeyTypes:
    """Counts the keys of the given sections, not of sections in them; one pass in C when they share a type."""
    types = KeyTypes()
    kinds = set(map(type, chain.from_iterable(sections)))
    if len(kinds) == 1:
        types.add(kinds.pop(), sum(map(len, sections)))
    else:
        types.add_keys(chain.from_iterable(sections))
    return types
