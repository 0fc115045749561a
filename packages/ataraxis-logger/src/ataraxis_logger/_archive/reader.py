"""`LogArchiveReader`: messages with absolute times, out of archives and log folders."""

import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from ataraxis_logger._archive.folder_log import open_log
from ataraxis_logger._archive.log import Block, Log
from ataraxis_logger._archive.onset import onsets_of
from ataraxis_logger._archive.typed import fill_fields, message_dtype, typed_payloads
from ataraxis_logger._archive.workers import usable_cores
from ataraxis_logger._entry import MAX_TIME, parse_stem
from ataraxis_logger._errors import DamagedEntryError, DamageWarning, LogFormatError, LogNotFoundError, OnsetError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_WORTH_BATCHES: Final = 2000


class LogMessage(NamedTuple):
    """One message.

    Attributes:
        timestamp_us: UTC microseconds since 1970 when the onset is known, else the time stamp as it was logged.
        payload: its bytes.
    """

    timestamp_us: np.uint64
    payload: "NDArray[np.uint8]"


class LogArchiveReader:
    """Reads the messages of one source, in time order, from an archive, an npy folder or a journal folder.

    The directory of an archive is read once; entries are decoded, and their CRCs checked, when they are wanted. A
    folder is read as a whole: what it holds as files, in segments and in its archives, each entry once. Onsets are not
    messages. A reader pickles: workers of a process pool open the log again.

    Args:
        archive_path: an `.npz` archive (of any writer, NumPy's own too) or a log folder.
        onset_us: what the times count from, in UTC microseconds; overrides what the log says.
        source_id: the source; needed where there are several.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no log at the path, or the source is not in it.
        LogFormatError: (ValueError) the file holds no log entries, or there are several sources and none was chosen.
        OnsetError: (ValueError) the source has different onsets, so that its absolute times are ambiguous; or its
            latest time, counted from the onset, does not fit into 64 bits.

    Warns:
        DamageWarning: an archive lost its directory, or a stretch of a segment holds no record, so that entries may be
            missing without a name; `verify_log` lists everything.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogArchiveReader, LogPackage, compress_npy_logs
        >>> with TemporaryDirectory() as folder:
        ...     for time in (10, 20):
        ...         name, data = LogPackage(1, time, np.arange(3, dtype=np.uint8)).get_data()
        ...         np.save(Path(folder) / name, data)
        ...     with LogArchiveReader(folder, onset_us=1000) as reader:
        ...         [(int(time), payload.tolist()) for time, payload in reader]
        [(1010, [0, 1, 2]), (1020, [0, 1, 2])]
    """

    def __init__(
        self, archive_path: Path | str, onset_us: int | np.uint64 | None = None, *, source_id: int | None = None
    ) -> None:
        shared = _SharedLog(Path(archive_path))
        self._open(shared, onset_us, source_id)
        shared.tell_damage()

    @classmethod
    def open_all(cls, path: Path | str, onset_us: int | np.uint64 | None = None) -> "dict[int, LogArchiveReader]":
        """Opens a reader for every source of an archive or a log folder, which is gone through only once.

        Args:
            path: the archive or log folder.
            onset_us: what the times of all sources count from, in UTC microseconds; overrides what the log says.

        Returns:
            The readers by source, ascending. Close each of them.

        Raises:
            LogNotFoundError: (FileNotFoundError) there is no log at the path.
            OnsetError: (ValueError) a source has different onsets.
        """
        shared = _SharedLog(Path(path))
        readers: dict[int, LogArchiveReader] = {}
        try:
            for source in shared.log.sources():
                readers[source] = cls._using(shared, onset_us, source)
        except BaseException:
            shared.log.close()
            raise
        shared.tell_damage()
        if not readers:
            shared.log.close()
        return readers

    @classmethod
    def _using(cls, shared: "_SharedLog", onset_us: int | np.uint64 | None, source_id: int) -> Self:
        reader = cls.__new__(cls)
        reader._open(shared, onset_us, source_id)  # noqa: SLF001  # the class itself
        return reader

    def _open(self, shared: "_SharedLog", onset_us: int | np.uint64 | None, source_id: int | None) -> None:
        self._shared: _SharedLog | None = shared
        self._log = shared.log
        self._path = shared.log.path
        self._given_onset = None if onset_us is None else int(onset_us)
        shared.users += 1
        try:
            self._source = _choose_source(self._log, source_id)
            onsets, self._onset_count = onsets_of(self._log, self._source)
            self._onsets = tuple(onsets)
            self._onset = self._choose_onset(onsets)
            self._require_times_that_fit()
        except BaseException:
            self.close()
            raise

    @property
    def onset_timestamp_us(self) -> np.uint64:
        """UTC microseconds that the times count from.

        Raises:
            OnsetError: (ValueError) the log has no onset and none was given.
        """
        if self._onset is None:
            raise OnsetError(
                f"Source {self._source} in {self._path} has no onset, so the unit and the origin of its times are "
                "unknown. Pass onset_us when you know it."
            )
        return np.uint64(self._onset)

    @property
    def has_onset(self) -> bool:
        """Whether times are absolute: the log has an onset, or one was given."""
        return self._onset is not None

    @property
    def onsets(self) -> tuple[int, ...]:
        """The different onsets in the log, UTC microseconds, whether or not one was given: usually one, or none."""
        return self._onsets

    @property
    def message_count(self) -> int:
        """How many messages there are, onsets not counted."""
        return self._log.count(self._source) - self._onset_count

    @property
    def source_id(self) -> int:
        """The source whose messages these are."""
        return self._source

    def get_batches(self, workers: int = -1, batch_multiplier: int = 4) -> list[list[str]]:
        """Returns the keys of all messages in consecutive batches, for instance for the workers of a process pool.

        Args:
            workers: how many workers there are; -1 for one per usable core.
            batch_multiplier: batches per worker.

        Returns:
            About `workers * batch_multiplier` lists of keys for `iter_messages`; one list when there are fewer than
            2,000 messages, no list when there are none.
        """
        workers = usable_cores() if workers < 1 else workers
        count = self.message_count
        batches = 1 if count < _WORTH_BATCHES else workers * max(1, batch_multiplier)
        size = max(1, -(-count // batches))
        first, last = self._onset_count, self._onset_count + count
        return [self._log.keys(self._source, start, min(start + size, last)) for start in range(first, last, size)]

    def iter_messages(self, keys: Sequence[str] | None = None) -> Iterator[LogMessage]:
        """Iterates over messages, all of them or those of the given keys in that order.

        Each payload is an array of its own. At a damaged entry the iterator raises, and goes on behind it when it is
        asked for the next message:

            while True:
                try:
                    message = next(messages)
                except StopIteration:
                    break
                except DamagedEntryError as error:
                    print(error)

        Args:
            keys: keys from `get_batches`, or from NumPy's `files`.

        Raises:
            DamagedEntryError: (ValueError) an entry is damaged; it is named.
            KeyError: there is no such message.
        """
        blocks = self._blocks() if keys is None else self._blocks_of(keys)
        return _Messages(blocks, 0 if self._onset is None else self._onset)

    def read_all_messages(self) -> "tuple[NDArray[np.uint64], list[NDArray[np.uint8]]]":
        """Returns all times, as an array, and all payloads.

        Payloads of neighbouring messages share a block of memory, which saves half the time; copy the few you keep when
        you drop the others.

        Raises:
            DamagedEntryError: (ValueError) an entry is damaged; it is named. `iter_messages` reads the others.
        """
        times, payloads = [], []
        for block in self._blocks():
            _raise_damage(block)
            times.append(block.times)
            payloads += _arrays_of(block)
        if not times:
            return np.zeros(0, dtype=np.uint64), []
        return self._absolute(np.concatenate(times)), payloads

    def read_times(self) -> "NDArray[np.uint64]":
        """Returns the times of all messages, as `LogMessage` has them, without reading payloads."""
        return self._absolute(self._log.stamps(self._source, self._onset_count))

    def between(self, start_us: int, stop_us: int) -> Iterator[LogMessage]:
        """Iterates over the messages of a stretch of time; a binary search finds the first.

        Args:
            start_us: the first time, as `LogMessage` has it.
            stop_us: the first time that is too late.

        Raises:
            DamagedEntryError: as `iter_messages`.
        """
        onset = 0 if self._onset is None else self._onset
        first, last = (self._log.find(self._source, _within(int(time) - onset)) for time in (start_us, stop_us))
        if int(stop_us) - onset > MAX_TIME:
            last = self._log.count(self._source)
        return _Messages(self._blocks(max(first, self._onset_count), last), onset)

    def iter_blocks(self) -> "Iterator[tuple[NDArray[np.uint64], list[bytes | memoryview]]]":
        """Iterates over all messages in blocks of a few thousand, the quickest way to stream them elsewhere.

        Yields:
            The times of the messages of a block, as `LogMessage` has them, and their payloads, as read-only bytes.

        Raises:
            DamagedEntryError: (ValueError) an entry is damaged; it is named.
        """
        for block in self._blocks():
            _raise_damage(block)
            yield self._absolute(block.times), block.payloads

    def to_numpy(self, dtype: "DTypeLike") -> "NDArray[np.void]":
        """Returns all messages as one structured array, for payloads that all have the same size.

        Args:
            dtype: what a payload is. The fields of a structured dtype, or else one field `payload`, follow the field
                `timestamp_us` (uint64).

        Returns:
            A one-dimensional array, one element per message.

        Raises:
            LogFormatError: (ValueError) a payload has another size.
            DamagedEntryError: (ValueError) an entry is damaged; it is named.
            ValueError: the dtype holds Python objects, or has a field `timestamp_us` of its own.

        Example:
            >>> from pathlib import Path
            >>> from tempfile import TemporaryDirectory
            >>> import numpy as np
            >>> from ataraxis_logger import LogArchiveReader, LogPackage
            >>> with TemporaryDirectory() as folder:
            ...     name, data = LogPackage(1, 10, np.array([1.5, 2.5]).view(np.uint8)).get_data()
            ...     np.save(Path(folder) / name, data)
            ...     with LogArchiveReader(folder) as reader:
            ...         reader.to_numpy([("x", "<f8"), ("y", "<f8")])
            array([(10, 1.5, 2.5)],
                  dtype=[('timestamp_us', '<u8'), ('x', '<f8'), ('y', '<f8')])
        """
        payload_type = np.dtype(dtype)
        result = np.empty(self.message_count, dtype=message_dtype(payload_type))
        place = 0
        for times, payloads in self.iter_blocks():
            stop = place + len(payloads)
            result["timestamp_us"][place:stop] = times
            fill_fields(result[place:stop], typed_payloads(times, payloads, payload_type))
            place = stop
        return result

    def __len__(self) -> int:
        return self.message_count

    def __iter__(self) -> Iterator[LogMessage]:
        return self.iter_messages()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the log; payloads that were read stay valid. Harmless when repeated."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.release()

    def __repr__(self) -> str:
        onset = "unknown" if self._onset is None else self._onset
        return (
            f"LogArchiveReader({str(self._path)!r}, source_id={self._source}, messages={self.message_count}, "
            f"onset_us={onset})"
        )

    def __reduce__(self) -> "tuple[Any, tuple[Path, int | None, int | None]]":
        return _reopen, (self._path, self._given_onset, self._source)

    def _choose_onset(self, onsets: list[int]) -> int | None:
        if self._given_onset is not None:
            if not 0 <= self._given_onset <= MAX_TIME:
                raise OnsetError(f"onset_us must be from 0 to {MAX_TIME}, not {str(self._given_onset)[:40]}.")
            return self._given_onset
        if len(onsets) > 1 or any(onset < 0 for onset in onsets):
            shown = ", ".join(map(str, onsets[:3]))
            raise OnsetError(
                f"Source {self._source} in {self._path} has {len(onsets)} onset(s) that cannot be used together "
                f"({shown}), so its absolute times are ambiguous. Pass onset_us: the right one, or 0 for the times as "
                "they were logged."
            )
        return onsets[0] if onsets else None

    def _require_times_that_fit(self) -> None:
        """Refuses to count from the onset when a sum would not fit into 64 bits and come out as a small time."""
        if not self._onset or not self.message_count:
            return
        latest = int(self._log.stamps(self._source, self._log.count(self._source) - 1)[0])
        if latest + self._onset > MAX_TIME:
            raise OnsetError(
                f"The latest time stamp of source {self._source} in {self._path}, {latest}, lies beyond the end of "
                f"64-bit time when it counts from the onset {self._onset}. Pass onset_us=0 for the times as they were "
                "logged."
            )

    def _blocks(self, start: int | None = None, stop: int | None = None) -> Iterator[Block]:
        return self._log.read(self._source, self._onset_count if start is None else start, stop)

    def _blocks_of(self, keys: Sequence[str]) -> Iterator[Block]:
        """Yields the entries of some keys; consecutive keys, as in a batch, are read together.

        The stretch tried doubles while it fits, so that keys in any other order do not cost a look at all that follow.
        """
        place, tried = 0, 1
        while place < len(keys):
            number = self._number_of(keys[place])
            names = self._log.keys(self._source, number, number + min(tried, len(keys) - place))
            same = sum(1 for _ in _while_equal(names, keys, place))
            yield from self._log.read(self._source, number, number + same)
            place += same
            tried = 2 * tried if same == tried else 1

    def _number_of(self, key: str) -> int:
        stem = parse_stem(key)
        if stem is not None:
            first, last = (self._log.find(self._source, time) for time in (stem.time, stem.time + 1))
            # The rank that most writers give, and else one of the entries of this time.
            candidates: list[int] = [first + stem.repeat, *range(first, last)]
        else:
            candidates = list(range(self._log.count(self._source)))
        for number in candidates:
            if self._log.keys(self._source, number, number + 1) == [key] and number >= self._onset_count:
                return number
        raise KeyError(f"There is no message {str(key)[:60]!r} of source {self._source} in {self._path}.")

    def _absolute(self, times: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
        return times if self._onset is None else times + np.uint64(self._onset)


class _SharedLog:
    """A log that several readers use; the last one closes it."""

    def __init__(self, path: Path) -> None:
        self.log = open_log(path)
        self.users = 0

    def tell_damage(self) -> None:
        """Warns of what may have cost entries that nobody can name any more."""
        if damage := [problem for problem in self.log.problems if not problem.is_foreign]:
            more = f" (and {len(damage) - 1} more)" if len(damage) > 1 else ""
            message = f"Entries of {self.log.path} may be missing: {damage[0]}{more}."
            warnings.warn(message, DamageWarning, stacklevel=3)

    def release(self) -> None:
        self.users -= 1
        if not self.users:
            self.log.close()


class _Messages(Iterator[LogMessage]):
    """An iterator that can go on after it has raised, which a generator cannot."""

    def __init__(self, blocks: Iterator[Block], onset: int) -> None:
        self._blocks = blocks
        self._onset = np.uint64(onset)
        self._entries: Iterator[tuple[np.uint64, bytes | memoryview]] = iter(())
        self._damaged: dict[int, DamagedEntryError] = {}
        self._place = -1

    def __next__(self) -> LogMessage:
        for time, payload in self._entries:
            self._place += 1
            if self._damaged and self._place in self._damaged:
                raise self._damaged[self._place]
            return LogMessage(time, np.frombuffer(bytearray(payload), dtype=np.uint8))
        block = next(self._blocks)
        self._entries = zip(block.times + self._onset, block.payloads, strict=True)
        self._damaged = block.damaged
        self._place = -1
        return next(self)


def _arrays_of(block: Block) -> "list[NDArray[np.uint8]]":
    """Returns the payloads of a block as writable arrays in one block of memory."""
    memory = np.frombuffer(bytearray(b"".join(block.payloads)), dtype=np.uint8)
    stops = np.cumsum(np.fromiter(map(len, block.payloads), dtype=np.int64, count=len(block.payloads))).tolist()
    return [memory[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]


def _raise_damage(block: Block) -> None:
    for error in block.damaged.values():
        raise error


def _while_equal(names: Sequence[str], keys: Sequence[str], start: int) -> Iterator[str]:
    for name, key in zip(names, islice(keys, start, None), strict=False):
        if name != key:
            return
        yield name


def _within(time: int) -> int:
    return 0 if time < 0 else min(time, MAX_TIME)


def _choose_source(log: Log, wanted: int | None) -> int:
    sources = log.sources()
    shown = ", ".join(map(str, sources[:20]))
    if wanted is not None:
        if int(wanted) not in sources:
            raise LogNotFoundError(f"There is no source {wanted} in {log.path}; there are: {shown or 'none'}.")
        return int(wanted)
    if not sources:
        reason = f" ({log.problems[0].reason})" if log.problems else ""
        raise LogFormatError(f"{log.path} holds no log entries{reason}.", log.path)
    if len(sources) > 1:
        raise LogFormatError(f"{log.path} holds the sources {shown}; choose one with source_id.", log.path)
    return sources[0]


def _reopen(path: Path, onset_us: int | None, source_id: int | None) -> LogArchiveReader:
    return LogArchiveReader(path, onset_us, source_id=source_id)
