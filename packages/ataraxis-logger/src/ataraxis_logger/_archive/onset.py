"""Onsets in a log: what the times of a source count from."""

from ataraxis_logger._archive.log import Log
from ataraxis_logger._entry import ONSET_PAYLOAD, ONSET_TIME, is_onset


def onsets_of(log: Log, source: int) -> tuple[list[int], int]:
    """Returns the different onsets of a source, UTC microseconds in the order they lie, and how many entries they are.

    Onsets come first, before other entries of time 0.
    """
    found: dict[int, None] = {}
    count = 0
    for block in log.read(source, 0, log.find(source, ONSET_TIME + 1)):
        for number, payload in enumerate(block.payloads):
            if number in block.damaged or not is_onset(ONSET_TIME, len(payload)):
                continue
            found[ONSET_PAYLOAD.unpack(payload)[0]] = None
            count += 1
    return list(found), count


def count_messages(log: Log, source: int) -> int:
    """Returns how many entries of a source are not onsets."""
    return log.count(source) - onsets_of(log, source)[1]
