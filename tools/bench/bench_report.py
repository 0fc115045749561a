"""The table in the terminal, and the comparison of two results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bench_results import Verdict, count_verdicts
from bench_units import format_bound, format_measured, format_number, format_percent, format_seconds, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench_results import Check, Participant, Result, RowResult

_HEADER: Final = ("", "ours", "±", "floor", "±", "measured", "must", "aim", "verdict")
_LEFT_ALIGNED: Final = frozenset({0, len(_HEADER) - 1})
_TOO_SLOW_TO_TELL: Final = "-"


def format_machine(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_GiB']:.0f} GiB; {machine['system']}; "
        f"{machine['python']}; file system {machine['file_system']}; load before {machine['load_before']:.1f}"
    )


def format_result(result: Result) -> str:
    """The whole table with its legend."""
    lines = [format_machine(result.machine), ""]
    lines += _format_rows(result.rows)
    lines += ["", *_summarise(result)]
    return "\n".join(lines)


def _format_rows(rows: Sequence[RowResult]) -> list[str]:
    """Aligned lines; what concerns one row only (peers, values, errors) follows below it, indented."""
    cells: list[tuple[str, ...]] = [_HEADER]
    notes: dict[int, list[str]] = {}
    package = ""
    for row in rows:
        if row.package != package:
            package = row.package
            notes.setdefault(len(cells) - 1, []).extend(["", package])
        cells += _cells(row)
        notes[len(cells) - 1] = _notes(row)
    lines: list[str] = []
    for number, line in enumerate(align(cells)):
        lines += [line, *notes.get(number, [])]
    return lines


def _cells(row: RowResult) -> list[tuple[str, ...]]:
    """The line of a row, and one more for each further number that is held to limits."""
    name = row.name.removeprefix(f"{row.package}: ")
    first = (f"  {name}", *_time_cells(row.ours), *(_time_cells(row.floor) if row.floor else ("", "")))
    checks: list[Check | None] = [*row.checks] or [None]
    lines: list[tuple[str, ...]] = [(*first, *_check_cells(checks[0], row))]
    lines += [("", "", "", "", "", *_check_cells(check, row)) for check in checks[1:]]
    return lines


def _time_cells(side: Participant) -> tuple[str, str]:
    median = side.median()
    return ("failed" if side.error else _TOO_SLOW_TO_TELL) if median is None else format_seconds(
        median
    ), format_percent(side.spread())


def _check_cells(check: Check | None, row: RowResult) -> tuple[str, str, str, str]:
    if check is None:
        return "", "", "", row.verdict().value
    key = (check.kind, check.value, check.versus)
    measured = _TOO_SLOW_TO_TELL if check.measured is None else format_measured(*key, check.measured)
    verdict = Verdict.FAILED if row.ours.error else check.verdict()
    return (
        f"{describe_check(check)} {measured}".strip(),
        format_bound(*key, check.must),
        format_bound(*key, check.aim),
        describe_verdict(check, verdict),
    )


def describe_check(check: Check) -> str:
    """What number a check is about, where that is not the time against the floor."""
    parts = [] if check.value == "time" else [check.value.removesuffix("_MiB").removesuffix("_bytes")]
    if check.versus not in {None, "floor"}:
        parts.append(f"vs {check.versus}")
    return " ".join(parts)


def describe_verdict(check: Check, verdict: Verdict) -> str:
    """The verdict; a missed must with how much of it was reached."""
    if verdict is Verdict.MISSED and check.must_reached is not None:
        return f"{verdict.value} ({int(check.must_reached * 100)} % of must)"
    return verdict.value


def _notes(row: RowResult) -> list[str]:
    """Peers, further values and errors of a row."""
    notes = [text for peer in row.peers if (text := describe_peer(row, peer))]
    lines = [f"      our speed / that of {'; '.join(notes)}"] if notes else []
    values = [
        f"{name.removesuffix('_MiB').removesuffix('_bytes')} {format_value(name, median)}"
        for name in row.ours.value_names()
        if name != "peak_MiB" and (median := row.ours.median(name)) is not None
    ]
    if values:
        lines.append(f"      ours: {', '.join(values)}")
    missing = [side for side in row.participants if side.error or side.absent]
    return lines + [f"      {name_peer(side)}: {side.error or side.absent}" for side in missing]


def name_peer(peer: Participant) -> str:
    """A peer with its version, which some have in their label already."""
    return peer.label if peer.version in peer.label else f"{peer.label} {peer.version}"


def describe_peer(row: RowResult, peer: Participant) -> str:
    """A peer with its version and how many times its speed ours is; empty when it was not measured."""
    speed = row.speed_against(peer)
    return "" if speed is None else f"{name_peer(peer)}: {format_number(speed)}x"


def _summarise(result: Result) -> list[str]:
    """Verdicts counted, and what the columns mean."""
    counts = ", ".join(f"{number} {verdict.value}" for verdict, number in count_verdicts(result.rows).items())
    lines = [f"Rows: {counts or 'none was measured'}."]
    if not result.complete:
        lines.append("The run was not finished.")
    if result.settings.get("quick"):
        lines.append("A --quick run: few and short rounds, to see where things stand, not to quote.")
    lines.append(
        "Times are medians per item over interleaved rounds, ± is the interquartile range (under 4 rounds: range)."
    )
    lines.append(
        "x with ≤ is our time / the other's, x with ≥ is our speed / the other's, the other is the floor if not named."
    )
    return lines


def align(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns padded to their widest cell: text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number in _LEFT_ALIGNED else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def compare_results(old: Result, new: Result) -> str:
    """Both results side by side by ratio; what is in one of them only is named at the end.

    Times of two runs differ by what else the machine did; the ratio to the floor of the same run is the safer number.
    """
    olds = {row.name: row for row in old.rows}
    news = {row.name: row for row in new.rows}
    cells: list[tuple[str, ...]] = [("", "old", "new", "new/old", "old/floor", "new/floor", "change", "")]
    cells += [_compare_rows(olds[name], news[name]) for name in olds if name in news]
    lines = [f"old: {format_machine(old.machine)}", f"new: {format_machine(new.machine)}", ""]
    lines += align(cells)
    lines += [f"only in old: {name}" for name in olds if name not in news]
    lines += [f"only in new: {name}" for name in news if name not in olds]
    lines += [
        "",
        "change is that of the ratio to the floor; it is named faster or slower when it is beyond both spreads.",
    ]
    return "\n".join(lines)


def _compare_rows(old: RowResult, new: RowResult) -> tuple[str, ...]:
    times = (old.ours.median(), new.ours.median())
    ratios = (_floor_ratio(old), _floor_ratio(new))
    change = _quotient(ratios[1], ratios[0])
    judged = change if change is not None else _quotient(times[1], times[0])
    spreads = [side.spread() or 0.0 for row in (old, new) for side in (row.ours, row.floor) if side is not None]
    noise = max(spreads, default=0.0)
    word = "" if judged is None or abs(judged - 1) <= noise else ("slower" if judged > 1 else "faster")
    verdicts = "" if old.verdict() is new.verdict() else f"{old.verdict().value} -> {new.verdict().value}"
    return (
        new.name,
        *(_TOO_SLOW_TO_TELL if time is None else format_seconds(time) for time in times),
        _ratio_cell(_quotient(times[1], times[0])),
        *map(_ratio_cell, (*ratios, change)),
        ", ".join(filter(None, (word, verdicts))),
    )


def _floor_ratio(row: RowResult) -> float | None:
    return _quotient(row.ours.median(), row.floor.median()) if row.floor else None


def _quotient(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _ratio_cell(ratio: float | None) -> str:
    return "" if ratio is None else f"{format_number(ratio)}x"


def describe_tracebacks(rows: Iterable[RowResult]) -> str:
    """The tracebacks of what failed, for people who want to know more than the one line in the table."""
    failures = [(row, side) for row in rows for side in row.participants if side.traceback]
    return "\n".join(f"--- {row.name}, {side.label}\n{side.traceback}" for row, side in failures)
