"""The table and the chart of the documentation, written from a result and never by hand."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Final

from bench_chart import draw_chart
from bench_report import describe_check, describe_verdict, format_machine, name_peer
from bench_results import Verdict, count_verdicts, save_result
from bench_units import format_bound, format_measured, format_number, format_percent, format_seconds, format_value

if TYPE_CHECKING:
    from pathlib import Path

    from bench_results import Check, Participant, Result, RowResult

_TABLE: Final = "performance_table.md"
_RESULT: Final = "performance_table.json"
_CHART: Final = "performance_chart.svg"


def write_docs(result: Result, folder: Path) -> list[Path]:
    """Writes the table, the result it comes from and, with Matplotlib, the chart; returns the files written.

    The result goes without tracebacks, which name folders of the machine.
    """
    folder.mkdir(exist_ok=True)
    chart = draw_chart(result, folder / _CHART)
    table = folder / _TABLE
    table.write_text(format_page(result, has_chart=chart is not None), encoding="utf-8")
    for row in result.rows:
        for participant in row.participants:
            participant.traceback = ""
    save_result(result, folder / _RESULT)
    return [table, folder / _RESULT, *([chart] if chart else [])]


def format_page(result: Result, *, has_chart: bool) -> str:
    """The page: machine, chart, a table for each package, the peers, and how to read it."""
    settings = result.settings
    commit = f" at commit {settings['commit']}" if settings.get("commit") else ""
    which = f" (rows with {settings['only']!r} in their name, the others earlier)" if settings.get("only") else ""
    parts = [
        "<!-- Written by `python tools/bench --write-docs`; do not edit. -->",
        f"Measured {settings['date']}{commit}{which} on: {format_machine(result.machine)}.",
        _describe_counts(result),
    ]
    if settings.get("quick"):
        parts.append("This was a `--quick` run: few and short rounds.")
    if has_chart:
        parts.append(f"![How far each row is from its must, and its speed beside other libraries]({_CHART})")
    for package in dict.fromkeys(row.package for row in result.rows):
        rows = [row for row in result.rows if row.package == package]
        parts += [
            f"**{package}**",
            _format_table(rows),
            *_format_peers(rows),
            *_format_values(rows),
            *_format_notes(rows),
        ]
    parts.append(_LEGEND)
    return "\n\n".join(parts) + "\n"


_LEGEND: Final = (
    "Times are medians per item over interleaved rounds; ± is the interquartile range. *Measured* with ≤ is our time"
    " divided by the other's, with ≥ our speed divided by the other's; the other is the floor where none is named."
    f" Raw numbers of every round: `docs/{_RESULT}`."
)


def _describe_counts(result: Result) -> str:
    counts = ", ".join(f"{number} {verdict.value}" for verdict, number in count_verdicts(result.rows).items())
    return f"Rows: {counts or 'none was measured'}."


def _format_table(rows: list[RowResult]) -> str:
    lines = ["| work | ours | ± | floor | measured | must | aim | verdict |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        for number, check in enumerate(row.checks or [None]):
            lines.append(_format_line(row, check, first=number == 0))
    return "\n".join(lines)


def _format_line(row: RowResult, check: Check | None, *, first: bool) -> str:
    """One line of the table; further checks of a row leave the cells empty that would repeat."""
    cells = [row.name, _time(row.ours), format_percent(row.ours.spread()), _time(row.floor)] if first else [""] * 4
    if check is None:
        cells += ["", "", "", row.verdict().value]
    else:
        key = (check.kind, check.value, check.versus)
        measured = "" if check.measured is None else format_measured(*key, check.measured)
        verdict = Verdict.FAILED if row.ours.error else check.verdict()
        cells += [f"{describe_check(check)} {measured}".strip(), format_bound(*key, check.must)]
        cells += [format_bound(*key, check.aim), describe_verdict(check, verdict)]
    return _join(cells)


def _join(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _time(side: Participant | None) -> str:
    median = side.median() if side else None
    return "" if median is None else format_seconds(median)


def _format_peers(rows: list[RowResult]) -> list[str]:
    """A table of the peers, where there are some; one that could not be had is named too."""
    lines = []
    for row in rows:
        for peer in row.peers:
            speed, median = row.speed_against(peer), peer.median()
            cells = [row.name, name_peer(peer)]
            if speed is None or median is None:
                cells += ["", f"not measured: {shorten(peer.error or peer.absent, 100, placeholder=' …')}"]
            else:
                cells += [format_seconds(median), f"{format_number(speed)}x"]
            lines.append(_join(cells))
    return ["\n".join(["| work | peer | its time | our speed / its |", "|---|---|--:|--:|", *lines])] if lines else []


def _format_values(rows: list[RowResult]) -> list[str]:
    """A table of what else our workloads report, such as percentiles and rates."""
    lines = [
        _join([row.name, name.removesuffix("_MiB"), format_value(name, median)])
        for row in rows
        for name in row.ours.value_names()
        if name != "peak_MiB" and (median := row.ours.median(name)) is not None
    ]
    return ["\n".join(["| work | value | ours |", "|---|---|--:|", *lines])] if lines else []


def _format_notes(rows: list[RowResult]) -> list[str]:
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    return ["\n".join(notes)] if notes else []
