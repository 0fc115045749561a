"""A NumPy array shared by processes, and a single-producer single-consumer ring buffer.

Names are imported when they are first used (PEP 562), so that a process that only moves bytes never loads NumPy.
"""

from typing import TYPE_CHECKING

from ataraxis_shm._lazy import lazy_names
from ataraxis_shm._version import __version__

if TYPE_CHECKING:
    from ataraxis_shm._array import SharedMemoryArray
    from ataraxis_shm._errors import (
        IndexRangeError,
        IntegerRangeError,
        InvalidDataError,
        InvalidIndexError,
        LockTimeoutError,
        NoSpaceError,
        NotConnectedError,
        RingClosedError,
        RingDamageError,
        RingFormatError,
        RingFullError,
        SegmentExistsError,
        SegmentFormatError,
        SegmentNotFoundError,
        ShmError,
        TornWriteWarning,
        UnsafeFolderError,
    )
    from ataraxis_shm._frame import FRAME_HEADER, Damage, Frame, check_frame, frame_size, pack_frame, scan_frames
    from ataraxis_shm._ring_batch import Batch
    from ataraxis_shm._ring_consumer import RingConsumer
    from ataraxis_shm._ring_create import remove_unfinished_rings
    from ataraxis_shm._ring_producer import RingProducer

_HOMES = {
    "FRAME_HEADER": "_frame",
    "Batch": "_ring_batch",
    "Damage": "_frame",
    "Frame": "_frame",
    "IndexRangeError": "_errors",
    "IntegerRangeError": "_errors",
    "InvalidDataError": "_errors",
    "InvalidIndexError": "_errors",
    "LockTimeoutError": "_errors",
    "NoSpaceError": "_errors",
    "NotConnectedError": "_errors",
    "RingConsumer": "_ring_consumer",
    "RingClosedError": "_errors",
    "RingDamageError": "_errors",
    "RingFormatError": "_errors",
    "RingFullError": "_errors",
    "RingProducer": "_ring_producer",
    "SegmentExistsError": "_errors",
    "SegmentFormatError": "_errors",
    "SegmentNotFoundError": "_errors",
    "SharedMemoryArray": "_array",
    "ShmError": "_errors",
    "TornWriteWarning": "_errors",
    "UnsafeFolderError": "_errors",
    "check_frame": "_frame",
    "frame_size": "_frame",
    "pack_frame": "_frame",
    "remove_unfinished_rings": "_ring_create",
    "scan_frames": "_frame",
}

__all__ = [
    "FRAME_HEADER",
    "Batch",
    "Damage",
    "Frame",
    "IndexRangeError",
    "IntegerRangeError",
    "InvalidDataError",
    "InvalidIndexError",
    "LockTimeoutError",
    "NoSpaceError",
    "NotConnectedError",
    "RingClosedError",
    "RingConsumer",
    "RingDamageError",
    "RingFormatError",
    "RingFullError",
    "RingProducer",
    "SegmentExistsError",
    "SegmentFormatError",
    "SegmentNotFoundError",
    "SharedMemoryArray",
    "ShmError",
    "TornWriteWarning",
    "UnsafeFolderError",
    "__version__",
    "check_frame",
    "frame_size",
    "pack_frame",
    "remove_unfinished_rings",
    "scan_frames",
]

__getattr__, __dir__ = lazy_names(__name__, globals(), _HOMES)
