"""Memory of a file that outlives the descriptor, the object that made it, and every wrong order of closing.

`mmap.mmap` keeps a duplicate of the descriptor it was given, and closing that, whenever the mapping happens to be
collected, would drop every record lock (`lockf`) that the process has on the file. Python 3.13 can be told not to keep
it; before that the mapping is made by the C library's own `mmap`.
"""

import mmap
import os
import sys
import weakref

# The same on Linux and macOS; the module `mmap` does not have them on Windows.
_PROT_READ = 1
_PROT_WRITE = 2
_MAP_SHARED = 1


def map_file(fd: int, size: int, *, writable: bool = True) -> memoryview:
    """Maps the first `size` bytes of an open file, shared with every process that maps it.

    Args:
        fd: A descriptor of the file, open for what `writable` says. It is not kept and may be closed.
        size: Bytes to map; the file must be at least this long.
        writable: Whether the memory may be written to.

    Returns:
        A one-dimensional view of bytes. The memory stays valid as long as it, or anything made from it (slices, casts,
        NumPy arrays), exists; there is no close, the last reference unmaps.

    Raises:
        ValueError: If the size is not positive.
        OSError: If the system refuses.
    """
    if size <= 0:
        raise ValueError(f"Unable to map {size} bytes of a file: expected a positive number.")
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
        return memoryview(mmap.mmap(fd, size, access=access))
    elif sys.version_info >= (3, 13):  # noqa: RET505 (mypy follows the platform through the branches)
        return memoryview(mmap.mmap(fd, size, access=access, trackfd=False))
    else:
        return _map_with_libc(fd, size, writable=writable)


def _map_with_libc(fd: int, size: int, *, writable: bool) -> memoryview:
    # Imported here: ctypes costs milliseconds that a process without a mapping need not pay.
    import ctypes  # noqa: PLC0415

    if os.fstat(fd).st_size < size:  # `mmap.mmap` checks it too: touching pages beyond the end is SIGBUS
        raise ValueError(f"Unable to map {size} bytes of a file that has {os.fstat(fd).st_size}.")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    # The last one is off_t, which is a long on the 64-bit systems this package supports.
    c_int, c_size = ctypes.c_int, ctypes.c_size_t
    libc.mmap.argtypes = (ctypes.c_void_p, c_size, c_int, c_int, c_int, ctypes.c_long)
    libc.munmap.argtypes = (ctypes.c_void_p, c_size)
    protection = _PROT_READ | (_PROT_WRITE if writable else 0)
    address = libc.mmap(None, size, protection, _MAP_SHARED, fd, 0)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    memory = (ctypes.c_ubyte * size).from_address(address)
    # Views of `memory` hold it, so it dies after the last of them. Not at exit: threads may still use it then.
    weakref.finalize(memory, libc.munmap, address, size).atexit = False
    view = memoryview(memory).cast("B")
    return view if writable else view.toreadonly()
