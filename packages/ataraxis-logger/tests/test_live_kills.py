"""Whatever is killed, by SIGKILL and at any moment: what was accepted reaches the disk once, and nothing is left."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from ataraxis_logger import DataLogger, recover_logs
from ataraxis_logger._live import owner
from ataraxis_logger._live.places import folder_identity, make_state_folder
from ataraxis_logger._live.ring_watch import RingWatch
from ataraxis_logger._live.session_page import STARTED, SessionPage
from ataraxis_logger._live.spill import SpillFiles, SpillFolder
from ataraxis_logger._live.tidy import remove_exhausted
from ataraxis_logger._live.writer import Writer
from ataraxis_shm import RingConsumer, RingProducer
from ataraxis_shm.testing import Victim
from live_helpers import (
    EVERY_WAY,
    STORAGES,
    assert_nothing_left,
    assert_numbered,
    numbered,
    numbers_of,
    processes_of,
    put_numbered,
    read_log,
    rings_of,
    script_command,
    state_of,
    wait_for,
)

pytestmark = [pytest.mark.kill, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")]

SEED = int(os.environ.get("ATARAXIS_TEST_SEED", "0")) or random.SystemRandom().randrange(2**32)

SMALL_BUFFER = 1 << 13
"""So that producers run into the writers' pace, and there are not too many files to look at afterwards."""


@pytest.fixture(params=STORAGES)
def storage(request):
    return request.param


@pytest.fixture
def chance():
    print(f"ATARAXIS_TEST_SEED={SEED}")  # noqa: T201  # shown when the test fails
    return random.Random(SEED)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def progress_of(folder):
    """How much the writers have stored so far."""
    page = SessionPage.attach(state_of(folder)[0])
    try:
        return sum(slot.progress for slot in page.writers())
    finally:
        page.close()


def put_until_told(queue, source, stop, count, pause):
    """Puts packages as long as it is not told to stop, and says how many."""
    number = 0
    while not stop.value:
        queue.put(numbered(source, number))
        number += 1
        count.value = number
        if pause:
            time.sleep(pause)


def start_producers(context, queue, stop, sources, pause=0):
    counts = {source: context.Value("Q", 0, lock=False) for source in sources}
    processes = [
        context.Process(target=put_until_told, args=(queue, source, stop, counts[source], pause)) for source in sources
    ]
    for process in processes:
        process.start()
    return processes, counts


@pytest.mark.parametrize(("storage", "method"), EVERY_WAY)
def test_the_writer_killed_twenty_times_during_a_run_with_three_producers(tmp_path, storage, method, chance, caplog):
    context = multiprocessing.get_context(method)
    logger = DataLogger(tmp_path, storage=storage, buffer_size=SMALL_BUFFER)
    logger.start()
    stop = context.Value("B", 0, lock=False)
    producers, counts = start_producers(context, logger.input_queue, stop, (1, 2, 3))
    for _ in range(20):
        before = progress_of(logger.output_directory)
        wait_for(lambda before=before: progress_of(logger.output_directory) > before, 60)
        time.sleep(chance.random() * 0.003)
        for process in logger.processes:
            process.kill()
    stop.value = 1
    for producer in producers:
        producer.join()
    logger.flush()
    statistics = logger.statistics
    logger.stop()
    assert_numbered(logger.output_directory, {source: count.value for source, count in counts.items()})
    assert_nothing_left(logger.output_directory)
    assert statistics.restarts >= 20
    assert statistics.written == statistics.accepted
    assert "SIGKILL" in statistics.last_error
    assert "had to be restarted" in caplog.text


def _put_and_acknowledge(tally, queue, source):
    for number in range(1_000_000):
        queue.put(numbered(source, number))
        tally.add()


