"""`DataLogger`: starts what stores, hands out what accepts. Alone in knowing both the live side and the archives."""

import os
from operator import index
from pathlib import Path, PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, NoReturn, Self, SupportsIndex, get_args

from ataraxis_logger._errors import LoggerStateError, SettingTypeError, SettingValueError
from ataraxis_logger._live.exits import ctrl_c_put_off
from ataraxis_logger._live.log_queue import LogQueue
from ataraxis_logger._live.owner import OwnedSession, SessionSettings
from ataraxis_logger._live.places import place_of, real_folder
from ataraxis_logger._live.reports import package_logger
from ataraxis_logger._live.ring_watch import RingWatch
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_logger._live.statistics import LogStatistics, Statistician
from ataraxis_logger._live.writer_process import WriterProcess
from ataraxis_logger._log_folder import FOLDER_ENDING
from ataraxis_logger._source import LogSource

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ataraxis_logger._archive.compress import ArchiveReport

Storage = Literal["npy", "journal"]

DEFAULT_BUFFER_SIZE: Final = 16 << 20
MOST_THREADS: Final = 1024
LONGEST_SLEEP_US: Final = 1_000_000


class DataLogger:
    """Stores the packages that any number of processes put into its queue, in one folder, whatever is killed.

    Construction makes the folder `<output_directory>/<instance_name>_data_log` and touches nothing else. `start`
    launches the writers, small processes that outlive this one until everything accepted is stored. Use it as a context
    manager, or call `start` and `stop`; an exit without `stop` saves everything too.

    Args:
        output_directory: Where the log folder is made.
        instance_name: Names the log folder; may hold slashes for folders in between, and no `..`.
        process_count: Writers, at least 1, at most 128.
        thread_count: Processes that make files for a writer of the `npy` storage while many wait, at most one per core.
        sleep_timer: The longest sleep of an idle writer, in microseconds; it never sleeps for more than 50 ms.
        exist_ok: Kept for programs written for 3.x; changes nothing.
        storage: `"npy"` for a file per package; `"journal"` for large files of many, for high rates.
        buffer_size: Bytes that a process can put ahead of the writers. Shared memory, one buffer for each process.
        sync_interval: Seconds after which a journal is forced to the drive, which bounds what a power cut takes; None
            leaves that to the system.

    Raises:
        SettingValueError: (ValueError) An argument is out of range.
        SettingTypeError: (TypeError) An argument has the wrong type.
        OSError: The folder cannot be made.

    Example:
        >>> import tempfile, numpy as np
        >>> from ataraxis_logger import LogPackage
        >>> from ataraxis_logger import DataLogger, LogPackage
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DataLogger(folder.name, "doc") as logger:
        ...     logger.input_queue.put(LogPackage(7, 1, np.arange(3, dtype=np.uint8)))
        >>> [path.name for path in logger.output_directory.iterdir()]
        ['007_00000000000000000001.npy']
        >>> folder.cleanup()
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the 3.x signature
        self,
        output_directory: Path | str,
        instance_name: str = "data_logger",
        process_count: int = 1,
        thread_count: int = 5,
        sleep_timer: int = 5000,
        exist_ok: bool = False,  # noqa: ARG002  # part of the 3.x signature
        *,
        storage: Storage = "npy",
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        sync_interval: float | None = None,
    ) -> None:
        self._settings = SessionSettings(
            storage=_checked_storage(storage),
            process_count=max(1, _integer("process_count", process_count)),
            thread_count=min(max(1, _integer("thread_count", thread_count)), MOST_THREADS),
            sleep_us=min(max(0, _integer("sleep_timer", sleep_timer)), LONGEST_SLEEP_US),
            sync_us=_sync_us(sync_interval, storage),
        )
        self._buffer_size = _integer("buffer_size", buffer_size)
        self._name = _checked_name(instance_name)
        self._output_directory = _absolute(output_directory) / f"{self._name}{FOLDER_ENDING}"
        self._output_directory.mkdir(parents=True, exist_ok=True)
        self._folder = real_folder(self._output_directory)
        self._place = place_of(self._folder)
        self._session: OwnedSession | None = None
        self._queue = self._make_queue()
        self._statistician = Statistician()
        self._next_warning = 1

    @property
    def name(self) -> str:
        """The name given at construction."""
        return self._name

    @property
    def output_directory(self) -> Path:
        """The log folder."""
        return self._output_directory

    @property
    def input_queue(self) -> LogQueue:
        """The queue that takes the packages; works before `start` and after `stop`, and in any process."""
        return self._queue

    @property
    def started(self) -> bool:
        """Whether this logger was started, by this process, and not stopped."""
        return self._session is not None and self._session.is_running

    @property
    def processes(self) -> tuple[WriterProcess, ...]:
        """The writers that run now; empty when the logger is not started."""
        session = self._running_session()
        if session is None:
            return ()
        slots = enumerate(session.page.writers())
        return tuple(WriterProcess(session.states[0], number, slot.pid) for number, slot in slots if slot.pid)

    @property
    def statistics(self) -> LogStatistics:
        """How the log is doing now, all processes together. Takes about a tenth of a millisecond."""
        session = self._running_session()
        if session is not None:
            return self._statistician.count(session.page, session.look)
        watch = RingWatch(self._place.states)
        try:
            return self._statistician.count(None, watch.look)
        finally:
            watch.close()

    def start(self) -> None:
        """Launches the writers; nothing happens when this logger has done so.

        What was put before, also in earlier sessions that were killed, is stored now.

        Raises:
            LoggerStateError: (RuntimeError) Another logger runs on the folder, the writers cannot be launched, or this
                process has changed its user since it made the logger.
            OSError: The folder is gone or cannot be written to, or there is no shared memory.
        """
        if self._session is not None and self._session.is_ending:
            self.stop()  # again: the first time it was interrupted
        if self.started:
            return
        self._place.require_user()
        _require_writable(self._folder)
        with ctrl_c_put_off():  # until there is something that can be stopped
            self._session = OwnedSession(self._place, self._settings)
            self._next_warning = 1
            self._queue.hold(self._session)

    def stop(self) -> None:
        """Stores everything accepted so far and ends the writers; nothing happens when the logger is not started.

        Returns when all is on disk. What other processes put from now on waits for the next start.

        Raises:
            LoggerStateError: (RuntimeError) The disk refuses; the message says how much waits, and where. The logger is
                stopped all the same.
        """
        session = self._running_session()
        if session is None:
            return
        try:
            session.stop()
        finally:
            # A signal handler may have stopped it meanwhile, and started another one.
            if not session.is_running and self._session is session:
                self._session = None
                self._queue.hold(None)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until everything accepted before this call, from any process, is stored.

        Args:
            timeout: Seconds to wait; None for as long as the disk takes.

        Raises:
            FlushTimeoutError: (TimeoutError) It took longer; nothing is lost.
            LoggerStateError: (RuntimeError) The logger is not started and something waits, or the disk refuses.
        """
        session = self._running_session()
        if session is not None:
            session.flush(timeout)
        elif waiting := self._queue.qsize():
            raise LoggerStateError(
                f"{waiting} packages wait to be stored in {self._folder}, and the logger is not started. Start it."
            )

    def source(self, source_id: SupportsIndex) -> LogSource:
        """Returns the source with an id: writes the onset, stamps the time, takes bytes and arrays.

        Raises:
            SettingValueError: (ValueError) The id is not from 0 to 255.
            SettingTypeError: (TypeError) The id is no integer.
        """
        return LogSource(self._queue, source_id)

    def compress_logs(  # noqa: PLR0913, PLR0917  # the 3.x signature
        self,
        remove_sources: bool = False,
        memory_mapping: bool = False,
        verbose: bool = False,
        compress: bool = True,
        verify_integrity: bool = True,
        max_workers: int | None = None,
        *,
        executor: "Executor | None" = None,
    ) -> "ArchiveReport":
        """Archives the log, one `<source>_log.npz` per source; see `compress_npy_logs`, also for what it returns.

        On a running logger what was accepted before this call is stored first. Then the folder is listed, and what was
        listed is archived once the writers have let go of it; the journal's open segments wait for the next time.
        """
        # Here, because `start` need not wait for this import.
        from ataraxis_logger._archive.compress import ArchiveOptions, archive_folder  # noqa: PLC0415

        options = ArchiveOptions(
            remove_sources, memory_mapping, verbose, compress, verify_integrity, max_workers, executor
        )
        self.flush()
        return archive_folder(self._output_directory, options, flush=self._release_files)

    def _release_files(self) -> None:
        session = self._running_session()
        if session is not None:
            session.release_files()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"DataLogger(name={self._name!r}, output_directory={str(self._output_directory)!r}, "
            f"storage={settings.storage!r}, process_count={settings.process_count}, "
            f"thread_count={settings.thread_count}, started={self.started})"
        )

    def __reduce__(self) -> NoReturn:
        raise SettingTypeError(
            "A DataLogger cannot be pickled: it belongs to the process that starts it. Send its input_queue."
        )

    def _make_queue(self) -> LogQueue:
        return LogQueue(self._place, self._settings.storage, self._buffer_size)

    def _running_session(self) -> OwnedSession | None:
        """Returns the session if it runs, after a look at whether it had to be helped."""
        session = self._session  # once: another thread may stop the logger meanwhile
        if session is None or not session.is_running:
            return None
        session.revive()
        self._warn_of_restarts(session.page)
        return session

    def _warn_of_restarts(self, page: SessionPage) -> None:
        # At the first, then each time their number has doubled: enough to notice, not enough to drown a console.
        restarts = page.restarts
        if restarts >= self._next_warning:
            self._next_warning = 2 * restarts
            package_logger().warning(
                "Writers of %s had to be restarted (%d so far): %s. Nothing is lost.",
                self._output_directory,
                restarts,
                page.last_error,
            )


