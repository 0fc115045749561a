"""What a consumer does when the bytes of a ring are not what its producer wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ataraxis_shm import RingConsumer, RingDamageError, RingProducer, ShmError
from ataraxis_shm import _ring_consumer as module
from ataraxis_shm._frame import HEADER_SIZE
from ataraxis_shm._ring_layout import DATA_OFFSET, HEAD, TAIL
from ring_helpers import ring, take, take_all


@pytest.fixture
def hasty(monkeypatch):
    """Damage is believed at once: these tests make it themselves."""
    monkeypatch.setattr(module, "_LOOKS", (0.0,))


def offset_of(producer, position):
    return DATA_OFFSET + position % producer.capacity


def flip(producer, position, at=0):
    producer._memory[offset_of(producer, position) + at] ^= 0x40


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("at", [0, 4, 12, 16, 24, HEADER_SIZE, HEADER_SIZE + 4])
def test_damage_is_reported_with_the_way_on(tmp_path, at):
    with ring(tmp_path) as (producer, consumer):
        positions = [producer.put(b"body %d" % number) for number in range(5)]
        flip(producer, positions[2], at)
        assert take(consumer) == [b"body 0", b"body 1"]
        for _ in range(2):  # as long as nobody goes on
            with pytest.raises(RingDamageError, match=f"no intact record at {positions[2]}") as caught:
                consumer.peek()
        assert caught.value.offset == positions[2]
        assert caught.value.resume == positions[3]
        assert isinstance(caught.value, ShmError)
        consumer.advance(caught.value.resume)
        assert take_all(consumer) == [b"body 3", b"body 4"]


@pytest.mark.usefixtures("hasty")
def test_damage_up_to_the_head_is_skipped_as_a_whole(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        positions = [producer.put(b"body %d" % number) for number in range(3)]
        for position in positions:
            flip(producer, position)
        with pytest.raises(RingDamageError) as caught:
            consumer.peek()
        assert (caught.value.offset, caught.value.resume) == (0, producer.head)
        consumer.advance(caught.value.resume)
        producer.put(b"after")
        assert take_all(consumer) == [b"after"]


@pytest.mark.usefixtures("hasty")
def test_damage_before_the_wrap_is_skipped_into_the_next_lap(tmp_path):
    with ring(tmp_path, 512) as (producer, consumer):
        for _ in range(3):
            producer.put(bytes(100))
            take_all(consumer)
        first = producer.put(bytes(20))
        second = producer.put(b"next lap", bytes(60))  # behind padding
        assert second % 512 == 0
        flip(producer, first)
        with pytest.raises(RingDamageError) as caught:
            consumer.peek()
        assert caught.value.resume == second
        consumer.advance(caught.value.resume)
        assert take_all(consumer) == [b"next lap" + bytes(60)]


@pytest.mark.usefixtures("hasty")
def test_a_damaged_padding_costs_no_record(tmp_path):
    with ring(tmp_path, 512) as (producer, consumer):
        for _ in range(3):
            producer.put(bytes(100))
        take_all(consumer)
        padding = producer.head
        producer.put(bytes(100))
        flip(producer, padding, at=20)
        with pytest.raises(RingDamageError) as caught:
            consumer.peek()
        assert (caught.value.offset, caught.value.resume) == (padding, 512)
        consumer.advance(512)
        assert take_all(consumer) == [bytes(100)]


@pytest.mark.usefixtures("hasty")
def test_an_old_frame_at_the_right_place_is_not_taken_for_a_new_one(tmp_path):
    with ring(tmp_path, 512) as (producer, consumer):
        size = 512 // 4
        for _ in range(4):
            producer.put(bytes(size - HEADER_SIZE))
            take_all(consumer)
        producer._words[HEAD] += size  # a head without its frame: what lies there is whole, but of the lap before
        with pytest.raises(RingDamageError) as caught:
            consumer.peek()
        assert caught.value.resume == producer.head


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("head", "tail"), [(0, 40), (8192, 40), (81, 40), (2**64 - 8, 0)])
def test_impossible_words_are_damage_and_nothing_is_read(tmp_path, head, tail):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"one")
        producer.put(b"two")
        producer._words[HEAD], producer._words[TAIL] = head, tail
        with pytest.raises(RingDamageError, match="cannot both be right"):
            consumer.peek()
        producer._words[HEAD], producer._words[TAIL] = 80, 0
        assert take_all(consumer) == [b"one", b"two"]


def test_a_head_that_is_seen_before_its_bytes_is_looked_at_again(tmp_path, monkeypatch):
    with ring(tmp_path) as (producer, consumer):
        position = producer.put(b"late")
        flip(producer, position, HEADER_SIZE)
        looks = []

        def arrive(pause):
            looks.append(pause)
            if len(looks) == 3:
                flip(producer, position, HEADER_SIZE)

        monkeypatch.setattr(module.time, "sleep", arrive)
        assert take_all(consumer) == [b"late"]
        assert len(looks) == 3


def take_or_skip(consumer, max_records):
    tail = consumer.tail
    try:
        return take(consumer, max_records)
    except RingDamageError as error:
        damage = error
    assert tail <= damage.offset < damage.resume <= consumer.head
    consumer.advance(damage.resume)
    return []


@given(st.binary(min_size=1, max_size=600), st.integers(0, 511), st.integers(0, 40), st.data())
def test_no_bytes_in_a_ring_ever_crash_its_consumer_or_pass_for_a_record(tmp_path_factory, noise, start, laps, data):
    folder = tmp_path_factory.mktemp("noise")
    looks, module._LOOKS = module._LOOKS, (0.0,)
    try:
        with RingProducer.create(folder / "a.ring", 512) as producer, RingConsumer.attach(producer.path) as consumer:
            consumer.claim()
            for number in range(laps):
                producer.put(bytes(number % 50))
                take_all(consumer)
            bodies = [(producer.put(body) and body) or body for body in (b"one", b"two", b"three", b"four")]
            noise = noise[: 512 - start]
            producer._memory[DATA_OFFSET + start : DATA_OFFSET + start + len(noise)] = noise
            found = []
            while consumer.backlog:
                found += take_or_skip(consumer, data.draw(st.integers(1, 4)))
            assert [body for body in bodies if body in found] == found
    finally:
        module._LOOKS = looks
        producer.unlink()
