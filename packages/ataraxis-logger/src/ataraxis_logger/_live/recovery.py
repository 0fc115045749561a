"""Making whole what a killed session left, and telling what could not be saved."""

import mmap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ataraxis_logger._errors import LogFormatError, LoggerStateError
from ataraxis_logger._formats.journal_layout import (
    BODY_PREFIX,
    CONTROL_RING,
    FLAG_INLINED,
    is_being_written,
    list_segments,
)
from ataraxis_logger._formats.journal_reader import Damage, SegmentScan
from ataraxis_logger._formats.positions import Seen
from ataraxis_logger._live.owner import OwnedSession, SessionSettings
from ataraxis_logger._live.pending import PENDING_FOLDER
from ataraxis_logger._live.places import place_of, real_folder, state_folders
from ataraxis_logger._live.session_page import KEEPER_LOCK, OWNER_LOCK, SessionPage
from ataraxis_logger._live.tidy import Survey, survey, tidy_unowned
from ataraxis_logger._log_folder import require_log_folder
from ataraxis_shm._frame import FRAME_HEADER, RECORD_MAGIC

_SLEEP_US: Final = 5000


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What `recover_logs` found and did.

    Attributes:
        recovered: Packages that had been accepted and were not in the log yet; they are now.
        intact: Records in the folder's journals, each counted once.
        repeats: Records that are in the journals more than once, as kills of writers leave them; readers drop them.
        discarded: Damaged places, in journals and among half written files, whose contents are lost; and buffers in
            memory that cannot be read.
        discarded_bytes: The bytes in them.
        problems: A line for each of these places.
    """

    recovered: int = 0
    intact: int = 0
    repeats: int = 0
    discarded: int = 0
    discarded_bytes: int = 0
    problems: tuple[str, ...] = ()


def recover_logs(log_directory: Path | str) -> RecoveryReport:
    """Stores what a killed session left in memory, and looks through the folder's journals for damage.

    Everything that was accepted and not stored when all processes of a session were killed waits in shared memory; this
    stores it, as the next `DataLogger.start` on the folder would. Journals are read through and left as they are: every
    reader passes over damage by itself. Calling it again changes nothing.

    Args:
        log_directory: The log folder, as `DataLogger.output_directory` names it.

    Returns:
        What was stored, and what is lost.

    Raises:
        LogNotFoundError: (FileNotFoundError) There is no such folder, or it is the one above log folders.
        LoggerStateError: (RuntimeError) A logger runs on the folder, or the disk refuses.

    Takes linear time in the size of the journals, and memory that does not grow with it.

    Example:
        >>> import tempfile
        >>> from ataraxis_logger import DataLogger
        >>> folder = tempfile.TemporaryDirectory()
        >>> recover_logs(DataLogger(folder.name).output_directory)
        RecoveryReport(recovered=0, intact=0, repeats=0, discarded=0, discarded_bytes=0, problems=())
        >>> folder.cleanup()
    """
    folder = real_folder(Path(log_directory))
    require_log_folder(folder)
    states = state_folders(folder)
    found = survey(states)
    recovered, torn = _store_what_waits(folder, states, found)
    findings = _Findings(problems=[f"{name} in .pending was half written and was removed" for name in torn])
    findings.problems += [f"a buffer cannot be read, and was left: {reason}" for reason in found.unreadable]
    findings.discarded = len(findings.problems)
    _look_through(folder, findings)
    return RecoveryReport(
        recovered,
        findings.intact,
        findings.repeats,
        findings.discarded,
        findings.discarded_bytes,
        tuple(findings.problems),
    )


@dataclass
class _Findings:
    intact: int = 0
    repeats: int = 0
    discarded: int = 0
    discarded_bytes: int = 0
    problems: list[str] = field(default_factory=list)


def _store_what_waits(folder: Path, states: tuple[Path, ...], found: Survey) -> tuple[int, tuple[str, ...]]:
    """Runs a session for as long as it takes to store what waits; returns how much that was, and what was torn."""
    if not (found.waiting or (folder / PENDING_FOLDER).is_dir()):
        # Nothing to store: the folder may be a copy, on a drive that cannot be written to.
        _require_unused(folder, states)
        tidy_unowned(states)
        return 0, ()
    settings = SessionSettings(
        _storage_of(folder, states), process_count=1, thread_count=5, sleep_us=_SLEEP_US, sync_us=0
    )
    session = OwnedSession(place_of(folder), settings)
    try:
        session.stop()
    except LoggerStateError:
        if survey(states).waiting:
            raise  # else it is about buffers that are damaged, which are reported with all that is lost
    return found.packages + session.leftovers.recovered, session.leftovers.torn


def _require_unused(folder: Path, states: tuple[Path, ...]) -> None:
    page = SessionPage.attach(states[0])
    if page is not None:
        is_used = page.is_held(OWNER_LOCK) or page.is_held(KEEPER_LOCK)
        page.close()
        if is_used:
            raise LoggerStateError(f"A logger runs on {folder}. Stop it first, or wait until its keeper has ended.")


def _storage_of(folder: Path, states: tuple[Path, ...]) -> str:
    """Returns the storage that waiting packages were meant for."""
    page = SessionPage.attach(states[0])
    if page is None:
        return "journal" if list_segments(folder) else "npy"
    storage = page.storage
    page.close()
    return storage


@dataclass
class _Torn:
    """A damaged stretch of a segment, and where in a ring's stream it probably belongs."""

    segment: str
    damage: Damage
    ring_id: int
    position: int
    last: int
    """The position in that stream that the last byte of the stretch stands for."""