@pytest.mark.parametrize(("storage", "method"), EVERY_WAY)
def test_producers_killed_in_the_middle_of_put(tmp_path, storage, method, chance):
    with DataLogger(tmp_path, storage=storage, buffer_size=SMALL_BUFFER) as logger:
        queue = logger.input_queue
        with contextlib.ExitStack() as stack:
            victims = [
                stack.enter_context(Victim(_put_and_acknowledge, queue, source, method=method)) for source in (1, 2, 3)
            ]
            for victim in victims:
                victim.kill_after(chance.randrange(50, 1000))
        acknowledged = {source: victim.tally.value for source, victim in zip((1, 2, 3), victims, strict=True)}
        put_numbered(queue, 4, 100)
        logger.flush()
        wait_for(lambda: len(rings_of(logger.output_directory)) == 1, explain=lambda: rings_of(logger.output_directory))
    found = {source: numbers_of(entries) for source, entries in read_log(logger.output_directory).items()}
    for source, count in acknowledged.items():
        # The one that was being put is stored once or not at all.
        assert len(found[source]) in (count, count + 1)
        assert found[source] == list(range(len(found[source])))
    assert found[4] == list(range(100))
    assert_nothing_left(logger.output_directory)


PROGRAM = """
    import os, sys, time
    import numpy as np
    from ataraxis_logger import DataLogger, LogPackage

    def main(folder, storage, count):
        logger = DataLogger(folder, storage=storage)
        logger.start()
        queue = logger.input_queue
        print("started", flush=True)
        for number in range(count):
            payload = np.frombuffer(number.to_bytes(4, "little") + bytes(60), dtype=np.uint8)
            queue.put(LogPackage(1, number // 3 + 1, payload))
            if number % 500 == 0:
                os.write(1, b"%d\\n" % number)
        os.write(1, b"%d\\ndone\\n" % (count - 1))
        time.sleep(60)

    if __name__ == "__main__":
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


class Program:
    """A user's program that logs, with a process group of its own, and what it has told."""

    def __init__(self, folder, storage, count):
        self.log = folder / "data_logger_data_log"
        self.process = subprocess.Popen(
            script_command(PROGRAM, folder, storage, count), stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout.readline() == b"started\n"
        self.last = -1

    def read_until(self, number):
        """Reads what it tells up to a number."""
        while self.last < number:
            self.last = int(self.process.stdout.readline())

    def kill(self):
        """Kills it and reads what it had still told."""
        self.process.kill()
        rest = self.process.stdout.read().split()
        self.last = max([self.last, *(int(line) for line in rest if line.isdigit())])
        self.process.wait()
        self.process.stdout.close()

    def assert_complete(self):
        """What it told is on disk, once and in order, and perhaps some more that it had no time to tell."""
        numbers = numbers_of(read_log(self.log)[1])
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > self.last


def test_the_main_process_killed_with_packages_in_flight(tmp_path, storage):
    program = Program(tmp_path, storage, 20_000)
    program.read_until(10_000)
    program.kill()
    assert_nothing_left(program.log, timeout=60)
    program.assert_complete()


@pytest.mark.parametrize("with_recovery", [False, True], ids=["next start", "recover_logs"])
def test_every_process_killed_at_once(tmp_path, storage, with_recovery):
    program = Program(tmp_path, storage, 5_000)
    program.read_until(4_999)
    helpers = processes_of(program.log)
    for pid in helpers:
        kill(pid)
    program.kill()
    for pid in processes_of(program.log):
        kill(pid)
    wait_for(lambda: not processes_of(program.log))
    if with_recovery:
        report = recover_logs(program.log)
        assert report.discarded == 0
        again = recover_logs(program.log)
        assert (again.recovered, again.intact) == (0, report.intact)
    else:
        with DataLogger(tmp_path, storage=storage):
            pass
    program.assert_complete()
    assert_numbered(program.log, {1: 5_000})
    assert_nothing_left(program.log)


def keeper_and_writers(logger):
    writers = [process.pid for process in logger.processes]
    page = SessionPage.attach(state_of(logger)[0])
    keeper = page.keeper_pid
    page.close()
    return keeper, writers


@pytest.mark.parametrize("order", ["keeper", "keeper, writers", "writers, keeper", "both again and again"])
def test_keeper_and_writers_killed_in_any_order(tmp_path, storage, order):
    logger = DataLogger(tmp_path, storage=storage, process_count=2)
    logger.start()
    put_numbered(logger.input_queue, 1, 500)
    for _ in range(4 if "again" in order else 1):
        keeper, writers = keeper_and_writers(logger)
        victims = [keeper] if order == "keeper" else [keeper, *writers]
        for pid in reversed(victims) if order.startswith("writers") else victims:
            kill(pid)
        put_numbered(logger.input_queue, 2, 100)
        logger.flush()
        wait_for(lambda keeper=keeper: keeper_and_writers(logger)[0] not in (0, keeper))
    numbers = numbers_of(read_log(logger.output_directory)[1])
    assert numbers == list(range(500))
    logger.stop()
    repeats = 4 if "again" in order else 1
    assert sorted(numbers_of(read_log(logger.output_directory)[2])) == sorted(list(range(100)) * repeats)
    assert_nothing_left(logger.output_directory)


def test_a_stop_just_after_the_keeper_was_killed_leaves_nothing(tmp_path, storage, monkeypatch):
    """The writers go on for a moment without their keeper; the stop waits for them."""
    logger = DataLogger(tmp_path, storage=storage)
    logger.start()
    put_numbered(logger.input_queue, 1, 100)
    logger.flush()
    monkeypatch.setattr(owner, "revive", lambda page, states: False)  # noqa: ARG005  # as the original's
    page = SessionPage.attach(state_of(logger)[0])
    kill(page.keeper_pid)
    logger.stop()
    assert not page.is_at_work()
    page.close()
    assert_numbered(logger.output_directory, {1: 100})
    assert_nothing_left(logger.output_directory)


def test_what_was_killed_in_the_making_is_removed(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage)
    logger.input_queue.put(numbered(1, 0))
    for state in state_of(logger):
        make_state_folder(state)
        (state / ".0123.ring.4567.new").write_bytes(bytes(1 << 12))
        (state / ".session.0123").write_bytes(bytes(1 << 12))
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 1})
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("remove", ["by the writer", "by the owner"])
def test_a_ring_goes_after_its_spill_files(tmp_path, remove):
    """A kill between the two must not leave files that nobody looks for any more."""
    states = (tmp_path / "state",)
    page = SessionPage.provide(make_state_folder(states[0]), tmp_path, "npy")
    page.folder_identity, page.state = folder_identity(tmp_path), STARTED
    with RingProducer.create(states[0] / "a.ring", 1 << 12) as producer:
        SpillFolder(producer.path, 1 << 12).write(b"never committed")
    with Victim(_remove_rings_until_killed, states, remove) as victim:
        assert victim.join() == -signal.SIGKILL
    assert not SpillFiles(producer.path).every()
    page.close()


