"""One process: what is put is read, in order, once, wherever it lies in the ring."""

import errno
import pickle
import queue

import pytest

from ataraxis_shm import (
    RingClosedError,
    RingConsumer,
    RingFormatError,
    RingFullError,
    RingProducer,
    ShmError,
    _ring_create,
    frame_size,
    remove_unfinished_rings,
    scan_frames,
)
from ataraxis_shm._registry import open_file
from ataraxis_shm._ring_layout import PRODUCER_LOCK, write_header
from ring_helpers import ring, take, take_all


@pytest.fixture
def ends(tmp_path):
    with ring(tmp_path) as both:
        yield both


def fill(producer, body=bytes(32)):
    count = 0
    while producer.wait_for_space(len(body), timeout=0):
        producer.put(body)
        count += 1
    return count


def test_records_come_out_in_the_order_they_went_in(ends):
    producer, consumer = ends
    bodies = [b"x" * length for length in range(40)]
    positions = [producer.put(body) for body in bodies]
    batch = consumer.peek()
    assert [(position, bytes(body)) for position, body in batch] == list(zip(positions, bodies, strict=True))
    assert list(batch.positions) == positions
    assert positions == [sum(frame_size(length) for length in range(count)) for count in range(40)]


def test_a_batch_tells_the_lengths_of_its_records(ends):
    producer, consumer = ends
    producer.put_many([(bytes(length),) for length in (0, 5, 64)])
    assert list(consumer.peek().lengths) == [0, 5, 64]


def test_the_count_of_records_grows_with_every_way_to_put(ends):
    producer, consumer = ends
    assert consumer.records == 0
    producer.put(b"one")
    producer.put(b"two")
    producer.put_many([(b"three",), (b"four",)])
    assert consumer.records == 4
    take_all(consumer)
    filled = fill(producer)
    take_all(consumer)
    assert consumer.records == 4 + filled, "nobody's reading changes it, nor does a wrap"


def test_peek_shows_again_what_nobody_advanced_past(ends):
    producer, consumer = ends
    producer.put(b"one")
    assert [bytes(body) for _, body in consumer.peek()] == [b"one"]
    producer.put(b"two")
    assert [bytes(body) for _, body in consumer.peek()] == [b"one", b"two"]
    assert take_all(consumer) == [b"one", b"two"]
    assert len(consumer.peek()) == 0


def test_advance_to_a_record_keeps_it(ends):
    producer, consumer = ends
    for body in (b"one", b"two", b"three"):
        producer.put(body)
    consumer.advance(consumer.peek().positions[1])
    assert take_all(consumer) == [b"two", b"three"]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"a",),
        (b"a", b"b"),
        (b"", b"", b""),
        (b"a", bytearray(b"b"), memoryview(b"cd")),
        (memoryview(b"abcdef")[::2],),
        (memoryview(bytearray(16)).cast("Q"), b"!"),
    ],
)
def test_every_bytes_like_part_is_taken_as_its_bytes(ends, parts):
    producer, consumer = ends
    expected = b"".join(memoryview(part).tobytes() for part in parts)
    for _ in range(3):  # the first of its length goes another way than the next ones
        producer.put(*parts)
    assert producer.put_many([parts, parts]) == 2
    assert take_all(consumer) == [expected] * 5


def test_arrays_of_any_item_and_order_are_taken_as_their_bytes(ends):
    numpy = pytest.importorskip("numpy")
    producer, consumer = ends
    arrays = [
        numpy.arange(12, dtype="<f8").reshape(3, 4),
        numpy.asfortranarray(numpy.arange(12, dtype=">i2").reshape(3, 4)),
        numpy.arange(12, dtype=numpy.uint8)[::3],
        numpy.empty((0, 4)),
    ]
    for array in arrays * 2:
        producer.put(array)
    assert take_all(consumer) == [array.tobytes() for array in arrays * 2]


def test_a_part_may_change_after_put(ends):
    producer, consumer = ends
    body = bytearray(b"before")
    producer.put(body)
    body[:] = b"after!"
    assert take_all(consumer) == [b"before"]


@pytest.mark.parametrize("part", ["text", 5, None, [b"x"]])
def test_a_part_that_is_no_buffer_is_refused_and_harms_nothing(ends, part):
    producer, consumer = ends
    with pytest.raises(TypeError, match=f"type {type(part).__name__}: expected a bytes-like object"):
        producer.put(b"prefix", part)
    producer.put(b"good")
    assert take_all(consumer) == [b"good"]


def test_many_laps_with_records_of_all_lengths(tmp_path):
    with ring(tmp_path, 512, salt=0xFFFFFFFF) as (producer, consumer):
        expected, found = [], []
        for number in range(3000):
            body = number.to_bytes(4, "little") * (number * 7 % 57)
            while not producer.wait_for_space(len(body), timeout=0):
                found += take(consumer, max_records=1 + number % 3)
            producer.put(body)
            expected.append(body)
        found += take_all(consumer)
        assert found == expected
        assert producer.head == producer.tail > 100 * 512


