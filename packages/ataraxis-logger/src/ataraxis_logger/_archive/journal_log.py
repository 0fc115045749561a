"""A folder of journal segments as a log."""

import errno
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ataraxis_logger._archive.log import BLOCK_BYTES, IndexedLog, Loaded, Payload, Problem
from ataraxis_logger._archive.mapped import PAGE, MappedFile
from ataraxis_logger._archive.ordering import RowSorter, empty_rows
from ataraxis_logger._entry import is_onset
from ataraxis_logger._errors import LogFormatError
from ataraxis_logger._files import sync_folder
from ataraxis_logger._formats.journal_layout import RECORD_PAYLOAD, WRITER_LOCK, is_being_written, list_segments
from ataraxis_logger._formats.journal_reader import Damage, SegmentScan, frame_at
from ataraxis_logger._formats.positions import Seen
from ataraxis_shm._registry import open_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS_AT_ONCE: Final = 1 << 14
_VIEWED_FROM: Final = 16 << 20
_TOUCHED: Final = 8 << 20


class JournalLog(IndexedLog):
    """The records of the segments in a folder, each once.

    Args:
        folder: the log folder.
        sorter: what the index is made with, when it may need another place than the system's temporary folder.
        growing: also read segments that a writer may still append to, as far as they go.

    Raises:
        OSError: the folder cannot be listed.
    """

    def __init__(self, folder: Path, sorter: RowSorter | None = None, *, growing: bool = False) -> None:
        named = list_segments(folder)
        paths = [path for path in named if path.is_file()]
        foreign = [Problem(path, "it is not a file", is_foreign=True) for path in named if path not in paths]
        self._segments = paths if growing else [path for path in paths if not _is_growing(path)]
        self._maps: dict[int, MappedFile] = {}
        self._touched = 0
        index = _Index(self._segments, sorter or RowSorter())
        super().__init__(folder, index.sorter.finish(), index.problems() + foreign)
        self._held = index.held
        self._damaged = {problem.path.name for problem in self.problems}

    @property
    def segments(self) -> tuple[Path, ...]:
        """The segments that were read."""
        return tuple(self._segments)

    def only(self, source: int) -> "JournalLog":
        """Returns the same log with the records of one source, which pickles small."""
        copy = object.__new__(JournalLog)
        copy.__dict__.update(self.__dict__, _table=self._table.only(source), _maps={}, problems=[])
        return copy

    def _load(self, source: int, rows: "NDArray[np.void]") -> Loaded:  # noqa: ARG002  # what other logs need
        payloads: list[Payload] = []
        total = 0
        places = (rows[field].tolist() for field in ("file", "offset", "size"))
        for number, offset, size in zip(*places, strict=True):
            segment = self._maps.get(number) or self._open(number)
            view = segment.view[offset : offset + size]
            payloads.append(view if size >= _VIEWED_FROM else bytes(view))
            total += size
            if total >= BLOCK_BYTES:
                break
        # Records that follow each other in time may lie pages apart.
        self._touched += total + PAGE * len(payloads)
        if self._touched >= _TOUCHED:
            self._touched = 0
            for segment in self._maps.values():
                segment.forget()
        return Loaded(payloads, {})

    def _open(self, number: int) -> MappedFile:
        segment = self._maps[number] = MappedFile(self._segments[number])
        return segment

    def remove(self, sources: Collection[int], spare: Collection[str] = ()) -> list[Problem]:
        """Removes the segments all of whose sources are given, except spared, damaged and growing ones."""
        self._close_maps()
        left = []
        for number, path in enumerate(self._segments):
            if path.name in spare or path.name in self._damaged:
                left.append(Problem(path, "it is damaged in part, so it was left"))
            elif self._held[number].issubset(sources) and not _remove_segment(path):
                left.append(Problem(path, "a writer holds it"))
        sync_folder(self.path)
        return left

    def close(self) -> None:
        """Lets go of the segments and of the index."""
        self._close_maps()
        super().close()

    def _close_maps(self) -> None:
        for segment in self._maps.values():
            segment.close()
        self._maps.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}


