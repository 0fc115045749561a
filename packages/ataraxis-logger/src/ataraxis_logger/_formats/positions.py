"""Which stretches of the rings' endless streams were seen: how readers tell a repeat from a record."""

from bisect import bisect_right
from collections.abc import Iterator


class Seen:
    """The stretches of each ring's stream that were met so far, as disjoint intervals.

    Frames follow each other in a ring, so the intervals of a whole session are few: one, plus one for each time the
    ring wrapped or a writer was killed. Memory does not grow with the number of records.

    Example:
        >>> seen = Seen()
        >>> seen.add(7, 0, 96), seen.add(7, 96, 192), seen.add(7, 0, 96)
        (True, True, False)
        >>> list(seen)
        [(7, 0, 192)]
    """

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: dict[int, tuple[list[int], list[int]]] = {}

    def add(self, ring_id: int, start: int, stop: int) -> bool:
        """Notes a stretch; False when its first position was met before, that is when the record is a repeat.

        Amortised constant time for a stretch that follows the last one, else logarithmic in the number of intervals
        (and linear for an insertion among them).
        """
        ring = self._rings.get(ring_id)
        if ring is None:
            self._rings[ring_id] = ([start], [stop])
            return True
        starts, stops = ring
        if start == stops[-1]:
            stops[-1] = stop
            return True
        before = bisect_right(starts, start) - 1
        if before >= 0 and start < stops[before]:
            return False
        self._insert(starts, stops, before + 1, start, stop)
        return True

    def contains(self, ring_id: int, position: int) -> bool:
        """Tells whether the frame at this position was met."""
        starts, stops = self._rings.get(ring_id, ((), ()))
        before = bisect_right(starts, position) - 1
        return before >= 0 and position < stops[before]

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yields ring id, first and one past the last position of each interval, rings in the order they were met."""
        for ring_id, (starts, stops) in self._rings.items():
            for start, stop in zip(starts, stops, strict=True):
                yield ring_id, start, stop

    @staticmethod
    def _insert(starts: list[int], stops: list[int], place: int, start: int, stop: int) -> None:
        after = place
        while after < len(starts) and starts[after] <= stop:
            stop = max(stop, stops[after])
            after += 1
        if place and stops[place - 1] == start:
            place -= 1
            start = starts[place]
        starts[place:after], stops[place:after] = [start], [stop]