def test_frames_are_the_records_byte_for_byte_without_padding(tmp_path):
    with ring(tmp_path, 512, salt=77) as (producer, consumer):
        seen = set()
        for number in range(200):
            bodies = [bytes([number]) * (number * 13 % 70), b"second", bytes(number % 90)]
            positions = [producer.put(body) for body in bodies]
            batch = consumer.peek()
            raw = b"".join(batch.frames)
            seen.add(len(batch.frames))
            assert all(frames.readonly for frames in batch.frames)
            assert [(frame.position, frame.ring_id, bytes(frame.body)) for frame in scan_frames(raw, 77)] == [
                (position, producer.ring_id, body) for position, body in zip(positions, bodies, strict=True)
            ]
            consumer.advance(batch.end)
        assert seen == {1, 2}


def test_limits_of_peek(ends):
    producer, consumer = ends
    for _ in range(10):
        producer.put(bytes(32))
    assert len(consumer.peek(max_records=3)) == 3
    assert len(consumer.peek(max_bytes=1)) == 1
    assert len(consumer.peek(max_bytes=64)) == 1
    assert len(consumer.peek(max_bytes=65)) == 2
    assert len(consumer.peek(max_records=1, max_bytes=4096)) == 1
    assert len(consumer.peek(10_000, 10_000)) == 10
    for limits in ((0, None), (None, 0), (-1, 5)):
        with pytest.raises(ValueError, match="expected at least 1"):
            consumer.peek(*limits)


def test_a_byte_limit_within_the_padding_still_shows_a_record(tmp_path):
    with ring(tmp_path, 512) as (producer, consumer):
        for _ in range(2):
            producer.put(bytes(120))
        take_all(consumer)
        producer.put(b"y" * 220)  # does not fit behind these 304 bytes, so 208 bytes of padding come first
        assert [bytes(body) for _, body in consumer.peek(max_bytes=8)] == [b"y" * 220]


def test_a_full_ring_refuses_in_time_and_goes_on(ends):
    producer, consumer = ends
    count = fill(producer)
    assert count == 4096 // 64
    for timeout in (0, 0.01):
        with pytest.raises(RingFullError, match="4096 of its 4096 bytes are unread") as caught:
            producer.put(bytes(32), timeout=timeout)
        assert isinstance(caught.value, queue.Full)
        assert isinstance(caught.value, ShmError)
    assert len(take(consumer, 2)) == 2
    producer.put(b"a" * 32)
    producer.put(b"b" * 32, timeout=0)
    assert take_all(consumer)[-2:] == [b"a" * 32, b"b" * 32]


def test_put_many_tells_how_many_went_in(ends):
    producer, consumer = ends
    with pytest.raises(RingFullError) as caught:
        producer.put_many(((bytes([number]) * 31, b"!") for number in range(100)), timeout=0)
    assert caught.value.stored == 4096 // 64
    assert take_all(consumer) == [bytes([number]) * 31 + b"!" for number in range(64)]


def test_put_many_tells_how_many_went_in_before_another_thread_closed_the_ring(ends, monkeypatch):
    producer, consumer = ends
    put_slowly = RingProducer._put_slowly

    def put_and_close(producer, parts, timeout):
        try:
            return put_slowly(producer, parts, timeout)
        finally:
            producer.close()

    monkeypatch.setattr(RingProducer, "_put_slowly", put_and_close)  # the way of the first record of its length
    with pytest.raises(RingClosedError) as caught:
        producer.put_many([(b"one",), (b"two",), (b"three",)])
    assert isinstance(caught.value, RuntimeError)
    stored = take_all(consumer)
    assert stored == [b"one", b"two", b"three"][: caught.value.stored]
    assert stored


def test_put_many_keeps_what_precedes_a_bad_record(ends):
    producer, consumer = ends
    with pytest.raises(TypeError):
        producer.put_many([(b"one",), (b"two",), ("three",), (b"four",)])
    assert take_all(consumer) == [b"one", b"two"]


def test_put_many_takes_an_iterator_that_puts_itself(ends):
    producer, consumer = ends

    def records():
        for number in range(10):
            yield (b"%d" % number,)
            producer.put(b"inner")

    assert producer.put_many(records()) == 10
    found = take_all(consumer)
    assert [body for body in found if body != b"inner"] == [b"%d" % number for number in range(10)]
    assert len(found) == 20


