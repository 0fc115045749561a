"""Threads, signal handlers, finalizers and interrupts inside ``put``."""

import contextlib
import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

from ataraxis_shm import RingClosedError, RingConsumer, RingFullError, RingProducer
from ataraxis_shm import _ring_producer as module
from ring_helpers import ring, take, take_all


def is_in_put(frame):
    """Tell whether a signal came while code of the producer ran, and not that of a coverage tool, say."""
    return frame.f_code.co_filename == module.__file__


@contextlib.contextmanager
def signals(handler):
    """Have another process send signals to this one, some thousand a second.

    Not a timer: the real one belongs to pytest-timeout, the others tick in steps of milliseconds.
    """
    code = "import os, sys, time\nwhile True:\n os.kill(int(sys.argv[1]), int(sys.argv[2]))\n time.sleep(1e-4)"
    previous = signal.signal(signal.SIGUSR1, handler)
    sender = subprocess.Popen([sys.executable, "-c", code, str(os.getpid()), str(int(signal.SIGUSR1))])
    try:
        yield
    finally:
        sender.kill()
        sender.wait()
        signal.signal(signal.SIGUSR1, previous)


class InterruptionError(Exception):
    """Raised out of nowhere, as a KeyboardInterrupt is."""


def drain(consumer, count):
    found = []
    while len(found) < count:
        assert consumer.wait(timeout=30)
        found += take(consumer)
    return found


@pytest.fixture
def quick_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("quick_switches")
def test_threads_share_a_ring_and_each_keeps_its_order(tmp_path):
    threads, count = 4, 2000
    with ring(tmp_path, 1 << 13) as (producer, consumer):

        def work(thread):
            for number in range(count):
                if number % 3:
                    producer.put(b"%d:" % thread, b"%d" % number)
                else:
                    producer.put_many([(b"%d:" % thread, b"%d" % number, b"")])

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        found = drain(consumer, threads * count)
        for worker in workers:
            worker.join()
        assert consumer.backlog == 0
        for thread in range(threads):
            prefix = b"%d:" % thread
            mine = [int(body[2:]) for body in found if body.startswith(prefix)]
            assert mine == list(range(count))


@pytest.mark.usefixtures("quick_switches")
def test_short_records_do_not_starve_a_long_one(tmp_path):
    with ring(tmp_path, 1 << 13) as (producer, consumer):
        stop = threading.Event()

        def chatter():
            while not stop.is_set():
                with contextlib.suppress(RingFullError):
                    producer.put(b"short", timeout=0.01)

        talkers = [threading.Thread(target=chatter) for _ in range(3)]
        long = threading.Thread(target=producer.put, args=(b"L" * producer.max_body,), kwargs={"timeout": 60})
        for talker in talkers:
            talker.start()
        assert producer.wait_for_space(0, timeout=10)
        while producer.wait_for_space(producer.max_body, timeout=0):
            time.sleep(0.001)  # until the short ones have filled half of the ring
        long.start()
        deadline = time.monotonic() + 60
        found = []
        while b"L" * producer.max_body not in found and time.monotonic() < deadline:
            consumer.wait(timeout=1)
            found = take(consumer, max_records=4)
        stop.set()
        long.join()
        for talker in talkers:
            talker.join()
        assert b"L" * producer.max_body in found


@pytest.mark.usefixtures("quick_switches")
def test_contention_alone_is_never_a_full_ring(tmp_path):
    with ring(tmp_path, 1 << 22) as (producer, consumer):

        def work():
            for _ in range(100):
                producer.put(bytes(6000), timeout=0)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(take_all(consumer)) == 400


