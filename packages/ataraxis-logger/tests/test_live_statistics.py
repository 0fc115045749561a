"""Counting a log while its rings come and go."""

from pathlib import Path

import pytest

from ataraxis_logger._live import writer
from ataraxis_logger._live.places import folder_identity, make_state_folder, ring_paths
from ataraxis_logger._live.ring_watch import RingView
from ataraxis_logger._live.session_page import SessionPage
from ataraxis_logger._live.statistics import Statistician
from ataraxis_shm import RingConsumer, RingProducer

RING = RingView(Path("ring"), head=640, tail=640, accepted=10, stored=10)


@pytest.fixture
def page(tmp_path):
    page = SessionPage.provide(tmp_path, tmp_path, "journal")
    page.begin(1)
    page.process_count = 2
    yield page
    page.close()


class RingThatMoves:
    """Shows a ring that its writer removes during one of the looks, before or after that look has seen it."""

    def __init__(self, page, *, during_look, seen):
        self.slot = page.writer(1)
        self.looks = 0
        self.during_look = during_look
        self.seen = seen

    def __call__(self):
        self.looks += 1
        is_there = self.slot.retirements == 0
        if self.looks == self.during_look:
            self.slot.retirements |= 1
            self.slot.retired_accepted += RING.accepted
            self.slot.retired_stored += RING.stored
            self.slot.retirements += 1
            is_there = self.seen
        return [RING] if is_there else []


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
def test_a_ring_that_is_removed_during_a_look_counts_once(page, seen):
    look = RingThatMoves(page, during_look=1, seen=seen)
    statistics = Statistician().count(page, look)
    assert (statistics.accepted, statistics.written) == (10, 10)
    assert look.looks == 2


def test_one_look_is_enough_where_nothing_moves(page):
    look = RingThatMoves(page, during_look=2, seen=True)
    assert Statistician().count(page, look).accepted == 10
    assert look.looks == 1


def test_counts_that_a_killed_writer_left_half_moved_do_not_hold_up_a_look(page):
    page.writer(0).retirements = 1
    statistics = Statistician().count(page, lambda: [RING])
    assert (statistics.accepted, statistics.written, statistics.backlog) == (10, 10, 0)


def test_a_ring_that_another_writer_removes_is_counted_once(tmp_path, monkeypatch):
    states = (make_state_folder(tmp_path / "state"),)
    page = SessionPage.provide(states[0], tmp_path, "npy")
    page.folder_identity = folder_identity(tmp_path)
    with RingProducer.create(states[0] / "a.ring", 1 << 12) as producer:
        producer.put(b"stored by the other one")
    paths = ring_paths(states)
    monkeypatch.setattr(writer, "ring_paths", lambda states: paths)  # noqa: ARG005  # as they were a moment ago
    late = writer.Writer(states, page, 0)
    late._unclaimed.look(paths)
    with RingConsumer.attach(producer.path) as consumer:
        assert consumer.claim()
        consumer.advance(consumer.head)
        consumer.unlink()
    late.turn()
    late.close()
    assert page.writer(0).retired_accepted == 0
    page.close()
