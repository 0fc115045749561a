"""Files mapped for reading, whose pages do not pile up in the process."""

import errno
import mmap
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE: Final = 4096
# Without O_NONBLOCK, opening a named pipe would wait for somebody at its other end.
READ_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_KEPT: Final = 8 << 20


class MappedFile:
    """A whole file, mapped read-only. Views of it stay valid after `close`.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._touched = 0
        descriptor = os.open(path, READ_FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
            self.size = status.st_size
            # An empty file cannot be mapped.
            self._map = mmap.mmap(descriptor, self.size, access=mmap.ACCESS_READ) if self.size else None
        finally:
            os.close(descriptor)
        self.view = memoryview(b"" if self._map is None else self._map)

    @property
    def array(self) -> "NDArray[np.uint8]":
        """The bytes as an array."""
        return np.frombuffer(self.view, dtype=np.uint8)

    def touched(self, size: int) -> None:
        """Notes that so many bytes were read, and gives the pages back to the system now and then.

        Mapped pages count as the process's own memory until the system wants them; reading a large log would look
        like a leak.
        """
        self._touched += size
        if self._touched >= _KEPT:
            self.forget()

    def forget(self) -> None:
        """Gives the pages back to the system; they are read again when they are wanted."""
        self._touched = 0
        if sys.platform != "win32" and self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Lets go of the file. It stays mapped for as long as views of it live."""
        self.view = memoryview(b"")
        self._map = None
