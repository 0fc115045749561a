"""Any sequence of calls on both ends behaves as a list with a bound."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ataraxis_shm import RingConsumer, RingFullError, RingProducer, frame_size, scan_frames


class RingMachine(RuleBasedStateMachine):
    """A ring beside a plain list of the records that are in it."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "a.ring")
        self.records = []  # (position, body) of what is in the ring

    @initialize(capacity=st.integers(64, 2048), salt=st.integers(0, 2**32 - 1))
    def create(self, capacity, salt):
        self.producer = RingProducer.create(self.path, capacity, salt=salt)
        self.attach()

    def attach(self):
        self.consumer = RingConsumer.attach(self.path)
        assert self.consumer.claim()

    def fits(self, length):
        """The model's own reckoning of space: contiguous, padded at the end of a lap."""
        size, capacity, head = frame_size(length), self.producer.capacity, self.producer.head
        rest = capacity - head % capacity
        used = head - self.consumer.tail
        return used + (size if size <= rest else rest + size) <= capacity

    def stored(self, position, body):
        assert not self.records or position > self.records[-1][0]
        assert position % self.producer.capacity + frame_size(len(body)) <= self.producer.capacity
        self.records.append((position, body))

    @precondition(lambda self: not self.producer.closed)
    @rule(parts=st.lists(st.binary(max_size=120), max_size=4))
    def put(self, parts):
        body = b"".join(parts)
        if len(body) > self.producer.max_body:
            with pytest.raises(ValueError, match="expected at most"):
                self.producer.put(*parts)
        elif self.fits(len(body)):
            assert self.producer.wait_for_space(len(body), timeout=0)
            self.stored(self.producer.put(*parts, timeout=0), body)
        else:
            assert not self.producer.wait_for_space(len(body), timeout=0)
            with pytest.raises(RingFullError):
                self.producer.put(*parts, timeout=0)

    @precondition(lambda self: not self.producer.closed)
    @rule(data=st.data())
    def put_many(self, data):
        longest = min(60, self.producer.max_body)
        bodies = data.draw(st.lists(st.binary(max_size=longest), max_size=12))
        before = self.producer.head
        try:
            stored = self.producer.put_many(((body[:3], body[3:]) for body in bodies), timeout=0)
            assert stored == len(bodies)
        except RingFullError as error:
            stored = error.stored
            assert stored < len(bodies)
            assert not self.fits(len(bodies[stored]))
        if stored:
            fresh = [(position, bytes(body)) for position, body in self.consumer.peek() if position >= before]
            assert [body for _, body in fresh] == bodies[:stored]
            for position, body in fresh:
                self.stored(position, body)

    @rule(max_records=st.none() | st.integers(1, 20), max_bytes=st.none() | st.integers(1, 600), share=st.floats(0, 1))
    def peek_and_advance(self, max_records, max_bytes, share):
        batch = self.consumer.peek(max_records, max_bytes)
        shown = [(position, bytes(body)) for position, body in batch]
        assert shown == self.records[: len(shown)]
        assert bool(shown) == bool(self.records)
        if max_records is None and max_bytes is None:
            assert len(shown) == len(self.records)
        if max_records is not None:
            assert len(shown) <= max_records
        sizes = [frame_size(len(body)) for _, body in shown]
        if max_bytes is not None and shown:
            assert sum(sizes[:-1]) < max_bytes
        raw = b"".join(batch.frames)
        assert [(frame.position, bytes(frame.body)) for frame in scan_frames(raw, self.producer.salt)] == shown
        assert len(batch.frames) <= 2
        taken = round(share * len(shown))
        self.consumer.advance(batch.end if taken == len(shown) else shown[taken][0])
        del self.records[:taken]

    @rule(word=st.integers(0, 3), value=st.integers(0, 2**64 - 1))
    def the_next_consumer_finds_everything_as_it_was(self, word, value):
        self.consumer.scratch[word] = value
        tail = self.consumer.tail
        self.consumer.close()
        self.attach()
        assert self.consumer.scratch[word] == value
        assert self.consumer.tail == tail

    @rule()
    def close_the_producer(self):
        self.producer.close()

    @invariant()
    def both_ends_agree(self):
        if not hasattr(self, "producer"):
            return
        producer, consumer = self.producer, self.consumer
        assert producer.head == consumer.head
        assert producer.tail == consumer.tail
        assert producer.backlog == consumer.backlog == consumer.head - consumer.tail <= producer.capacity
        assert bool(self.records) == (producer.backlog > 0) == consumer.wait(timeout=0)
        assert consumer.producer_alive == (not producer.closed)
        assert consumer.exhausted == (producer.closed and not self.records)

    def teardown(self):
        if hasattr(self, "producer"):
            self.consumer.close()
            self.producer.close()
        self.folder.cleanup()


TestRingMachine = RingMachine.TestCase
TestRingMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
