"""Replace a file whole: whoever reads it sees the old text or the new one, whatever happens to the writer."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY_SUFFIX = ".tmp"
_LONGEST_STEM = 60  # characters of the file's name in the temporary's; names hold 255 bytes, a character up to four


def replace_text(path: str, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, atomically and durably.

    The temporary file ``.<name>.<random>.tmp`` in the same folder is written and synchronised, then renamed over the
    target. A symbolic link is followed, missing parent folders are made, an existing file keeps its mode and, as far
    as the system allows, its owner and group. After any exception the folder is as it was; only a killed process
    leaves its temporary, which no loader accepts.

    Raises:
        OSError: What the system refuses: permissions, a full disk, a folder or a device in the file's place. A file
            without write permission is not replaced, although its folder might allow it.
    """
    data = text.encode("utf-8")
    target = os.path.realpath(path)
    existing = _existing(target)
    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - os.path throughout: pathlib costs import time
    temporary, descriptor = _create_temporary(folder, name)
    try:
        try:
            if existing is not None:
                _keep_owner_and_mode(descriptor, existing)
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _replace(temporary, target)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report; the folder itself may be gone
            os.unlink(temporary)  # noqa: PTH108 - see above
        raise
    _sync_folder(folder)


def _existing(target: str) -> os.stat_result | None:
    """Examine what stands at the target; None when nothing does."""
    try:
        status = os.stat(target)  # noqa: PTH116 - see above
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Cannot save a configuration over a folder", target)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Cannot replace what is no regular file", target)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "The file is write-protected; allow writing or save elsewhere", target)
    return status


def _create_temporary(folder: str, name: str) -> tuple[str, int]:
    """Create a file of a new name with the mode that the umask gives to any new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    for temporary in _temporary_names(folder, name):
        with suppress(FileExistsError):
            return temporary, os.open(temporary, flags, 0o666)
    raise AssertionError("the names never end")


def _temporary_names(folder: str, name: str) -> Iterator[str]:
    while True:
        yield os.path.join(folder, f".{name[:_LONGEST_STEM]}.{os.urandom(8).hex()}{_TEMPORARY_SUFFIX}")  # noqa: PTH118


def _keep_owner_and_mode(descriptor: int, existing: os.stat_result) -> None:
    if sys.platform != "win32":  # pragma: no branch - Windows has neither
        created = os.fstat(descriptor)
        # One at a time: who may not give a file away may still set a group he belongs to. Owner before mode, because
        # changing the owner clears some bits of the mode.
        for wanted, actual, ids in (
            (existing.st_uid, created.st_uid, (existing.st_uid, -1)),
            (existing.st_gid, created.st_gid, (-1, existing.st_gid)),
        ):
            if wanted != actual:
                with suppress(PermissionError):
                    os.fchown(descriptor, *ids)
        os.fchmod(descriptor, stat.S_IMODE(existing.st_mode))


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable."""
    if sys.platform != "win32":  # pragma: no branch - folders cannot be opened there
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems cannot synchronise folders; the file is complete all the same.
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                raise
        finally:
            os.close(descriptor)


if sys.platform == "win32":  # pragma: no cover

    def _replace(temporary: str, target: str) -> None:
        # Windows refuses while a reader has the file open, which lasts a moment; there is nothing to wait on.
        for _ in range(100):
            with suppress(PermissionError):
                os.replace(temporary, target)  # noqa: PTH105 - see above
                return
            time.sleep(0.01)
        os.replace(temporary, target)  # noqa: PTH105 - see above

else:
    _replace = os.replace
