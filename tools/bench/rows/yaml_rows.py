"""Rows on YAML: 1,000 fields, against the C loader and dumper of PyYAML alone."""

from __future__ import annotations

from typing import Final

from bench_model import AtMost, Peer, Row, published

_LIBRARIES: Final = ("dacite", "cattrs", "mashumaro", "msgspec", "pydantic")


def _peers(work: str, *, without: tuple[str, ...] = ()) -> tuple[Peer, ...]:
    """The published package, and the libraries that convert what PyYAML reads and writes."""
    libraries = [name for name in _LIBRARIES if name not in without]
    return (
        published(f"yaml_work:{work}_published"),
        *(Peer(name, f"yaml_work:{work}_{name}", requires=(name, "pyyaml")) for name in libraries),
    )


ROWS: Final = (
    Row(
        "load 1,000 fields",
        ours="yaml_work:load",
        floor="yaml_work:load_floor",
        must=AtMost(1.25),
        aim=AtMost(1.1),
        peers=_peers("load"),
    ),
    Row(
        "dump 1,000 fields",
        ours="yaml_work:dump",
        floor="yaml_work:dump_floor",
        must=AtMost(1.3),
        aim=AtMost(1.15),
        peers=_peers("dump", without=("dacite",)),
    ),
    Row(
        "save durably and load 1,000 fields",
        ours="yaml_work:save",
        floor="yaml_work:save_floor",
        peers=(published("yaml_work:save_published"),),
    ),
)
