"""What a benchmark is made of: workloads (`Work`), rows of the table (`Row`, `Peer`) and the limits they are held to.

This module is imported in every environment, also in those of the peers, so it needs nothing but the standard library.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

QUICK_VARIABLE: Final = "ATARAXIS_BENCH_QUICK"
QUICK: Final = os.environ.get(QUICK_VARIABLE) == "1"
"""True in the workers of a `--quick` run: a workload whose size is free may choose a smaller one."""

FLOOR: Final = "floor"
OURS: Final = "ours"
TIME: Final = "time"
"""The name of the value that every workload has: seconds per item."""


@dataclass(frozen=True, slots=True)
class Work:
    """One prepared workload: what is timed, and how many units of work that is.

    Attributes:
        call: The timed function. It is called many times in a round, unless `once` is set.
        items: How many units of work one call does; times are reported per item.
        once: One call is long or uses up what was prepared: every round prepares anew and calls it once.
        values: Further named results of the round that has just ended, in seconds unless the name ends in `_MiB`,
            `_bytes`, `_per_s` or `_count`. Called once after each round.
    """

    call: Callable[[], object]
    items: int = 1
    once: bool = False
    values: Callable[[], Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        """Refuses a number of items that no time can be divided by."""
        if self.items < 1:
            raise ValueError(f"Work.items must be at least 1, got {self.items}.")


class Limit(Protocol):
    """A bound on one measured number; `versus` names the other side of a ratio or difference."""

    @property
    def bound(self) -> float:
        """The number that must not be passed."""

    @property
    def versus(self) -> str | None:
        """`"floor"` or the label of a peer; None: the value is held to the bound as it is."""

    @property
    def value(self) -> str:
        """The name of the value that is held to the bound."""

    @property
    def kind(self) -> str:
        """The name of the class, as it stands in a JSON result."""

    def measure(self, ours: Sequence[float], other: Sequence[float]) -> float:
        """The number to hold to the bound, from the rounds of both sides (pairwise of one round)."""

    def reached(self, measured: float) -> float:
        """How much of the bound is reached: 1 is exactly the bound, above 1 is better than asked."""


@dataclass(frozen=True, slots=True)
class _Bound:
    bound: float
    versus: str | None = None
    value: str = TIME

    def __post_init__(self) -> None:
        """Lets a bound on the time per item mean a ratio to the floor."""
        if self.versus is None and self.value == TIME:
            object.__setattr__(self, "versus", FLOOR)


class AtMost(_Bound):
    """Our value is at most `bound` times the other's; with `value` and without `versus`, at most `bound` itself.

    `AtMost(3)`: at most three times the floor's time per item. `AtMost(3e-6, value="median")`: at most 3 µs.
    """

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The name of the class, as it stands in a JSON result."""
        return "AtMost"

    def measure(self, ours: Sequence[float], other: Sequence[float]) -> float:
        """The median over the rounds of ours / other, or of our value."""
        return _median_ratio(ours, other) if self.versus else statistics.median(ours)

    def reached(self, measured: float) -> float:
        """1 at the bound, 2 at half of it."""
        return self.bound / measured if measured > 0 else float("inf")


class AtLeast(_Bound):
    """Our speed is at least `bound` times the other's.

    `AtLeast(0.6)`: at least 60 % of the floor's speed. `AtLeast(120, versus="published")`: 120 times as fast as that
    peer. For a named value, more is better: `AtLeast(1e6, value="records_per_s")`.
    """

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The name of the class, as it stands in a JSON result."""
        return "AtLeast"

    def measure(self, ours: Sequence[float], other: Sequence[float]) -> float:
        """The median over the rounds of our speed / the other's, or of our value."""
        if self.value == TIME:
            return _median_ratio(other, ours)
        return _median_ratio(ours, other) if self.versus else statistics.median(ours)

    def reached(self, measured: float) -> float:
        """1 at the bound, 2 at twice it."""
        return measured / self.bound


@dataclass(frozen=True, slots=True)
class AddsAtMost:
    """Our value is at most the other's plus `bound`: `AddsAtMost(0.030, value="import")` is 30 ms above the floor."""

    bound: float
    versus: str = FLOOR
    value: str = TIME

    @property
    def kind(self) -> str:
        """The name of the class, as it stands in a JSON result."""
        return "AddsAtMost"

    def measure(self, ours: Sequence[float], other: Sequence[float]) -> float:
        """The difference of the medians."""
        return statistics.median(ours) - statistics.median(other)

    def reached(self, measured: float) -> float:
        """1 at the bound, 2 at half of it; adding nothing at all is infinitely good."""
        return self.bound / measured if measured > 0 else float("inf")


def _median_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """The median of the ratios round by round: a disturbance that lasts a round touches both sides of its ratio."""
    return statistics.median(above / below for above, below in zip(numerator, denominator, strict=True))


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library that does the same work, in an environment of its own.

    Attributes:
        label: What it is called in the table and in `versus`.
        work: The workload as `"module:function"`; it imports only the peer and the standard library.
        requires: Requirements for pip. The first names the package whose version is reported. Empty: the standard
            library is the peer, and it runs in our interpreter.
        newest: Look through all interpreters found for the one that can have the newest version.
        otherwise: Requirements to fall back to when `requires` cannot be installed on any interpreter found.
    """

    label: str
    work: str
    requires: tuple[str, ...] = ()
    newest: bool = False
    otherwise: tuple[str, ...] = ()


def published(work: str) -> Peer:
    """The newest published `ataraxis-data-structures` that an interpreter found can run, else 3.1.1."""
    return Peer(
        "published",
        work,
        requires=("ataraxis-data-structures",),
        newest=True,
        otherwise=("ataraxis-data-structures==3.1.1",),
    )


def published_3(work: str) -> Peer:
    """The last release of the 3.x line of `ataraxis-data-structures`."""
    return Peer("published 3.1.1", work, requires=("ataraxis-data-structures==3.1.1",))


Limits = Limit | tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: our workload, what it is compared with, and what it is held to.

    Attributes:
        name: What is done, in words; unique over all rows.
        ours: Our workload as `"module:function"`, the module being a file in `work/`.
        floor: The least that plain Python or the system needs for the same, as a workload too.
        must: One limit or several: missing one is a failure.
        aim: One limit or several: where we want to be.
        peers: Other libraries.
        note: One sentence for the documentation.
    """

    name: str
    ours: str
    floor: str | None = None
    must: Limits = ()
    aim: Limits = ()
    peers: tuple[Peer, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        """Finds a mistyped side of a comparison before anything is measured."""
        labels = [peer.label for peer in self.peers]
        if len(set(labels)) != len(labels) or {OURS, FLOOR} & set(labels):
            raise ValueError(
                f"row {self.name!r}: the labels of peers must be unique and not 'ours' or 'floor': {labels}"
            )
        known = {*labels, *([FLOOR] if self.floor else [])}
        for limit in (*self.musts, *self.aims):
            if limit.versus is not None and limit.versus not in known:
                raise ValueError(
                    f"row {self.name!r}: {limit} compares with {limit.versus!r}, known are {sorted(known)}"
                )

    @property
    def musts(self) -> tuple[Limit, ...]:
        """The limits of `must` as a tuple."""
        return self.must if isinstance(self.must, tuple) else (self.must,)

    @property
    def aims(self) -> tuple[Limit, ...]:
        """The limits of `aim` as a tuple."""
        return self.aim if isinstance(self.aim, tuple) else (self.aim,)
