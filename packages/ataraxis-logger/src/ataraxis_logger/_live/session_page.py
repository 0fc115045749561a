"""The session page: one small shared file per log folder that says who runs there and how it goes.

It lies beside the rings, in memory, because it has to be readable when the log folder is gone or full. Every field is
a 64-bit word with one writer at a time, loaded and stored whole; nothing here is ever waited for under a lock.

======== =======================================================================================================
word     content
======== =======================================================================================================
0        magic and version
1        storage (index into `STORAGES`)
2        state (`IDLE`, `STARTED`, `STOPPING`)
3, 4     process ids of owner and keeper
5, 6     start of the session: UTC and monotonic clock, microseconds
7 to 11  process count, thread count, sleep (µs), sync interval (µs, 0: never), identity of the log folder
12, 13   session id, 16 random bytes
14       restarts of writers so far
15       whether the onsets in the folder's journals were read
16       the boot that the clocks of the onsets are of (`places.boot_number`): the page may lie on a disk
64       the last error: length in bytes, then up to 504 bytes of UTF-8
128      the log folder: length in bytes, then up to 4088 bytes
640      a slot of 16 words for each writer (`WriterSlot`)
2688     for each source: 0, or 1 when it has an onset, 2 when that was put; the onset; the monotonic clock then (µs), 0
         when that is not known
======== =======================================================================================================
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from ataraxis_logger._entry import MAX_SOURCE
from ataraxis_logger._errors import LoggerStateError
from ataraxis_shm._mapping import map_file
from ataraxis_shm._registry import OpenFile, open_file
from ataraxis_shm._system import discard, reserve

PAGE_NAME: Final = "session"
STORAGES: Final = ("npy", "journal")
IDLE, STARTED, STOPPING = range(3)

OWNER_LOCK: Final = 0
KEEPER_LOCK: Final = 1
NAMING_LOCK: Final = 2
ONSET_LOCK: Final = 3
MAKER_LOCK: Final = 4
WRITER_LOCKS: Final = 16

MAX_WRITERS: Final = 128

_MAGIC: Final = int.from_bytes(b"AXL-SES\x02", "little")
_SIGN_BIT: Final = 1 << 63
_ERROR_WORD: Final = 64
_ERROR_BYTES: Final = 504
_FOLDER_WORD: Final = 128
_FOLDER_BYTES: Final = 4088
_SLOT_WORD: Final = 640
_SLOT_WORDS: Final = 16
_ONSET_WORD: Final = _SLOT_WORD + MAX_WRITERS * _SLOT_WORDS
_ONSET_WORDS: Final = 3
_ONSET_CHOSEN, _ONSET_PUT = 1, 2
_WORDS: Final = _ONSET_WORD + _ONSET_WORDS * (MAX_SOURCE + 1)
PAGE_SIZE: Final = 8 * _WORDS


class _Word:
    """A field that is one unsigned word of the page, or of a writer's slot."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, instance: "SessionPage | WriterSlot", _: type | None = None) -> int:
        return instance.words[self._index]

    def __set__(self, instance: "SessionPage | WriterSlot", value: int) -> None:
        instance.words[self._index] = value


class WriterSlot:
    """What one writer says about itself.

    Attributes:
        pid: Its process, 0 while there is none.
        rings: How many rings it has claimed.
        refused_since: Since when the disk has refused its writes, monotonic nanoseconds; 0 when it does not.
        refused_code: The error number of the refusal.
        retired_accepted: Packages that came through rings this writer has removed.
        retired_stored: Those of them that it stored.
        damaged: Stretches of rings that were skipped because they did not verify.
        progress: Grows while packages are stored; it may leave some out.
        retirements: Odd while the counts of a ring move from its file to `retired_accepted` and `retired_stored`; a
            look that finds it odd, or another number afterwards, saw that ring twice or not at all.
        unreadable: How many rings it can neither store nor skip: damaged ones, and those that cannot be opened now.
    """

    __slots__ = ("words",)

    pid = _Word(0)
    rings = _Word(1)
    refused_since = _Word(2)
    refused_code = _Word(3)
    retired_accepted = _Word(4)
    retired_stored = _Word(5)
    damaged = _Word(6)
    progress = _Word(7)
    retirements = _Word(8)
    unreadable = _Word(9)

    def __init__(self, words: memoryview) -> None:
        self.words = words


