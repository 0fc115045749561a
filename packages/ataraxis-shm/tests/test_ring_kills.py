"""Ends of a ring die at every line, in every start method, and by fork: nothing is lost, doubled or half there."""

import itertools
import multiprocessing
import os
import sys

import pytest

from ataraxis_shm import RingConsumer, RingProducer
from ataraxis_shm.testing import Victim, kill_me, killed_at
from ring_helpers import ring, take, take_all

pytestmark = pytest.mark.kill

PRODUCER_MODULES = ["ataraxis_shm._ring_producer", "ataraxis_shm._frame"]
CREATE_MODULES = ["ataraxis_shm._ring_create", "ataraxis_shm._ring_layout", "ataraxis_shm._ring_producer"]
CONSUMER_MODULES = ["ataraxis_shm._ring_consumer", "ataraxis_shm._ring_batch"]
BODIES = [b"%d" % number * (1 + number % 5) for number in range(12)]
METHODS = ["fork", "spawn", "forkserver"] if sys.platform != "win32" else ["spawn"]


def numbered(number):
    return b"%d:" % number + bytes(number % 50)


def put_for_ever(tally, path):
    producer = RingProducer.create(path, 1 << 12)
    for number in itertools.count():
        producer.put(numbered(number))
        tally.add()


def put_bodies(tally, path, many):
    # 320 bytes: several laps, with padding of every kind; the consumer's end in the same process makes room.
    producer = RingProducer.create(path, 320)
    consumer = RingConsumer.attach(path)
    consumer.claim()
    for first, second in zip(BODIES[::2], BODIES[1::2], strict=True):
        while consumer.backlog > 100:
            consumer.advance((*consumer.peek(2).positions, consumer.head)[1])
        if many:
            producer.put_many([(first,), (second,)])
            tally.add(2)
        else:
            producer.put(first)
            tally.add()
            producer.put(second)
            tally.add()


def create_one(tally, path):
    RingProducer.create(path, 4096)
    tally.add()


def move_one_by_one(tally, source, target):
    """Take records and note each before advancing past it, as a log writer does."""
    consumer = RingConsumer.attach(source)
    assert consumer.claim()
    with target.open("ab", buffering=0) as file:
        while consumer.backlog:
            batch = consumer.peek(max_records=2)
            file.writelines(b"%d %s\n" % (position, bytes(body)) for position, body in batch)
            consumer.advance(batch.end)
            tally.add(len(batch))


@pytest.mark.parametrize("method", METHODS)
def test_what_a_killed_producer_had_put_is_all_there(tmp_path, method):
    path = tmp_path / "a.ring"
    with Victim(put_for_ever, path, method=method) as victim:
        victim.tally.wait_for(1)
        with RingConsumer.attach(path) as consumer:
            assert consumer.claim()
            assert consumer.producer_alive
            found = []
            while len(found) < 500:
                assert consumer.wait(timeout=30)
                found += take(consumer)
            victim.kill()
            assert not consumer.producer_alive
            assert not consumer.closed
            found += take_all(consumer)
            assert consumer.exhausted
            assert found == [numbered(number) for number in range(len(found))]
            assert victim.tally.value <= len(found) <= victim.tally.value + 1


def check_what_is_left(path, acknowledged, granularity):
    with RingConsumer.attach(path) as consumer:
        assert consumer.claim()
        assert not consumer.producer_alive
        found = take_all(consumer)
        assert consumer.exhausted
    # The producer's process took some out; what is left ends with the last one it put.
    for last in range(acknowledged, acknowledged + granularity + 1):
        if found == BODIES[last - len(found) : last]:
            return
    raise AssertionError(f"{acknowledged} acknowledged, but found {found}")


def kill_a_producer_at_steps(folder, many, stride, *, instructions):
    """Kill at step 1, 1 + stride, … until the producer comes to its end; return how many steps it takes."""
    for step in itertools.count(1, stride):
        path = folder / f"{step}.ring"
        victim = killed_at(step, PRODUCER_MODULES, put_bodies, path, many, method="fork", instructions=instructions)
        if path.exists():
            check_what_is_left(path, victim.tally.value, granularity=2 if many else 1)
            path.unlink()
        if not victim.was_killed:
            assert victim.tally.value == len(BODIES)
            return step
    raise AssertionError("unreachable")


@pytest.mark.parametrize("many", [False, True])
def test_a_producer_killed_at_any_line_leaves_whole_records(tmp_path, many):
    # All lines come up: the stride divides neither the lines of one put nor of a lap.
    assert kill_a_producer_at_steps(tmp_path, many, stride=11, instructions=False) > 200


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("many", [False, True])
def test_a_producer_killed_at_any_instruction_leaves_whole_records(tmp_path, many):
    assert kill_a_producer_at_steps(tmp_path, many, stride=1, instructions=True) > 2000


