"""Rows on ataraxis-nested: everything at depth 5, in dictionaries of 243 and of 100,000 leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench_model import AtMost, Peer, Row, published_3

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES: Final = (("243", "243"), ("100k", "100,000"))
_FORMS: Final = ("keys", "string")
_DPATH: Final = ("dpath",)
_GLOM: Final = ("glom",)
_BENEDICT: Final = ("python-benedict",)


def _peers(work: str) -> tuple[Peer, ...]:
    return (
        published_3(f"{work}_published"),
        Peer("dpath", f"{work}_dpath", requires=_DPATH),
        Peer("glom", f"{work}_glom", requires=_GLOM),
        Peer("python-benedict", f"{work}_benedict", requires=_BENEDICT),
    )


def _by_path() -> Iterator[Row]:
    """Rows on one path at a time; no size makes a difference but to the caches of the processor."""
    must = {"keys": AtMost(3), "string": AtMost(3.5)}
    aim = {"keys": AtMost(2), "string": AtMost(2.5)}
    for size, leaves in _SIZES:
        for form in _FORMS:
            work = f"nested_work:read_{form}_{size}"
            yield Row(
                f"read a path given as {form}, {leaves} leaves",
                ours=work,
                floor=f"{work}_floor",
                must=must[form],
                aim=aim[form],
                peers=_peers(work),
                note="The floor is a loop over the keys of a path that is data, after a split where it is a string.",
            )
        if size == "243":
            yield Row(
                f"read a path given as keys, beside d[a][b][c][d][e], {leaves} leaves",
                ours=f"nested_work:read_keys_{size}",
                floor=f"nested_work:read_index_{size}",
                aim=AtMost(3),
                note="For comparison: an index written out in the source, which no code that is given a path can be.",
            )
        for form in _FORMS if size == "100k" else ("keys",):
            for name, kind in (("write over a value", "write"), ("write a new value and delete it", "write_delete")):
                work = f"nested_work:{kind}_{form}_{size}"
                yield Row(
                    f"{name}, path given as {form}, {leaves} leaves",
                    ours=work,
                    floor=f"{work}_floor",
                    must=AtMost(4),
                    aim=AtMost(3),
                    peers=_peers(work),
                    note="The floor makes missing sections as it goes (setdefault), as writing has to.",
                )


def _by_walk() -> Iterator[Row]:
    """Rows on methods that go through the whole dictionary."""
    for size, leaves in _SIZES:
        for form in _FORMS:
            work = f"nested_work:all_paths_{form}_{size}"
            others = f"nested_work:all_paths_{size}"
            text_peers = (
                Peer("dpath", f"{others}_dpath", requires=_DPATH),
                Peer("python-benedict", f"{others}_benedict", requires=_BENEDICT),
            )
            yield Row(
                f"all paths as {form}, {leaves} leaves",
                ours=work,
                floor=f"{work}_floor",
                must=AtMost(1.3),
                aim=AtMost(1),
                peers=(published_3(f"{work}_published"), *(text_peers if form == "string" else ())),
                note="The floor escapes nothing; benedict lists sections too.",
            )
        for often, where in (("once", "one leaf"), ("everywhere", "a leaf in every section")):
            if (often, size) == ("everywhere", "243"):
                continue
            work = f"nested_work:find_{often}_{size}"
            yield Row(
                f"find the key of {where}, {leaves} leaves",
                ours=work,
                floor=f"{work}_floor",
                must=AtMost(1.3),
                aim=AtMost(1),
                peers=(
                    published_3(f"{work}_published"),
                    *((Peer("dpath", f"{work}_dpath", requires=_DPATH),) if often == "once" else ()),
                ),
                note="The floor compares keys by == alone.",
            )
        work = f"nested_work:construct_{size}"
        yield Row(
            f"construct, {leaves} leaves",
            ours=work,
            floor=f"{work}_floor",
            must=AtMost(2),
            aim=AtMost(1.5),
            peers=(
                published_3(f"{work}_published"),
                Peer("python-benedict", f"{work}_benedict", requires=_BENEDICT),
            ),
            note="The floor copies the sections, without counting key types or looking for cycles.",
        )


ROWS: Final = (*_by_path(), *_by_walk())
