"""The npy storage: one file per package, each exactly once, although the writer may be killed between any two lines.

A batch goes in three steps. *Stage*: each entry is written to `.pending/<ring id>.<position>`. *Link*: each is
hard-linked to the first free one of its names (`..._1`, `..._2` for equal source and time); a name appears whole. Then
the ring is advanced and the pending names are removed. A successor that finds a pending name with two links knows that
the entry is stored; with one link it writes the entry again.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ataraxis_logger._entry import ENTRY_PREFIX
from ataraxis_logger._files import write_all
from ataraxis_logger._formats.journal import BODY_PREFIX
from ataraxis_logger._formats.npy import SUFFIX, npy_header
from ataraxis_logger._live.claimed_ring import ClaimedRing
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.session_page import NAMING_LOCK, SessionPage
from ataraxis_logger._live.spill import Reference, read_spill
from ataraxis_shm._ring_batch import Batch
from ataraxis_shm._ring_layout import wait_until

PENDING_FOLDER: Final = ".pending"

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_MODE: Final = 0o666  # the umask takes what the user does not want, as with open()
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_REPEATS_KEPT: Final = 4096
_TIME_START: Final = BODY_PREFIX.size - 8


def pending_name(ring_id: int, position: int) -> str:
    """Returns the name of an entry that is being stored."""
    return f"{ring_id:016x}.{position:x}"


def parse_pending(name: str) -> tuple[int, int] | None:
    """Returns the ring id and position in a pending name, or None for any other name."""
    ring_id, _, position = name.partition(".")
    try:
        parsed = int(ring_id, 16), int(position, 16)
    except ValueError:
        return None
    return parsed if pending_name(*parsed) == name else None


class Folder:
    """A folder whose names are used relative to a descriptor, where the system can do that (not on Windows).

    That is quicker than whole paths, and nothing is ever written to another folder that takes this one's path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd: int | None = None
        self._prefix = ""
        if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
            self._prefix = f"{path}{os.sep}"
        else:
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def names(self) -> list[str]:
        """Returns the names in the folder."""
        return os.listdir(self.path if self.fd is None else self.fd)  # noqa: PTH208  # Path knows no descriptors

    def make_folder(self, name: str) -> None:
        """Makes a folder in this one, unless it is there."""
        with suppress(FileExistsError):
            os.mkdir(self._prefix + name, dir_fd=self.fd)  # Path knows no dir_fd

    def remove_folder(self, name: str) -> None:
        """Removes a folder in this one."""
        os.rmdir(self._prefix + name, dir_fd=self.fd)  # Path knows no dir_fd

    def create(self, name: str) -> int:
        """Opens a new file for writing and returns its descriptor."""
        return os.open(self._prefix + name, _NEW, _MODE, dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Removes a name."""
        os.unlink(self._prefix + name, dir_fd=self.fd)  # Path knows no dir_fd

    def status(self, name: str) -> os.stat_result:
        """Returns the status of what has a name."""
        return os.stat(self._prefix + name, dir_fd=self.fd, follow_symlinks=False)  # the same

    def link_to(self, name: str, target: "Folder", new: str) -> None:
        """Gives a file a second name."""
        os.link(self._prefix + name, target._prefix + new, src_dir_fd=self.fd, dst_dir_fd=target.fd)  # noqa: SLF001  # the same; of this class

    def rename_to(self, name: str, target: "Folder", new: str) -> None:
        """Moves a file, replacing what has the new name."""
        os.rename(self._prefix + name, target._prefix + new, src_dir_fd=self.fd, dst_dir_fd=target.fd)  # noqa: SLF001  # the same; of this class

    def close(self) -> None:
        """Lets go of the folder."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class NpyStore:
    """Writes each package to an `.npy` file of its own.

    Args:
        folder: The log folder. It must exist and is never made.
        page: The session page, for its naming lock and the identity of the folder.

    Raises:
        OSError: The folder is not there, or refuses to be written to.
    """

    def __init__(self, folder: Path, page: SessionPage) -> None:
        self._page = page
        self._identity = page.folder_identity
        self._left: dict[int, dict[int, bool]] = {}
        self._repeats: dict[str, int] = {}
        self._folder = self._open_folder(folder)
        try:
            self._pending = self._open_pending()
            self._has_links = self._try_link()
        except OSError:
            self._folder.close()
            raise

    def claim(self, ring: ClaimedRing) -> None:
        """Notes which entries of this ring are staged or stored already, and clears away those it advanced past."""
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
        """Stages and links a batch; see `Store.append`."""
        require_identity(self._folder.path, self._identity)
        if ring.ring_id not in self._left:
            self.claim(ring)
        left = self._left[ring.ring_id]
        renamed = ring.staged if not self._has_links else 0
        try:
            todo = list(self._stage(ring, batch, left, renamed))
            ring.stage(batch)
            for pending, name in todo:
                self._name(pending, name)
        except BaseException:
            # What of the batch is stored now is best learned from the disk, as after a kill.
            del self._left[ring.ring_id]
            raise
        left.clear()

    def settle(self, ring: ClaimedRing, batch: Batch) -> None:
        """Removes the pending names of a batch; see `Store.settle`."""
        for position in batch.positions:
            with suppress(FileNotFoundError):  # renamed, or stored by a predecessor
                self._pending.unlink(pending_name(ring.ring_id, position))

    def release(self, ring: ClaimedRing) -> None:
        """Forgets a ring that is done with."""
        self._left.pop(ring.ring_id, None)

    def sync(self) -> None:
        """Does nothing: `sync_interval` is the journal's."""

    def close(self) -> None:
        """Removes the folder of pending names if it is empty, and lets go of the log folder."""
        self._pending.close()
        with suppress(OSError):  # another writer's names are in it
            self._folder.remove_folder(PENDING_FOLDER)
        self._folder.close()

    def _open_folder(self, path: Path) -> Folder:
        require_identity(path, self._identity)
        return Folder(path)

    def _open_pending(self) -> Folder:
        self._folder.make_folder(PENDING_FOLDER)
        return Folder(self._folder.path / PENDING_FOLDER)

    def _stage(self, ring: ClaimedRing, batch: Batch, left: dict[int, bool], renamed: int) -> Iterator[tuple[str, str]]:
        """Writes the pending files of a batch; yields pending name and stem of each entry without a name."""
        for position, body in batch:
            pending = pending_name(ring.ring_id, position)
            if position < renamed:
                if position not in left:
                    continue
            elif left.get(position, False):
                continue
            else:
                if position in left:
                    self._pending.unlink(pending)
                self._write(ring, pending, body)
            yield pending, f"{body[0]:03d}_{int.from_bytes(body[_TIME_START : BODY_PREFIX.size], 'little'):020d}"

    def _write(self, ring: ClaimedRing, name: str, body: memoryview) -> None:
        descriptor = self._pending.create(name)
        try:
            reference = Reference.of(body)
            if reference is None:
                # Source and time stand in the frame as they do in the entry, with seven other bytes between.
                parts: list[bytes | memoryview] = [
                    npy_header(len(body) - _PREFIX_GROWTH),
                    body[:1],
                    body[_TIME_START:],
                ]
                size = sum(map(len, parts))
                if _write_vector(descriptor, parts) != size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._pending.path / name))
            else:
                header = npy_header(reference.size + ENTRY_PREFIX.size)
                write_all(descriptor, [memoryview(header), body[:1], body[_TIME_START : BODY_PREFIX.size]])
                for piece in read_spill(ring.path, reference):
                    write_all(descriptor, [memoryview(piece)])
        finally:
            os.close(descriptor)

    def _name(self, pending: str, stem: str) -> None:
        """Gives a staged entry the first free one of its names."""
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
            return False
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

    def _try_link(self) -> bool:
        """Finds out whether the file system has hard links."""
        probe = f"probe-{os.getpid()}"
        os.close(self._pending.create(probe))
        try:
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


_PREFIX_GROWTH: Final = BODY_PREFIX.size - ENTRY_PREFIX.size

_write_vector: Callable[[int, list[bytes | memoryview]], int]
if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _write_vector(descriptor: int, parts: list[bytes | memoryview]) -> int:
        return os.write(descriptor, b"".join(parts))

else:
    _write_vector = os.writev
