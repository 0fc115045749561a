"""Raw deflate for zip entries, with the fastest library that is installed.

The extra `[fast]` brings isal (Intel's ISA-L), whose streams any zip reader inflates.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from ataraxis_logger._formats.npy import npy_header


def _find_isal() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415  # the extra may not be installed
    except ImportError:
        return None
    return isal_zlib


_isal: Final = _find_isal()
_RAW: Final = -zlib.MAX_WBITS
_SMALL: Final = 4096
# A small entry needs neither zlib's large window nor its large hash table, whose set-up would cost more than the work.
_SMALL_WINDOW: Final = -12
_SMALL_MEMORY: Final = 4
_CHUNK: Final = 1 << 20

MOST_EXPANDED: Final = 1032
"""No deflate stream holds more than this many times its own size: 258 bytes take at least two bits."""


def _deflate_with_zlib(data: bytes) -> bytes:
    if len(data) <= _SMALL:
        engine = zlib.compressobj(wbits=_SMALL_WINDOW, memLevel=_SMALL_MEMORY)
    else:
        engine = zlib.compressobj(wbits=_RAW)
    return engine.compress(data) + engine.flush()


def _deflate_with_isal(data: bytes) -> bytes:
    return bytes(_isal.compress(data, wbits=_RAW))


deflate: Callable[[bytes], bytes] = _deflate_with_zlib if _isal is None else _deflate_with_isal
"""Returns the raw deflate stream of some bytes."""


@lru_cache(maxsize=1024)
def deflated_npy_header(size: int) -> bytes:
    """Returns the deflate blocks of the header of an entry of `size` bytes, to be put before the entry's own stream.

    The header is the same for all entries of one size, so it is compressed once. A full flush ends its last block at a
    byte and lets nothing behind it refer back, so any stream may follow. (Tried: compressing header and entry together
    takes 1.6 times as long and saves 2 bytes in 145; copying a primed compressor takes longer still.)
    """
    engine = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=_RAW)
    return engine.compress(npy_header(size)) + engine.flush(zlib.Z_FULL_FLUSH)


def deflate_large(parts: Sequence[memoryview | bytes]) -> Iterator[bytes]:
    """Yields the raw deflate stream of some buffers, one after the other, in pieces, holding one at a time."""
    engine = zlib.compressobj(wbits=_RAW) if _isal is None else _isal.compressobj(wbits=_RAW)
    for part in parts:
        for start in range(0, len(part), _CHUNK):
            if piece := engine.compress(part[start : start + _CHUNK]):
                yield piece
    yield engine.flush()


def inflate(data: bytes | memoryview, size: int) -> bytes:
    """Returns what a raw deflate stream holds.

    Args:
        data: the stream.
        size: how many bytes come out of it; the memory taken is bounded by this, and by what a stream of its length can
            hold at most, whatever the stream holds.

    Raises:
        ValueError: the stream is damaged, or holds more or fewer bytes.
    """
    # A directory that lies may promise more than there is memory, or than C can count.
    if size > MOST_EXPANDED * len(data):
        raise ValueError(f"a deflate stream of {len(data)} bytes cannot hold the {size} that the directory promises")
    engine = zlib.decompressobj(_RAW)
    try:
        # One byte more than expected, so that a stream that holds more is noticed.
        content = engine.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"the deflate stream is damaged ({str(error)[:80]})") from None
    if len(content) != size or not engine.eof:
        raise ValueError(f"the deflate stream does not hold the {size} bytes that the directory promises")
    return content
