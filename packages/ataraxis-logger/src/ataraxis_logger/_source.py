"""`LogSource`: one source of a log, that writes its own onset and time stamps."""

import time
from operator import index
from typing import TYPE_CHECKING, Final, SupportsIndex

import numpy as np

from ataraxis_logger._entry import MAX_SOURCE, MAX_TIME, ONSET_TIME
from ataraxis_logger._errors import PackageTypeError, PackageValueError, SettingTypeError, SettingValueError
from ataraxis_logger._live.log_queue import LogQueue
from ataraxis_logger._live.onsets import claim_onset

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

_FIRST_TIME: Final = ONSET_TIME + 1


class LogSource:
    """Logs the data of one source; made by `DataLogger.source`.

    The first `log` writes the onset, an entry of time 0 with UTC microseconds, unless the folder has one of this source
    already: then its time goes on, also when the process that began it was killed. Each entry is stamped with the
    microseconds since the onset, from a clock that nobody sets. Pickles to any process; threads may share it.

    Example:
        >>> import tempfile
        >>> from ataraxis_logger import DataLogger
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DataLogger(folder.name, "doc") as logger:
        ...     wheel = logger.source(7)
        ...     wheel.log(b"position", time_us=1500)
        >>> sorted(path.name for path in logger.output_directory.iterdir())
        ['007_00000000000000000000.npy', '007_00000000000000001500.npy']
        >>> folder.cleanup()
    """

    def __init__(self, queue: LogQueue, source_id: SupportsIndex) -> None:
        try:
            self._source = index(source_id)
        except TypeError:
            raise SettingTypeError(
                f"A source id is an integer from 0 to {MAX_SOURCE}, not {type(source_id).__name__}."
            ) from None
        if not 0 <= self._source <= MAX_SOURCE:
            raise SettingValueError(f"A source id is an integer from 0 to {MAX_SOURCE}, not {str(self._source)[:40]}.")
        self._queue = queue
        self._onset_us: int | None = None
        self._zero_ns = 0

    @property
    def source_id(self) -> int:
        """The source, 0 to 255."""
        return self._source

    @property
    def onset_us(self) -> int:
        """When the source's time began, in microseconds of UTC. Asking for it writes the onset if that was not done."""
        if self._onset_us is None:
            self._begin()
        assert self._onset_us is not None  # noqa: S101  # for mypy: _begin has set it
        return self._onset_us

    def log(self, data: "Buffer | NDArray[np.generic]", time_us: SupportsIndex | None = None) -> None:
        """Logs some bytes now.

        Args:
            data: Anything with a buffer: bytes, an array of any shape and type (its bytes are logged in C order).
            time_us: The time, in microseconds since the onset, at least 1; None for now.

        Raises:
            PackageTypeError: (TypeError) The data has no bytes of its own, or the time is no integer.
            PackageValueError: (ValueError) The time is out of range.
            LogFullError: As `LogQueue.put`.
        """
        payload = data if type(data) is bytes else _bytes_of(data)
        if self._onset_us is None:
            self._begin()
        if time_us is None:
            stamp = (time.monotonic_ns() - self._zero_ns) // 1000 or _FIRST_TIME
        else:
            stamp = _checked_time(time_us)
        # Without a LogPackage: there is nothing left in it to check, and making one takes as long as the put.
        self._queue.put_entry(self._source, stamp, payload)

    def __repr__(self) -> str:
        return f"LogSource({self._queue!r}, {self._source})"

    def __reduce__(self) -> "tuple[type[LogSource], tuple[LogQueue, int]]":
        # The onset is not sent along: another process finds it where this one did.
        return LogSource, (self._queue, self._source)

    def _begin(self) -> None:
        """Finds or makes the onset, and where on this system's monotonic clock it lies."""
        onset_us, monotonic_us = claim_onset(self._queue.producer, self._source, self._put_onset)
        now_us = time.monotonic_ns() // 1000
        if not 0 < monotonic_us <= now_us:
            # An earlier session's, or an earlier boot's: how long ago that was only the wall clock can tell. When it
            # was set back since, and says that the onset is yet to come, time goes on from the onset.
            monotonic_us = now_us - max(0, time.time_ns() // 1000 - onset_us)
        self._zero_ns = monotonic_us * 1000
        self._onset_us = onset_us

    def _put_onset(self, payload: bytes) -> None:
        self._queue.put_onset(self._source, payload)


def _bytes_of(data: "Buffer | NDArray[np.generic]") -> memoryview:
    """Returns the bytes of some data in C order, copied only where they do not lie side by side."""
    if isinstance(data, np.ndarray | np.generic):
        array = np.ascontiguousarray(data)
        if not array.dtype.hasobject:
            return array.reshape(-1).view(np.uint8).data
    else:
        try:
            view = memoryview(data)
        except TypeError:
            pass
        else:
            return (view if view.c_contiguous else memoryview(view.tobytes())).cast("B")
    raise PackageTypeError(
        f"LogSource.log takes bytes or an array of numbers, not {type(data).__name__}. Encode text with "
        "text.encode(), other objects with a serializer of your choice."
    )


def _checked_time(time_us: SupportsIndex) -> int:
    try:
        stamp = index(time_us)
    except TypeError:
        raise PackageTypeError(f"time_us must be an integer, not {type(time_us).__name__}.") from None
    if not _FIRST_TIME <= stamp <= MAX_TIME:
        raise PackageValueError(f"time_us must be from {_FIRST_TIME} to {MAX_TIME}, not {str(stamp)[:40]}.")
    return stamp