def _remove_rings_until_killed(_tally, states, remove):
    def kill_instead(_consumer):
        kill(os.getpid())

    RingConsumer.unlink = kill_instead
    if remove == "by the owner":
        remove_exhausted(states)
    else:
        Writer(states, SessionPage.attach(states[0]), 0).turn()


def test_writers_go_on_without_their_owner_when_the_keeper_is_killed(tmp_path, storage):
    """Nobody calls the owner: a writer that misses its keeper starts another one."""
    logger = DataLogger(tmp_path, storage=storage)
    logger.start()
    keeper, _ = keeper_and_writers(logger)
    kill(keeper)
    page = SessionPage.attach(state_of(logger)[0])
    wait_for(lambda: page.keeper_pid not in (0, keeper) and page.is_writing())
    page.close()
    watch = RingWatch(state_of(logger))
    put_numbered(logger.input_queue, 1, 100)
    wait_for(lambda: not any(view.backlog for view in watch.look()))
    watch.close()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 100})
    assert_nothing_left(logger.output_directory)


def test_a_producer_that_outlives_its_logger_is_still_stored(tmp_path, storage):
    context = multiprocessing.get_context("fork")
    logger = DataLogger(tmp_path, storage=storage)
    logger.start()
    stop = context.Value("B", 0, lock=False)
    producers, counts = start_producers(context, logger.input_queue, stop, (1,), pause=0.0005)
    wait_for(lambda: counts[1].value > 100)
    logger.stop()
    assert not processes_of(logger.output_directory)
    before = counts[1].value
    wait_for(lambda: counts[1].value > before + 100)
    stop.value = 1
    producers[0].join()
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: counts[1].value})
    assert_nothing_left(logger.output_directory)
