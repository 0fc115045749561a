"""Who waits for space in pieces keeps his place."""

import threading

import pytest

from ataraxis_shm import RingConsumer, RingFullError, RingProducer

CAPACITY = 4096


@pytest.fixture
def ring(tmp_path):
    """A full ring of short records."""
    with RingProducer.create(tmp_path / "a.ring", CAPACITY) as ring:
        while ring.wait_for_space(0, 0):
            ring.put(b"")
        yield ring


def put_in_thread(ring, body):
    """Tells whether another thread could put a record at once."""
    stored = []

    def put():
        try:
            stored.append(ring.put(body, timeout=0))
        except RingFullError:
            stored.append(None)

    thread = threading.Thread(target=put)
    thread.start()
    thread.join()
    return stored[0] is not None


def make_space(ring, records):
    with RingConsumer.attach(ring.path) as consumer:
        assert consumer.claim()
        consumer.advance(list(consumer.peek(records + 1).positions)[-1])


def test_a_thread_in_its_turn_is_not_overtaken_between_two_calls(ring):
    long = bytes(1000)

    def put_in_pieces():
        for _ in range(2):
            with pytest.raises(RingFullError):
                ring.put(long, timeout=0.001)
            make_space(ring, 5)
            assert not put_in_thread(ring, b"short")
        make_space(ring, 100)
        return ring.put(long, timeout=0)

    assert ring.in_turn(put_in_pieces) == CAPACITY
    assert put_in_thread(ring, b"short")


def test_the_turn_ends_with_what_is_done_in_it(ring):
    with pytest.raises(KeyboardInterrupt):
        ring.in_turn(interrupt)
    make_space(ring, 5)
    assert put_in_thread(ring, b"short")


def interrupt():
    raise KeyboardInterrupt


def test_a_signal_handler_puts_in_the_turn_of_its_thread_and_leaves_it_its_place(ring):
    def handle():
        make_space(ring, 5)
        ring.put(b"handler", timeout=0)
        assert not put_in_thread(ring, b"short")

    ring.in_turn(lambda: ring.in_turn(handle) or handle())
    assert put_in_thread(ring, b"short")
