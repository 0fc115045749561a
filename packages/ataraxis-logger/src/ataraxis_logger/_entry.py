"""What one log entry is: its bytes, its name, and the entry that marks a source's onset.

An entry is one byte of source, eight bytes of time (little-endian) and the payload. Its name, the *stem*, is
`{source:03d}_{time:020d}`; further entries of the same source and time are called `..._1`, `..._2` and so on, in the
order in which they were accepted. Nothing here imports NumPy: the writers start without it.
"""

import struct
import time
from typing import Final, NamedTuple

MAX_SOURCE: Final = 255
MAX_TIME: Final = 2**64 - 1

ENTRY_PREFIX: Final = struct.Struct("<BQ")
"""Source and time, the nine bytes in front of every payload."""

ONSET_TIME: Final = 0
ONSET_PAYLOAD: Final = struct.Struct("<q")
"""The payload of an onset: UTC microseconds since 1970, int64."""

_SOURCE_DIGITS: Final = 3
_TIME_DIGITS: Final = 20
STEM_LENGTH: Final = _SOURCE_DIGITS + 1 + _TIME_DIGITS


class Stem(NamedTuple):
    """The parts of an entry's name."""

    source: int
    time: int
    repeat: int


def stem_of(source: int, time_stamp: int, repeat: int = 0) -> str:
    """Returns the name of an entry, without a suffix.

    >>> stem_of(7, 1_500_000)
    '007_00000000000001500000'
    >>> stem_of(7, 1_500_000, repeat=2)
    '007_00000000000001500000_2'
    """
    stem = f"{source:03d}_{time_stamp:020d}"
    return f"{stem}_{repeat}" if repeat else stem


def parse_stem(stem: str) -> Stem | None:
    """Returns the parts of a name that `stem_of` made, or None for any other name.

    >>> parse_stem("007_00000000000001500000_2")
    Stem(source=7, time=1500000, repeat=2)
    >>> parse_stem("calibration") is None
    True
    """
    source, time_stamp, tail = stem[:_SOURCE_DIGITS], stem[_SOURCE_DIGITS + 1 : STEM_LENGTH], stem[STEM_LENGTH:]
    if len(stem) < STEM_LENGTH or stem[_SOURCE_DIGITS] != "_" or not _is_number(source) or not _is_number(time_stamp):
        return None
    repeat = tail[1:]
    # "_0" and "_01" are refused: every entry has exactly one name.
    if tail and (tail[0] != "_" or not _is_number(repeat) or repeat[0] == "0"):
        return None
    parts = Stem(int(source), int(time_stamp), int(repeat) if tail else 0)
    return parts if parts.source <= MAX_SOURCE and parts.time <= MAX_TIME else None


def _is_number(text: str) -> bool:
    # str.isdigit alone also accepts digits of other scripts and superscripts.
    return text.isascii() and text.isdigit()


def is_onset(time_stamp: int, payload_size: int) -> bool:
    """Tells whether an entry of this time and payload size marks the onset of its source."""
    return time_stamp == ONSET_TIME and payload_size == ONSET_PAYLOAD.size


def onset_payload(utc_us: int | None = None) -> bytes:
    """Returns the payload of an onset entry: the given UTC time in microseconds, or now."""
    return ONSET_PAYLOAD.pack(time.time_ns() // 1000 if utc_us is None else utc_us)
