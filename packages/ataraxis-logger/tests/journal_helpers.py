"""Journals made by hand, for tests that read, mutate or archive them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ataraxis_logger._formats.journal_layout import BODY_PREFIX, SegmentHeader
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_shm._frame import frame_size, pack_frame

SALT = 0xC0FFEE


class FakeRing:
    """Gives frames the positions they would have in a ring that never wraps."""

    def __init__(self, ring_id: int, salt: int = SALT) -> None:
        self.ring_id = ring_id
        self.salt = salt
        self.position = 0

    def frame(self, source: int, time_stamp: int, payload: bytes) -> bytes:
        body = BODY_PREFIX.pack(source, 0, time_stamp) + payload
        frame = pack_frame(self.ring_id, self.position, body, salt=self.salt)
        self.position += frame_size(len(body))
        return frame


def frames_of(ring: FakeRing, entries: Iterable[tuple[int, int, bytes]]) -> list[bytes]:
    """Returns the frames of (source, time, payload) entries."""
    return [ring.frame(*entry) for entry in entries]


def write_segment(folder: Path, frames: Sequence[bytes], *, salt: int = SALT, footer: bool = True) -> Path:
    """Writes a whole segment and returns its path."""
    writer = SegmentWriter(folder, SegmentHeader(salt, bytes(16), 1_700_000_000_000_000, 5))
    if frames:
        writer.append_frames([memoryview(b"".join(frames))], len(frames))
    writer.close() if footer else writer.abandon()
    return writer.path


def write_journal(folder: Path, entries: Iterable[tuple[int, int, bytes]], ring_id: int = 7) -> Path:
    """Writes (source, time, payload) entries into one new segment and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_segment(folder, frames_of(FakeRing(ring_id), entries))
