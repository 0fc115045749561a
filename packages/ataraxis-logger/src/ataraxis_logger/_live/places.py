"""Where the live state of a log folder is kept: its rings, spill files and session page.

All of it lies in `<root>/rings/<hash of the log folder's real path>/`, mode 0700. The preferred root is in memory
(`/dev/shm`); a ring that does not fit there goes to the fallback, so whoever looks for rings looks in all of them. The
session page lies in the preferred one only. Nothing but finished entries is ever put into the log folder itself.
"""

import errno
import os
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ataraxis_logger._errors import LoggerStateError
from ataraxis_shm._system import boot_identity, ensure_private_folder, is_out_of_space, roots

RINGS_FOLDER: Final = "rings"
RING_SUFFIX: Final = ".ring"
_HASH_BYTES: Final = 8
_FOLDER_ATTEMPTS: Final = 20

_Made = TypeVar("_Made")


class LogPlace(NamedTuple):
    """A log folder, where its live state is kept, and whose that is.

    Worked out once, by whoever makes the queue, and sent with it: another process may have other environment variables
    or another user, and what it put elsewhere nobody would find.

    Attributes:
        folder: The log folder, as `real_folder` returns it.
        states: Its state folders.
        user: The id of the user whose processes can use them; None where users have no numbers.
    """

    folder: Path
    states: tuple[Path, ...]
    user: int | None

    @property
    def is_mine(self) -> bool:
        """Whether this process has the user that the live state belongs to."""
        return self.user == _user()

    def require_user(self) -> None:
        """Refuses a process of another user, whose files the writers could not read.

        Raises:
            LoggerStateError: This is one.
        """
        if not self.is_mine:
            raise LoggerStateError(
                f"Unable to log to {self.folder}: its logger belongs to user {self.user}, and process {os.getpid()} "
                f"runs as user {_user()}. Nothing was accepted. Log from processes of one user, or put the first "
                "package of this one before it changes its user."
            )


def place_of(folder: Path) -> LogPlace:
    """Returns the place of a log folder as this process sees it.

    Args:
        folder: The log folder, as `real_folder` returns it.
    """
    return LogPlace(folder, state_folders(folder), _user())


def _user() -> int | None:
    """Returns the user that files made by this process belong to."""
    if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
        user = None
    else:
        user = os.geteuid()
    return user


def real_folder(log_folder: Path) -> Path:
    """Returns the one path that all processes know a log folder by."""
    return Path(os.path.realpath(log_folder))


def state_folders(folder: Path) -> tuple[Path, ...]:
    """Returns the folders that may hold live state of a log folder, the preferred one first; they need not exist.

    Args:
        folder: The log folder, as `real_folder` returns it.
    """
    # Imported here: the writers are given these folders and need no hash.
    from hashlib import blake2b  # noqa: PLC0415

    name = blake2b(os.fsencode(folder), digest_size=_HASH_BYTES).hexdigest()
    return tuple(root / RINGS_FOLDER / name for root in roots())


def make_state_folder(state: Path) -> Path:
    """Makes a state folder, and the private folders above it, with mode 0700."""
    for folder in (state.parent.parent, state.parent, state):
        ensure_private_folder(folder)
    return state


def in_state_folder(state: Path, make: Callable[[], _Made]) -> _Made:
    """Makes a state folder and something in it, again when a session that ends removes the empty folder in between.

    Raises:
        FileNotFoundError: What `make` looks for is missing for another reason.
    """
    for _ in range(_FOLDER_ATTEMPTS):
        make_state_folder(state)
        with suppress(FileNotFoundError):
            return make()
    return make()


def where_space_is(folders: tuple[Path, ...], make: Callable[[Path], _Made]) -> _Made:
    """Returns what `make` makes in the first of the folders that has the space for it.

    Raises:
        OSError: What `make` raised, in any folder for another reason, or in the last one for this.
    """
    *others, last = folders
    for folder in others:
        try:
            return make(folder)
        except OSError as error:
            if not is_out_of_space(error):
                raise
    return make(last)


def ring_paths(states: tuple[Path, ...]) -> list[Path]:
    """Returns the rings in the state folders, in any order."""
    found = []
    for state in states:
        try:
            with os.scandir(state) as entries:
                found += [Path(entry.path) for entry in entries if entry.name.endswith(RING_SUFFIX)]
        except FileNotFoundError:
            continue
    return [path for path in found if not path.name.startswith(".")]


def boot_number() -> int:
    """Returns a number of 32 bits that is the same for all processes until the next boot."""
    boot = boot_identity()
    if boot is None:
        # Where the system does not tell: the hour in which it was booted, as far as the wall clock knows.
        boot = str(int(time.time() - time.monotonic()) // 3600).encode()
    return zlib.crc32(boot)


def salt_of(folder: Path) -> int:
    """Returns where the checksums of a log's frames start: the same until the next boot, which keeps segments few."""
    return zlib.crc32(os.fsencode(folder), boot_number())


def folder_identity(folder: Path) -> int:
    """Returns what tells this folder from another one that takes its place under the same path.

    The device number is left out: a drive that is mounted again may get another one.

    Raises:
        OSError: There is no such folder now.
    """
    return folder.stat().st_ino


def require_identity(folder: Path, identity: int) -> None:
    """Refuses a folder that is no longer to be found under its path: nobody would find what is written to it.

    Raises:
        OSError: The folder is gone, or another one has taken its place.
    """
    if folder_identity(folder) != identity:
        raise FileNotFoundError(errno.ENOENT, "another folder has taken the place of the log folder", str(folder))