def test_a_creator_killed_at_any_line_leaves_a_whole_ring_or_what_the_next_one_sweeps(tmp_path):
    for step in itertools.count(1):
        path = tmp_path / f"{step}.ring"
        victim = killed_at(step, CREATE_MODULES, create_one, path, method="fork")
        if path.exists():
            with RingConsumer.attach(path) as consumer:
                assert consumer.exhausted
                assert consumer.claim()
            path.unlink()
        else:
            assert victim.was_killed
        RingProducer.create(tmp_path / "next.ring", 4096).unlink()
        assert list(tmp_path.iterdir()) == []
        if not victim.was_killed:
            break
    assert step > 10


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=[pytest.mark.torture, pytest.mark.timeout(3600)])])
def test_a_consumer_killed_at_any_line_loses_nothing(tmp_path, stride):
    for step in itertools.count(1, stride):
        folder = tmp_path / str(step)
        folder.mkdir()
        log = folder / "log"
        with ring(folder, 512) as (producer, consumer):
            producer.put(bytes(200))
            take_all(consumer)
            positions = {producer.put(body): body for body in BODIES[:6]}
            consumer.release()
            victim = killed_at(step, CONSUMER_MODULES, move_one_by_one, producer.path, log, method="fork")
            assert consumer.claim()
            rest = {position: bytes(body) for position, body in consumer.peek()}
            lines = log.read_bytes().splitlines() if log.exists() else []
            noted = {int(position): body for position, body in (line.split(b" ", 1) for line in lines)}
            assert noted | rest == positions
            assert victim.tally.value <= 6 - len(rest) <= victim.tally.value + 2
        if not victim.was_killed:
            break
    assert step > 30


def test_a_killed_consumer_gives_up_its_claim(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"x")
        consumer.release()
        with Victim(claim_and_wait, producer.path) as victim:
            victim.tally.wait_for(1)
            assert not consumer.claim()
            victim.kill()
            assert consumer.claim()
        assert take_all(consumer) == [b"x"]


def claim_and_wait(tally, path):
    consumer = RingConsumer.attach(path)
    assert consumer.claim()
    tally.add()
    consumer.wait(timeout=0)
    while True:
        consumer.peek()


def use_the_parents_ring(producer, consumer, connection):
    outcome = []
    for action in (
        lambda: producer.put(b"child"),
        lambda: producer.put_many([(b"child",)]),
        lambda: producer.wait_for_space(1),
        producer.unlink,
        consumer.peek,
        lambda: consumer.advance(0),
    ):
        try:
            action()
            outcome.append("worked")
        except RuntimeError as error:
            outcome.append(str(error))
    outcome.append(repr(producer))
    outcome.append(consumer.producer_alive)
    outcome.append(consumer.claim())
    producer.close()
    consumer.close()
    connection.send(outcome)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_its_parents_ring_alone(tmp_path):
    with ring(tmp_path) as (producer, consumer):
        producer.put(b"parent")
        receiving, sending = multiprocessing.Pipe()
        producer._idle.clear()  # as if another thread were inside when the fork is made
        context = multiprocessing.get_context("fork")
        child = context.Process(target=use_the_parents_ring, args=(producer, consumer, sending))
        child.start()
        producer._idle[0] = None
        outcome = receiving.recv()
        child.join()
        assert [("belongs to the parent" in text) for text in outcome[:4]] == [True] * 4
        assert ["not claimed" in text for text in outcome[4:6]] == [True] * 2
        assert "foreign" in outcome[6]
        assert outcome[7] is True  # the parent lives
        assert outcome[8] is False  # and has the claim
        assert consumer.producer_alive
        assert not consumer.closed
        assert consumer.claimed
        producer.put(b"still parent")
        assert take_all(consumer) == [b"parent", b"still parent"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_ring_outlives_the_parent_only_in_its_own_process(tmp_path):
    with Victim(create_fork_and_die, tmp_path / "a.ring", method="fork") as victim:
        victim.join()
        assert victim.was_killed
        with RingConsumer.attach(tmp_path / "a.ring") as consumer:
            assert not consumer.producer_alive  # although the forked child still has the file open
            assert consumer.claim()
            assert take_all(consumer) == [b"parent"]


def create_fork_and_die(tally, path):
    producer = RingProducer.create(path, 4096)
    producer.put(b"parent")
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, b"x")
        os.close(1)
        os.execvp(sys.executable, [sys.executable, "-c", "import sys; sys.stdin.read()"])
    os.read(reading, 1)
    tally.add()
    kill_me()
