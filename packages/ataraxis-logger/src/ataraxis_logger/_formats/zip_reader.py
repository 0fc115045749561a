"""Reads `.npz` archives of any writer from their mapped bytes, thousands of entries at a time.

The central directory is walked once for the places of its records; everything else about an entry is looked up when it
is wanted, so that an archive of any size can be indexed in little memory. An archive whose directory is missing or
damaged (a truncated copy) is walked by its local headers instead.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ataraxis_logger._formats import zip_layout as layout
from ataraxis_logger._formats.deflate import inflate
from ataraxis_shm._checksum import crc32

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK: Final = 1 << 13
_LONGEST_COMMENT: Final = 1 << 16
_LOCAL_MAGIC: Final = int.from_bytes(layout.LOCAL_MAGIC, "little")
_CENTRAL_MAGIC: Final = int.from_bytes(layout.CENTRAL_MAGIC, "little")
_CENTRAL_SIZE: Final = layout.CENTRAL.itemsize
_LOCAL_SIZE: Final = layout.LOCAL.itemsize


class Directory(NamedTuple):
    """Where the central directory lies, in bytes, and how many entries it promises."""

    start: int
    stop: int
    entries: int


class Members(NamedTuple):
    """What a directory says of some entries, one element each.

    Attributes:
        offset: where the local header begins.
        stored: bytes of data in the archive.
        whole: bytes of the `.npy` file.
        crc: CRC-32 of the `.npy` file.
        method: stored or deflated.
        name: where the name begins.
        name_size: its length in bytes.
        readable: whether the record can be used at all.
    """

    offset: "NDArray[np.uint64]"
    stored: "NDArray[np.uint64]"
    whole: "NDArray[np.uint64]"
    crc: "NDArray[np.uint32]"
    method: "NDArray[np.uint16]"
    name: "NDArray[np.uint64]"
    name_size: "NDArray[np.uint16]"
    readable: "NDArray[np.bool_]"

    def one(self, number: int) -> "Members":
        """Returns one of the entries alone."""
        part = slice(number, number + 1)
        return Members(
            self.offset[part], self.stored[part], self.whole[part], self.crc[part],
            self.method[part], self.name[part], self.name_size[part], self.readable[part],
        )  # fmt: skip

    def names(self, view: memoryview) -> list[str]:
        """Returns the names of the entries' files; bytes that are not ASCII are shown escaped."""
        places = zip(self.name.tolist(), self.name_size.tolist(), strict=True)
        return [str(view[start : start + size], "ascii", "backslashreplace") for start, size in places]


def find_directory(view: memoryview) -> Directory | None:
    """Returns where the central directory lies, or None when there is none that could be right."""
    tail_start = max(0, len(view) - layout.END_RECORD.size - _LONGEST_COMMENT)
    tail = bytes(view[tail_start:])
    place = tail.rfind(layout.END_MAGIC)
    while place >= 0:
        if (found := _directory_before(view, tail_start + place)) is not None:
            return found
        place = tail.rfind(layout.END_MAGIC, 0, place)
    return None


def _directory_before(view: memoryview, end: int) -> Directory | None:
    if end + layout.END_RECORD.size > len(view):
        return None
    _, disk, _, _, count, size, start, _ = layout.END_RECORD.unpack_from(view, end)
    stop = end
    locator = end - layout.LOCATOR64.size
    if locator >= 0 and bytes(view[locator : locator + 4]) == layout.LOCATOR64_MAGIC:
        stop = layout.LOCATOR64.unpack_from(view, locator)[2]
        if stop + layout.END64_RECORD.size > locator or bytes(view[stop : stop + 4]) != layout.END64_MAGIC:
            return None
        *_, count, size, start = layout.END64_RECORD.unpack_from(view, stop)
    if disk not in (0, layout.LIMIT_16) or start + size != stop or count * _CENTRAL_SIZE > size:
        return None
    return Directory(start, stop, count)


