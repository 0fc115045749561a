"""What the operating systems do differently, behind one face; and where the shared files live."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from ataraxis_shm._errors import NoSpaceError, UnsafeFolderError

if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
    from ataraxis_shm._windows import (
        LOCK_EX,
        LOCK_NB,
        LOCK_UN,
        OPEN_FLAGS,
        allocate,
        boot_identity,
        default_roots,
        discard,
        flock,
        free_space,
        is_private_folder,
        lock_name,
        locked_by_others,
        make_private,
        move_descriptor,
        open_descriptor,
        open_for_lock,
        reopen,
        try_lock_bytes,
        unlock_bytes,
    )
else:
    from ataraxis_shm._posix import (
        LOCK_EX,
        LOCK_NB,
        LOCK_UN,
        OPEN_FLAGS,
        allocate,
        boot_identity,
        default_roots,
        discard,
        flock,
        free_space,
        is_private_folder,
        lock_name,
        locked_by_others,
        make_private,
        move_descriptor,
        open_descriptor,
        open_for_lock,
        reopen,
        try_lock_bytes,
        unlock_bytes,
    )

__all__ = [
    "FOLDER_SWITCH",
    "LOCK_EX",
    "LOCK_NB",
    "LOCK_UN",
    "OPEN_FLAGS",
    "boot_identity",
    "discard",
    "ensure_private_folder",
    "flock",
    "is_out_of_descriptors",
    "is_out_of_space",
    "lock_name",
    "locked_by_others",
    "make_private",
    "move_descriptor",
    "open_descriptor",
    "open_for_lock",
    "reopen",
    "reserve",
    "roots",
    "try_lock_bytes",
    "unlock_bytes",
]

FOLDER_SWITCH = "ATARAXIS_SHM_FOLDER"
"""The environment variable that names the only folder to use, instead of the system's shared memory."""

_FOLDER_ATTEMPTS = 20
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG)


def roots() -> tuple[Path, ...]:
    """Returns the folders that hold shared files, the preferred one first; they need not exist yet.

    Linux: ``/dev/shm/ataraxis-<uid>`` (where it can be used), then ``/var/tmp/ataraxis-<uid>``; macOS: the second;
    Windows: ``%LOCALAPPDATA%/ataraxis``. With ``ATARAXIS_SHM_FOLDER`` set, that folder alone.

    Raises:
        UnsafeFolderError: If that is a relative path, which means another folder in each process.
    """
    chosen = os.environ.get(FOLDER_SWITCH)
    if not chosen:
        return default_roots()
    folder = Path(chosen)
    if not folder.is_absolute():
        raise UnsafeFolderError(
            errno.EINVAL,
            f"Unable to keep shared memory in a relative path; set {FOLDER_SWITCH} to an absolute one",
            chosen,
        )
    return (folder,)


def ensure_private_folder(folder: Path) -> Path:
    """Makes a folder, and what is missing above it, of mode 0700, or checks that it is safe to use; returns it.

    Raises:
        UnsafeFolderError: If it belongs to another user, others may write to it, or it is a link or no folder.
        FileNotFoundError: If it is removed again and again.
    """
    for _ in range(_FOLDER_ATTEMPTS):  # folders that are empty may be removed at any moment, by a session that ends
        try:
            folder.mkdir(mode=0o700)
        except FileNotFoundError:
            ensure_private_folder(folder.parent)
        except FileExistsError:
            with suppress(FileNotFoundError):
                _require_private(folder)
                return folder
        else:
            return folder
    raise FileNotFoundError(
        errno.ENOENT,
        f"Unable to keep shared memory in a folder that somebody removed {_FOLDER_ATTEMPTS} times in a row while it "
        f"was made; find out which program that is, or choose another folder with {FOLDER_SWITCH}",
        str(folder),
    )


def _require_private(folder: Path) -> None:
    if not is_private_folder(folder):
        raise UnsafeFolderError(
            errno.EACCES,
            "Unable to keep shared memory in a folder that is not a real folder, belongs to somebody else, or may "
            f"be written to by others; remove it or choose another one with {FOLDER_SWITCH}",
            str(folder),
        )


def is_out_of_descriptors(error: OSError) -> bool:
    """Tells whether the system refused something because it cannot open one more file, for now."""
    return error.errno in _OUT_OF_DESCRIPTORS


def is_out_of_space(error: OSError) -> bool:
    """Tells whether the system refused something because the file system, or the user's share of it, is too small."""
    return error.errno in _OUT_OF_SPACE


def reserve(fd: int, size: int) -> None:
    """Extends a file to `size` bytes and takes the space for them, so that using its mapping never ends in SIGBUS.

    Raises:
        NoSpaceError: If the file system has less, naming both sizes (an OSError with ENOSPC).
    """
    try:
        allocate(fd, size)
    except OSError as error:
        if not is_out_of_space(error):
            raise
        os.ftruncate(fd, 0)
        if error.errno == errno.EFBIG:
            raise NoSpaceError(
                errno.EFBIG, f"Unable to take {size} bytes of shared memory: no file may be so large (see ulimit -f)"
            ) from error
        raise NoSpaceError(
            errno.ENOSPC,
            f"Unable to take {size} bytes of shared memory: {free_space(fd)} bytes are free. Free some, make the file "
            f"system of the shared memory larger, or choose a folder on another one with {FOLDER_SWITCH}",
        ) from error
