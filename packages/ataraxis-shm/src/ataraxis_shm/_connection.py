"""What a process keeps at hand of an array it is connected to."""

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ataraxis_shm._conversion import directly_storable_types, integer_range
from ataraxis_shm._datatype import restore_datatype
from ataraxis_shm._errors import TornWriteWarning

_OWN_FILES = (str(Path(__file__).parent), contextlib.__file__)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ataraxis_shm._mutex import Mutex
    from ataraxis_shm._segment import Segment


class Connection:
    """Never changed, only replaced: a thread that still uses an old one keeps it, its memory and its lock alive.

    Attributes:
        view: The live array.
        mutex: The lock.
        writer: One shared word, the process number of who is writing; 0 when nobody is.
        gives_scalars: Whether an integer index gives a value of its own, rather than a view of the shared memory.
        storable: Types that go into an element without a conversion before.
        low: Smallest Python integer that fits; above `high` where integers need a conversion.
        high: Largest one.
    """

    __slots__ = ("gives_scalars", "high", "low", "mutex", "segment", "storable", "view", "writer")

    def __init__(self, segment: "Segment") -> None:
        header = segment.header
        self.segment = segment
        self.mutex: Mutex = segment.file.mutex
        self.writer = segment.writer
        self.view: NDArray[Any] = np.ndarray(header.shape, restore_datatype(header.datatype), segment.data)
        self.gives_scalars = self.view.ndim == 1 and self.view.dtype.kind != "V"
        self.storable = directly_storable_types(self.view.dtype) if self.gives_scalars else frozenset()
        self.low, self.high = (integer_range(self.view.dtype) if self.gives_scalars else None) or (1, 0)

    def report_torn_write(self) -> None:
        """Warns, once, of a process that died while it was writing. The caller holds the lock."""
        dead = self.writer[0]
        self.writer[0] = 0
        warnings.warn(
            f"Process {dead} died while it was writing to the shared array {self.segment.header.name!r:.200}: the "
            "elements it was writing may be half written. Check them, or write them again.",
            TornWriteWarning,
            stacklevel=_level_of_caller(),
        )


def _level_of_caller() -> int:
    """Counts the frames of this package and of context managers, so that the warning names the code that uses it."""
    import inspect  # noqa: PLC0415 (it costs milliseconds, and hardly any process ever comes here)

    level = 0
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FILES):
        level += 1
        frame = frame.f_back
    return level