def test_put_many_publishes_in_chunks_and_keeps_the_order_over_many_laps(tmp_path):
    with ring(tmp_path, 1 << 14) as (producer, consumer):
        found = []
        for start in range(0, 5000, 100):
            records = [(b"%d" % number, bytes(number % 40)) for number in range(start, start + 100)]
            assert producer.put_many(records) == 100
            found += take_all(consumer)
        assert found == [b"%d" % number + bytes(number % 40) for number in range(5000)]
        assert producer.head > 10 * producer.capacity


def test_the_longest_record_fits_wherever_the_head_stands(tmp_path):
    with ring(tmp_path, 512) as (producer, consumer):
        assert producer.max_body == 224
        for step in range(0, 512, 8):
            producer.put(bytes(step % 200))
            take_all(consumer)
            producer.put(b"z" * 224, timeout=0)
            assert take_all(consumer) == [b"z" * 224]


def test_a_record_that_can_never_fit_is_refused_at_once(ends):
    producer, _ = ends
    too_long = bytes(producer.max_body + 1)
    with pytest.raises(ValueError, match="expected at most 2016"):
        producer.put(too_long)
    with pytest.raises(ValueError, match="expected at most 2016"):
        producer.put_many([(too_long,)])
    with pytest.raises(ValueError, match="expected at most 2016"):
        producer.wait_for_space(len(too_long))
    with pytest.raises(ValueError, match="Unable to put a record of -1 bytes"):
        producer.wait_for_space(-1)
    assert producer.head == 0


def test_waiting_looks_once_with_a_timeout_of_zero(ends):
    producer, consumer = ends
    assert producer.wait_empty(timeout=0)
    assert not consumer.wait(timeout=0)
    fill(producer)
    assert not producer.wait_for_space(32, timeout=0)
    assert not producer.wait_empty(timeout=0.001)
    assert consumer.wait(timeout=0)


def test_advance_accepts_only_positions_between_tail_and_head(ends):
    producer, consumer = ends
    producer.put(b"one")
    producer.put(b"two")
    take(consumer, 1)
    for position in (0, 41, 88, -8):
        with pytest.raises(ValueError, match=r"from 40 \(tail\) to 80 \(head\)"):
            consumer.advance(position)
    consumer.advance(40)
    assert take_all(consumer) == [b"two"]


def test_reading_needs_the_claim(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"one")
        other = RingConsumer.attach(producer.path)
        assert not other.claim()
        assert consumer.claim()  # again, without harm
        with pytest.raises(RuntimeError, match="not claimed"):
            other.peek()
        with pytest.raises(RuntimeError, match="not claimed"):
            other.advance(40)
        assert other.backlog == 40  # looking needs none
        consumer.release()
        consumer.release()
        assert other.claim()
        assert other.claimed
        assert take_all(other) == [b"one"]
        other.close()
        assert consumer.claim()
        with pytest.raises(RuntimeError, match="was closed"):
            other.claim()


def test_both_ends_agree_on_what_the_ring_is(tmp_path):
    with ring(tmp_path, 1000, salt=5) as (producer, consumer):
        assert producer.capacity == consumer.capacity == 1024
        assert producer.ring_id == consumer.ring_id != 0
        assert producer.salt == consumer.salt == 5
        assert producer.path == consumer.path
        assert consumer.created > 1_600_000_000_000_000
        assert consumer.process > 0
        assert f"{producer.ring_id:016x} open, 0 of 1024 bytes" in repr(producer)
        assert f"{producer.ring_id:016x} claimed, 0 of 1024 bytes" in repr(consumer)
        assert "0 records" in repr(consumer.peek())


def test_rings_of_a_process_are_ordered_by_their_creation_although_the_clock_is_set_back(tmp_path, monkeypatch):
    created = []
    for number, now_ns in enumerate([5_000_000, 5_000_000, 1_000_000, 9_000_000]):
        monkeypatch.setattr("time.time_ns", lambda now_ns=now_ns: now_ns + (1 << 62))
        producer = RingProducer.create(tmp_path / f"{number}.ring", 64)
        with RingConsumer.attach(producer.path) as consumer:
            created.append(consumer.created)
        producer.close()
    assert sorted(set(created)) == created


def test_the_end_of_a_producer_shows(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"last")
        assert consumer.producer_alive
        assert not consumer.closed
        with producer:
            pass
        producer.close()
        assert producer.closed
        assert consumer.closed
        assert not consumer.producer_alive
        assert not consumer.exhausted
        assert not producer.wait_empty(timeout=0)
        assert take_all(consumer) == [b"last"]
        assert consumer.exhausted
        assert not consumer.wait()
        with pytest.raises(RuntimeError, match="it was closed"):
            producer.put(b"x")
        with pytest.raises(RuntimeError, match="it was closed"):
            producer.put_many([(b"x",)])
        with pytest.raises(RuntimeError, match="it was closed"):
            producer.wait_for_space(1)
        assert "closed" in repr(producer)


