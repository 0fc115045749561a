"""Since when nothing can be stored, as whoever waits for it sees it; by a clock of the test."""

import errno
from types import SimpleNamespace

import pytest

from ataraxis_logger._live import pressure
from ataraxis_logger._live.pressure import PATIENCE_S, Trouble
from ataraxis_logger._live.session_page import WRITER_LOCKS, SessionPage

LOOKS_A_SECOND = 10


class Session:
    """A session page whose one writer lives and dies on cue, at times of the test's own."""

    def __init__(self, page, monkeypatch):
        self.page = page
        self.now = 0.0
        self.is_alive = False
        self.trouble = Trouble()
        monkeypatch.setattr(pressure, "time", SimpleNamespace(monotonic_ns=lambda: int(1e9 + self.now * 1e9)))

    def look(self, *, is_alive, progress=0):
        self.now += 1 / LOOKS_A_SECOND
        if is_alive:
            assert self.page.file.try_lock_byte(WRITER_LOCKS)
        self.page.writer(0).progress += progress
        try:
            return self.trouble.look(self.page)
        finally:
            self.page.file.unlock_byte(WRITER_LOCKS)


@pytest.fixture
def session(tmp_path, monkeypatch):
    page = SessionPage.provide(tmp_path, tmp_path, "npy")
    page.process_count = 1
    page.report_error("writer 0 failed: it always does")
    yield Session(page, monkeypatch)
    page.close()


def test_a_writer_that_fails_again_and_again_is_trouble_since_it_failed_first(session):
    """It lives for a moment each time, and at some looks it does."""
    for number in range(int(PATIENCE_S * LOOKS_A_SECOND) + 1):
        seen = session.look(is_alive=number % 4 == 3)
        assert (seen is None) == (number % 4 == 3)
    seconds, cause, code = session.look(is_alive=False)
    assert seconds >= PATIENCE_S
    assert cause == "no writer is running (writer 0 failed: it always does)"
    assert code == errno.EPIPE


def test_a_writer_that_is_killed_again_and_again_but_stores_something_each_time_is_none(session):
    for _ in range(2 * int(PATIENCE_S)):
        assert session.look(is_alive=True, progress=1) is None
        for _ in range(LOOKS_A_SECOND):
            seconds, *_ = session.look(is_alive=False)
        assert seconds < 1.1


def test_a_writer_that_lives_and_takes_its_time_is_none(session):
    session.look(is_alive=False)
    for _ in range(2 * int(PATIENCE_S) * LOOKS_A_SECOND):
        assert session.look(is_alive=True) is None


def test_a_ring_that_was_left_alone_is_trouble_when_nothing_else_is_stored(session):
    session.page.writer(0).unreadable = 1
    for _ in range(2 * int(PATIENCE_S) * LOOKS_A_SECOND):
        seconds, cause, code = session.look(is_alive=True, progress=1)
        assert seconds == 0
    for _ in range(int(PATIENCE_S) * LOOKS_A_SECOND):
        seconds, cause, code = session.look(is_alive=True)
    assert round(seconds, 6) == PATIENCE_S
    assert cause == "a buffer cannot be read: writer 0 failed: it always does"
    assert code == errno.EIO