def _integer(name: str, value: SupportsIndex) -> int:
    try:
        return index(value)
    except TypeError:
        raise SettingTypeError(f"{name} must be an integer, not {type(value).__name__}.") from None


def _absolute(directory: Path | str) -> Path:
    """Returns a directory in a way that a later change of the working directory does not change."""
    text: object = directory if isinstance(directory, str) else getattr(directory, "__fspath__", object)()
    if not isinstance(text, str):
        raise SettingTypeError(f"output_directory must be a path or a string, not {type(directory).__name__}.")
    return Path(text).absolute()


def _checked_name(name: object) -> str:
    text = str(name)
    path = PurePath(text)
    if not text or "\0" in text or path.is_absolute() or ".." in path.parts:
        raise SettingValueError(
            "instance_name must be a name or a relative path without '..' (it becomes the folder "
            f"'<name>{FOLDER_ENDING}' in output_directory), not {text[:100]!r}."
        )
    return text


def _checked_storage(storage: str) -> str:
    if storage not in get_args(Storage):
        raise SettingValueError(f"storage must be one of {', '.join(get_args(Storage))}, not {str(storage)[:40]!r}.")
    return storage


def _sync_us(interval: float | None, storage: str) -> int:
    if interval is None:
        return 0
    if storage != "journal":
        raise SettingValueError("sync_interval needs storage='journal': the files of single packages are not synced.")
    try:
        is_in_range = 1e-6 <= interval <= 1e9  # noqa: PLR2004  # a microsecond, thirty years
    except TypeError:
        raise SettingTypeError(
            f"sync_interval must be a number of seconds or None, not {type(interval).__name__}."
        ) from None
    if not is_in_range:
        raise SettingValueError(f"sync_interval must be a positive number of seconds or None, not {interval!r}.")
    return round(interval * 1e6)


def _require_writable(folder: Path) -> None:
    """Refuses a folder that the writers could not write to, so that a mistake shows at the start."""
    if not os.access(folder, os.W_OK | os.X_OK):
        status = os.stat(folder)  # noqa: PTH116  # raises FileNotFoundError when the folder is gone
        raise PermissionError(f"Unable to log to {folder} (mode {status.st_mode & 0o777:o}): it cannot be written to.")
