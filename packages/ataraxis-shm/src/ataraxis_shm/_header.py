"""The first bytes of a segment: what `attach` needs to know, and the word that betrays a torn write.

Little-endian: magic (8 bytes), version (u32), CRC-32 of the header without these four bytes (u32), offset of the data,
size of the data, generation, time of creation in nanoseconds since 1970, process number of the creator (u64 each). At
byte 128, on a cache line of its own, the *writer word*: the process number of who is writing, else 0. At byte 256 the
length (u32) and text (UTF-8 JSON) of what has no fixed size: name, datatype, shape. Then the data, aligned to 128 bytes
(two cache lines: processors fetch them in pairs).
"""

import json
import os
import struct
import time
import zlib
from dataclasses import dataclass

from ataraxis_shm._errors import SegmentFormatError

MAGIC = b"ATXARRAY"
VERSION = 1
WRITER_WORD = slice(128, 136)

_FIXED = struct.Struct("<8sII5Q")
_AFTER_CRC = 16
_TEXT_LENGTH = struct.Struct("<I")
_TEXT_START = 256
_ALIGNMENT = 128


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says about itself.

    Attributes:
        name: The name it was created with.
        datatype: Text of the datatype, as `numpy.lib.format` describes it.
        shape: Shape of the array.
        data_start: Offset of the first byte of the array.
        data_size: Bytes of the array.
        generation: Random number that tells segments of one name apart.
        created_ns: Time of creation, in nanoseconds since 1970.
        creator: Number of the process that created it.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data_start: int
    data_size: int
    generation: int
    created_ns: int
    creator: int

    @classmethod
    def new(cls, name: str, datatype: str, shape: tuple[int, ...], data_size: int, creator: int) -> "Header":
        """Describes a segment that is about to be created."""
        end = _TEXT_START + _TEXT_LENGTH.size + len(_text(name, datatype, shape))
        start = -(-end // _ALIGNMENT) * _ALIGNMENT
        generation = int.from_bytes(os.urandom(8), "little")
        return cls(name, datatype, shape, start, data_size, generation, time.time_ns(), creator)

    @property
    def file_size(self) -> int:
        """Bytes of the whole segment."""
        return self.data_start + self.data_size

    def write(self, memory: memoryview) -> None:
        """Writes the header into the memory of a new segment."""
        text = _text(self.name, self.datatype, self.shape)
        fixed = (self.data_start, self.data_size, self.generation, self.created_ns, self.creator)
        _TEXT_LENGTH.pack_into(memory, _TEXT_START, len(text))
        memory[_TEXT_START + _TEXT_LENGTH.size :][: len(text)] = text
        _FIXED.pack_into(memory, 0, MAGIC, VERSION, 0, *fixed)
        _FIXED.pack_into(memory, 0, MAGIC, VERSION, _checksum(memory, len(text)), *fixed)


def read_header(memory: memoryview, path: object) -> Header:
    """Reads the header of a segment.

    Args:
        memory: The segment from its first byte, all of it or at least the header.
        path: The file, for messages.

    Raises:
        SegmentFormatError: If this is no segment, a damaged one, or one of another version.
    """
    if len(memory) < _TEXT_START + _TEXT_LENGTH.size or memory[: len(MAGIC)] != MAGIC:
        raise SegmentFormatError(f"Unable to use {path}: expected a segment of ataraxis-shm, found something else.")
    _, version, checksum, data_start, data_size, generation, created_ns, creator = _FIXED.unpack_from(memory)
    if version != VERSION:
        raise SegmentFormatError(
            f"Unable to use {path}: it has format version {version}, this ataraxis-shm reads version {VERSION}. "
            "Use one version of ataraxis-shm in all processes."
        )
    (length,) = _TEXT_LENGTH.unpack_from(memory, _TEXT_START)
    if _TEXT_START + _TEXT_LENGTH.size + length > min(len(memory), data_start) or checksum != _checksum(memory, length):
        raise SegmentFormatError(f"Unable to use {path}: its header is damaged.")
    text = json.loads(bytes(memory[_TEXT_START + _TEXT_LENGTH.size :][:length]))
    shape = tuple(text["shape"])
    return Header(text["name"], text["datatype"], shape, data_start, data_size, generation, created_ns, creator)


def _text(name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
    return json.dumps({"name": name, "datatype": datatype, "shape": shape}).encode()


def _checksum(memory: memoryview, text_length: int) -> int:
    first = zlib.crc32(memory[_AFTER_CRC : _FIXED.size])
    return zlib.crc32(memory[_TEXT_START : _TEXT_START + _TEXT_LENGTH.size + text_length], first)
