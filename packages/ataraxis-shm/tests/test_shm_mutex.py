"""The mutex of a file: between threads, processes and forks, with and without a timeout."""

import os
import signal
import threading
import time

import pytest

from ataraxis_shm import LockTimeoutError
from ataraxis_shm._registry import open_file
from shm_helpers import fork_and_wait, start_python

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

HOLD = """
import sys
from ataraxis_shm._registry import open_file
with open_file(sys.argv[1]) as file, file.mutex.hold():
    print("held")
    sys.stdin.readline()
"""


@pytest.fixture
def file(tmp_path):
    with open_file(tmp_path / "file", create=True) as opened:
        yield opened


def hold_elsewhere(file):
    process = start_python(HOLD, file.path)
    assert process.stdout.readline() == "held\n"
    return process


def test_levels_nest_and_only_the_outermost_unlocks(file):
    with file.mutex.hold() as outer:
        with file.mutex.hold(timeout=1) as inner:
            assert (outer, inner) == (True, False)
        process = start_python(HOLD, file.path)
        with pytest.raises(AssertionError):
            wait_for_line(process, seconds=0.3)
    assert process.stdout.readline() == "held\n"
    process.communicate("\n", timeout=20)


def wait_for_line(process, seconds):
    import select

    assert select.select([process.stdout], [], [], seconds)[0]


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_a_timeout_raises_when_another_process_holds(file, timeout):
    process = hold_elsewhere(file)
    with pytest.raises(LockTimeoutError), file.mutex.hold(timeout=timeout):
        pass
    assert not file.mutex.held
    process.communicate("\n", timeout=20)
    with file.mutex.hold(timeout=0):
        pass


def test_a_timeout_raises_when_another_thread_holds(file):
    held, done = threading.Event(), threading.Event()

    def hold():
        with file.mutex.hold():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(LockTimeoutError), file.mutex.hold(timeout=0.05):
        pass
    done.set()
    thread.join()
    with file.mutex.hold(timeout=5):
        pass


def test_a_wait_with_a_timeout_ends_when_the_holder_is_killed(file):
    process = hold_elsewhere(file)
    threading.Timer(0.2, process.send_signal, [signal.SIGKILL]).start()
    with file.mutex.hold(timeout=30):
        pass
    process.communicate(timeout=20)


def test_a_killed_holder_frees_the_lock(file):
    process = hold_elsewhere(file)
    process.send_signal(signal.SIGKILL)
    with file.mutex.hold():
        pass
    process.communicate(timeout=20)


@needs_fork
def test_a_child_forked_inside_the_lock_neither_has_it_nor_releases_it(file):
    with file.mutex.hold():

        def child():
            assert not file.mutex.held
            with pytest.raises(LockTimeoutError), file.mutex.hold(timeout=0.05):
                pass

        assert fork_and_wait(child) == 0


@needs_fork
def test_a_child_that_leaves_the_block_of_its_parent_leaves_the_lock_alone(file):
    read, write = os.pipe()
    with file.mutex.hold():
        pid = os.fork()
        if pid:
            assert os.read(read, 1) == b"x"
            process = start_python(HOLD, file.path)
            with pytest.raises(AssertionError):
                wait_for_line(process, seconds=0.3)
    if not pid:
        os.write(write, b"x")
        os._exit(0)
    assert process.stdout.readline() == "held\n"
    process.communicate("\n", timeout=20)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(read)
    os.close(write)


@needs_fork
def test_a_forked_child_does_not_keep_the_lock_of_a_parent_that_was_killed(file):
    """The trap of flock: a child shares the open file description, and with it the lock of its parent."""
    code = """
import os, sys
from ataraxis_shm._registry import open_file
with open_file(sys.argv[1]) as file:
    os.ftruncate(file.fd, 4096)
    memory = file.map(4096)
    with file.mutex.hold():
        child = os.fork()
        if not child:
            os.write(1, b"child\\n")
            sys.stdin.readline()
            os._exit(0)
        os.write(1, b"parent\\n")
        os.waitpid(child, 0)
"""
    process = start_python(code, file.path)
    assert {process.stdout.readline(), process.stdout.readline()} == {"child\n", "parent\n"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    with file.mutex.hold(timeout=5):
        pass
    process.communicate("\n", timeout=20)


def test_a_signal_handler_that_takes_the_lock_while_the_thread_waits_does_not_lose_it(file):
    process = hold_elsewhere(file)
    seen = []

    def handler(_number, _frame):
        seen.append("handler")
        process.communicate("\n", timeout=20)
        with file.mutex.hold() as outermost:
            seen.append(outermost)

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        with file.mutex.hold():
            assert seen == ["handler", False]
            other = start_python(HOLD, file.path)
            with pytest.raises(AssertionError):
                wait_for_line(other, seconds=0.3)
        assert other.stdout.readline() == "held\n"
        other.communicate("\n", timeout=20)
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_an_interrupt_while_waiting_leaves_nothing_locked(file):
    process = hold_elsewhere(file)
    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt), file.mutex.hold():
        pass
    process.communicate("\n", timeout=20)
    assert not file.mutex.held
    other = hold_elsewhere(file)
    other.communicate("\n", timeout=20)


def test_threads_of_one_process_exclude_each_other(file):
    inside = []
    peaks = []

    def work():
        for _ in range(200):
            with file.mutex.hold():
                inside.append(1)
                peaks.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(peaks) == {1}