class SessionPage:
    """The session page of one log folder, mapped into this process."""

    __slots__ = ("__weakref__", "_memory", "file", "path", "words")

    storage_index = _Word(1)
    state = _Word(2)
    owner_pid = _Word(3)
    keeper_pid = _Word(4)
    started_utc_us = _Word(5)
    started_monotonic_us = _Word(6)
    process_count = _Word(7)
    thread_count = _Word(8)
    sleep_us = _Word(9)
    sync_us = _Word(10)
    folder_identity = _Word(11)
    restarts = _Word(14)
    journals_read = _Word(15)
    boot = _Word(16)

    def __init__(self, path: Path, file: OpenFile) -> None:
        """Maps an open page; use `attach` or `provide`."""
        self.path = path
        self.file = file
        self._memory = map_file(file.fd, PAGE_SIZE)
        self.words = self._memory.cast("Q")

    @classmethod
    def attach(cls, state_folder: Path) -> Self | None:
        """Opens the page of a log folder, or returns None when there is none."""
        path = state_folder / PAGE_NAME
        try:
            file = open_file(path)
        except FileNotFoundError:
            return None
        if os.fstat(file.fd).st_size != PAGE_SIZE:
            file.close()
            return None
        page = cls(path, file)
        if page.words[0] != _MAGIC:
            page.close()
            return None
        return page

    @classmethod
    def provide(cls, state_folder: Path, folder: Path, storage: str) -> Self:
        """Opens the page of a log folder, making it first when there is none.

        Raises:
            OSError: The state folder is not there or cannot hold the page.
        """
        path = state_folder / PAGE_NAME
        while (page := cls.attach(state_folder)) is None:
            _remove_unusable(path)
            _publish(path, folder, STORAGES.index(storage))
        return page

    @property
    def is_current(self) -> bool:
        """Whether the page still is the one under its name: it may have been removed, and another one made."""
        try:
            return os.path.samestat(os.fstat(self.file.fd), self.path.stat())
        except FileNotFoundError:
            return False

    @property
    def storage(self) -> str:
        """The storage that the folder's packages are meant for."""
        return STORAGES[self.storage_index]

    @property
    def session_id(self) -> bytes:
        """16 random bytes, new at every start."""
        return bytes(self._memory[12 * 8 : 14 * 8])

    @property
    def folder(self) -> Path:
        """The log folder."""
        return Path(os.fsdecode(self._read_text(_FOLDER_WORD, _FOLDER_BYTES)))

    @property
    def last_error(self) -> str:
        """What went wrong last, empty when nothing did."""
        return self._read_text(_ERROR_WORD, _ERROR_BYTES).decode(errors="replace")

    def report_error(self, text: str) -> None:
        """Makes a text the last error; the end of a long one is cut off."""
        self._write_text(_ERROR_WORD, text.encode(errors="replace")[:_ERROR_BYTES])

    def begin(self, identity: int) -> None:
        """Empties the counters and gives the session a new id and start time; the caller holds the owner's lock."""
        first_slot, after = 8 * _SLOT_WORD, 8 * _ONSET_WORD
        self._memory[first_slot:after] = bytes(after - first_slot)
        self._memory[12 * 8 : 14 * 8] = os.urandom(16)
        self.restarts = self.keeper_pid = 0
        self.report_error("")
        self.owner_pid = os.getpid()
        self.folder_identity = identity
        self.started_utc_us = time.time_ns() // 1000
        self.started_monotonic_us = time.monotonic_ns() // 1000

    def writer(self, number: int) -> WriterSlot:
        """Returns the slot of a writer."""
        start = _SLOT_WORD + number * _SLOT_WORDS
        return WriterSlot(self.words[start : start + _SLOT_WORDS])

    def writers(self) -> list[WriterSlot]:
        """Returns the slots of the session's writers."""
        return [self.writer(number) for number in range(min(self.process_count, MAX_WRITERS))]

    def onset(self, source: int) -> tuple[int, int] | None:
        """Returns the onset of a source, UTC microseconds, and the monotonic clock then; None when it is not known."""
        start = _ONSET_WORD + source * _ONSET_WORDS
        known, onset_us, monotonic_us = self.words[start : start + _ONSET_WORDS]
        return (onset_us - _SIGN_BIT, monotonic_us) if known else None

    def choose_onset(self, source: int, onset_us: int, monotonic_us: int, *, is_put: bool = True) -> tuple[int, int]:
        """Notes the onset of a source, unless it has one; the caller holds the onset lock.

        Args:
            source: The source.
            onset_us: The onset, UTC microseconds.
            monotonic_us: The monotonic clock then, 0 when it is not known.
            is_put: Whether its entry was put already.

        Returns:
            The onset that the source has now, and its clock.
        """
        words, start = self.words, _ONSET_WORD + source * _ONSET_WORDS
        onset, state = onset_us + _SIGN_BIT, _ONSET_PUT if is_put else _ONSET_CHOSEN
        # Nothing is called between the look and the last store: a signal handler that chooses comes before or after.
        if not words[start]:
            words[start + 1] = onset
            words[start + 2] = monotonic_us
            words[start] = state
        return words[start + 1] - _SIGN_BIT, words[start + 2]

    def note_onset_put(self, source: int) -> None:
        """Notes that the entry of a known onset was put; the caller holds the onset lock."""
        self.words[_ONSET_WORD + source * _ONSET_WORDS] = _ONSET_PUT

    def is_onset_put(self, source: int) -> bool:
        """Tells whether the entry of a known onset was put: its process may have been killed before."""
        return self.words[_ONSET_WORD + source * _ONSET_WORDS] == _ONSET_PUT

    def forget_onsets(self) -> None:
        """Forgets all onsets, for a folder that was replaced."""
        self.journals_read = 0
        self._memory[8 * _ONSET_WORD :] = bytes(PAGE_SIZE - 8 * _ONSET_WORD)

    def forget_clocks(self) -> None:
        """Forgets when on the monotonic clock the onsets were, which nobody knows after a boot."""
        for start in range(_ONSET_WORD, _WORDS, _ONSET_WORDS):
            self.words[start + 2] = 0

    def holds(self, lock: int) -> bool:
        """Tells whether one of the page's locks is held through this very object."""
        return self.file.entry.held.get(lock) is self.file

    def is_held(self, lock: int) -> bool:
        """Tells whether a living process holds one of the page's locks."""
        return self.file.byte_is_locked(lock)

    def is_writing(self) -> bool:
        """Tells whether a writer is alive."""
        return any(self.is_held(WRITER_LOCKS + number) for number in range(min(self.process_count, MAX_WRITERS)))

    def is_at_work(self) -> bool:
        """Tells whether a keeper or a writer is alive: writers go on for a moment when their keeper was killed."""
        return self.is_held(KEEPER_LOCK) or self.is_writing()

    def remove(self) -> None:
        """Removes the page; those who have it mapped keep the memory."""
        discard(self.path)

    def close(self) -> None:
        """Lets go of the page and of the locks held through it."""
        self.file.close()

    def _read_text(self, word: int, most: int) -> bytes:
        start = 8 * word + 8
        return bytes(self._memory[start : start + min(self.words[word], most)])

    def _write_text(self, word: int, text: bytes) -> None:
        start = 8 * word + 8
        self.words[word] = 0
        self._memory[start : start + len(text)] = text
        self.words[word] = len(text)

    def _describe(self, folder: Path, storage_index: int) -> None:
        name = os.fsencode(folder)
        if len(name) > _FOLDER_BYTES:
            raise OSError(f"Unable to log to a folder whose path has {len(name)} bytes, the most is {_FOLDER_BYTES}.")
        self._write_text(_FOLDER_WORD, name)
        self.storage_index = storage_index
        self.words[0] = _MAGIC


