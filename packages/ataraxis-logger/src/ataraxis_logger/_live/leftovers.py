"""Pending files whose ring is gone: what a power cut leaves, when the rings in memory went with it."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ataraxis_logger._entry import ENTRY_PREFIX, stem_of
from ataraxis_logger._formats.npy import HEADER_SIZE, SUFFIX, parse_npy
from ataraxis_logger._live.pending import PENDING_FOLDER, parse_pending, pending_names, remove_pending_folder
from ataraxis_logger._live.places import ring_paths
from ataraxis_shm._errors import RingFormatError
from ataraxis_shm._ring_consumer import RingConsumer
from ataraxis_shm._system import discard


class Leftovers(NamedTuple):
    """What was found in a log folder's pending files.

    Attributes:
        recovered: Entries that were complete and got their names.
        torn: Names of files that were not, and were removed.
    """

    recovered: int = 0
    torn: tuple[str, ...] = ()


def settle_leftovers(folder: Path, states: tuple[Path, ...]) -> Leftovers:
    """Gives complete pending entries their names and removes torn ones, unless their ring is there to tell better.

    The caller holds the owner's lock, and no writer is at work.
    """
    names = pending_names(folder)
    tails = _tails(states) if names else {}
    recovered, torn = 0, []
    for name in sorted(names, key=lambda name: parse_pending(name) or ()):  # as they were accepted
        parsed = parse_pending(name)
        path = folder / PENDING_FOLDER / name
        if parsed is None:
            continue
        tail = tails.get(parsed[0])
        if tail is not None:
            if parsed[1] < tail:  # stored, and its writer was killed before it had cleared it away
                discard(path)
            continue
        with suppress(FileNotFoundError):  # a helper that its writer left behind was just removing it
            if path.stat().st_nlink == 1:
                if _give_name(path, folder):
                    recovered += 1
                    continue
                torn.append(name)
            path.unlink()
    remove_pending_folder(folder)
    return Leftovers(recovered, tuple(torn))


def _tails(states: tuple[Path, ...]) -> dict[int, int]:
    """Returns up to where the packages of each ring are stored."""
    found = {}
    for path in ring_paths(states):
        try:
            with RingConsumer.attach(path) as ring:
                found[ring.ring_id] = ring.tail
        except (FileNotFoundError, RingFormatError):
            continue
    return found


def _give_name(path: Path, folder: Path) -> bool:
    """Moves a pending entry to the first free one of its names; False when it is torn."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_SIZE + ENTRY_PREFIX.size)
        layout = parse_npy(head)
    except ValueError:
        return False
    # A power cut may leave the file's name without its bytes: its size is what was written last.
    if layout.size < ENTRY_PREFIX.size or path.stat().st_size != layout.offset + layout.size:
        return False
    source, time_stamp = ENTRY_PREFIX.unpack_from(head, layout.offset)
    repeat = 0
    while (name := folder / f"{stem_of(source, time_stamp, repeat)}{SUFFIX}").exists():
        repeat += 1
    # Not linked: this is the only process at work, and the file system may have no hard links.
    path.rename(name)
    return True