def test_a_producer_that_nobody_holds_is_not_alive(tmp_path):
    producer = RingProducer.create(tmp_path / "a.ring", 4096)
    producer.put(b"kept")
    del producer
    with RingConsumer.attach(tmp_path / "a.ring") as consumer:
        assert consumer.claim()
        assert not consumer.producer_alive
        assert take_all(consumer) == [b"kept"]
        assert consumer.exhausted


def test_batches_stay_readable_after_everything_is_closed(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"kept")
        batch = consumer.peek()
    del producer, consumer
    assert [bytes(body) for _, body in batch] == [b"kept"]


def test_scratch_survives_the_consumer(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        assert list(consumer.scratch) == [0, 0, 0, 0]
        consumer.scratch[3] = 2**64 - 1
        consumer.scratch[0] = 7
        consumer.close()
        assert list(RingConsumer.attach(producer.path).scratch) == [7, 0, 0, 2**64 - 1]
        producer.put(b"x")
        assert list(consumer.scratch) == [7, 0, 0, 2**64 - 1]


def test_unlink_leaves_those_attached_alone(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        consumer.unlink()
        producer.unlink()
        assert list(tmp_path.iterdir()) == []
        producer.put(b"still")
        assert take_all(consumer) == [b"still"]


def test_neither_end_can_be_pickled(ends):
    for end in ends:
        with pytest.raises(TypeError, match="Unable to pickle"):
            pickle.dumps(end)


def test_create_refuses_what_it_cannot_make(tmp_path):
    path = tmp_path / "a.ring"
    for capacity in (63, 0, -1):
        with pytest.raises(ValueError, match="at least 64"):
            RingProducer.create(path, capacity)
    for salt in (-1, 1 << 32):
        with pytest.raises(ValueError, match="salt"):
            RingProducer.create(path, 4096, salt=salt)
    with pytest.raises(FileNotFoundError):
        RingProducer.create(tmp_path / "missing" / "a.ring", 4096)
    with RingProducer.create(path, 4096) as producer:
        producer.put(b"x")
        with pytest.raises(FileExistsError, match="the file exists"):
            RingProducer.create(path, 4096)
        assert producer.backlog == 40
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ring"]


def test_attach_refuses_what_is_no_ring(tmp_path):
    path = tmp_path / "a.ring"
    with pytest.raises(FileNotFoundError):
        RingConsumer.attach(path)
    RingProducer.create(path, 4096).close()
    whole = path.read_bytes()
    for wrong in (b"", whole[:100], whole[:4096], whole[:-1], b"X" + whole[1:], whole[:8] + b"\2" + whole[9:]):
        path.write_bytes(wrong)
        with pytest.raises(RingFormatError, match="Unable to open the ring") as caught:
            RingConsumer.attach(path)
        assert isinstance(caught.value, ValueError)
        path.unlink()  # so that the next try is another file for the registry


def test_more_lengths_than_either_end_remembers(tmp_path):
    with ring(tmp_path, 1 << 14) as (producer, consumer):
        for length in (*range(2100), *range(0, 2100, 700)):
            producer.put(bytes(length))
            assert take_all(consumer) == [bytes(length)]


def test_a_creator_whose_unfinished_ring_was_swept_begins_again(tmp_path, monkeypatch):
    write_header = _ring_create.write_header
    swept = []

    def sweep_first(memory, header):
        write_header(memory, header)
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()

    monkeypatch.setattr(_ring_create, "write_header", sweep_first)
    with RingProducer.create(tmp_path / "a.ring", 4096) as producer:
        producer.put(b"x")
    assert len(swept) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ring"]


def test_a_creator_that_is_swept_again_and_again_gives_up(tmp_path, monkeypatch):
    def sweep(*_):
        for entry in tmp_path.iterdir():
            entry.unlink()

    monkeypatch.setattr(_ring_create, "write_header", lambda memory, header: (write_header(memory, header), sweep()))
    with pytest.raises(FileNotFoundError):
        RingProducer.create(tmp_path / "a.ring", 4096)
    assert list(tmp_path.iterdir()) == []


def test_sweeping_spares_who_is_at_work_and_who_was_faster(tmp_path, monkeypatch):
    locked = open_file(tmp_path / ".busy.ring.0.new", create=True)
    assert locked.try_lock_byte(PRODUCER_LOCK)
    (tmp_path / ".dead.ring.0.new").touch()
    (tmp_path / "whole.ring").touch()
    remove_unfinished_rings(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".busy.ring.0.new", "whole.ring"]
    locked.close()

    def vanished(path, **_):
        path.unlink()
        raise FileNotFoundError(path)

    monkeypatch.setattr(_ring_create, "open_file", vanished)
    remove_unfinished_rings(str(tmp_path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["whole.ring"]


def test_too_little_space_is_told_at_once_and_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="bytes are free") as caught:
        RingProducer.create(tmp_path / "a.ring", 1 << 60)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
