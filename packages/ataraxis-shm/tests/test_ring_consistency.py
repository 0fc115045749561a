"""A ring whose head and tail cannot both be right: nobody opens it by mistake, and whoever has it open is told."""

import pytest

from ataraxis_shm import RingConsumer, RingDamageError, RingFormatError, _ring_consumer
from ataraxis_shm._ring_layout import HEAD, TAIL
from ring_helpers import ring, take_all

IMPOSSIBLE = [(0, 40), (8192, 40), (81, 40), (80, 41), (2**64 - 8, 0)]


@pytest.mark.parametrize(("head", "tail"), IMPOSSIBLE)
def test_a_ring_with_impossible_words_is_opened_only_by_who_asks_for_it(tmp_path, monkeypatch, head, tail):
    monkeypatch.setattr(_ring_consumer, "_LOOKS", (0.0,))
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"one")
        producer.put(b"two")
        assert producer.consistent
        producer._words[HEAD], producer._words[TAIL] = head, tail
        assert not producer.consistent
        assert not consumer.consistent
        with pytest.raises(RingFormatError, match=f"its head {head} and its tail {tail} cannot both be right"):
            RingConsumer.attach(producer.path)
        consumer.close()
        with RingConsumer.attach(producer.path, strict=False) as looking:
            assert looking.claim()
            with pytest.raises(RingDamageError) as caught:
                looking.peek()
            assert caught.value.resume == caught.value.offset == tail
        producer._words[HEAD], producer._words[TAIL] = 80, 0
        with RingConsumer.attach(producer.path) as again:
            assert again.claim()
            assert take_all(again) == [b"one", b"two"]


class MovingWords:
    """The words of a ring whose two ends are as fast as can be: each look at its tail finds it a whole ring further."""

    def __init__(self, capacity, looks):
        self.capacity = capacity
        self.left = looks
        self.tail = 0

    def __getitem__(self, word):
        if word == HEAD:
            return self.tail + self.capacity
        tail = self.tail
        if self.left:
            self.left -= 1
            self.tail += 2 * self.capacity  # between the look at the tail and the one at the head
        return tail


def test_a_ring_that_moves_while_it_is_looked_at_is_consistent(tmp_path, monkeypatch):
    with ring(tmp_path) as (producer, consumer):
        monkeypatch.setattr(consumer._ring, "words", MovingWords(producer.capacity, looks=5))
        assert consumer.consistent


@pytest.mark.parametrize(("head", "tail"), [(0, 0), (4096, 0), (80, 80), (2**40, 2**40 - 4096)])
def test_possible_words_are_consistent(tmp_path, head, tail):
    with ring(tmp_path) as (producer, consumer):
        producer._words[HEAD], producer._words[TAIL] = head, tail
        assert consumer.consistent
        RingConsumer.attach(producer.path).close()
