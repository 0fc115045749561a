"""What a keeper does while writers cannot be started, and when it gives up without an owner; by a clock of the test."""

import errno
import itertools
import os
from types import SimpleNamespace

import pytest

from ataraxis_logger._live import keeper as module
from ataraxis_logger._live.keeper import Keeper
from ataraxis_logger._live.places import make_state_folder
from ataraxis_logger._live.session_page import OWNER_LOCK, STARTED, STOPPING, SessionPage
from ataraxis_shm import RingProducer

ENOUGH_S = 1000


class Clock:
    """Stands in for the module `time`: a sleep takes no time, and something may be done at a certain one."""

    def __init__(self, step):
        self.now = 0.0
        self.step = step
        self.due = {}

    def monotonic(self):
        return self.now

    def sleep(self, _seconds):
        self.now += self.step
        assert self.now < ENOUGH_S, "the keeper does not end"
        for moment in [moment for moment in self.due if moment <= self.now]:
            self.due.pop(moment)()


@pytest.fixture
def states(tmp_path):
    return (make_state_folder(tmp_path / "state"),)


@pytest.fixture
def page(states, tmp_path):
    page = SessionPage.provide(states[0], tmp_path, "npy")
    page.state = STARTED
    yield page
    page.close()


def test_the_patience_of_a_keeper_without_an_owner_begins_when_the_owner_is_gone(states, page, monkeypatch):
    clock = Clock(step=1.0)
    monkeypatch.setattr(module, "time", clock)
    with RingProducer.create(states[0] / "a.ring", 1 << 12) as producer:
        producer.put(b"nobody can store it")
    assert page.file.try_lock_byte(OWNER_LOCK)
    clock.due[100.0] = lambda: page.file.unlock_byte(OWNER_LOCK)
    Keeper(states, page).run()
    assert page.state == STOPPING
    assert 100 + module._ORPHAN_PATIENCE_S <= clock.now <= 103 + module._ORPHAN_PATIENCE_S


def test_a_keeper_that_cannot_start_a_writer_says_so_and_tries_again_later_each_time(states, page, monkeypatch):
    clock = Clock(step=0.01)
    tries, errors = [], []

    def popen(*_arguments, **_options):
        tries.append(clock.now)
        errors.append(page.last_error)
        if len(tries) < 5:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        page.state = STOPPING
        return SimpleNamespace(pid=1234, poll=lambda: None, wait=lambda _timeout: 0)

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module.subprocess, "Popen", popen)
    page.process_count = 1
    assert page.file.try_lock_byte(OWNER_LOCK)
    Keeper(states, page).run()
    assert errors == ["", *[f"unable to start writer 0: [Errno {errno.EAGAIN}] {os.strerror(errno.EAGAIN)}"] * 4]
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]


def test_a_session_whose_first_writer_cannot_be_started_does_not_begin(states, page, monkeypatch):
    """Whoever starts it is told at once."""

    def popen(*_arguments, **_options):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    page.process_count = 1
    with pytest.raises(BlockingIOError):
        Keeper(states, page).start_writers()
