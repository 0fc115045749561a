"""The chart of the documentation."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from bench_results import Result, RowResult

_MARKERS: Final = "osD^vPX*<>"
_MET: Final = "#0072b2"
_MISSED: Final = "#d55e00"
_GREY: Final = "#888888"
_LONGEST_BAR: Final = 20.0


def draw_chart(result: Result, path: Path) -> Path | None:
    """Draws how far each row is from its must and how fast it is beside its peers; None without Matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    import matplotlib as mpl  # noqa: PLC0415  # wanted for this one file only, and not installed everywhere

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    # A fixed salt and no date: the same result gives the same file.
    mpl.rcParams["svg.hashsalt"] = "ataraxis"
    limited = [row for row in result.rows if _reached(row) is not None]
    compared = [row for row in result.rows if any(row.speed_against(peer) for peer in row.peers)]
    height = 0.28 * (len(limited) + len(compared)) + 2.4
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(10, height), height_ratios=(len(limited) + 1, len(compared) + 1), layout="constrained"
    )
    _draw_reached(upper, limited)
    _draw_peers(lower, compared)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def _reached(row: RowResult) -> float | None:
    """How much of its must a row reaches, over all of its checks the least, bounded so that a bar stays drawable."""
    reached = [check.must_reached for check in row.checks if check.must_reached is not None]
    return min(*reached, _LONGEST_BAR) if reached else None


def _draw_reached(axes: Any, rows: list[RowResult]) -> None:
    """Bars: 1 is the must."""
    values = [_reached(row) or 0.0 for row in rows]
    axes.barh(
        range(len(rows)),
        [value - 1 for value in values],
        left=1,
        color=[_MET if value >= 1 else _MISSED for value in values],
    )
    axes.axvline(1, color="black", linewidth=1.2, label="must")
    aims = [_aim_position(row) for row in rows]
    known = [(aim, number) for number, aim in enumerate(aims) if aim is not None]
    axes.plot(
        [aim for aim, _ in known], [number for _, number in known], "|", color="black", markersize=10, label="aim"
    )
    _finish(axes, rows, f"times better than its must (right of the line: met; bars end at {_LONGEST_BAR:.0f})")


def _aim_position(row: RowResult) -> float | None:
    """Where the aim of the check that decides about the bar lies, as a multiple of the must."""
    decided = [check for check in row.checks if check.must_reached is not None]
    check = min(decided, key=lambda check: check.must_reached or 0.0, default=None)
    if check is None or check.must is None or not check.aim:
        return None
    return check.aim / check.must if check.kind == "AtLeast" else check.must / check.aim


def _draw_peers(axes: Any, rows: list[RowResult]) -> None:
    """Points: our speed over that of each peer."""
    labels = list(dict.fromkeys(peer.label for row in rows for peer in row.peers))
    for index, label in enumerate(labels):
        points = [
            (speed, number)
            for number, row in enumerate(rows)
            if (peer := row.participant(label)) is not None and (speed := row.speed_against(peer))
        ]
        marker = _MARKERS[index % len(_MARKERS)]
        axes.plot([speed for speed, _ in points], [number for _, number in points], marker, label=label, alpha=0.85)
    axes.axvline(1, color=_GREY, linewidth=1)
    _finish(axes, rows, "our speed / speed of the other library")


def _finish(axes: Any, rows: list[RowResult], title: str) -> None:
    """What both halves of the chart share."""
    axes.set_xscale("log")
    axes.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(range(len(rows)), [f"{row.package}: {row.name}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(title)
    axes.grid(visible=True, axis="x", alpha=0.3)
    if rows:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