def walk_directory(data: "NDArray[np.uint8]", directory: Directory) -> Iterator["NDArray[np.uint64]"]:
    """Yields the offsets of the central directory's records, in order, in blocks.

    Records of one length follow each other in nearly every archive, so they are found by comparing whole stretches: the
    stretch tried doubles while it fits and falls back to one record when it does not.

    Raises:
        ValueError: the directory is damaged; what was yielded before is good.
    """
    place, left, tried = directory.start, directory.entries, 1
    singles: list[int] = []
    while left:
        stride = _record_size(data, place, directory.stop)
        fitting = max(1, min(tried, left, (directory.stop - place) // stride))
        run = 1 if fitting == 1 else _run_length(data, place, stride, fitting)
        tried = min(tried * 2, _BLOCK) if run == fitting else 1
        if run == 1:
            singles.append(place)
        else:
            if singles:
                yield np.array(singles, dtype=np.uint64)
                singles = []
            yield np.uint64(place) + np.arange(run, dtype=np.uint64) * np.uint64(stride)
        if len(singles) >= _BLOCK:
            yield np.array(singles, dtype=np.uint64)
            singles = []
        place += run * stride
        left -= run
    if singles:
        yield np.array(singles, dtype=np.uint64)
    if place != directory.stop:
        raise ValueError("the central directory does not end where its end record says")


def _record_size(data: "NDArray[np.uint8]", place: int, stop: int) -> int:
    record = data[place : place + _CENTRAL_SIZE]
    if place + _CENTRAL_SIZE > stop or bytes(record[:4]) != layout.CENTRAL_MAGIC:
        raise ValueError(f"the central directory is damaged at byte {place}")
    name, extra, comment = record[28:34].view("<u2").tolist()
    size: int = _CENTRAL_SIZE + name + extra + comment
    if place + size > stop:
        raise ValueError(f"the central directory is damaged at byte {place}")
    return size


def _run_length(data: "NDArray[np.uint8]", place: int, stride: int, count: int) -> int:
    """Returns how many records from `place` on have the size of the first."""
    stretch = data[place : place + count * stride].reshape(count, stride)[:, :_CENTRAL_SIZE]
    records = np.ascontiguousarray(stretch).view(layout.CENTRAL).reshape(count)
    alike = records["magic"] == _CENTRAL_MAGIC
    for field in ("name", "extra", "comment"):
        alike &= records[field] == records[field][0]
    return count if alike.all() else int(np.argmin(alike))


def central_members(data: "NDArray[np.uint8]", places: "NDArray[np.uint64]") -> Members:
    """Returns what the central directory's records at these offsets say."""
    records = _gather(data, places, layout.CENTRAL)
    stored, whole, offset = (records[field].astype(np.uint64) for field in ("stored", "whole", "offset"))
    readable = (records["flags"] & layout.FLAG_ENCRYPTED) == 0
    readable &= np.isin(records["method"], (layout.STORED, layout.DEFLATED))
    large = (stored == layout.LIMIT_32) | (whole == layout.LIMIT_32) | (offset == layout.LIMIT_32)
    extras = places + np.uint64(_CENTRAL_SIZE) + records["name"]
    for number in np.flatnonzero(large).tolist():
        field = _zip64_field(data, int(extras[number]), int(records["extra"][number]))
        readable[number] &= _widen(field, number, (whole, stored, offset))
    return Members(
        offset, stored, whole, records["crc"], records["method"],
        places + np.uint64(_CENTRAL_SIZE), records["name"], readable,
    )  # fmt: skip


def _widen(field: bytes, number: int, columns: "tuple[NDArray[np.uint64], ...]") -> bool:
    """Replaces the values of an entry that did not fit in 32 bits by those of its zip64 field.

    Returns False when one is not there.
    """
    wide = iter(struct.iter_unpack("<Q", field[: len(field) & -8]))
    for column in columns:
        if column[number] == layout.LIMIT_32:
            value = next(wide, None)
            if value is None:
                return False
            column[number] = value[0]
    return True


def _zip64_field(data: "NDArray[np.uint8]", start: int, size: int) -> bytes:
    extra = data[start : start + size].tobytes()
    place = 0
    while place + layout.EXTRA_HEADER.size <= len(extra):
        kind, length = layout.EXTRA_HEADER.unpack_from(extra, place)
        place += layout.EXTRA_HEADER.size
        if kind == layout.EXTRA64_ID:
            return extra[place : place + length]
        place += length
    return b""


def local_members(data: "NDArray[np.uint8]", places: "NDArray[np.uint64]") -> Members:
    """Returns what the local headers at these offsets say; for archives without a usable directory."""
    records = _gather(data, places, layout.LOCAL)
    stored, whole = (records[field].astype(np.uint64) for field in ("stored", "whole"))
    readable = (records["flags"] & (layout.FLAG_ENCRYPTED | layout.FLAG_SIZES_BEHIND)) == 0
    readable &= np.isin(records["method"], (layout.STORED, layout.DEFLATED))
    large = (stored == layout.LIMIT_32) | (whole == layout.LIMIT_32)
    extras = places + np.uint64(_LOCAL_SIZE) + records["name"]
    for number in np.flatnonzero(large).tolist():
        field = _zip64_field(data, int(extras[number]), int(records["extra"][number]))
        readable[number] &= _widen(field, number, (whole, stored))
    return Members(
        places, stored, whole, records["crc"], records["method"],
        places + np.uint64(_LOCAL_SIZE), records["name"], readable,
    )  # fmt: skip


def walk_local_headers(data: "NDArray[np.uint8]") -> Iterator[int]:
    """Yields the offsets of local headers as they follow each other, for archives whose directory cannot be used.

    Where a header is damaged the walk goes on at the next place that looks like one.
    """
    view = data.data
    place = 0
    while 0 <= place <= len(view) - _LOCAL_SIZE:
        if bytes(view[place : place + 4]) != layout.LOCAL_MAGIC:
            if bytes(view[place : place + 4]) == layout.CENTRAL_MAGIC:
                return
            place = _next_header(view, place + 1)
            continue
        yield place
        member = local_members(data, np.array([place], dtype=np.uint64))
        extra = int(data[place + 28]) | int(data[place + 29]) << 8
        stop = int(member.name[0]) + int(member.name_size[0]) + extra + int(member.stored[0])
        believable = bool(member.readable[0]) and stop <= len(view)
        # A header whose sizes lead nowhere may be damaged itself: look for the next one right behind it.
        place = stop if believable and _starts_record(view, stop) else _next_header(view, place + 4)


def _starts_record(view: memoryview, place: int) -> bool:
    return place >= len(view) - 4 or bytes(view[place : place + 4]) in (layout.LOCAL_MAGIC, layout.CENTRAL_MAGIC)


def _next_header(view: memoryview, place: int) -> int:
    step = 1 << 20
    while place < len(view):
        found = bytes(view[place : place + step + 3]).find(layout.LOCAL_MAGIC)
        if found >= 0:
            return place + found
        place += step
    return -1


def data_starts(data: "NDArray[np.uint8]", members: Members) -> "NDArray[np.int64]":
    """Returns where the data of entries begin; -1 where there is no local header, or no room for the data."""
    end = np.uint64(len(data))
    there = members.readable & (members.offset <= end) & (members.stored <= end)
    there &= members.offset + np.uint64(_LOCAL_SIZE) + members.stored <= end
    headers = _gather(data, np.where(there, members.offset, 0), layout.LOCAL)
    starts = members.offset + np.uint64(_LOCAL_SIZE) + headers["name"] + headers["extra"]
    there &= (headers["magic"] == _LOCAL_MAGIC) & (starts + members.stored <= end)
    return np.where(there, starts, 0).astype(np.int64) - np.where(there, 0, 1)


def contradicting(data: "NDArray[np.uint8]", places: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    """Tells of which entries the central directory and the local header say different things.

    Either alone is enough to read an entry, so this is damage that has done no harm yet; but other readers (`zipfile`,
    and so `numpy.load`) refuse some of these entries.

    Args:
        data: the archive.
        places: the offsets of central directory records.
    """
    directory = central_members(data, places)
    offsets = np.minimum(directory.offset, np.uint64(len(data)))
    central, local = _gather(data, places, layout.CENTRAL), _gather(data, offsets, layout.LOCAL)
    own = local_members(data, offsets)
    differ: NDArray[np.bool_] = local["magic"] != _LOCAL_MAGIC
    for field in ("flags", "method", "time", "date", "name"):
        differ |= central[field] != local[field]
    # Only the directory's record needs zip64 for an entry that lies beyond 4 GiB.
    differ |= (central["version"] != local["version"]) & (central["version"] != layout.VERSION_64)
    # A writer that could not seek has put sizes and CRC behind the data.
    here = (local["flags"] & layout.FLAG_SIZES_BEHIND) == 0
    for field in ("stored", "whole", "crc"):
        differ |= here & (getattr(directory, field) != getattr(own, field))
    view = data.data
    names = zip(directory.name.tolist(), own.name.tolist(), directory.name_size.tolist(), strict=True)
    renamed = [view[first : first + size] != view[second : second + size] for first, second, size in names]
    differ |= np.array(renamed, dtype=np.bool_)
    return differ


def content(data: memoryview, whole: int, crc: int, method: int) -> bytes | memoryview:
    """Returns an entry's `.npy` file: the data themselves when it is stored, bytes when it was deflated.

    Args:
        data: the entry's data in the archive.
        whole: the size of the file.
        crc: its CRC-32.
        method: stored or deflated.

    Raises:
        ValueError: the data are damaged.
    """
    file: bytes | memoryview = data
    if method == layout.DEFLATED:
        file = inflate(data, whole)
    elif len(data) != whole:
        raise ValueError("a stored entry has two sizes")
    if crc32(file) != crc:
        raise ValueError("the bytes do not match their CRC-32")
    return file


def _gather(data: "NDArray[np.uint8]", places: "NDArray[np.uint64]", record: np.dtype[np.void]) -> "NDArray[np.void]":
    """Returns the records that begin at these offsets; zeros where one would not fit."""
    fitting = places + np.uint64(record.itemsize) <= len(data)
    if not fitting.any():
        return np.zeros(len(places), dtype=record)
    starts = np.where(fitting, places, 0).astype(np.intp)
    rows = data[starts[:, None] + np.arange(record.itemsize, dtype=np.intp)]
    rows[~fitting] = 0
    return np.ascontiguousarray(rows).view(record).reshape(len(places))
