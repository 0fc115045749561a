"""The killer kills: on cue, and only then."""

import itertools
import sys
import threading
import time
from pathlib import Path

import pytest

from ataraxis_shm.testing import Tally, Victim, kill_me, killed_at

METHODS = ["fork", "spawn", "forkserver"] if sys.platform != "win32" else ["spawn"]


def count_to(tally, stop):
    for _ in range(stop):
        tally.add()


def count_for_ever(tally):
    while True:
        tally.add()
        time.sleep(0.001)


def fail(tally):
    tally.add(7)
    raise SystemExit(3)


def three_lines(tally):
    tally.add()
    tally.add()
    tally.add()


def in_a_thread(tally):
    thread = threading.Thread(target=three_lines, args=(tally,))
    thread.start()
    thread.join()


def kill_itself(tally):
    tally.add()
    try:
        kill_me()
    finally:
        tally.add(100)


pytestmark = pytest.mark.kill


@pytest.mark.parametrize("method", METHODS)
def test_a_victim_runs_to_its_end_under_every_start_method(method):
    with Victim(count_to, 5, method=method) as victim:
        assert victim.join() == 0
        assert victim.tally.value == 5
        assert not victim.was_killed
        assert not victim.is_alive


@pytest.mark.parametrize("method", METHODS)
def test_a_victim_dies_after_so_many_acknowledgements(method):
    with Victim(count_for_ever, method=method) as victim:
        victim.kill_after(20)
        assert victim.was_killed
        assert victim.tally.value >= 20


def test_leaving_the_context_kills_and_cleans_up():
    with Victim(count_for_ever) as victim:
        victim.tally.wait_for(1)
        assert victim.is_alive
        assert victim.pid > 0
        path = Path(victim.tally._path)
        assert path.exists()
    assert victim.was_killed
    assert not path.exists()
    assert victim.tally.value >= 1


def test_a_victim_that_raises_shows_its_status():
    with Victim(fail) as victim:
        assert victim.join() == 3
        assert not victim.was_killed
        assert victim.tally.value == 7
    with pytest.raises(RuntimeError, match="exit status 3"):
        killed_at(10**9, __name__, fail)


def test_waiting_ends():
    with Victim(count_to, 1) as victim:
        victim.join()
        with pytest.raises(TimeoutError, match="stands at 1"):
            victim.kill_after(2, timeout=0.01)
    with Victim(count_for_ever) as victim, pytest.raises(TimeoutError, match="still runs"):
        victim.join(0.01)


def test_a_kill_is_final():
    with Victim(kill_itself) as victim:
        victim.join()
        assert victim.was_killed
        assert victim.tally.value == 1


@pytest.mark.parametrize("method", METHODS)
def test_each_line_can_be_the_last(method):
    values = []
    for step in itertools.count(1):
        victim = killed_at(step, __name__, three_lines, method=method)
        values.append(victim.tally.value)
        if not victim.was_killed:
            break
    assert values == [0, 1, 2, 3]


def test_lines_of_threads_count():
    victim = killed_at(5, [__name__, "no.such.module"], in_a_thread)
    assert victim.was_killed
    assert victim.tally.value < 3


def test_each_instruction_can_be_the_last():
    values = []
    for step in itertools.count(1):
        victim = killed_at(step, __name__, three_lines, instructions=True)
        values.append(victim.tally.value)
        if not victim.was_killed:
            break
    assert sorted(set(values)) == [0, 1, 2, 3]
    assert values == sorted(values)
    assert len(values) > 12


def test_other_modules_do_not_count():
    assert not killed_at(1, "no.such.module", three_lines).was_killed


def test_a_tally_is_shared_by_path():
    with Tally() as tally:
        again = Tally(tally._path)
        again.add(5)
        again.close()
        assert tally.value == 5
        with pytest.raises(TimeoutError):
            tally.wait_for(6, timeout=0)
    tally.close()
    assert tally.value == 5
