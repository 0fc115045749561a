"""A folder whose files are made, linked and removed by name."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_MODE: Final = 0o666  # the umask takes what the user does not want, as with open()


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
            self.fd = os.open(path, _FOLDER)

    def names(self, inner: str = "") -> list[str]:
        """Returns the names in the folder, or in a folder in it."""
        if self.fd is None or not inner:
            return os.listdir(self.path / inner if self.fd is None else self.fd)  # noqa: PTH208  # Path knows no descriptors
        descriptor = os.open(inner, _FOLDER, dir_fd=self.fd)
        try:
            return os.listdir(descriptor)  # noqa: PTH208  # the same
        finally:
            os.close(descriptor)

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
