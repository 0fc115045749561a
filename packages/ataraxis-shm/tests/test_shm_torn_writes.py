"""Holders of the lock that are killed: never a hang, one warning for a torn write, no wrong element outside of it."""

import multiprocessing
import os
import random
import signal
import threading
import time
import warnings

import numpy as np
import pytest

from ataraxis_shm import SharedMemoryArray, TornWriteWarning
from shm_helpers import fork_and_wait, run_python, start_python, unique_name

pytestmark = pytest.mark.kill

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

LENGTH = 4096
TORN = slice(100, 200)


@pytest.fixture
def shared():
    shared = SharedMemoryArray.create_array(unique_name("torn"), np.zeros(LENGTH, dtype=np.int64))
    yield shared
    shared.destroy()


def die_while_writing(shared, value):
    with shared.array() as live:
        live[TORN.start : (TORN.start + TORN.stop) // 2] = value
        os.kill(os.getpid(), signal.SIGKILL)


def die_while_reading(shared):
    with shared._hold(shared._connection, writing=False):
        os.kill(os.getpid(), signal.SIGKILL)


def through_array(shared):
    with shared.array() as live:
        return live[0]


ACCESSES = {
    "read a scalar": lambda shared: shared.read_data(0),
    "read a range": lambda shared: shared.read_data((0, 2)),
    "write a scalar": lambda shared: shared.write_data(0, 0),
    "write a range": lambda shared: shared.write_data((0, 2), 0),
    "index": lambda shared: shared[0],
    "assign": lambda shared: shared.__setitem__(0, 0),
    "array": through_array,
}


def caught_by(action):
    """Returns the warnings of an action, and how long it took."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.monotonic()
        action()
        return caught, time.monotonic() - start


@needs_fork
def test_a_hundred_killed_writers_are_each_reported_once_and_never_block(shared):
    expected = np.zeros(LENGTH, dtype=np.int64)
    names = list(ACCESSES)
    for number in range(100):
        shared.lock_timeout = None if number % 2 else 30
        assert fork_and_wait(lambda value=number: die_while_writing(shared, value)) == -signal.SIGKILL
        access = ACCESSES[names[number % len(names)]]
        caught, seconds = caught_by(lambda use=access: use(shared))
        assert seconds < 1
        assert [warning.category for warning in caught] == [TornWriteWarning]
        assert shared.name in str(caught[0].message)
        assert caught[0].filename == __file__, "it points at the code that used the array"
        assert caught_by(lambda use=access: use(shared))[0] == []
        values = shared[:]
        values[TORN] = 0
        assert np.array_equal(values, expected)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_writer_killed_under_any_start_method_is_reported(method, shared):
    process = multiprocessing.get_context(method).Process(target=die_while_writing, args=(shared, 5))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with pytest.warns(TornWriteWarning, match=f"Process {process.pid} died.*{shared.name}"):
        assert shared.read_data(100) == 5


@needs_fork
@pytest.mark.parametrize("timeout", [None, 30])
def test_a_killed_reader_is_nothing_to_report(shared, timeout):
    shared.lock_timeout = timeout
    assert fork_and_wait(lambda: die_while_reading(shared)) == -signal.SIGKILL
    caught, seconds = caught_by(lambda: shared.read_data(0))
    assert caught == []
    assert seconds < 1


@needs_fork
@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_the_lock_is_released_when_the_warning_is_made_an_error(access, shared):
    fork_and_wait(lambda: die_while_writing(shared, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TornWriteWarning):
            access(shared)
        assert not shared._connection.mutex.held
        access(shared)
    code = "import sys, ataraxis_shm; print(ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0])"
    assert run_python(code, shared.name, options=["-W", "error"], timeout=30).stdout == "0\n"


@needs_fork
def test_another_process_may_be_the_one_to_report(shared):
    fork_and_wait(lambda: die_while_writing(shared, 1))
    code = "import sys, ataraxis_shm; ataraxis_shm.SharedMemoryArray.attach(sys.argv[1]).read_data(0)"
    assert "TornWriteWarning" in run_python(code, shared.name).stderr
    assert caught_by(lambda: shared.read_data(0))[0] == []


@needs_fork
def test_a_child_that_leaves_its_parents_block_does_not_hide_the_parents_torn_write(shared):
    code = """
import os, signal, sys
from ataraxis_shm import SharedMemoryArray
shared = SharedMemoryArray.attach(sys.argv[1])
with shared.array() as live:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.kill(os.getpid(), signal.SIGKILL)
os._exit(0)
"""
    assert run_python(code, shared.name, check=False).returncode == -signal.SIGKILL
    with pytest.warns(TornWriteWarning):
        shared.read_data(0)


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_an_interrupted_wait_does_not_hide_the_torn_write_of_the_holder(access, timeout, shared):
    code = """
import sys
from ataraxis_shm import SharedMemoryArray
shared = SharedMemoryArray.attach(sys.argv[1])
with shared.array() as live:
    print("held")
    sys.stdin.readline()
"""
    process = start_python(code, shared.name)
    assert process.stdout.readline() == "held\n"
    shared.lock_timeout = timeout
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        access(shared)
    assert not shared._connection.mutex.held
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    with pytest.warns(TornWriteWarning, match=f"Process {process.pid} died"):
        access(shared)


WRITE_FOR_EVER = """
import itertools, sys
from ataraxis_shm import SharedMemoryArray
shared = SharedMemoryArray.attach(sys.argv[1])
print("ready")
for number in itertools.count(1):
    shared.write_data((0, len(shared) - 1), number)
"""


def test_a_write_is_whole_unless_a_warning_says_otherwise():
    """Writers killed at random moments, most of them inside a copy of 8 MiB."""
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201 (shown when it fails)
    moments = random.Random(seed)
    shared = SharedMemoryArray.create_array(unique_name("whole"), np.zeros((1 << 20) + 1, dtype=np.int64))
    torn = 0
    for _ in range(8):
        process = start_python(WRITE_FOR_EVER, shared.name)
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        caught, seconds = caught_by(lambda: shared.read_data(0))
        assert seconds < 1
        values = shared[:]
        assert values[-1] == 0, "outside of what was written"
        assert len(caught) <= 1
        if not caught:
            assert values[:-1].min() == values[:-1].max()
        torn += len(caught)
        shared.write_data((0, len(shared) - 1), 0)
    shared.destroy()
    assert torn > 0, "no kill hit a write: this test proved nothing"
