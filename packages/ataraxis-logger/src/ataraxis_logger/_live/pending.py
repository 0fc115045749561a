"""The pending folder of an npy log: names of entries that writers still hold, and what they mean.

An entry of a ring is staged as `.pending/<ring id>.<position>`, by a helper of a writer as
`.pending/<process>/<ring id>.<position>`: each helper has a *part* to itself.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from ataraxis_logger._live.folder import Folder

PENDING_FOLDER: Final = ".pending"
PROBE: Final = "probe-"
"""What the files begin with that a store makes to find out whether there are hard links."""


def pending_name(ring_id: int, position: int) -> str:
    """Returns the name of an entry that is being stored."""
    return f"{pending_prefix(ring_id)}{position:x}"


def pending_prefix(ring_id: int) -> str:
    """Returns what the pending names of one ring begin with; the position follows."""
    return f"{ring_id:016x}."


def pending_names(folder: Path) -> set[str]:
    """Returns the names of the entries of a log folder that its writers still hold, as paths in the pending folder."""
    try:
        pending = Folder(folder / PENDING_FOLDER)
    except FileNotFoundError:
        return set()
    with closing(pending):
        return names_in(pending)


def names_in(pending: Folder) -> set[str]:
    """Returns the names of entries in an open pending folder and its parts."""
    found = pending.names()
    names = {name for name in found if not name.isdigit()}
    for part in found:
        if part.isdigit():
            # A helper that ends removes its part; and what is no folder is not ours.
            with suppress(FileNotFoundError, NotADirectoryError):
                names.update(f"{part}/{name}" for name in pending.names(part))
    return names


def parse_pending(name: str) -> tuple[int, int] | None:
    """Returns the ring id and position in a pending name, with or without the part it is in; None for another name."""
    name = name.rpartition("/")[2]
    ring_id, _, position = name.partition(".")
    try:
        parsed = int(ring_id, 16), int(position, 16)
    except ValueError:
        return None
    return parsed if pending_name(*parsed) == name else None


def names_of_ring(names: Iterable[str], ring_id: int) -> Iterator[tuple[str, int]]:
    """Yields the names that belong to entries of a ring, each with the position in it."""
    for name in names:
        parsed = parse_pending(name)
        if parsed is not None and parsed[0] == ring_id:
            yield name, parsed[1]


def remove_pending_folder(folder: Path) -> None:
    """Removes the pending folder of a log, when no writer is at work, if no name is in it.

    Nobody else does: a writer that removed it when it ended would take it from under another one.
    """
    pending = folder / PENDING_FOLDER
    with suppress(OSError):  # it is not there, or cannot be read
        for name in os.listdir(pending):  # noqa: PTH208  # names are all it takes
            with suppress(OSError):  # names are in it, of a ring that waits, or its helper just removed it
                if name.isdigit():
                    (pending / name).rmdir()
                elif name.startswith(PROBE):
                    (pending / name).unlink()
        pending.rmdir()
