"""Writes `.npz` archives: zip files of `.npy` entries, stored or deflated, in one pass.

Local header, name and data for each entry, then the central directory and its end record; zip64 where a size, an offset
or the number of entries needs it. Every local header holds the final sizes, so an archive whose directory was cut off
can still be read.

Python's `zipfile` was not used: it keeps an object for every entry until the end (some 600 bytes each, 24 GB for the 40
million entries of a long session) and takes twenty times as long.
"""

import struct
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final

import numpy as np

from ataraxis_logger._formats import zip_layout as layout
from ataraxis_logger._formats.deflate import deflate, deflate_large, deflated_npy_header
from ataraxis_logger._formats.npy import HEADER_SIZE as NPY_HEADER_SIZE
from ataraxis_logger._formats.npy import npy_header
from ataraxis_shm._checksum import crc32

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE: Final = 16 << 20
"""Entries from this size on are added one by one, with `NpzWriter.add_large`."""

_SUFFIX: Final = b".npy"
_BUFFERED: Final = 1 << 20


@lru_cache(maxsize=1024)
def _npy_header_crc(size: int) -> int:
    return crc32(npy_header(size))


class NpzWriter:
    """Writes entries of raw bytes as one-dimensional uint8 arrays into a new `.npz` file.

    Memory does not grow with the number of entries: the central directory is kept in a temporary file until `close`.

    Args:
        file: a seekable binary file at its start.
        folder: where the central directory may be kept meanwhile.
        compress: deflate entries where that makes them smaller.
    """

    def __init__(self, file: BinaryIO, folder: Path, *, compress: bool) -> None:
        self._file = file
        self._folder = folder
        self._compress = compress
        self._offset = 0
        self.count = 0
        self._directory: list[bytes] = []
        self._directory_pending = 0
        # Opened only when there is something to keep: most archives never need it.
        self._spool: IO[bytes] | None = None

    def add_block(
        self, stems: Sequence[bytes], prefixes: Sequence[bytes], payloads: Sequence[bytes | memoryview]
    ) -> None:
        """Appends entries.

        Args:
            stems: their keys, ASCII; the file of a key in the archive is called `<key>.npy`.
            prefixes: the first bytes of each entry, all of one length.
            payloads: the other bytes, each fewer than `LARGE`.
        """
        if not stems:
            return
        names = [stem + _SUFFIX for stem in stems]
        sizes = [len(prefixes[0]) + len(payload) for payload in payloads]
        heads = [npy_header(size) for size in sizes]
        crcs = [
            crc32(payload, crc32(prefix, _npy_header_crc(size)))
            for size, prefix, payload in zip(sizes, prefixes, payloads, strict=True)
        ]
        headers = np.zeros(len(names), dtype=layout.LOCAL)
        headers["crc"], headers["whole"] = crcs, np.array(sizes) + NPY_HEADER_SIZE
        headers["name"] = [len(name) for name in names]
        if self._compress:
            heads, bodies = self._deflated(headers, sizes, prefixes, payloads)
            data: list[Sequence[bytes | memoryview]] = [heads, bodies]
            headers["stored"] = [len(head) + len(body) for head, body in zip(heads, bodies, strict=True)]
        else:
            data = [heads, prefixes, payloads]
            headers["stored"] = headers["whole"]
        self._write_block(headers, names, data)

    def _deflated(
        self,
        headers: "NDArray[np.void]",
        sizes: Sequence[int],
        prefixes: Sequence[bytes],
        payloads: Sequence[bytes | memoryview],
    ) -> tuple[list[bytes], list[bytes]]:
        """Returns .npy headers and entries, deflated where that helps, and notes the methods in the zip headers."""
        heads, bodies = [], []
        methods = headers["method"]
        for number, (size, prefix, payload) in enumerate(zip(sizes, prefixes, payloads, strict=True)):
            entry = prefix + payload
            head, body = deflated_npy_header(size), deflate(entry)
            if len(head) + len(body) < NPY_HEADER_SIZE + size:
                methods[number] = layout.DEFLATED
            else:
                head, body = npy_header(size), entry
            heads.append(head)
            bodies.append(body)
        return heads, bodies

    def _write_block(
        self, headers: "NDArray[np.void]", names: Sequence[bytes], data: Sequence[Sequence[bytes | memoryview]]
    ) -> None:
        headers["magic"] = int.from_bytes(layout.LOCAL_MAGIC, "little")
        headers["version"], headers["date"] = layout.VERSION, layout.DATE
        parts: list[bytes | memoryview] = [b""] * (len(names) * (2 + len(data)))
        for place, column in enumerate((_rows(headers), names, *data)):
            parts[place :: 2 + len(data)] = column
        lengths = layout.LOCAL.itemsize + headers["name"].astype(np.uint64) + headers["stored"]
        offsets = np.cumsum(lengths) + np.uint64(self._offset)
        self._note_block(headers, names, offsets - lengths)
        self._write(b"".join(parts))

    def add_large(self, stem: bytes, *parts: memoryview | bytes) -> None:
        """Appends an entry of any size, written from where its parts lie.

        Args:
            stem: its key, ASCII.
            parts: its bytes.
        """
        name = stem + _SUFFIX
        size = sum(len(part) for part in parts)
        header = np.zeros(1, dtype=layout.LOCAL)
        header["magic"] = int.from_bytes(layout.LOCAL_MAGIC, "little")
        header["version"], header["date"] = layout.VERSION_64, layout.DATE
        header["method"] = layout.DEFLATED if self._compress else layout.STORED
        header["stored"] = header["whole"] = layout.LIMIT_32
        header["name"], header["extra"] = len(name), layout.EXTRA64_LOCAL.size
        start = self._offset
        self._write(header.tobytes() + name + bytes(layout.EXTRA64_LOCAL.size))
        header["crc"], stored = self._write_large(size, parts)
        # The sizes are in the zip64 field whether or not they need it: the compressed one is not known in advance.
        sizes = layout.EXTRA64_LOCAL.pack(layout.EXTRA64_ID, 16, NPY_HEADER_SIZE + size, stored)
        self._file.seek(start)
        self._file.write(header.tobytes() + name + sizes)
        self._file.seek(self._offset)
        self._note_large(header, name, NPY_HEADER_SIZE + size, stored, start)

    def close(self) -> None:
        """Writes the central directory and the end records. The file itself stays open."""
        start = self._offset
        if self._spool is not None:
            self._spool.seek(0)
            while piece := self._spool.read(_BUFFERED):
                self._write(piece)
            self._spool.close()
        self._write(b"".join(self._directory))
        size = self._offset - start
        if self.count >= layout.LIMIT_16 or size >= layout.LIMIT_32 or start >= layout.LIMIT_32:
            self._write_end_64(start, size)
        count = min(self.count, layout.LIMIT_16)
        self._write(
            layout.END_RECORD.pack(
                layout.END_MAGIC, 0, 0, count, count, min(size, layout.LIMIT_32), min(start, layout.LIMIT_32), 0
            )
        )

    def _write_end_64(self, start: int, size: int) -> None:
        end = self._offset
        version, rest = layout.VERSION_64, layout.END64_RECORD.size - 12
        self._write(
            layout.END64_RECORD.pack(
                layout.END64_MAGIC, rest, version, version, 0, 0, self.count, self.count, size, start
            )
        )
        self._write(layout.LOCATOR64.pack(layout.LOCATOR64_MAGIC, 0, end, 1))

    def _write_large(self, size: int, parts: Sequence[memoryview | bytes]) -> tuple[int, int]:
        """Writes .npy header and data; returns their CRC and how many bytes that took."""
        start = self._offset
        crc = _npy_header_crc(size)
        self._write(deflated_npy_header(size) if self._compress else npy_header(size))
        for part in parts:
            crc = crc32(part, crc)
        for piece in deflate_large(parts) if self._compress else parts:
            self._write(piece)
        return crc, self._offset - start

    def _note_block(self, headers: "NDArray[np.void]", names: Sequence[bytes], offsets: "NDArray[np.uint64]") -> None:
        """Adds a block of entries, none of them large, to the central directory."""
        records = _central_records(headers)
        if offsets[-1] < layout.LIMIT_32:
            records["offset"] = offsets
            columns: tuple[Sequence[bytes], ...] = (_rows(records), names)
        else:
            # The first entries of the one block that crosses the limit may do without; they get it as well.
            records["offset"], records["version"] = layout.LIMIT_32, layout.VERSION_64
            extras = np.zeros(len(names), dtype=layout.EXTRA64_OFFSET)
            extras["id"], extras["size"], extras["offset"] = layout.EXTRA64_ID, 8, offsets
            records["extra"] = extras.itemsize
            columns = (_rows(records), names, _rows(extras))
        parts = [b""] * (len(names) * len(columns))
        for place, column in enumerate(columns):
            parts[place :: len(columns)] = column
        self._note(b"".join(parts), len(names))

    def _note_large(self, header: "NDArray[np.void]", name: bytes, whole: int, stored: int, offset: int) -> None:
        # The zip64 field holds only the values that do not fit, in this order.
        large = [value for value in (whole, stored, offset) if value >= layout.LIMIT_32]
        extra = layout.EXTRA_HEADER.pack(layout.EXTRA64_ID, 8 * len(large)) + struct.pack(f"<{len(large)}Q", *large)
        record = _central_records(header)
        record["whole"], record["stored"] = min(whole, layout.LIMIT_32), min(stored, layout.LIMIT_32)
        record["offset"], record["extra"] = min(offset, layout.LIMIT_32), len(extra) if large else 0
        self._note(record.tobytes() + name + (extra if large else b""), 1)

    def _note(self, records: bytes, count: int) -> None:
        self._directory.append(records)
        self._directory_pending += len(records)
        self.count += count
        if self._directory_pending >= _BUFFERED:
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # lives as long as the writer
            self._spool.write(b"".join(self._directory))
            self._directory.clear()
            self._directory_pending = 0

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._offset += len(data)


def _rows(records: "NDArray[np.void]") -> list[bytes]:
    """Returns the bytes of each record."""
    data, size = records.tobytes(), records.itemsize
    return [data[start : start + size] for start in range(0, len(data), size)]


def _central_records(headers: "NDArray[np.void]") -> "NDArray[np.void]":
    """Returns central directory records with what they share with the local headers filled in."""
    records = np.zeros(len(headers), dtype=layout.CENTRAL)
    for field in ("version", "method", "date", "crc", "stored", "whole", "name"):
        records[field] = headers[field]
    records["magic"] = int.from_bytes(layout.CENTRAL_MAGIC, "little")
    records["maker"] = layout.MAKER_UNIX | layout.VERSION
    records["external"] = layout.REGULAR_FILE
    return records
