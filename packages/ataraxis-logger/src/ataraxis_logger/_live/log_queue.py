"""The queue that packages are put into: whoever has it, in whatever process, logs to its folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from ataraxis_logger._entry import ONSET_PAYLOAD, ONSET_TIME, is_onset
from ataraxis_logger._errors import LogFullError, PackageTypeError, SettingTypeError, SettingValueError
from ataraxis_logger._formats.journal_layout import BODY_PREFIX, FLAG_SPILLED
from ataraxis_logger._live.onsets import note_onset
from ataraxis_logger._live.patience import Patience, owns
from ataraxis_logger._live.places import LogPlace
from ataraxis_logger._live.producers import FolderProducer, producer_of
from ataraxis_logger._live.ring_watch import RingWatch
from ataraxis_logger._package import LogPackage
from ataraxis_shm._errors import RingClosedError, RingFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    _Payload = NDArray[np.uint8] | bytes | memoryview
    _Put = Callable[..., int]

_CHUNK: Final = 256
_REOPENINGS: Final = 3
_pack_prefix: Final = BODY_PREFIX.pack


class LogQueue:
    """Takes packages from any thread of any process and gives them to the logger of its folder.

    The queue *is* the folder: it pickles at any time to any process, and all queues of a folder lead to the same log.
    What is put while no logger runs waits for the next one to start. When `put` returns, the payload was copied, and
    the package will reach the disk even if this process, the writers and the program that started them are killed.

    Made by `DataLogger.input_queue`.

    Example:
        >>> import pickle, tempfile, numpy as np
        >>> from ataraxis_logger import DataLogger, LogPackage
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DataLogger(folder.name, "doc") as logger:
        ...     logger.input_queue.put(LogPackage(7, 1, np.arange(3, dtype=np.uint8)))
        ...     elsewhere = pickle.loads(pickle.dumps(logger.input_queue))  # as in another process
        ...     elsewhere.put_many(LogPackage(7, time, np.zeros(0, dtype=np.uint8)) for time in (2, 3))
        >>> len(list(logger.output_directory.iterdir()))
        3
        >>> folder.cleanup()
    """

    def __init__(self, place: LogPlace, storage: str, buffer_size: int) -> None:
        self._place = place
        self._storage = storage
        self._buffer_size = buffer_size
        self._session: object = None
        self._watch: RingWatch | None = None
        self._connect(None)

    def put(self, package: LogPackage, block: bool = True, timeout: float | None = None) -> None:
        """Accepts a package: from here on it is kept.

        Args:
            package: The package. Its payload is copied.
            block: Waits for space when the buffer of this process is full.
            timeout: Waits at most so many seconds.

        Raises:
            PackageTypeError: (TypeError) This is no `LogPackage`.
            SettingTypeError: (TypeError) The timeout is no number.
            SettingValueError: (ValueError) The timeout is negative, and the call is to wait.
            LogFullError: (queue.Full, OSError) There was no space in time. At once when no logger is started, and when
                there was no writer, or the disk refused everything, for five seconds; the message names the cause.
            LoggerStateError: (RuntimeError) This process has another user than the one that made the queue.
            OSError: There is no shared memory for the buffer or for a large payload.

        Takes time linear in the size of the payload; a microsecond or so for a small one.
        """
        if type(package) is not LogPackage:
            _refuse(package)
        if timeout is not None:
            _check_timeout(timeout, block)
        data, time_stamp = package.serialized_data, package.time_stamp
        ring_put, spill_above = self._way
        if len(data) > spill_above or not time_stamp:
            self._put_special(package, block, timeout)
            return
        prefix = _pack_prefix(package.source_id, 0, time_stamp)
        try:
            ring_put(prefix, data, timeout=0)
        except (RingFullError, RingClosedError):
            self._put_slowly(prefix, data, block, timeout)

    def put_nowait(self, package: LogPackage) -> None:
        """Accepts a package if there is space for it: `put(package, block=False)`."""
        self.put(package, block=False)

    def put_many(self, packages: Iterable[LogPackage]) -> None:
        """Accepts packages in the order given, faster than one at a time; waits for space.

        Raises:
            As `put`. The packages before the one that raised are accepted, those behind it are not.
        """
        chunk: list[tuple[bytes]] = []
        try:
            for package in _iterate(packages):
                if type(package) is not LogPackage:
                    _refuse(package)
                data, time_stamp = package.serialized_data, package.time_stamp
                if len(data) > self._way[1] or not time_stamp:
                    self._put_chunk(chunk)
                    self._put_special(package, block=True, timeout=None)
                    continue
                # Copied here: the caller's generator may use one array for all its packages.
                chunk.append((_pack_prefix(package.source_id, 0, time_stamp) + data.tobytes(),))
                if len(chunk) >= _CHUNK:
                    self._put_chunk(chunk)
        finally:
            self._put_chunk(chunk)

    def qsize(self) -> int:
        """Returns how many packages, of all processes, are accepted and not yet stored."""
        return sum(count for count, _ in self._backlogs())

    def empty(self) -> bool:
        """Tells whether every accepted package, of all processes, is stored."""
        return not any(size for _, size in self._backlogs())

    def full(self) -> bool:
        """Tells whether a package of 64 bytes would have to wait for space in the buffer of this process."""
        producer = self._producer
        try:
            return producer is not None and not producer.ring.wait_for_space(BODY_PREFIX.size + 64, 0)
        except RingClosedError:  # the next put makes another one
            return False

    @property
    def producer(self) -> FolderProducer:
        """The ring of this process for the folder; made at the first need."""
        producer = self._producer
        # Two threads that connect and disconnect at once may leave a ring, and no way to it.
        return self._open() if producer is None or producer.is_foreign or self._way is _NO_WAY else producer

    def put_entry(self, source: int, time_stamp: int, payload: bytes | memoryview) -> None:
        """Puts an entry of which all parts were checked, and which is no onset; waits for space."""
        prefix = _pack_prefix(source, 0, time_stamp)
        ring_put, spill_above = self._way
        try:
            if len(payload) <= spill_above:
                ring_put(prefix, payload, timeout=0)
                return
        except (RingFullError, RingClosedError):
            pass
        self._put_slowly(prefix, payload, block=True, timeout=None)

    def put_onset(self, source: int, payload: bytes) -> None:
        """Puts the entry of an onset that its caller has claimed."""
        self._put_slowly(_pack_prefix(source, 0, ONSET_TIME), payload, block=True, timeout=None)

    def hold(self, session: object) -> None:
        """Keeps a session from ending while this queue can be used, in the process that owns it; None lets go of it.

        And of the rings, which the end of a session has closed: they would stay in memory until the next put.
        """
        self._session = session
        if session is None:
            self._watch = None
            self._connect(None)

    def __repr__(self) -> str:
        return f"LogQueue({str(self._place.folder)!r}, storage={self._storage!r})"

    def __reduce__(self) -> "tuple[type[LogQueue], tuple[LogPlace, str, int]]":
        return LogQueue, (self._place, self._storage, self._buffer_size)

    def _put_slowly(self, prefix: bytes, data: "_Payload", block: bool, timeout: float | None) -> None:
        """Puts a package that did not go in at once."""
        patience, payload = Patience(block, timeout), _view_of(data)
        for _ in range(_REOPENINGS):
            producer = self.producer
            try:
                if len(payload) > producer.spill_above:
                    _put_spilled(producer, prefix, payload, patience)
                else:
                    _put_patiently(producer, (prefix, payload), patience)
            except RingClosedError as error:  # by `stop`
                self._connect(None)
                last = error
            else:
                return
        raise last

    def _put_special(self, package: LogPackage, block: bool, timeout: float | None) -> None:
        data, time_stamp = package.serialized_data, package.time_stamp
        self._put_slowly(_pack_prefix(package.source_id, 0, time_stamp), data, block, timeout)
        producer = self._producer
        if is_onset(int(time_stamp), len(data)) and producer is not None:
            (onset_us,) = ONSET_PAYLOAD.unpack(data.tobytes())
            note_onset(producer, int(package.source_id), onset_us)

    def _put_chunk(self, chunk: list[tuple[bytes]]) -> None:
        """Empties a chunk and puts its records."""
        # Emptied first: a put that is interrupted must not be repeated on the way out.
        records = chunk.copy()
        chunk.clear()
        if not records:
            return
        try:
            stored = self.producer.ring.put_many(records, timeout=0)
        except (RingFullError, RingClosedError) as error:
            stored = error.stored
        for (body,) in records[stored:]:
            self._put_slowly(body[: BODY_PREFIX.size], body[BODY_PREFIX.size :], block=True, timeout=None)

    def _open(self) -> FolderProducer:
        producer = producer_of(self._place, self._storage, self._buffer_size)
        self._connect(producer)
        return producer

    def _connect(self, producer: FolderProducer | None) -> None:
        self._producer = producer
        # How a small payload goes, and what is small. One value, so that no thread meets the halves of two; before
        # there is a ring, nothing is small.
        self._way: tuple[_Put, int] = _NO_WAY if producer is None else (producer.ring.put, producer.spill_above)

    def _backlogs(self) -> list[tuple[int, int]]:
        """Returns packages and bytes waiting in each ring of the folder."""
        watch = self._watch
        # A forked child has its own: another thread of the parent may have been inside the parent's.
        if watch is None or watch.pid != os.getpid():
            watch = self._watch = RingWatch(self._place.states)
        return [(ring.waiting, ring.backlog) for ring in watch.look()]


def _put_patiently(producer: FolderProducer, parts: tuple[bytes | memoryview, ...], patience: Patience) -> int:
    positions: list[int] = []

    def is_put(seconds: float) -> bool:
        with suppress(RingFullError):
            positions.append(producer.ring.put(*parts, timeout=seconds))
        return bool(positions)

    if not is_put(0):
        # Who only looks for space is overtaken for ever by a thread with small records.
        producer.ring.in_turn(lambda: patience.wait(producer, is_put))
    return positions[0]


def _put_spilled(producer: FolderProducer, prefix: bytes, payload: memoryview, patience: Patience) -> None:
    """Puts a payload that is too large for the ring, while no other thread does."""
    # A signal handler or a finalizer goes ahead where its own thread is.
    is_inside = owns(producer)
    try:
        if not is_inside:
            patience.take_spill_lock(producer)
        _spill(producer, prefix, payload, patience)
    finally:
        if not is_inside and owns(producer):
            producer.spill_lock.release()


def _spill(producer: FolderProducer, prefix: bytes, payload: memoryview, patience: Patience) -> None:
    """Puts a payload into a file, and a reference to it into the ring."""
    spills, ring = producer.spills, producer.ring
    patience.wait(producer, lambda _: spills.has_space(len(payload), ring.tail))
    reference = spills.write(payload)
    try:
        parts = _pack_prefix(prefix[0], FLAG_SPILLED, int.from_bytes(prefix[-8:], "little")), reference.pack()
        position = _put_patiently(producer, parts, patience)
    except (LogFullError, RingClosedError):
        # After anything else, an interrupt, the frame may be in the ring: then the file goes with the ring.
        spills.discard(reference)
        raise
    spills.committed(position, reference.size)


def _view_of(data: "_Payload") -> memoryview:
    """Returns the bytes of a payload as they are to be stored, copied only where they do not lie side by side."""
    view = memoryview(data) if isinstance(data, bytes | memoryview) else data.data
    return view if view.c_contiguous else memoryview(view.tobytes())


def _put_nowhere(*_: "Buffer", timeout: float | None = None) -> int:
    raise RingClosedError(f"The ring is not open yet (timeout {timeout}).")


_NO_WAY: "Final[tuple[_Put, int]]" = (_put_nowhere, -1)


def _check_timeout(timeout: float, block: bool) -> None:
    """Refuses a timeout as `queue.Queue` does, and before anything is accepted."""
    try:
        is_possible = timeout >= 0
    except TypeError:
        raise SettingTypeError(f"timeout must be a number of seconds or None, not {type(timeout).__name__}.") from None
    if block and not is_possible:
        raise SettingValueError(f"timeout must be a non-negative number of seconds or None, not {str(timeout)[:40]}.")


def _iterate(packages: Iterable[LogPackage]) -> Iterator[LogPackage]:
    try:
        return iter(packages)
    except TypeError as error:
        raise PackageTypeError(
            f"LogQueue.put_many takes an iterable of LogPackage instances, not {type(packages).__name__}. Use put for "
            "a single one."
        ) from error


def _refuse(package: object) -> NoReturn:
    raise PackageTypeError(
        f"LogQueue takes LogPackage instances, not {type(package).__name__}. Use LogPackage(source_id, time_stamp, "
        "serialized_data), or LogSource.log for plain bytes."
    )
