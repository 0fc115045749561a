"""Making the files of single entries: written under a pending name, then given the first free one of their names.

An entry is *staged* in `.pending/<ring id>.<position>` and hard-linked to the first free one of its names (`..._1`,
`..._2` for equal source and time), so that a name appears whole. File systems without hard links (exFAT, some network
drives) get another last step, under a lock of all writers: look whether the name is free, then rename.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Final

from ataraxis_logger._entry import ENTRY_PREFIX, stem_of
from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import write_all
from ataraxis_logger._formats.journal_layout import BODY_PREFIX
from ataraxis_logger._formats.npy import SUFFIX, npy_header
from ataraxis_logger._live.folder import Folder
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.spill import Reference, SpillFiles

PENDING_FOLDER: Final = ".pending"
PROBE: Final = "probe-"

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_REPEATS_KEPT: Final = 4096
_TIME_START: Final = BODY_PREFIX.size - 8
_PREFIX_GROWTH: Final = BODY_PREFIX.size - ENTRY_PREFIX.size

Entry = tuple[str, bytes | memoryview]
"""The pending name of an entry, and the body of its record."""

NamingLock = Callable[[], AbstractContextManager[None]]
"""Gives the lock under which all writers of a log give names, where there are no hard links."""


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


def time_key(body: bytes | memoryview) -> bytes | memoryview:
    """Returns the bytes of a record that entries of equal time have in common."""
    return body[_TIME_START : BODY_PREFIX.size]


class EntryFiles:
    """Makes the files of entries in one log folder.

    Args:
        folder: The log folder. It must exist and is never made.
        identity: What `places.folder_identity` has said of it.
        naming: The lock for file systems without hard links. Without it there have to be hard links.

    Attributes:
        folder: The log folder, open.
        pending: Its folder of pending names, open.
        has_links: Whether its file system has hard links.

    Raises:
        OSError: The folder is not there, is another one, or refuses to be written to.
    """

    def __init__(self, folder: Path, identity: int, naming: NamingLock | None = None) -> None:
        self._naming = naming
        self._repeats: dict[str, int] = {}
        with ExitStack() as opened:
            self.folder = Folder(folder)
            opened.callback(self.folder.close)
            require_identity(folder, identity)
            self.folder.make_folder(PENDING_FOLDER)
            self.pending = Folder(folder / PENDING_FOLDER)
            opened.callback(self.pending.close)
            self.has_links = naming is None or self._try_link()
            opened.pop_all()

    def store(self, entries: Iterable[Entry], spills: SpillFiles | None = None) -> None:
        """Stages and names entries one after the other; see `stage`."""
        for pending, body in entries:
            self.stage(pending, body, spills)
            self.name(pending, body)

    def stage(self, pending: str, body: bytes | memoryview, spills: SpillFiles | None = None) -> None:
        """Writes an entry under its pending name.

        Args:
            pending: The name.
            body: The body of its record.
            spills: Where its payload lies when the record refers to a spill file.

        Raises:
            OSError: The disk refused.
            LogFormatError: The spilled payload is gone or damaged.
        """
        descriptor = self.pending.create(pending)
        try:
            reference = None if spills is None else Reference.of(body)
            if spills is None or reference is None:
                # Source and time stand in the frame as they do in the entry, with seven other bytes between.
                _write_parts(descriptor, [npy_header(len(body) - _PREFIX_GROWTH), body[:1], body[_TIME_START:]])
            else:
                _write_spilled(descriptor, spills, body, reference)
        except LogFormatError:
            self.pending.unlink(pending)
            raise
        finally:
            os.close(descriptor)

    def name(self, pending: str, body: bytes | memoryview) -> None:
        """Gives a staged entry the first free one of its names."""
        stem = stem_of(body[0], int.from_bytes(time_key(body), "little"))
        repeat = self._repeats.get(stem, 0)
        give = self._link if self.has_links else self._rename
        while not give(pending, f"{stem}_{repeat}{SUFFIX}" if repeat else stem + SUFFIX):
            repeat += 1
        if repeat:
            # Without this a thousand entries of one time would take half a million attempts.
            if len(self._repeats) >= _REPEATS_KEPT:
                self._repeats.clear()
            self._repeats[stem] = repeat + 1

    def discard(self, names: Iterable[str]) -> None:
        """Removes pending names."""
        for name in names:
            with suppress(FileNotFoundError):  # a predecessor was killed after it had removed this one
                self.pending.unlink(name)

    def close(self) -> None:
        """Removes the folder of pending names if it is empty, and lets go of the log folder."""
        with suppress(OSError):  # names of other writers are in it, or it is gone
            self._remove_probes()
            self.folder.remove_folder(PENDING_FOLDER)
        self.pending.close()
        self.folder.close()

    def _link(self, pending: str, name: str) -> bool:
        try:
            self.pending.link_to(pending, self.folder, name)
        except FileExistsError:
            # A network file system asks its server again when the answer was lost, and hears that the name is taken:
            # by this very entry, which has two links then.
            return self.pending.status(pending).st_nlink > 1
        return True

    def _rename(self, pending: str, name: str) -> bool:
        with self._naming() if self._naming is not None else nullcontext():
            try:
                self.folder.status(name)
            except FileNotFoundError:
                self.pending.rename_to(pending, self.folder, name)
                return True
            return False

    def _remove_probes(self) -> None:
        """Removes what a kill in `_try_link` left. A writer that is just trying is refused, and tries again."""
        self.discard(name for name in self.pending.names() if name.startswith(PROBE))

    def _try_link(self) -> bool:
        """Finds out whether the file system has hard links."""
        probe = f"{PROBE}{os.getpid()}-{id(self):x}"
        os.close(self.pending.create(probe))
        try:
            with suppress(FileExistsError):  # the answer to a request that was made again: see `_link`
                self.pending.link_to(probe, self.pending, f"{probe}-2")
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        else:
            self.pending.unlink(f"{probe}-2")
            return True
        finally:
            self.pending.unlink(probe)


def _write_spilled(descriptor: int, spills: SpillFiles, body: bytes | memoryview, reference: Reference) -> None:
    header = npy_header(reference.size + ENTRY_PREFIX.size)
    _write_parts(descriptor, [header, body[:1], time_key(body)])
    for piece in spills.read(reference):
        _write_parts(descriptor, [piece])


def _write_parts(descriptor: int, parts: list[bytes | memoryview]) -> None:
    """Writes all of it, in one call unless the system takes less at a time."""
    size = sum(map(len, parts))
    done = _write_vector(descriptor, parts)
    if done < size:
        write_all(descriptor, [memoryview(b"".join(parts))[done:]])


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _write_vector(descriptor: int, parts: list[bytes | memoryview]) -> int:
        return os.write(descriptor, b"".join(parts))

else:
    _write_vector = os.writev
