"""Rows on the ring: records per second and megabytes per second, beside what else carries bytes between processes."""

from __future__ import annotations

from typing import Final

from bench_model import AtLeast, AtMost, Peer, Row

_SIZES: Final = {64: "64 B", 4096: "4 KiB", 65_536: "64 KiB"}
# Where bytes dominate, the two CRCs of the ring cost what the copies through a pipe do.
_MUST: Final = {64: 1.5, 4096: 1.0, 65_536: 0.5}
_AIM: Final = {64: 3.0, 4096: 2.0, 65_536: 1.0}
_PRODUCERS: Final = {1: "one producer", 2: "two producers"}


def _transfer(size: int, producers: int) -> Row:
    def work(kind: str) -> str:
        return f"ring_work:{kind}_{size}_by_{producers}"

    return Row(
        f"{_SIZES[size]} from {_PRODUCERS[producers]} through the ring",
        ours=work("ring"),
        floor=work("pipe"),
        must=AtLeast(_MUST[size], versus="multiprocessing.Queue"),
        aim=AtLeast(_AIM[size], versus="multiprocessing.Queue"),
        peers=(
            Peer("multiprocessing.Queue", work("queue")),
            Peer("SimpleQueue", work("simple_queue")),
            Peer("Manager().Queue", work("manager")),
            Peer("pyzmq", work("zmq"), requires=("pyzmq",)),
        ),
        note="The floor is a bare pipe that knows no records; the ring checks each record twice and survives kills.",
    )


ROWS: Final = (
    Row(
        "put of 64 B into the ring",
        ours="ring_work:put_64",
        floor="ring_work:put_64_floor",
        must=AtMost(3e-6, value="median"),
        aim=AtMost(1.5e-6, value="median"),
    ),
    Row(
        "verified read of 64 B from the ring",
        ours="ring_work:peek_64",
        floor="ring_work:peek_64_floor",
        must=AtMost(5),
        aim=AtMost(3),
    ),
    *(_transfer(size, producers) for size in _SIZES for producers in _PRODUCERS),
)