def test_a_thread_that_waits_is_told_when_the_ring_is_closed(tmp_path):
    with ring(tmp_path, 512) as (producer, _):
        while producer.wait_for_space(32, timeout=0):
            producer.put(bytes(32))
        caught = []

        def wait():
            try:
                producer.put(bytes(32))
            except RuntimeError as error:
                caught.append(str(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not producer._waiting:
            time.sleep(0.001)
        producer.close()
        waiting.join(30)
        assert "it was closed" in caught[0]


STEPS = ("_pack_position", "_join", "crc32")  # what `put` calls: a signal handler may run after each


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_signal_handler_may_put_while_its_thread_puts(tmp_path, monkeypatch, many, step):
    with ring(tmp_path, 1 << 10) as (producer, consumer):
        original = getattr(module, step)
        armed = [False]
        nested, outer, found = [], [], []

        def interrupted(*arguments):
            result = original(*arguments)
            if armed[0]:
                armed[0] = False
                nested.append(b"nested %d" % len(nested))
                producer.put(nested[-1])
            return result

        monkeypatch.setattr(module, step, interrupted)
        for number in range(300):
            outer.append(b"outer %d" % number)
            armed[0] = True
            if many:
                producer.put_many([(outer[-1],)])
            else:
                producer.put(outer[-1])
            found += take_all(consumer)
        assert [body for body in found if body.startswith(b"outer")] == outer
        assert [body for body in found if body.startswith(b"nested")] == nested
        assert len(nested) == 300
        assert len(found) == 600


def once_after(call, action):
    """The call, with what a signal handler does after it, the first time."""
    handlers = [action]

    def interrupted(*arguments):
        result = call(*arguments)
        if handlers:
            handlers.pop()()
        return result

    return interrupted


PUTS = {  # what each of them needs: a record of a known length, one of a new length, one that wraps, several at once
    "known": lambda producer: producer.put(bytes(64)),
    "new": lambda producer: producer.put(bytes(65)),
    "wraps": lambda producer: producer.put(bytes(256)),
    "many": lambda producer: producer.put_many([(bytes(64),), (bytes(64),)]),
}


@pytest.mark.parametrize("end", ["close", "_become_foreign"])
@pytest.mark.parametrize("step", [*STEPS, "pack_into", "_pack_padding_into"])
@pytest.mark.parametrize("put", PUTS)
def test_a_ring_that_is_closed_or_left_to_the_parent_inside_a_put_takes_nothing_more(
    tmp_path, monkeypatch, put, step, end
):
    """By a signal handler of the same thread, which stops the logger or forks: nobody may be told it was stored."""
    producer = RingProducer.create(tmp_path / "test.ring", 1 << 10)
    with RingConsumer.attach(producer.path) as consumer:
        assert consumer.claim()
        for size in (256, 256, 64, 64):
            producer.put(bytes(size))
            take_all(consumer)
        head, records = producer.head, consumer.records
        action = getattr(producer, end)
        if step == "pack_into":
            producer._plans = {size: (*plan[:3], once_after(plan[3], action)) for size, plan in producer._plans.items()}
        else:
            monkeypatch.setattr(module, step, once_after(getattr(module, step), action))
        try:
            PUTS[put](producer)
        except RingClosedError:
            stored = False
        else:
            stored = True
        # Not every put calls each of these: then the ring is as open as before.
        assert stored == producer._accepts
        assert (producer.head > head, consumer.records > records) == (stored, stored)
        action()
        with pytest.raises(RingClosedError):
            producer.put(b"later")


def test_a_real_signal_handler_may_put(tmp_path):
    with ring(tmp_path, 1 << 20) as (producer, consumer):
        nested = []
        numbers = itertools.count()  # a handler may be interrupted by the next signal

        def handler(_, frame):
            if not is_in_put(frame):
                return
            body = b"nested %d" % next(numbers)
            producer.put(body)
            nested.append(body)

        found, number = [], 0
        with signals(handler):
            while len(nested) < 300:
                producer.put(b"outer %d" % number)
                number += 1
                if number % 500 == 0:
                    found += take_all(consumer)
        found += take_all(consumer)
        assert sorted(body for body in found if body.startswith(b"nested")) == sorted(nested)
        assert [body for body in found if body.startswith(b"outer")] == [b"outer %d" % count for count in range(number)]


def test_a_finalizer_may_put(tmp_path):
    with ring(tmp_path, 1 << 20) as (producer, consumer):
        finalized = []

        class Cycle:
            def __init__(self, number):
                self.me = self
                weakref.finalize(self, finalize, number)

        def finalize(number):
            producer.put(b"nested %d" % number)
            finalized.append(number)

        thresholds = gc.get_threshold()
        gc.set_threshold(5, 1, 1)
        try:
            for number in range(500):
                Cycle(number)
                producer.put(b"outer %d" % number, b"", b"")
        finally:
            gc.set_threshold(*thresholds)
        gc.collect()
        assert sorted(finalized) == list(range(500))
        assert len(take_all(consumer)) == 1000


@pytest.mark.parametrize("step", ["_pack_position", "_join", "crc32", "get_ident"])
@pytest.mark.parametrize("lap", [0, 1])
def test_an_exception_anywhere_in_put_leaves_the_record_stored_once_or_not_at_all(tmp_path, monkeypatch, step, lap):
    with ring(tmp_path, 512) as (producer, consumer):
        for number in range(8 * lap):
            producer.put(b"lap %d" % number)
            take_all(consumer)
        producer.put(b"12345678")
        original = getattr(module, step)
        for fail_at in range(1, 8):
            calls = [0]

            def failing(*arguments, _calls=calls, _fail_at=fail_at):
                result = original(*arguments)
                _calls[0] += 1
                if _calls[0] == _fail_at:
                    raise InterruptionError
                return result

            before = take_all(consumer)
            monkeypatch.setattr(module, step, failing)
            interrupted = False
            try:
                producer.put(b"87654321")
            except InterruptionError:
                interrupted = True
            monkeypatch.setattr(module, step, original)
            producer.put(b"next")
            found = take_all(consumer)
            assert found == [b"87654321", b"next"] or (interrupted and found == [b"next"])
            assert producer._idle == {0: None}
            assert not producer._waiting
            assert len(before) <= 1


def test_real_interrupts_store_each_record_once_or_not_at_all(tmp_path):
    with ring(tmp_path, 1 << 13) as (producer, consumer):
        interrupts = 0
        armed = [False]

        def handler(_, frame):
            if armed[0] and is_in_put(frame):
                armed[0] = False
                raise InterruptionError

        found, stored, uncertain, number = [], set(), set(), 0
        gc.collect()
        gc.disable()  # an exception out of a weak reference's callback would be printed instead of raised
        try:
            with signals(handler):
                while interrupts < 300:
                    number += 1
                    try:
                        armed[0] = True
                        producer.put(b"%d" % number, bytes(number % 64))
                        armed[0] = False
                        stored.add(number)
                    except InterruptionError:
                        interrupts += 1
                        uncertain.add(number)
                    if number % 40 == 0:
                        found += take_all(consumer)
        finally:
            gc.enable()
        found += take_all(consumer)
        numbers = [int(body.rstrip(b"\0")) for body in found]
        assert numbers == sorted(set(numbers))
        assert stored <= set(numbers) <= stored | uncertain
        assert [len(body) - len(b"%d" % number) for body, number in zip(found, numbers, strict=True)] == [
            number % 64 for number in numbers
        ]