def _remove_unusable(path: Path) -> None:
    """Removes a page that another version of this package left behind, unless that one is at work."""
    try:
        file = open_file(path)
    except FileNotFoundError:
        return
    try:
        if file.byte_is_locked(OWNER_LOCK) or file.byte_is_locked(KEEPER_LOCK):
            raise LoggerStateError(
                f"Another version of ataraxis-logger runs on this log folder (its session page is {path}). Stop it."
            )
        discard(path)
    finally:
        file.close()


def remove_unfinished_pages(state_folder: Path) -> None:
    """Removes what makers of pages left that were killed before their page was there."""
    for temporary in state_folder.glob(f".{PAGE_NAME}.*"):
        with suppress(FileNotFoundError), open_file(temporary) as file:
            if not file.byte_is_locked(MAKER_LOCK):
                discard(temporary)


def _publish(path: Path, folder: Path, storage_index: int) -> None:
    """Makes a page under a temporary name and gives it its own, unless another process is faster."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    file = open_file(temporary, create=True)
    try:
        file.try_lock_byte(MAKER_LOCK)
        reserve(file.fd, PAGE_SIZE)
        SessionPage(temporary, file)._describe(folder, storage_index)  # noqa: SLF001  # the one place that makes a page
        with suppress(FileExistsError):
            _take_name(temporary, path)
    finally:
        file.close()
        discard(temporary)


def _take_name(temporary: Path, path: Path) -> None:
    """Renames without replacing. Both names lie in a private folder of a local file system, which has hard links."""
    if os.name == "nt":  # pragma: no cover (written and type-checked for, not yet run)
        temporary.rename(path)
    else:
        path.hardlink_to(temporary)
