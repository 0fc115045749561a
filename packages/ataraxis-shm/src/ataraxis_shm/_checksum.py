"""CRC-32 with the polynomial of zlib: ISA-L's where the package ``isal`` is installed, else the standard library's.

Both compute the same. Measured with 64 bytes: 50 ns and 155 ns; with 64 KiB: 5 µs and 18 µs, which is half of what a
record of that size costs in all. (``pip install "ataraxis-logger[fast]"`` brings ``isal``.)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zlib import crc32
else:
    try:
        from isal.isal_zlib import crc32
    except ImportError:
        from zlib import crc32

__all__ = ["crc32"]
