"""A picture of a log: how many messages came when, and at what intervals. Needs the extra `[plot]`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ataraxis_logger._archive.discover import refuse_log_file
from ataraxis_logger._archive.reader import LogArchiveReader
from ataraxis_logger._errors import LogFormatError, MissingExtraError
from ataraxis_logger._files import appear_whole

try:
    # Not pyplot: it keeps figures alive and picks a window system.
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtraError('Plots need matplotlib: pip install "ataraxis-logger[plot]"') from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS: Final = 200
_INTERVAL_BINS: Final = 60
_UNITS: Final = {"us": 1e6, "ns": 1e9}


def plot_log(log: Path | str, path: Path | str, *, unit: str = "us", onset_us: int | None = None) -> Path:
    """Draws rate over time and the histogram of intervals for every source of a log, as a PNG.

    Args:
        log: an archive or a log folder.
        path: the picture to write; an existing one is replaced.
        unit: `us` or `ns`, the unit of time stamps where the log has no onset; with an onset they are microseconds.
        onset_us: overrides the onset that the log has.

    Returns:
        The path of the picture.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no log at the path.
        LogFormatError: (ValueError) it holds no messages.
        OnsetError: (ValueError) a source has different onsets and `onset_us` was not given.
        ValueError: the unit is unknown, or the file to write is part of a log.
        MissingExtraError: (ImportError) matplotlib is not installed.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage, plot_log
        >>> with TemporaryDirectory() as folder:
        ...     for time in (10, 20, 40):
        ...         name, data = LogPackage(1, time, np.arange(3, dtype=np.uint8)).get_data()
        ...         np.save(Path(folder) / name, data)
        ...     plot_log(folder, Path(folder) / "log.png").name
        'log.png'
    """
    if unit not in _UNITS:
        raise ValueError(f"The unit must be one of {', '.join(_UNITS)}, not {str(unit)[:20]!r}.")
    refuse_log_file(Path(path), Path(log))
    times = _seconds(Path(log), unit, onset_us)
    if not times:
        raise LogFormatError(f"{log} holds no messages to plot.", Path(log))
    figure = Figure(figsize=(11, 0.6 + 2.2 * len(times)), layout="constrained")
    start = min(float(seconds[0]) for seconds in times.values())
    stop = max(float(seconds[-1]) for seconds in times.values())
    for row, (source, seconds) in enumerate(times.items()):
        rate, intervals = (figure.add_subplot(len(times), 2, 2 * row + column) for column in (1, 2))
        _draw_rate(rate, source, seconds - start, stop - start)
        _draw_intervals(intervals, seconds)
    figure.suptitle(Path(log).name)
    with appear_whole(Path(path)) as file:
        figure.savefig(file, format="png", dpi=110)
    return Path(path)


def _seconds(log: Path, unit: str, onset_us: int | None) -> "dict[int, NDArray[np.float64]]":
    """Returns the times of all messages of each source that has any, in seconds (since an onset, if there is one)."""
    times = {}
    origin = None
    with ExitStack() as stack:
        for source, reader in LogArchiveReader.open_all(log, onset_us).items():
            stack.callback(reader.close)
            stamps: NDArray[Any] = reader.read_times()
            if reader.has_onset:
                # As integers: seconds since 1970 have no room for fractions of a microsecond.
                origin = reader.onset_timestamp_us if origin is None else origin
                stamps = (stamps - origin).view(np.int64)
            if stamps.size:
                times[source] = stamps / _UNITS["us" if reader.has_onset else unit]
    return times


def _draw_rate(axes: Any, source: int, seconds: "NDArray[np.float64]", length: float) -> None:
    edges = np.linspace(0, max(length, 1e-6), _BINS + 1)
    counts, _ = np.histogram(seconds, edges)
    axes.stairs(counts / (edges[1] - edges[0]), edges, fill=True, alpha=0.7)
    axes.set_ylabel(f"source {source}\nmessages / s")
    axes.set_xlabel("seconds since the first message")
    axes.margins(x=0)


def _draw_intervals(axes: Any, seconds: "NDArray[np.float64]") -> None:
    intervals = np.diff(seconds) * 1e3
    positive = intervals[intervals > 0]
    if positive.size:
        low, high = positive.min(), positive.max()
        edges = np.geomspace(low * 0.99, max(high, low * 1.01) * 1.01, _INTERVAL_BINS)
        axes.hist(positive, edges, alpha=0.7)
        axes.set_xscale("log")
        axes.set_yscale("log")
    equal = intervals.size - positive.size
    axes.set_xlabel("interval, ms" + (f" ({equal} intervals of 0 not shown)" if equal else ""))
    axes.set_ylabel("count")
