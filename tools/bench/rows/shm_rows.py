"""Rows on shared arrays: what safety costs on top of the system's lock, and beside the 3.x line."""

from __future__ import annotations

from typing import Final

from bench_model import AtLeast, AtMost, Peer, Row, published_3

_NOTE: Final = "The floor is a bare pair of flock calls around the same access, without threads, forks or torn writes."
_MUST: Final = AtMost(2.5)
_AIM: Final = (AtMost(1.5), AtLeast(3, versus="published 3.1.1"))

ROWS: Final = (
    Row(
        "locked read of a scalar",
        ours="shm_work:read_scalar",
        floor="shm_work:read_scalar_floor",
        must=_MUST,
        aim=_AIM,
        peers=(
            published_3("shm_work:read_scalar_published"),
            Peer("multiprocessing.Lock", "shm_work:read_scalar_multiprocessing"),
        ),
        note=_NOTE,
    ),
    Row(
        "locked write of a scalar",
        ours="shm_work:write_scalar",
        floor="shm_work:write_scalar_floor",
        must=_MUST,
        aim=_AIM,
        peers=(
            published_3("shm_work:write_scalar_published"),
            Peer("multiprocessing.Lock", "shm_work:write_scalar_multiprocessing"),
        ),
        note=_NOTE,
    ),
    Row(
        "locked read of a scalar by index",
        ours="shm_work:index_scalar",
        floor="shm_work:read_scalar_floor",
        must=_MUST,
        note=_NOTE,
    ),
    Row(
        "locked read of 512 elements",
        ours="shm_work:read_range",
        floor="shm_work:read_range_floor",
        aim=AtMost(3),
        peers=(published_3("shm_work:read_range_published"),),
        note=_NOTE,
    ),
    Row(
        "increment as one step",
        ours="shm_work:increment",
        floor="shm_work:increment_floor",
        aim=AtMost(5),
        note="The 3.x line has no such step. " + _NOTE,
    ),
)
