"""Rows on archives: writing them from memory, from files and from journals, and reading them."""

from __future__ import annotations

from typing import Final

from bench_model import AtLeast, AtMost, Peer, Row, published

_MEMORY: Final = AtMost(300, value="peak_MiB")


def _read_all(kind: str) -> Row:
    return Row(
        f"read all 64 B entries of a {kind} archive",
        ours=f"archive_work:read_{kind}",
        must=AtLeast(25, versus="np.load"),
        aim=AtLeast(40, versus="np.load"),
        peers=(
            Peer("np.load", f"archive_work:read_{kind}_numpy"),
            published(f"archive_work:read_{kind}_published"),
        ),
    )


ROWS: Final = (
    Row(
        "archive 64 B entries from memory, stored",
        ours="archive_work:write_stored",
        must=AtLeast(15, versus="np.savez"),
        aim=AtLeast(20, versus="np.savez"),
        peers=(Peer("np.savez", "archive_work:write_stored_numpy"),),
    ),
    Row(
        "archive 64 B entries from memory, deflated",
        ours="archive_work:write_deflated",
        must=AtLeast(4, versus="np.savez_compressed"),
        aim=AtLeast(8, versus="np.savez_compressed"),
        peers=(Peer("np.savez_compressed", "archive_work:write_deflated_numpy"),),
        note="With the extra [fast] isal deflates, otherwise zlib.",
    ),
    Row(
        "archive an npy folder of 64 B entries, stored",
        ours="archive_work:archive_files",
        floor="archive_work:archive_files_floor",
        must=(AtLeast(0.5), _MEMORY),
        aim=AtLeast(0.7),
        peers=(published("archive_work:archive_files_published"),),
        note="The floor only opens, reads and closes every file. Neither side verifies.",
    ),
    Row(
        "archive a journal of 64 B entries, stored",
        ours="archive_work:archive_journal",
        floor="archive_work:archive_journal_floor",
        must=_MEMORY,
        note="The floor reads the segment's bytes in one piece; we check, order and write every record.",
    ),
    _read_all("stored"),
    _read_all("deflated"),
)
