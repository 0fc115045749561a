"""The session's report: a table for the terminal and a nested dictionary that is saved as YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ataraxis_data_structures import NestedDictionary, YamlConfig

if TYPE_CHECKING:
    from verification import SourceResult

HEADER = ("source", "sent", "read back", "lost", "doubled", "bytes", "rate (1/s)", "p50 (µs)", "p99 (µs)", "p99.9 (µs)")
PERCENTILES = (50, 99, 99.9)


@dataclass
class SessionReport(YamlConfig):
    """The report as a file."""

    session: dict[str, Any] = field(default_factory=dict)


def table(results: list[SourceResult]) -> str:
    """One aligned row a source."""
    rows = [HEADER, *(row(result) for result in results)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) for cells in rows]
    return "\n".join(lines)


def row(result: SourceResult) -> tuple[str, ...]:
    """The cells of one source."""
    percentiles = (f"{result.interval_percentile(percent):.0f}" for percent in PERCENTILES)
    counts = (result.sent, result.read, result.lost, result.doubled)
    intact = "equal" if result.intact else "DIFFER"
    return (result.config.name, *map(str, counts), intact, f"{result.rate_hz:.1f}", *percentiles)


def session_report(results: list[SourceResult]) -> NestedDictionary:
    """All facts by path, for instance `sources.processor.lost`."""
    report = NestedDictionary()
    for result in results:
        base = ["sources", result.config.name]
        facts = {
            "sent": result.sent,
            "read_back": result.read,
            "lost": result.lost,
            "doubled": result.doubled,
            "bytes_equal": result.intact,
            "rate_hz": round(result.rate_hz, 3),
            "gaps": len(result.gaps),
            "interval_us": {f"p{percent:g}": result.interval_percentile(percent) for percent in PERCENTILES},
        }
        report.write_nested_value([*base], facts)
    report.write_nested_value("totals.sent", sum(result.sent for result in results))
    report.write_nested_value("totals.lost", sum(result.lost for result in results))
    return report