class _Index:
    """Goes once through all segments and notes what they hold."""

    def __init__(self, segments: Sequence[Path], sorter: RowSorter) -> None:
        self.sorter = sorter
        self.held: list[frozenset[int]] = []
        self._segments = segments
        self._seen = Seen()
        self._rings: dict[int, int] = {}
        self._salts: list[int] = []
        self._damage: list[tuple[Path, str, tuple[int, int] | None]] = []
        waiting = [number for number in range(len(segments)) if not self._add(number, with_neighbours=False)]
        # Segments without an intact header come last, when the salts of all others are known.
        for number in waiting:
            self._add(number, with_neighbours=True)

    def _add(self, number: int, *, with_neighbours: bool) -> bool:
        path = self._segments[number]
        if len(self.held) <= number:
            self.held.append(frozenset())
        try:
            mapped = MappedFile(path)
            scan = SegmentScan(mapped.view, self._salts if with_neighbours else ())
        except FileNotFoundError:
            # Archived and removed since the folder was listed. Archives are looked for later than segments.
            return True
        except (OSError, LogFormatError) as error:
            self._damage.append((path, str(error), None))
            return True
        if scan.header is None and not with_neighbours:
            return False
        if scan.header is not None and scan.header.salt not in self._salts:
            self._salts.append(scan.header.salt)
        self.held[number] = self._add_records(number, scan, mapped)
        for damage in scan.damage:
            self._note_damage(path, damage, mapped)
        return True

    def _add_records(self, number: int, scan: SegmentScan, mapped: MappedFile) -> frozenset[int]:
        sources: set[int] = set()
        columns: list[list[int]] = [[] for _ in range(6)]
        add_source, add_time, add_group, add_order, add_offset, add_size = (column.append for column in columns)
        seen, rings = self._seen.add, self._rings
        previous = 0
        for record in scan:
            offset, ring_id, position, source, _, time, payload = record
            sources.add(source)
            if not seen(*record.span):
                continue
            add_source(source)
            add_time(time)
            # Rings from 1 on: an onset comes before other entries of time 0, where readers in the field look for it.
            add_group(0 if is_onset(time, len(payload)) else rings.setdefault(ring_id, len(rings) + 1))
            add_order(position)
            add_offset(offset)
            add_size(len(payload))
            if len(columns[0]) == _ROWS_AT_ONCE:
                self._add_rows(number, columns)
                mapped.touched(offset - previous)
                previous = offset
        self._add_rows(number, columns)
        return frozenset(sources)

    def _add_rows(self, number: int, columns: list[list[int]]) -> None:
        rows = empty_rows(len(columns[0]))
        for field, column in zip(("source", "time", "group", "order", "offset", "size"), columns, strict=True):
            rows[field] = column
            column.clear()
        rows["offset"] += RECORD_PAYLOAD
        rows["file"] = number
        self.sorter.add(rows)

    def _note_damage(self, path: Path, damage: Damage, mapped: MappedFile) -> None:
        at_end = damage.stop == mapped.size
        if at_end and _is_growing(path):
            return  # the record that is being written at this moment
        begun = frame_at(mapped.view, damage.start)
        where = f"bytes {damage.start} to {damage.stop} hold no intact record"
        self._damage.append((path, where, begun if at_end else None))

    def problems(self) -> list[Problem]:
        """Returns the damage that may have cost a record.

        A segment may end in the middle of a record, where a writer was killed. The record was not acknowledged then and
        its writer's successor stored it again; when it is there, nothing is missing.
        """
        return [
            Problem(path, reason)
            for path, reason, begun in self._damage
            if begun is None or not self._seen.contains(*begun)
        ]


def _is_growing(path: Path) -> bool:
    try:
        # A link to a segment (a session that was moved) is as good as the segment; the lock is on what it leads to.
        return is_being_written(path.resolve())
    except FileNotFoundError:
        # Its writer has removed it: nothing could be appended.
        return True
    except PermissionError:
        # A journal that cannot be written to has no writer (a read-only copy).
        return False
    except OSError as error:
        if error.errno == errno.EROFS:
            return False
        raise


def _remove_segment(path: Path) -> bool:
    """Removes a segment unless a writer holds it; one that is gone already counts as removed."""
    try:
        with open_file(path.resolve()) as file:
            if not file.try_lock_byte(WRITER_LOCK):
                return False
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return True
