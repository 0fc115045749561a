"""Results: what each participant of a row needed, how that stands to the limits, and the JSON file of it all."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bench_model import FLOOR, OURS, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench_model import Limit, Row

FORMAT: Final = 1
_FEWEST_FOR_QUARTILES: Final = 4


class ResultFileError(Exception):
    """A file is no result of this harness; the message says why."""


class Verdict(StrEnum):
    """How a row stands to its limits, best first."""

    AIM = "aim met"
    MUST = "must met"
    BELOW_AIM = "below aim"
    REPORTED = "reported"
    UNKNOWN = "not measured"
    MISSED = "MISSED"
    FAILED = "FAILED"


@dataclass(slots=True)
class Participant:
    """One side of a row: our workload, the floor, or a peer.

    Attributes:
        rounds: The values of each round, None where it was left out.
        error: What its workload did wrong.
        absent: Why it was not measured, when that is nobody's fault.
    """

    label: str
    work: str
    version: str = ""
    python: str = ""
    items: int = 0
    repetitions: int = 0
    rounds: list[dict[str, float] | None] = field(default_factory=list)
    error: str = ""
    absent: str = ""
    traceback: str = ""

    def series(self, value: str = TIME) -> list[float]:
        """The values of all rounds that have one; none when the workload failed, even if that was at its last check."""
        return [] if self.error else [entry[value] for entry in self.rounds if entry and value in entry]

    def median(self, value: str = TIME) -> float | None:
        """The median over the rounds."""
        series = self.series(value)
        return statistics.median(series) if series else None

    def spread(self, value: str = TIME) -> float | None:
        """The interquartile range (below four rounds: the whole range) as a fraction of the median."""
        series, median = self.series(value), self.median(value)
        if len(series) < 2 or not median:  # noqa: PLR2004  # one round has no spread
            return None
        if len(series) < _FEWEST_FOR_QUARTILES:
            return (max(series) - min(series)) / median
        low, _, high = statistics.quantiles(series, n=4, method="inclusive")
        return (high - low) / median

    def value_names(self) -> list[str]:
        """The named values beside the time, in the order in which they came."""
        names = dict.fromkeys(name for entry in self.rounds if entry for name in entry)
        return [name for name in names if name != TIME]


@dataclass(slots=True)
class Check:
    """One measured number beside its must and its aim; `reached` is 1 at the bound and more when better."""

    kind: str
    value: str
    versus: str | None
    measured: float | None = None
    must: float | None = None
    must_reached: float | None = None
    aim: float | None = None
    aim_reached: float | None = None

    def verdict(self) -> Verdict:
        """How the number stands to its bounds."""
        if self.measured is None:
            return Verdict.UNKNOWN
        if self.must_reached is not None and self.must_reached < 1:
            return Verdict.MISSED
        if self.aim_reached is not None and self.aim_reached >= 1:
            return Verdict.AIM
        return Verdict.BELOW_AIM if self.must is None else Verdict.MUST


@dataclass(slots=True)
class RowResult:
    """A row that was run."""

    package: str
    name: str
    note: str
    participants: list[Participant]
    checks: list[Check] = field(default_factory=list)

    def participant(self, label: str) -> Participant | None:
        """The side of that label."""
        return next((participant for participant in self.participants if participant.label == label), None)

    @property
    def ours(self) -> Participant:
        """Our side, which every row has."""
        return self.participants[0]

    @property
    def floor(self) -> Participant | None:
        """The floor, where the row has one."""
        return self.participant(FLOOR)

    @property
    def peers(self) -> list[Participant]:
        """All others."""
        return [participant for participant in self.participants if participant.label not in {OURS, FLOOR}]

    def verdict(self) -> Verdict:
        """What the checks say together; an aim that was not measured does not count against a must that is met."""
        if self.ours.error:
            return Verdict.FAILED
        if self.ours.median() is None:
            return Verdict.UNKNOWN
        musts = [check for check in self.checks if check.must is not None]
        aims = [check for check in self.checks if check.aim is not None]
        verdicts = {check.verdict() for check in musts or aims}
        for decisive in (Verdict.MISSED, Verdict.UNKNOWN):
            if decisive in verdicts:
                return decisive
        if aims and all(check.verdict() is Verdict.AIM for check in aims):
            return Verdict.AIM
        return Verdict.MUST if musts else Verdict.BELOW_AIM if aims else Verdict.REPORTED

    def speed_against(self, other: Participant) -> float | None:
        """How many times as fast as the other we are."""
        ours, theirs = self.ours.median(), other.median()
        return theirs / ours if ours and theirs else None


@dataclass(slots=True)
class Result:
    """A whole run."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    rows: list[RowResult] = field(default_factory=list)
    complete: bool = False

    def missed(self) -> list[RowResult]:
        """The rows that miss a must or failed."""
        return [row for row in self.rows if row.verdict() in {Verdict.MISSED, Verdict.FAILED}]


def merge(old: Result, new: Result) -> Result:
    """The rows of an earlier run, those that were measured again replaced; each row is a comparison of its own."""
    again = {(row.package, row.name): row for row in new.rows}
    rows = [again.pop((row.package, row.name), row) for row in old.rows]
    return Result(new.machine, new.settings, [*rows, *again.values()], old.complete and new.complete)


def check_limits(row: Row, result: RowResult) -> list[Check]:
    """Holds the measured numbers to the limits of the row; a must and an aim on the same number share a check."""
    checks: dict[tuple[str, str, str | None], Check] = {}
    for limits, name in ((row.musts, "must"), (row.aims, "aim")):
        for limit in limits:
            key = (limit.kind, limit.value, limit.versus)
            check = checks.setdefault(key, Check(*key))
            check.measured = _measure(limit, result)
            setattr(check, name, limit.bound)
            if check.measured is not None:
                setattr(check, f"{name}_reached", limit.reached(check.measured))
    return list(checks.values())


def _measure(limit: Limit, result: RowResult) -> float | None:
    """The number that a limit is about, from the rounds that both sides have; None when a side has none."""
    if limit.versus is None:
        own = result.ours.series(limit.value)
        return limit.measure(own, ()) if own else None
    other = result.participant(limit.versus)
    if other is None or other.error or result.ours.error:
        return None
    pairs = [
        (mine[limit.value], theirs[limit.value])
        for mine, theirs in zip(result.ours.rounds, other.rounds, strict=False)
        if mine and theirs and limit.value in mine and limit.value in theirs
    ]
    return limit.measure([mine for mine, _ in pairs], [theirs for _, theirs in pairs]) if pairs else None


def save_result(result: Result, path: Path) -> None:
    """Writes a result as JSON, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps({"format": FORMAT, **asdict(result)}) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_result(path: Path) -> Result:
    """Reads what `save_result` wrote.

    Raises:
        ResultFileError: the file cannot be read or is something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ResultFileError(f"cannot read {path}: {reason}") from None
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise ResultFileError(f"{path} is not a result of `tools/bench --json` (format {FORMAT})")
    try:
        return Result(**{**data, "rows": [_row_from_json(row) for row in data["rows"]]})
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultFileError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _row_from_json(data: dict[str, Any]) -> RowResult:
    participants = [Participant(**participant) for participant in data["participants"]]
    checks = [Check(**check) for check in data["checks"]]
    return RowResult(data["package"], data["name"], data["note"], participants, checks)


def count_verdicts(rows: Iterable[RowResult]) -> dict[Verdict, int]:
    """How many rows have each verdict, in the order of the verdicts, without the absent ones."""
    verdicts = [row.verdict() for row in rows]
    return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}
