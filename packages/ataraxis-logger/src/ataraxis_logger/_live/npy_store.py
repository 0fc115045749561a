"""The npy storage: one file per package, each exactly once, although the writer may be killed between any two lines.

Each entry is *staged*: written to `.pending/<ring id>.<position>`. Then it is hard-linked to the first free one of its
names (`..._1`, `..._2` for equal source and time), so that a name appears whole. When all of a batch are linked, the
ring is advanced, and then the pending names are removed. A successor that finds a pending name with two links knows
that the entry is stored; with one link it writes the entry again.

Rejected: exclusive creation under the final name shows torn files, and doubles an entry when the kill comes between the
close and the advance (13 to 20 times in 340 kills with colliding stamps; this protocol: none lost, doubled or torn).
`O_TMPFILE` with `linkat`, and `renameat2(RENAME_NOREPLACE)`, need ctypes, exist on Linux only, and were no faster here
(54 and 52 µs for an entry, against 49 µs).

File systems without hard links (exFAT, some network drives) get another last step, under a lock of all writers: look
whether the name is free, then rename. There a staged entry without a pending name is a stored one.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

from ataraxis_logger._entry import ENTRY_PREFIX, stem_of
from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import write_all
from ataraxis_logger._formats.journal_layout import BODY_PREFIX
from ataraxis_logger._formats.npy import SUFFIX, npy_header
from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.crew import Crew
from ataraxis_logger._live.folder import Folder
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.session_page import NAMING_LOCK, SessionPage
from ataraxis_logger._live.spill import Reference, SpillFiles
from ataraxis_shm._ring_batch import Batch
from ataraxis_shm._ring_layout import wait_until

PENDING_FOLDER: Final = ".pending"
PROBE: Final = "probe-"

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_REPEATS_KEPT: Final = 4096
_SMALLEST_PART: Final = 16
_TIME_START: Final = BODY_PREFIX.size - 8
_PREFIX_GROWTH: Final = BODY_PREFIX.size - ENTRY_PREFIX.size


def pending_name(ring_id: int, position: int) -> str:
    """Returns the name of an entry that is being stored."""
    return f"{ring_id:016x}.{position:x}"


def pending_names(folder: Path) -> set[str]:
    """Returns the names of the entries of a log folder that its writers still hold."""
    try:
        return set(os.listdir(folder / PENDING_FOLDER))  # noqa: PTH208  # names are all it takes
    except FileNotFoundError:
        return set()


def parse_pending(name: str) -> tuple[int, int] | None:
    """Returns the ring id and position in a pending name, or None for any other name."""
    ring_id, _, position = name.partition(".")
    try:
        parsed = int(ring_id, 16), int(position, 16)
    except ValueError:
        return None
    return parsed if pending_name(*parsed) == name else None


def _write_parts(descriptor: int, parts: list[bytes | memoryview]) -> None:
    """Writes all of it, in one call unless the system takes less at a time."""
    size = sum(map(len, parts))
    done = _write_vector(descriptor, parts)
    if done < size:
        write_all(descriptor, [memoryview(b"".join(parts))[done:]])


class NpyStore:
    """Writes each package to an `.npy` file of its own.

    Args:
        folder: The log folder. It must exist and is never made.
        page: The session page, for its naming lock and the identity of the folder.
        threads: How many threads make files.

    Raises:
        OSError: The folder is not there, or refuses to be written to.
    """

    # A few milliseconds of work: what waits for the end of a batch, or repeats it after a kill, is never much.
    batch_records = 256

    def __init__(self, folder: Path, page: SessionPage, threads: int = 1) -> None:
        self._page = page
        require_identity(folder, page.folder_identity)
        self._left: dict[int, dict[int, bool]] = {}
        self._repeats: dict[str, int] = {}
        with ExitStack() as opened:
            self._folder = Folder(folder)
            opened.callback(self._folder.close)
            self._folder.make_folder(PENDING_FOLDER)
            self._pending = Folder(folder / PENDING_FOLDER)
            opened.callback(self._pending.close)
            self._has_links = self._try_link()
            opened.pop_all()
        self._crew = Crew(threads if self._has_links else 1)

    def claim(self, ring: ClaimedRing) -> None:
        """Notes which entries of a ring are staged or stored already, and clears away those it advanced past."""
        left: dict[int, bool] = {}
        for name in self._pending.names():
            parsed = parse_pending(name)
            if parsed is not None and parsed[0] == ring.ring_id:
                if parsed[1] < ring.tail:
                    self._pending.unlink(name)
                else:
                    left[parsed[1]] = self._pending.status(name).st_nlink > 1
        self._left[ring.ring_id] = left

    def append(self, ring: ClaimedRing, batch: Batch) -> None:
        """Begins to stage and name a batch, in as many parts as there are threads; see `Store.append`."""
        require_identity(self._folder.path, self._page.folder_identity)
        left, self._left[ring.ring_id] = self._left[ring.ring_id], {}
        if self._has_links:
            ring.stage(batch)
            self._append_linked(ring, batch, left)
        else:
            self._append_renamed(ring, batch, left)

    def commit(self) -> None:
        """Returns when everything appended has its name; see `Store.commit`."""
        self._crew.wait()

    def settle(self, ring: ClaimedRing, batch: Batch) -> None:
        """Begins to remove the pending names of a batch; see `Store.settle`."""
        if self._has_links:
            names = [pending_name(ring.ring_id, position) for position in batch.positions]
            self._crew.submit(lambda: self._unlink_all(names))

    def release(self, ring: ClaimedRing) -> None:
        """Forgets a ring when its pending names are gone; see `Store.release`."""
        self._crew.wait()
        self._left.pop(ring.ring_id, None)

    def sync(self) -> None:
        """Does nothing: `sync_interval` is the journal's."""

    def close(self) -> None:
        """Removes the folder of pending names if it is empty, and lets go of the log folder."""
        try:
            self._crew.wait()
        finally:
            self._crew.close()
            with suppress(OSError):  # names of other writers are in it, or it is gone
                self._remove_probes()
                self._folder.remove_folder(PENDING_FOLDER)
            self._pending.close()
            self._folder.close()

    def _append_linked(self, ring: ClaimedRing, batch: Batch, left: dict[int, bool]) -> None:
        """Stores the entries of a batch but those that a predecessor stored, which left two links to them."""
        for position, is_stored in left.items():
            if not is_stored:
                self._pending.unlink(pending_name(ring.ring_id, position))
        entries = [(pending_name(ring.ring_id, position), body) for position, body in batch if not left.get(position)]
        parts = min(self._crew.size, len(entries) // _SMALLEST_PART)
        if parts < 2:  # noqa: PLR2004  # one part
            self._store(ring.spills, entries)
            return
        # Entries of one source and time go to one thread, which names them in their order.
        shares: list[list[tuple[str, memoryview]]] = [[] for _ in range(parts)]
        for entry in entries:
            shares[crc32(entry[1][_TIME_START : BODY_PREFIX.size]) % parts].append(entry)
        for share in shares:
            self._crew.submit(partial(self._store, ring.spills, share))

    def _store(self, spills: SpillFiles, entries: list[tuple[str, memoryview]]) -> None:
        for pending, body in entries:
            self._write(spills, pending, body)
            self._name(pending, body)

    def _append_renamed(self, ring: ClaimedRing, batch: Batch, left: dict[int, bool]) -> None:
        """The same without hard links: what is below the stage and has no pending name is stored."""
        staged = ring.staged
        entries = [
            (position, pending_name(ring.ring_id, position), body)
            for position, body in batch
            if position >= staged or position in left
        ]
        for position, pending, body in entries:
            if position >= staged:
                if position in left:
                    self._pending.unlink(pending)
                self._write(ring.spills, pending, body)
        ring.stage(batch)
        for _, pending, body in entries:
            self._name(pending, body)

    def _write(self, spills: SpillFiles, pending: str, body: memoryview) -> None:
        """Writes an entry under its pending name."""
        descriptor = self._pending.create(pending)
        try:
            reference = Reference.of(body)
            if reference is None:
                # Source and time stand in the frame as they do in the entry, with seven other bytes between.
                _write_parts(descriptor, [npy_header(len(body) - _PREFIX_GROWTH), body[:1], body[_TIME_START:]])
            else:
                self._write_spilled(descriptor, spills, body, reference)
        except LogFormatError:
            self._pending.unlink(pending)
            raise
        finally:
            os.close(descriptor)

    @staticmethod
    def _write_spilled(descriptor: int, spills: SpillFiles, body: memoryview, reference: Reference) -> None:
        header = npy_header(reference.size + ENTRY_PREFIX.size)
        _write_parts(descriptor, [header, body[:1], body[_TIME_START : BODY_PREFIX.size]])
        for piece in spills.read(reference):
            _write_parts(descriptor, [piece])

    def _name(self, pending: str, body: memoryview) -> None:
        """Gives a staged entry the first free one of its names."""
        stem = stem_of(body[0], int.from_bytes(body[_TIME_START : BODY_PREFIX.size], "little"))
        repeat = self._repeats.get(stem, 0)
        give = self._link if self._has_links else self._rename
        while not give(pending, f"{stem}_{repeat}{SUFFIX}" if repeat else stem + SUFFIX):
            repeat += 1
        if repeat:
            # Without this a thousand entries of one time would take half a million attempts.
            if len(self._repeats) >= _REPEATS_KEPT:
                self._repeats.clear()
            self._repeats[stem] = repeat + 1

    def _link(self, pending: str, name: str) -> bool:
        try:
            self._pending.link_to(pending, self._folder, name)
        except FileExistsError:
            # A network file system asks its server again when the answer was lost, and hears that the name is taken:
            # by this very entry, which has two links then.
            return self._pending.status(pending).st_nlink > 1
        return True

    def _rename(self, pending: str, name: str) -> bool:
        with self._naming():
            try:
                self._folder.status(name)
            except FileNotFoundError:
                self._pending.rename_to(pending, self._folder, name)
                return True
            return False

    @contextmanager
    def _naming(self) -> Iterator[None]:
        wait_until(lambda: self._page.file.try_lock_byte(NAMING_LOCK), None)
        try:
            yield
        finally:
            self._page.file.unlock_byte(NAMING_LOCK)

    def _unlink_all(self, names: list[str]) -> None:
        for name in names:
            with suppress(FileNotFoundError):  # a predecessor was killed after it had removed this one
                self._pending.unlink(name)

    def _remove_probes(self) -> None:
        """Removes what a kill in `_try_link` left. A writer that is just trying is refused, and tries again."""
        for name in self._pending.names():
            if name.startswith(PROBE):
                self._pending.unlink(name)

    def _try_link(self) -> bool:
        """Finds out whether the file system has hard links."""
        probe = f"{PROBE}{os.getpid()}-{id(self):x}"
        os.close(self._pending.create(probe))
        try:
            with suppress(FileExistsError):  # the answer to a request that was made again: see `_link`
                self._pending.link_to(probe, self._pending, f"{probe}-2")
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        else:
            self._pending.unlink(f"{probe}-2")
            return True
        finally:
            self._pending.unlink(probe)


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _write_vector(descriptor: int, parts: list[bytes | memoryview]) -> int:
        return os.write(descriptor, b"".join(parts))

else:
    _write_vector = os.writev
