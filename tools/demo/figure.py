"""The picture of a recording: rate against time and the histogram of intervals, one colour a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # no window: the demo also runs without a screen

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from verification import SourceResult

RATE_BIN_S = 0.1
HISTOGRAM_BINS = 80


def draw(results: list[SourceResult], path: Path) -> None:
    """Write the figure of `results` to `path` (PNG)."""
    figure, (rates, intervals) = plt.subplots(2, 1, figsize=(9, 7), layout="constrained")
    for result in (one for one in results if one.read > 1):
        draw_rate(rates, result, min(one.times_us[0] for one in results if one.read))
    draw_intervals(intervals, [one for one in results if one.read > 1])
    rates.set(
        title="Sampling rate", xlabel="time since the first sample (s)", ylabel="samples per second", ylim=(0, None)
    )
    rates.legend(loc="upper left", bbox_to_anchor=(1, 1))  # beside the axes, not on the curves
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_rate(axes: Axes, result: SourceResult, origin_us: int) -> None:
    """Samples a second in bins of RATE_BIN_S; a triangle marks each gap."""
    seconds = (result.times_us - origin_us) / 1e6
    bins = np.arange(seconds[0], max(seconds[-1], seconds[0] + 2 * RATE_BIN_S), RATE_BIN_S)
    counts, edges = np.histogram(seconds, bins)
    name = result.config.name
    (line,) = axes.plot(edges[:-1] + RATE_BIN_S / 2, counts / RATE_BIN_S, label=name)
    gaps = seconds[result.gaps]
    if len(gaps):
        label = f"{name}: {len(gaps)} gaps"
        axes.plot(gaps, np.zeros(len(gaps)), "^", color=line.get_color(), label=label, clip_on=False)


def draw_intervals(axes: Axes, results: list[SourceResult]) -> None:
    """Intervals between samples, both axes logarithmic."""
    if results:
        longest = max(float(one.intervals_us.max()) for one in results)
        bins = np.geomspace(1, max(longest, 10.0) * 1.1, HISTOGRAM_BINS).tolist()
        for result in results:
            axes.hist(np.maximum(result.intervals_us, 1), bins, histtype="step", label=result.config.name)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(title="Intervals between samples", xlabel="interval (µs)", ylabel="count", xscale="log", yscale="log")
