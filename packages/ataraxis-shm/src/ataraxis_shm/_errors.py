"""The errors of this package: one root, and each is also the builtin that a caller would catch without it."""

from queue import Full


class ShmError(Exception):
    """The root of every error that this package defines."""


class NotConnectedError(ShmError, RuntimeError):
    """The array was disconnected, or its lock cannot be reached from this process; call ``connect()``."""


class LockTimeoutError(ShmError, TimeoutError):
    """The lock of an array was not free within ``lock_timeout`` seconds."""


class IntegerRangeError(ShmError, ValueError, OverflowError):
    """An integer does not fit the datatype of the array; nothing was written."""


class InvalidIndexError(ShmError, ValueError):
    """An index is neither an integer nor a half-open range ``(start,)`` or ``(start, stop)``."""


class IndexRangeError(ShmError, IndexError):
    """An index lies outside the first axis of the array."""


class InvalidDataError(ShmError, ValueError):
    """Data cannot be converted to the datatype or the shape of the addressed elements; nothing was written."""


class SegmentExistsError(ShmError, FileExistsError):
    """A segment with this name exists and is in use."""


class SegmentNotFoundError(ShmError, FileNotFoundError):
    """No segment in use has this name."""


class SegmentFormatError(ShmError, ValueError):
    """A file is not a segment, is damaged, or was written by a newer version of this package."""


class NoSpaceError(ShmError, OSError):
    """The file system cannot hold the memory that was asked for (``errno`` is ``ENOSPC``)."""


class UnsafeFolderError(ShmError, PermissionError):
    """The folder for shared files belongs to somebody else, or somebody else may write to it."""


class RingFormatError(ShmError, ValueError):
    """A file is not a ring, is cut off, or was written by a newer version of this package."""


class RingFullError(ShmError, Full):
    """A ring had no space for a record within the timeout.

    Attributes:
        stored: How many records of a `put_many` are in the ring, the first ones; 0 for `put`.
    """

    stored: int = 0


class RingClosedError(ShmError, RuntimeError):
    """A ring takes nothing any more: its producer closed it, or it belongs to the process this one was forked from.

    Attributes:
        stored: How many records of a `put_many` are in the ring, the first ones; 0 for `put`.
    """

    stored: int = 0


class RingDamageError(ShmError, ValueError):
    """The bytes at the tail of a ring are not an intact frame.

    Attributes:
        offset: Position of the damage, in bytes, in the endless stream of the ring.
        resume: Position of the next intact record, or of the head: what to `RingConsumer.advance` to.
    """

    def __init__(self, message: str, offset: int, resume: int) -> None:
        super().__init__(message, offset, resume)
        self.offset = offset
        self.resume = resume

    def __str__(self) -> str:
        return str(self.args[0])


class TornWriteWarning(RuntimeWarning):
    """A process died while it held the lock of an array for writing: what it was writing may be half written."""