def _look_through(folder: Path, findings: _Findings) -> None:
    """Counts the records of the folder's segments, and what of them is damaged and nowhere else."""
    seen, torn = Seen(), []
    for path in list_segments(folder):
        if not is_being_written(path):
            torn += _look_through_segment(path, seen, findings)
    for place in torn:
        size = place.damage.stop - place.damage.start
        # What a killed writer left half written its successor has stored again.
        if place.ring_id == CONTROL_RING or not _is_stored(seen, place):
            findings.discarded += 1
            findings.discarded_bytes += size
            findings.problems.append(f"{place.segment}: bytes {place.damage.start} to {place.damage.stop} are damaged")


def _look_through_segment(path: Path, seen: Seen, findings: _Findings) -> list[_Torn]:
    if not path.stat().st_size:
        return []
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        scan = SegmentScan(data)
    except LogFormatError as error:
        findings.discarded += 1
        findings.problems.append(f"{path.name}: {error}")
        return []
    torn: list[_Torn] = []
    ring_id, position = CONTROL_RING, 0
    for record in scan:
        _place(torn, path.name, scan.damage, ring_id, position, data)
        ring_id, _, position = record.span
        if seen.add(*record.span):
            findings.intact += 1
        else:
            findings.repeats += 1
    _place(torn, path.name, scan.damage, ring_id, position, data)
    return torn


def _place(  # noqa: PLR0913, PLR0917  # private, with one caller
    torn: list[_Torn], segment: str, damage: list[Damage], ring_id: int, position: int, data: mmap.mmap
) -> None:
    """Notes damage that was met since the last record, with what its own header says of it, or the record before it."""
    for found in damage[len(torn) :]:
        ring, start = ring_id, position
        size = found.stop - found.start
        if size >= FRAME_HEADER.size:
            magic, _, _, own_ring, own_position = FRAME_HEADER.unpack_from(data, found.start)
            if magic == RECORD_MAGIC:
                ring, start = own_ring, own_position
                if _is_of_one_position(data, found):
                    size = 1
        torn.append(_Torn(segment, found, ring, start, start + size - 1))


def _is_of_one_position(data: mmap.mmap, damage: Damage) -> bool:
    """Tells whether a stretch stands for the first position of its frame alone.

    So it is when it holds no more than the beginning of one record, and when the record was inlined: its ring held a
    short reference in its place.
    """
    body = damage.start + FRAME_HEADER.size
    if damage.stop < body + BODY_PREFIX.size:
        return True
    _, flags, _ = BODY_PREFIX.unpack_from(data, body)
    return bool(flags & FLAG_INLINED)


def _is_stored(seen: Seen, place: _Torn) -> bool:
    return seen.contains(place.ring_id, place.position) and seen.contains(place.ring_id, place.last)
