"""Making the files of single entries: written under a pending name, then given the first free one of their names.

An entry is *staged* in `.pending/<ring id>.<position>` and hard-linked to the first free one of its names (`..._1`,
`..._2` for equal source and time), so that a name appears whole. File systems without hard links (exFAT, some network
drives) get another last step, under a lock of all writers: look whether the name is free, then rename.
"""

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Final

from ataraxis_logger._entry import ENTRY_PREFIX, stem_of
from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import write_all
from ataraxis_logger._formats.journal_layout import BODY_PREFIX
from ataraxis_logger._formats.npy import SUFFIX, npy_header
from ataraxis_logger._live.folder import Folder
from ataraxis_logger._live.pending import PENDING_FOLDER, PROBE, names_in, pending_prefix
from ataraxis_logger._live.places import require_identity
from ataraxis_logger._live.spill import Reference, SpillFiles

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_REPEATS_KEPT: Final = 4096
_SOURCE_AND_TIME: Final = Struct("<B7xQ")  # what `BODY_PREFIX` holds, without the flags
_TIME_START: Final = BODY_PREFIX.size - 8
_PREFIX_GROWTH: Final = BODY_PREFIX.size - ENTRY_PREFIX.size
_GATHERED_UP_TO: Final = 4096  # to copy so many bytes together costs less than to pass the system several pieces

Entry = tuple[int, bytes | memoryview]
"""The position of a record in its ring, and its body."""

NamingLock = Callable[[], AbstractContextManager[None]]
"""Gives the lock under which all writers of a log give names, where there are no hard links."""


def time_key(body: bytes | memoryview) -> bytes | memoryview:
    """Returns the bytes of a record that entries of equal time have in common."""
    return body[_TIME_START : BODY_PREFIX.size]


class EntryFiles:
    """Makes the files of entries in one log folder.

    Args:
        folder: The log folder. It must exist and is never made.
        identity: What `places.folder_identity` has said of it.
        naming: A writer's lock for file systems without hard links. A helper has none: there have to be hard links,
            and its writer's pending folder.

    Attributes:
        folder: The log folder, open.
        pending: Its folder of pending names, or the part of it, open.
        has_links: Whether its file system has hard links.

    Raises:
        OSError: The folder is not there, is another one, or refuses to be written to.
    """

    def __init__(self, folder: Path, identity: int, naming: NamingLock | None = None) -> None:
        self._naming = naming
        self._part = ""
        self._repeats: dict[str, int] = {}
        self._held: dict[int, list[str]] = {}
        with ExitStack() as opened:
            self.folder = Folder(folder)
            opened.callback(self.folder.close)
            require_identity(folder, identity)
            if naming is not None:
                self.folder.make_folder(PENDING_FOLDER)
            self.pending = Folder(folder / PENDING_FOLDER)
            opened.callback(self.pending.close)
            self.has_links = naming is None or self._try_link()
            opened.pop_all()

    def names(self) -> set[str]:
        """Returns what `pending_names` does, of this very folder, whatever is at its path now."""
        return names_in(self.pending)

    def use_part(self, name: str) -> None:
        """Stages in a part of the pending folder: processes that make files in one folder wait for one another.

        Whoever asks for it holds a lock on a ring, so that nobody takes it for left behind.
        """
        if not self._part:
            part = f"{PENDING_FOLDER}/{name}"
            self.folder.make_folder(part)
            whole, self.pending, self._part = self.pending, Folder(self.folder.path / part), part
            whole.close()

    def store(self, ring_id: int, entries: Iterable[Entry], spills: SpillFiles | None = None) -> None:
        """Stages and names entries of a ring one after the other (see `stage`); `settle` is to follow."""
        prefix, held = pending_prefix(ring_id), self._held.setdefault(ring_id, [])
        for position, body in entries:
            pending = f"{prefix}{position:x}"
            held.append(pending)
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
            if spills is None or (reference := Reference.of(body)) is None:
                # Source and time stand in the frame as they do in the entry, with seven other bytes between.
                _write_entry(descriptor, _start_of_file(len(body) - _PREFIX_GROWTH, body[0]), body[_TIME_START:])
            else:
                _write_spilled(descriptor, spills, body, reference)
        except LogFormatError:
            self.pending.unlink(pending)
            raise
        finally:
            os.close(descriptor)

    def name(self, pending: str, body: bytes | memoryview) -> None:
        """Gives a staged entry the first free one of its names."""
        stem = stem_of(*_SOURCE_AND_TIME.unpack_from(body))
        give = self._link if self.has_links else self._rename
        if stem not in self._repeats and give(pending, stem + SUFFIX):
            return
        repeat = self._repeats.get(stem, 1)
        while not give(pending, f"{stem}_{repeat}{SUFFIX}"):
            repeat += 1
        # Without this a thousand entries of one time would take half a million attempts.
        if len(self._repeats) >= _REPEATS_KEPT:
            self._repeats.clear()
        self._repeats[stem] = repeat + 1

    def hold(self, ring_id: int, pending: str) -> None:
        """Notes the pending name of an entry that was stored before, for `settle`."""
        self._held.setdefault(ring_id, []).append(pending)

    def settle(self, ring_id: int) -> None:
        """Removes the pending names of the entries of a ring that were stored since the last time."""
        self.discard(self._held.pop(ring_id, ()))

    def discard(self, names: Iterable[str]) -> None:
        """Removes pending names."""
        unlink = self.pending.unlink
        for name in names:
            try:  # noqa: SIM105  # suppress would take a tenth of the time that the removal takes
                unlink(name)
            except FileNotFoundError:
                pass  # a predecessor was killed after it had removed this one

    def close(self) -> None:
        """Removes its part of the pending folder, if it has one and that is empty, and lets go of the log folder."""
        with suppress(OSError):  # names are in it that a successor will ask for, or it is gone
            if self._part:
                self.folder.remove_folder(self._part)
            else:
                self._remove_probes()
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


@lru_cache(maxsize=4096)
def _start_of_file(entry_size: int, source: int) -> bytes:
    return npy_header(entry_size) + bytes([source])


def _write_spilled(descriptor: int, spills: SpillFiles, body: bytes | memoryview, reference: Reference) -> None:
    start = _start_of_file(reference.size + ENTRY_PREFIX.size, body[0])
    _write_entry(descriptor, start, time_key(body))
    for piece in spills.read(reference):
        write_all(descriptor, [memoryview(piece)])


def _write_entry(descriptor: int, start: bytes, rest: bytes | memoryview) -> None:
    """Writes all of it, a small entry in one call unless the system takes less at a time."""
    size = len(start) + len(rest)
    if size > _GATHERED_UP_TO:
        write_all(descriptor, [memoryview(start), memoryview(rest)])
        return
    file = start + rest
    done = os.write(descriptor, file)
    if done < size:
        write_all(descriptor, [memoryview(file)[done:]])
