"""Names of many entries at once; `_entry` has the same for one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from ataraxis_logger._entry import MAX_SOURCE, MAX_TIME, STEM_LENGTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ZERO: Final = ord("0")
_HALF: Final = 10
_HALF_WEIGHT: Final = 10**_HALF
_POWERS: Final = 10 ** np.arange(_HALF - 1, -1, -1, dtype=np.uint64)
_PREFIX: Final = np.dtype([("source", "u1"), ("time", "<u8")])
_SOURCE_POWERS: Final = np.array([100, 10, 1], dtype=np.uint64)


def parse_stems(
    names: "NDArray[np.uint8]",
) -> "tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]":
    """Returns sources, times and whether they are right for names of exactly `STEM_LENGTH` characters.

    Args:
        names: one name a row, shape (n, 24), as ASCII.
    """
    digits = names - np.uint8(_ZERO)
    good = (np.delete(digits, 3, axis=1) < 10).all(axis=1) & (names[:, 3] == ord("_"))  # noqa: PLR2004  # decimal
    wide = np.where(good[:, None], digits, 0).astype(np.uint64)
    sources = wide[:, :3] @ _SOURCE_POWERS
    high, low = wide[:, 4 : 4 + _HALF] @ _POWERS, wide[:, 4 + _HALF :] @ _POWERS
    # Twenty digits hold more than 64 bits.
    top, rest = divmod(MAX_TIME, _HALF_WEIGHT)
    good &= (sources <= MAX_SOURCE) & ((high < top) | ((high == top) & (low <= rest)))
    return sources, np.where(good, high, 0) * np.uint64(_HALF_WEIGHT) + low, good


def make_stems(source: int, times: "NDArray[np.uint64]", repeats: "NDArray[np.int64]") -> list[bytes]:
    """Returns the names of entries of one source, as ASCII.

    Args:
        source: the source.
        times: their times, uint64.
        repeats: which of the entries of equal time each one is, from 0.
    """
    names = np.empty((len(times), STEM_LENGTH), dtype=np.uint8)
    names[:, :4] = np.frombuffer(b"%03d_" % source, dtype=np.uint8)
    # Halves fit in 64 bits with room to spare, and division by a constant is quick there.
    halves = np.divmod(times, np.uint64(_HALF_WEIGHT))
    for place, half in zip((4, 4 + _HALF), halves, strict=True):
        names[:, place : place + _HALF] = half[:, None] // _POWERS % np.uint64(10) + np.uint64(_ZERO)
    data = names.tobytes()
    stems = [data[start : start + STEM_LENGTH] for start in range(0, len(data), STEM_LENGTH)]
    for number in np.flatnonzero(repeats).tolist():
        stems[number] += b"_%d" % repeats[number]
    return stems


def make_prefixes(source: int, times: "NDArray[np.uint64]") -> list[bytes]:
    """Returns the first nine bytes of entries of one source."""
    records = np.empty(len(times), dtype=_PREFIX)
    records["source"], records["time"] = source, times
    data, size = records.tobytes(), _PREFIX.itemsize
    return [data[start : start + size] for start in range(0, len(data), size)]


def rank_among_equals(times: "NDArray[np.uint64]", before: int) -> "NDArray[np.int64]":
    """Returns for each of some ascending times which one of its equals it is, from 0.

    Args:
        times: ascending times.
        before: how many entries of the first time came before these.
    """
    count = len(times)
    if not count:
        return np.zeros(0, dtype=np.int64)
    numbers = np.arange(count, dtype=np.int64)
    starts = np.concatenate(([True], times[1:] != times[:-1]))
    ranks = numbers - np.maximum.accumulate(np.where(starts, numbers, 0))
    return ranks + np.where(times == times[0], before, 0)


def stem_matrix(names: Sequence[str]) -> "NDArray[np.uint8]":
    """Returns names of one length as the rows of an array; only ASCII names may be given."""
    data = "".join(names).encode("ascii")
    return np.frombuffer(data, dtype=np.uint8).reshape(len(names), -1)
