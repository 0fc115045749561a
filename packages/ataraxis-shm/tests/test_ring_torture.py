"""Producers and consumers killed at random, by the hundred: every acknowledged record is written down once, intact.

The small size runs with the suite. The full size, with the seed that it prints (or one that you give to repeat it)::

    RING_TORTURE_SEED=1234 pytest -m torture packages/ataraxis-shm/tests/test_ring_torture.py -s
"""

import itertools
import os
import random
import struct
import time
from collections import defaultdict

import pytest

from ataraxis_shm import Frame, RingConsumer, RingProducer, remove_unfinished_rings, scan_frames
from ataraxis_shm.testing import Tally, Victim

pytestmark = pytest.mark.kill

SALT = 0xA7A7A7A7
CAPACITY = 1 << 16
PATTERN = random.Random(0).randbytes(4096)
NUMBER = struct.Struct("<QI")


def body_of(number, length):
    return NUMBER.pack(number, length) + PATTERN[number % 1000 :][:length]


def length_of(number):
    return 2000 if number % 997 == 0 else number * 31 % 180


def produce(tally, path):
    """Put numbered records for ever, one by one and by the dozen; acknowledge what `put` accepted."""
    producer = RingProducer.create(path, CAPACITY, salt=SALT)
    number = 0
    while True:
        for _ in range(100):
            producer.put(body_of(number, length_of(number)))
            tally.add()
            number += 1
        many = [(body_of(later, length_of(later)),) for later in range(number, number + 12)]
        producer.put_many(many)
        tally.add(12)
        number += 12


def consume(tally, rings, log, stop):
    """Append the frames of every ring to a file of this process's own, then advance; remove rings that are over."""
    fd = os.open(log / f"{os.getpid()}-{time.monotonic_ns()}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
    consumers = {}
    while True:
        stopping = stop.value > 0
        for path in rings.glob("*.ring"):
            if path not in consumers:
                consumers[path] = RingConsumer.attach(path)
                assert consumers[path].claim(), "only one consumer lives at a time"
        busy = False
        for path, consumer in list(consumers.items()):
            batch = consumer.peek(max_bytes=1 << 15)
            if batch:
                os.writev(fd, batch.frames)
                consumer.advance(batch.end)
                tally.add(len(batch))
                busy = True
            elif consumer.exhausted:
                consumer.unlink()
                consumer.close()
                del consumers[path]
        if stopping and not consumers:
            return
        if not busy:
            time.sleep(0.0005)


class Torture:
    """Two producers and one consumer, replaced whenever they are killed."""

    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        self.rings, self.log = folder / "rings", folder / "log"
        self.rings.mkdir()
        self.log.mkdir()
        self.stop = Tally()
        self.kills = 0
        self.acknowledged = {}  # name of a ring -> how many records its producer was told are in
        self.names = itertools.count()
        self.producers = [self.new_producer(), self.new_producer()]
        self.consumer = self.new_consumer()

    @property
    def total(self):
        return sum(self.acknowledged.values()) + sum(victim.tally.value for victim, _ in self.producers)

    def new_producer(self):
        path = self.rings / f"{next(self.names)}.ring"
        return Victim(produce, path, method="fork"), path.name

    def new_consumer(self):
        return Victim(consume, self.rings, self.log, self.stop, method="fork")

    def bury(self, victim, name):
        with victim:
            victim.kill()
        self.acknowledged[name] = victim.tally.value

    def run(self, kills, records):
        while self.kills < kills or self.total < records:
            time.sleep(self.random.uniform(0, 0.12))
            self.check_that_all_live()
            if self.random.random() < 0.5:
                index = self.random.randrange(2)
                self.bury(*self.producers[index])
                self.producers[index] = self.new_producer()
            else:
                with self.consumer as victim:
                    victim.kill()
                self.consumer = self.new_consumer()
            self.kills += 1
        for victim, name in self.producers:
            self.bury(victim, name)
        self.stop.add()
        with self.consumer as victim:
            assert victim.join(timeout=120) == 0
        self.stop.close()

    def check_that_all_live(self):
        for victim in (*(victim for victim, _ in self.producers), self.consumer):
            assert victim.is_alive, "a process ended by itself"


def read_log(log):
    """Return {ring id: {position: body}} of all files, and how many records were written more than once."""
    found, repeats = defaultdict(dict), 0
    for path in log.iterdir():
        content = path.read_bytes()
        items = list(scan_frames(content, SALT))
        # A consumer that was killed while it wrote leaves its last frame cut off; nothing else may be damaged.
        assert all(isinstance(item, Frame) for item in items[:-1])
        for frame in items:
            if isinstance(frame, Frame):
                body = bytes(frame.body)
                repeats += frame.position in found[frame.ring_id]
                assert found[frame.ring_id].setdefault(frame.position, body) == body
    return found, repeats


def check(torture):
    found, repeats = read_log(torture.log)
    counts = []
    for records in found.values():
        numbers = []
        for _, body in sorted(records.items()):
            number, length = NUMBER.unpack_from(body)
            assert body == body_of(number, length_of(number)), "corrupt"
            assert length == length_of(number)
            numbers.append(number)
        assert numbers == list(range(len(numbers))), "lost, doubled or out of order"
        counts.append(len(numbers))
    acknowledged = sorted(torture.acknowledged.values())
    # Which ring was whose is not written down, but each has its own count: the record, or the dozen, that a producer
    # was putting when it was killed may be in as well.
    counts += [0] * (len(acknowledged) - len(counts))
    assert len(counts) == len(acknowledged)
    for told, kept in zip(acknowledged, sorted(counts), strict=True):
        assert told <= kept <= told + 12
    return sum(counts), repeats


def torture(tmp_path, kills, records):
    seed = int(os.environ.get("RING_TORTURE_SEED") or random.SystemRandom().getrandbits(32))
    print(f"\nRING_TORTURE_SEED={seed}")  # noqa: T201 - so that a failure can be repeated
    run = Torture(tmp_path, seed)
    run.run(kills, records)
    kept, repeats = check(run)
    told = sum(run.acknowledged.values())
    print(  # noqa: T201 - the result of a torture run is a number, too
        f"{run.kills} kills, {len(run.acknowledged)} rings, {told} records acknowledged, {kept} kept, "
        f"{repeats} written again by the next consumer and recognised"
    )
    assert run.kills >= kills
    assert kept >= records
    remove_unfinished_rings(run.rings)  # the last creator may have been killed, and nobody came after it
    assert list(run.rings.iterdir()) == []


def test_a_few_kills_lose_double_and_damage_nothing(tmp_path):
    torture(tmp_path, kills=30, records=20_000)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_hundreds_of_kills_lose_double_and_damage_nothing(tmp_path):
    torture(tmp_path, kills=600, records=1_000_000)
