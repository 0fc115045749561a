"""Workloads of the rows on the ring: what a put and a verified read cost, and records from process to process.

The transfers all have one shape: producer processes that are ready and wait for a signal, and the worker, which
receives what they send. The time of a round is that from the signal to the last record.
"""

# ruff: noqa: PLC0415 - this module also runs in the environments of the peers, which have no ataraxis-shm

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from bench_model import QUICK, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PREFIX: Final = bytes(16)
_CAPACITY: Final = 2 << 20
_PUTS: Final = 2000
# A manager's queue moves some thousand records a second, the others some hundred thousand.
_SLOW: Final = 500 if QUICK else 2000
_COUNTS: Final = {64: 20_000 if QUICK else 100_000, 4096: 10_000 if QUICK else 40_000, 65_536: 1000 if QUICK else 4000}


@contextmanager
def _ring_folder() -> Iterator[Path]:
    """A folder in shared memory, where the rings of the logger are, or in the scratch folder where there is none."""
    memory = Path("/dev/shm")  # noqa: S108 - for a folder with a random name, of mode 0700
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="ataraxis-bench-") as folder:
        yield Path(folder)


def put_64() -> Iterator[Work]:
    """Put records of a 16-byte prefix and 64 bytes, with room for all of them."""
    from ataraxis_shm import RingConsumer, RingProducer

    with _ring_folder() as folder, RingProducer.create(folder / "a.ring", _CAPACITY) as producer:
        consumer = RingConsumer.attach(producer.path)
        consumer.claim()
        payload = os.urandom(64)

        def put_all() -> None:
            put = producer.put
            for _ in range(_PUTS):
                put(_PREFIX, payload)
            consumer.advance(producer.head)

        def single_puts() -> dict[str, float]:
            times = sorted(_time_calls(lambda: producer.put(_PREFIX, payload), _PUTS))
            batch = consumer.peek()
            if [bytes(body) for _, body in batch] != [_PREFIX + payload] * _PUTS:
                raise AssertionError("the ring does not hold what was put")
            consumer.advance(batch.end)
            return {"median": statistics.median(times), "p99": times[_PUTS * 99 // 100]}

        yield Work(call=put_all, items=_PUTS, values=single_puts)
        consumer.close()


def _time_calls(call: Callable[[], object], count: int) -> Iterator[float]:
    clock = time.perf_counter
    for _ in range(count):
        start = clock()
        call()
        yield clock() - start


def put_64_floor() -> Iterator[Work]:
    """Join, check and copy the same bytes: no lock, no bound, no header."""
    import mmap
    from zlib import crc32

    memory = mmap.mmap(-1, _CAPACITY)
    payload = os.urandom(64)
    size = 128

    def copy_all() -> None:
        join = b"".join
        for offset in range(0, _PUTS * size, size):
            body = join((_PREFIX, payload))
            crc32(body)
            memory[offset : offset + 80] = body

    yield Work(call=copy_all, items=_PUTS)
    if memory[:80] != _PREFIX + payload:
        raise AssertionError("nothing was copied")


def peek_64() -> Iterator[Work]:
    """Verify records of 80 bytes, and look at each."""
    from ataraxis_shm import RingConsumer, RingProducer

    with _ring_folder() as folder, RingProducer.create(folder / "a.ring", _CAPACITY) as producer:
        consumer = RingConsumer.attach(producer.path)
        consumer.claim()
        producer.put_many([(_PREFIX, os.urandom(64))] * _PUTS)

        def peek_all() -> int:
            return sum(len(body) for _, body in consumer.peek())

        yield Work(call=peek_all, items=_PUTS)
        if peek_all() != _PUTS * 80:
            raise AssertionError("the ring does not hold what was put")
        consumer.close()


def peek_64_floor() -> Iterator[Work]:
    """Slice and check as many pieces of a buffer, without knowing where they begin."""
    from zlib import crc32

    buffer = memoryview(os.urandom(_PUTS * 112))

    def check_all() -> int:
        total = 0
        for offset in range(0, len(buffer), 112):
            body = buffer[offset : offset + 80]
            crc32(body)
            total += len(body)
        return total

    yield Work(call=check_all, items=_PUTS)
    if check_all() != _PUTS * 80:
        raise AssertionError("nothing was checked")


class Channel(Protocol):
    """A way from producers to the worker."""

    def send(self, number: int, body: bytes, count: int, ready: Callable[[], None]) -> None:
        """In a producer: get ready, say so (which waits for the signal), send the body so many times."""

    def receive(self, producers: int, count: int) -> int:
        """In the worker: receive so many records; return how many bytes they had."""


class _Rings:
    """A ring per producer, all read by the worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, number: int, body: bytes, count: int, ready: Callable[[], None]) -> None:
        from ataraxis_shm import RingProducer

        with RingProducer.create(self._folder / f"{number}.ring", _CAPACITY) as producer:
            ready()
            for _ in range(count):
                producer.put(body)
            producer.wait_empty()

    def receive(self, producers: int, count: int) -> int:
        from ataraxis_shm import RingConsumer

        consumers = [RingConsumer.attach(self._folder / f"{number}.ring") for number in range(producers)]
        for consumer in consumers:
            consumer.claim()
        total = 0
        while count:
            before = count
            for consumer in consumers:
                batch = consumer.peek(max_bytes=1 << 20)
                total += sum(len(body) for _, body in batch)
                count -= len(batch)
                consumer.advance(batch.end)
            if count == before:
                consumers[0].wait(timeout=0.0002)
        return total


class _Pipes:
    """Bare pipes of bytes, which keep no boundaries between records: the floor."""

    def __init__(self, producers: int) -> None:
        self._pipes = [os.pipe() for _ in range(producers)]

    def send(self, number: int, body: bytes, count: int, ready: Callable[[], None]) -> None:
        target = self._pipes[number][1]
        ready()
        for _ in range(count):
            view = memoryview(body)
            while view:
                view = view[os.write(target, view) :]

    def receive(self, producers: int, count: int) -> int:
        import select

        del producers
        left = count * self.size
        sources = [reading for reading, _ in self._pipes]
        while left:
            for source in select.select(sources, (), ())[0]:
                left -= len(os.read(source, 1 << 16))
        return count * self.size

    size = 0

    def close(self) -> None:
        for pipe in self._pipes:
            for fd in pipe:
                os.close(fd)


class _Queue:
    """Any queue with put and get."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def send(self, number: int, body: bytes, count: int, ready: Callable[[], None]) -> None:
        del number
        ready()
        put = self._queue.put
        for _ in range(count):
            put(body)

    def receive(self, producers: int, count: int) -> int:
        del producers
        get = self._queue.get
        return sum(len(get()) for _ in range(count))


class _Zmq:
    """PUSH sockets of the producers, one PULL socket of the worker, over a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self._address = f"ipc://{folder}/zmq"
        self._context: Any = None
        self._pull: Any = None

    def send(self, number: int, body: bytes, count: int, ready: Callable[[], None]) -> None:
        import zmq

        del number
        with zmq.Context() as context, context.socket(zmq.PUSH) as push:
            push.connect(self._address)
            ready()
            for _ in range(count):
                push.send(body)

    def bind(self) -> None:
        import zmq

        self._context = zmq.Context()
        self._pull = self._context.socket(zmq.PULL)
        self._pull.bind(self._address)

    def receive(self, producers: int, count: int) -> int:
        del producers
        receive = self._pull.recv
        return sum(len(receive()) for _ in range(count))

    def close(self) -> None:
        self._pull.close()
        self._context.term()


def _transfer(channel: Channel, size: int, producers: int, count: int, started: Callable[[], None]) -> Iterator[Work]:
    """Start the producers, then time the way of all records from the signal on."""
    body = os.urandom(size)
    share = count // producers
    elapsed = [0.0]
    with _started(channel, body, producers, share) as (processes, wait_until_ready, give_the_signal):
        started()
        wait_until_ready()

        def receive_all() -> None:
            start = time.perf_counter()
            give_the_signal()
            received = channel.receive(producers, share * producers)
            elapsed[0] = time.perf_counter() - start
            if received != share * producers * size:
                raise AssertionError(f"{received} bytes arrived of {share * producers * size}")

        def speeds() -> dict[str, float]:
            records = share * producers / elapsed[0]
            return {"records_per_s": records, "MB_per_s": records * size / 1e6}

        yield Work(call=receive_all, items=share * producers, once=True, values=speeds)
        for process in processes:
            process.join(30)
            if process.exitcode != 0:
                raise AssertionError(f"a producer ended with {process.exitcode}")


@contextmanager
def _started(
    channel: Channel, body: bytes, producers: int, count: int
) -> Iterator[tuple[list[Any], Callable[[], None], Callable[[], None]]]:
    """Producer processes, a function that waits until they are ready, and one that sets them off."""
    # Forked: what a channel is made of (pipes, queues, a manager's connection) need not be picklable then.
    context = multiprocessing.get_context("fork")
    ready, go = os.pipe(), os.pipe()

    def produce(number: int) -> None:
        def wait_for_signal() -> None:
            os.write(ready[1], b"r")
            os.read(go[0], 1)

        channel.send(number, body, count, wait_for_signal)

    def wait_until_ready() -> None:
        for _ in range(producers):
            os.read(ready[0], 1)

    def give_the_signal() -> None:
        os.write(go[1], b"g" * producers)

    processes: list[Any] = [context.Process(target=produce, args=(number,)) for number in range(producers)]
    try:
        for process in processes:
            process.start()
        yield processes, wait_until_ready, give_the_signal
    finally:
        for process in processes:
            process.kill()
        for fd in (*ready, *go):
            os.close(fd)


def _nothing() -> None:
    """What a channel needs when its producers run: most need nothing."""


def _ring(size: int, producers: int) -> Iterator[Work]:
    with _ring_folder() as folder:
        yield from _transfer(_Rings(folder), size, producers, _COUNTS[size], _nothing)


def _pipe(size: int, producers: int) -> Iterator[Work]:
    channel = _Pipes(producers)
    channel.size = size
    try:
        yield from _transfer(channel, size, producers, _COUNTS[size], _nothing)
    finally:
        channel.close()


def _queue(size: int, producers: int) -> Iterator[Work]:
    queue: Any = multiprocessing.get_context("fork").Queue()
    yield from _transfer(_Queue(queue), size, producers, _COUNTS[size], _nothing)
    queue.close()


def _simple_queue(size: int, producers: int) -> Iterator[Work]:
    queue: Any = multiprocessing.get_context("fork").SimpleQueue()
    yield from _transfer(_Queue(queue), size, producers, _COUNTS[size], _nothing)
    queue.close()


def _manager(size: int, producers: int) -> Iterator[Work]:
    with multiprocessing.get_context("fork").Manager() as manager:
        yield from _transfer(_Queue(manager.Queue()), size, producers, _SLOW, _nothing)


def _zmq(size: int, producers: int) -> Iterator[Work]:
    with ExitStack() as stack:
        channel = _Zmq(stack.enter_context(_ring_folder()))
        # Bound after the fork: a context of zmq has threads, and does not survive one.
        yield from _transfer(channel, size, producers, _COUNTS[size], channel.bind)
        channel.close()


_KINDS: Final = {
    "ring": _ring,
    "pipe": _pipe,
    "queue": _queue,
    "simple_queue": _simple_queue,
    "manager": _manager,
    "zmq": _zmq,
}


def __getattr__(name: str) -> Callable[[], Iterator[Work]]:
    """`ring_64_by_1`, `queue_65536_by_2` …: a workload for each kind, size and number of producers."""
    kind, _, rest = name.partition("_by_")
    kind, _, size = kind.rpartition("_")
    if kind not in _KINDS or not rest.isdigit() or not size.isdigit():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return lambda: _KINDS[kind](int(size), int(rest))
