"""A reader of journals written from docs/internals/formats.md alone; it shares no line with the packages."""

import struct
import sys
import zlib
from pathlib import Path

MAGIC = b"\x89AxR"


def salt_of(segment: bytes) -> int:
    """The salt, from whichever copy of the header is intact."""
    for copy in (segment[:64], segment[64:128]):
        if copy[:8] == b"\x89AXJ\r\n\x1a\n" and zlib.crc32(copy[:60]) == int.from_bytes(copy[60:64], "little"):
            return int.from_bytes(copy[12:16], "little")
    raise ValueError("both copies of the header are damaged")


def frame_at(segment: bytes, offset: int, salt: int) -> tuple[int, int, bytes] | None:
    """Ring id, position and body of the frame that begins here, if it is intact."""
    if segment[offset : offset + 4] != MAGIC or offset + 32 > len(segment):
        return None
    length, crc, ring_id, position = struct.unpack_from("<QIQQ", segment, offset + 4)
    end = offset + 32 + length
    if end > len(segment):
        return None
    computed = zlib.crc32(segment[offset + 16 : end], zlib.crc32(segment[offset : offset + 12], salt))
    return (ring_id, position, segment[offset + 32 : end]) if computed == crc else None


def read_folder(folder: Path) -> tuple[list[tuple[int, int, bytes]], int]:
    """(source, time, payload) of every record in order, repeats dropped, and how many bytes were damaged."""
    entries, seen, damaged = [], set(), 0
    for path in sorted(folder.glob("segment_*.axj"), key=lambda path: int(path.stem[8:])):
        segment, offset, verified = path.read_bytes(), 128, 64
        salt = salt_of(segment)
        while offset < len(segment):
            frame = frame_at(segment, offset, salt)
            if frame is None:
                resumed = segment.find(MAGIC, verified)
                while resumed >= 0 and frame_at(segment, resumed, salt) is None:
                    resumed = segment.find(MAGIC, resumed + 1)
                resumed = len(segment) if resumed < 0 else resumed
                damaged += max(0, resumed - offset)
                offset = resumed
                continue
            ring_id, position, body = frame
            if ring_id and (ring_id, position) not in seen:
                seen.add((ring_id, position))
                source, time = struct.unpack_from("<B7xQ", body)
                entries.append((source, time, body[16:]))
            verified = offset + 32 + len(body)
            offset += (32 + len(body) + 7) // 8 * 8
    return entries, damaged


if __name__ == "__main__":
    sys.stdout.writelines(f"{entry}\n" for entry in read_folder(Path(sys.argv[1]))[0])
