"""The NumPy array that processes share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from reprlib import repr as short_repr
from typing import Any, Self, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from ataraxis_shm._connection import Connection
from ataraxis_shm._conversion import convert
from ataraxis_shm._datatype import addressed_datatype, check_prototype, describe_datatype
from ataraxis_shm._errors import InvalidDataError, NotConnectedError
from ataraxis_shm._header import Header
from ataraxis_shm._index import resolve_index
from ataraxis_shm._registry import reap
from ataraxis_shm._segment import create_segment, destroy_segment, open_segment
from ataraxis_shm._system import LOCK_EX, LOCK_UN, flock


class SharedMemoryArray:
    """A NumPy array in memory that any number of processes of one user read and write, each change made whole.

    Make one with `create_array` and pass it to other processes: as an argument under every start method of
    `multiprocessing`, inside other objects, through queues and pools; or let an unrelated process `attach` to it by
    name. An instance that arrives in a process connects by itself when it is first used.

    The array lives as long as the process that created it, or until `destroy`. After that, processes that are
    connected keep their memory, but nobody can connect any more. A process that only attaches never ends an array.

    Reading and writing take a lock that is safe among threads and processes, is re-entrant within a thread, and is
    freed by the system when its holder dies. If the holder was writing, the next one gets a `TornWriteWarning`, once.

    Args:
        name: Name of an array that exists when this instance is first used.

    Example:
        >>> import numpy as np
        >>> from ataraxis_shm import SharedMemoryArray
        >>> shared = SharedMemoryArray.create_array("doctest-counters", np.zeros(4, dtype=np.uint32))
        >>> shared.write_data(0, 7)
        >>> shared.read_data((0, 2))
        array([7, 0], dtype=uint32)
        >>> with shared.array() as live:
        ...     live += 1
        >>> shared[0:2]
        array([8, 1], dtype=uint32)
        >>> shared.disconnect()
        >>> shared.destroy()
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_connects_on_use",
        "_datatype",
        "_generation",
        "_lock_timeout",
        "_name",
        "_shape",
    )

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"Unable to name an array: expected a string, got {type(name).__name__}.")
        if not name:
            raise ValueError("Unable to name an array: expected a string of at least one character.")
        self._name = name
        self._connection: Connection | None = None
        self._connects_on_use = True
        self._lock_timeout: float | None = None
        self._generation: int | None = None
        self._shape: tuple[int, ...] | None = None
        self._datatype: np.dtype[Any] | None = None

    # ---------------------------------------------------------------- life

    @classmethod
    def create_array(cls, name: str, prototype: NDArray[Any], exist_ok: bool = False) -> Self:
        """Creates an array with the shape, datatype and values of a prototype, and connects to it.

        What killed processes left behind is removed first.

        Args:
            name: Name for other processes to find it by; any characters, any length, at least one.
            prototype: Values to start with; any shape and datatype but zero-dimensional, empty and object arrays.
            exist_ok: Replaces an array of this name that is in use. Those connected to it keep the old memory until
                they `connect` again.

        Returns:
            The connected instance.

        Raises:
            FileExistsError: If the name is in use and `exist_ok` is false (`SegmentExistsError`).
            OSError: If there is too little shared memory (`NoSpaceError`, with both sizes) or the system refuses.
            TypeError: If the prototype is no NumPy array, or the name no string.
            ValueError: If the prototype cannot be shared, or the name is empty.
        """
        self = cls(name)
        datatype = check_prototype(prototype)

        def fill(memory: memoryview) -> None:
            np.copyto(np.ndarray(prototype.shape, datatype, memory), prototype)

        header = Header.new(name, describe_datatype(datatype), prototype.shape, prototype.nbytes, os.getpid())
        self._adopt(Connection(create_segment(header, fill, exist_ok=exist_ok)))
        return self

    @classmethod
    def attach(cls, name: str) -> Self:
        """Connects to an array by its name, from any process of the same user.

        What killed processes left behind is removed first.

        Args:
            name: The name given to `create_array`.

        Returns:
            The connected instance.

        Raises:
            FileNotFoundError: If no process has such an array (`SegmentNotFoundError`).
            ValueError: If another version of this package made it, or it is damaged (`SegmentFormatError`).
        """
        self = cls(name)
        self._adopt(Connection(open_segment(name, sweep_first=True)))
        return self

    def connect(self) -> None:
        """Connects to the array that has the name now; nothing changes for an instance that is connected to it.

        Calling it is never necessary in a process that has just received the instance, and never harmful.

        Raises:
            FileNotFoundError: If no process has such an array (`SegmentNotFoundError`).
        """
        segment = open_segment(self._name, sweep_first=False)
        if self._connection is None or segment.header.generation != self._generation:
            self._adopt(Connection(segment))

    def disconnect(self) -> None:
        """Lets go of the memory in this process; `connect` takes it up again. May be repeated.

        Arrays that came from `array` stay valid. The shared array itself lives on, see `destroy`.
        """
        connection, self._connection = self._connection, None
        self._connects_on_use = False
        if connection is not None:
            connection.segment.file.leave_users()

    def destroy(self) -> None:
        """Ends the array for everybody: its name is free, and its memory goes with the last process connected.

        Instances that are connected, this one included, stay so until they `disconnect`. May be repeated; an array that
        was created under the same name meanwhile is left alone.
        """
        destroy_segment(self._name, self._generation)

    def _adopt(self, connection: Connection) -> None:
        previous = self._connection
        self._generation = connection.segment.header.generation
        self._shape = connection.view.shape
        self._datatype = connection.view.dtype
        self._connects_on_use = True
        self._connection = connection
        if previous is not None:
            previous.segment.file.leave_users()

    def _connect_on_use(self) -> Connection:
        if self._connection is None and self._connects_on_use:
            self.connect()
        connection = self._connection
        if connection is None:
            raise self._not_connected()
        return connection

    def _not_connected(self) -> NotConnectedError:
        return NotConnectedError(
            f"Unable to use the shared array {self._name!r:.200}: this instance is disconnected. Call connect() first."
        )

    # ---------------------------------------------------------------- what it is

    @property
    def name(self) -> str:
        """The name given to `create_array`."""
        return self._name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array; remembered after `disconnect`."""
        if self._shape is None:
            return self._connect_on_use().view.shape
        return self._shape

    @property
    def datatype(self) -> np.dtype[Any]:
        """Datatype of the array; remembered after `disconnect`."""
        if self._datatype is None:
            return self._connect_on_use().view.dtype
        return self._datatype

    @property
    def is_connected(self) -> bool:
        """Whether this instance holds the memory in this process."""
        return self._connection is not None

    @property
    def lock_timeout(self) -> float | None:
        """Seconds to wait for the lock before a TimeoutError (`LockTimeoutError`); None, the default, waits."""
        return self._lock_timeout

    @lock_timeout.setter
    def lock_timeout(self, seconds: float | None) -> None:
        if seconds is not None and not isinstance(seconds, SupportsFloat):
            raise TypeError(f"Unable to wait {short_repr(seconds)} seconds for a lock: expected a number, or None.")
        if seconds is not None and not float(seconds) >= 0:
            raise ValueError(f"Unable to wait {seconds!r:.100} seconds for a lock: expected 0 or more, or None.")
        self._lock_timeout = None if seconds is None else float(seconds)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self._name!r:.200}, shape={self._shape}, datatype={self._datatype}, "
            f"connected={self.is_connected})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Names only: what arrives connects when it is first used, to whatever has the name then.
        return type(self), (self._name,), (getattr(self, "__dict__", None), {"_lock_timeout": self._lock_timeout})

    # ---------------------------------------------------------------- reading and writing

    def read_data(self, index: int | tuple[int, ...], *, convert_output: bool = False, with_lock: bool = True) -> Any:
        """Reads one element or a range of the first axis, as a copy.

        Args:
            index: An integer, or a half-open range ``(start,)`` or ``(start, stop)``. Negative values count from the
                end.
            convert_output: Gives Python objects (scalars, nested lists) instead of NumPy ones.
            with_lock: Waits until nobody else reads or writes. Without it, a value may be seen half written.

        Returns:
            A scalar for one element, otherwise an array of the array's datatype.

        Raises:
            IndexError: If an element does not exist (`IndexRangeError`).
            ValueError: If the index is malformed (`InvalidIndexError`).
            RuntimeError: If the instance is disconnected (`NotConnectedError`).
            TimeoutError: If the lock was not free in `lock_timeout` seconds (`LockTimeoutError`).
        """
        connection = self._connection
        if (
            type(index) is not int
            or connection is None
            or not connection.gives_scalars
            or not with_lock
            or self._lock_timeout is not None
        ):
            value = self._read_any(index, with_lock)
            return value.tolist() if convert_output else value
        # One locked scalar, written flat: see _read, which it repeats.
        mutex = connection.mutex
        with mutex.thread_lock:
            outermost = not mutex.held
            mutex.held = True
            try:
                flock(mutex.fd, LOCK_EX)
                if connection.writer[0] and outermost:
                    connection.report_torn_write()
                value = connection.view[index]
            except IndexError:
                value = resolve_index(index, len(connection.view))  # raises, with our message
            finally:
                if outermost:
                    mutex.held = False
                    flock(mutex.fd, LOCK_UN)
        return value.tolist() if convert_output else value

    def write_data(self, index: int | tuple[int, ...], data: Any, with_lock: bool = True) -> None:
        """Writes one element or a range of the first axis; nothing is written when it raises.

        Data is converted as NumPy does it (numbers, sequences, strings of numbers, anything array-like) and spread over
        the range where it is one value. Floating-point numbers lose their fraction on the way into integers.

        Args:
            index: An integer, or a half-open range ``(start,)`` or ``(start, stop)``. Negative values count from the
                end.
            data: What to write.
            with_lock: Waits until nobody else reads or writes.

        Raises:
            IndexError: If an element does not exist (`IndexRangeError`).
            ValueError: If the index is malformed (`InvalidIndexError`), or the data fits neither datatype nor shape
                (`InvalidDataError`).
            OverflowError: If an integer does not fit the datatype (`IntegerRangeError`, which is also a ValueError).
            TypeError: If the data is of a type that has no place in the datatype.
            RuntimeError: If the instance is disconnected (`NotConnectedError`).
            TimeoutError: If the lock was not free in `lock_timeout` seconds (`LockTimeoutError`).
        """
        connection = self._connection
        if (
            type(index) is not int
            or connection is None
            or not with_lock
            or self._lock_timeout is not None
            or not (
                type(data) in connection.storable or (type(data) is int and connection.low <= data <= connection.high)
            )
        ):
            self._write_any(index, data, with_lock)
            return
        # One locked scalar, written flat: see _write, which it repeats.
        mutex, writer = connection.mutex, connection.writer
        with mutex.thread_lock:
            outermost = not mutex.held
            mutex.held = True
            try:
                flock(mutex.fd, LOCK_EX)
                if writer[0] and outermost:
                    connection.report_torn_write()
                mark = writer[0]
                writer[0] = mutex.pid
                try:
                    connection.view[index] = data
                finally:
                    writer[0] = mark
            except IndexError:
                resolve_index(index, len(connection.view))  # raises, with our message
            finally:
                if outermost:
                    mutex.held = False
                    flock(mutex.fd, LOCK_UN)

    @contextmanager
    def array(self, *, with_lock: bool = True) -> Iterator[NDArray[Any]]:
        """Gives the live array for as long as a ``with`` block lasts, nobody else reading or writing.

        This is how a value is read, changed and written back as one step. Everything NumPy can do works on the array,
        in place; assigning to the name changes nothing in shared memory. A reference that is kept after the block stays
        valid memory, but is not protected any more.

        Two processes that take the locks of two arrays in opposite order wait for each other for ever: take them in one
        order, or set `lock_timeout`.

        Args:
            with_lock: Holds the lock during the block. Without it, others may write meanwhile.

        Yields:
            The array in shared memory.

        Raises:
            RuntimeError: If the instance is disconnected (`NotConnectedError`).
            TimeoutError: If the lock was not free in `lock_timeout` seconds (`LockTimeoutError`).
        """
        connection = self._connection or self._connect_on_use()
        if not with_lock:
            yield connection.view.view()
            return
        if self._lock_timeout is not None:
            with self._hold(connection, writing=True):
                yield connection.view.view()
        else:  # the same, without a second context manager: see _read
            mutex, writer = connection.mutex, connection.writer
            with mutex.thread_lock:
                outermost, epoch = not mutex.held, mutex.epoch
                mutex.held = True
                try:
                    flock(mutex.fd, LOCK_EX)
                    if writer[0] and outermost:
                        connection.report_torn_write()
                    mark = writer[0]
                    writer[0] = mutex.pid
                    try:
                        yield connection.view.view()
                    finally:
                        if epoch == mutex.epoch:  # a child forked inside the block is not the writer
                            writer[0] = mark
                finally:
                    if outermost and epoch == mutex.epoch:
                        mutex.held = False
                        flock(mutex.fd, LOCK_UN)
        reap()

    def __getitem__(self, key: Any) -> Any:
        """Reads with any index that NumPy takes, under the lock, as a copy."""
        return self._read(self._connection or self._connect_on_use(), key, with_lock=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Writes with any index that NumPy takes, under the lock; integers must fit the datatype."""
        connection = self._connection or self._connect_on_use()
        if type(value) not in connection.storable and not (
            type(value) is int and connection.low <= value <= connection.high
        ):
            value = convert(value, addressed_datatype(connection.view.dtype, key))
        self._write(connection, key, value, with_lock=True)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Gives NumPy a copy of the whole array, read under the lock."""
        if copy is False:
            raise ValueError("Unable to avoid a copy: take the live array from SharedMemoryArray.array().")
        whole: NDArray[Any] = self[...]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _read_any(self, index: object, with_lock: bool) -> Any:
        connection = self._connection or self._connect_on_use()
        value = self._read(connection, resolve_index(index, len(connection.view)), with_lock)
        return value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size == 1 else value

    def _write_any(self, index: object, data: object, with_lock: bool) -> None:
        connection = self._connection or self._connect_on_use()
        key = resolve_index(index, len(connection.view))
        if isinstance(key, int) and connection.view.ndim == 1:
            key = slice(key, key + 1)  # so that an array of one element is as good as a scalar
        value = convert(data, connection.view.dtype)
        try:
            self._write(connection, key, value, with_lock)
        except ValueError as error:
            raise InvalidDataError(
                f"Unable to write data of shape {value.shape} to elements of shape {connection.view[key].shape}: "
                f"{error!s:.200}"
            ) from error

    @contextmanager
    def _hold(self, connection: Connection, *, writing: bool) -> Iterator[None]:
        mutex, writer = connection.mutex, connection.writer
        epoch = mutex.epoch
        with mutex.hold(self._lock_timeout, f"the shared array {self._name!r:.200}") as outermost:
            if outermost and writer[0]:
                connection.report_torn_write()
            if outermost and writing:
                writer[0] = mutex.pid
            try:
                yield
            finally:
                if outermost and epoch == mutex.epoch:  # a child forked inside the block is not the writer
                    writer[0] = 0

    # The locked part of every access, written flat on purpose: an `flock` costs a fraction of a microsecond, so context
    # managers, properties and helpers would cost more than the lock. It does what Mutex.hold() does, whose comments say
    # why the steps stand in this order. Nothing but copying memory happens between lock and unlock.

    def _read(self, connection: Connection, key: Any, with_lock: bool) -> Any:
        mutex, view = connection.mutex, connection.view
        if not with_lock:
            value = view[key]
            return value if connection.gives_scalars and type(value) is not np.ndarray else value.copy()
        if self._lock_timeout is not None:
            with self._hold(connection, writing=False):
                return view[key].copy()
        with mutex.thread_lock:
            outermost = not mutex.held
            mutex.held = True
            try:
                flock(mutex.fd, LOCK_EX)
                if outermost and connection.writer[0]:
                    connection.report_torn_write()
                value = view[key]
                return value if connection.gives_scalars and type(value) is not np.ndarray else value.copy()
            finally:
                if outermost:
                    mutex.held = False
                    flock(mutex.fd, LOCK_UN)

    def _write(self, connection: Connection, key: Any, value: Any, with_lock: bool) -> None:
        mutex, writer = connection.mutex, connection.writer
        if not with_lock:
            connection.view[key] = value
            return
        if self._lock_timeout is not None:
            with self._hold(connection, writing=True):
                connection.view[key] = value
                return
        with mutex.thread_lock:
            outermost = not mutex.held
            mutex.held = True
            try:
                flock(mutex.fd, LOCK_EX)
                if writer[0] and outermost:
                    connection.report_torn_write()
                mark = writer[0]  # on an inner level this process's own, which the outer level takes off
                writer[0] = mutex.pid
                try:
                    connection.view[key] = value
                finally:
                    writer[0] = mark
            finally:
                if outermost:
                    mutex.held = False
                    flock(mutex.fd, LOCK_UN)
