"""Position intervals: the same answers as a plain set of positions."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ataraxis_logger._formats.positions import Seen

# A ring's stream of frames of these sizes; readers meet stretches of it in any order, some of them twice.
sizes = st.lists(st.integers(1, 5), min_size=1, max_size=30)


@settings(max_examples=300)
@given(sizes, st.data())
def test_intervals_answer_like_a_set_of_positions(lengths: list[int], data: st.DataObject) -> None:
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    frames = list(zip([1] * len(starts), starts, lengths, strict=True))
    frames += [(2, start, length) for _, start, length in frames]
    met: set[tuple[int, int]] = set()
    seen = Seen()
    for ring, start, length in data.draw(st.lists(st.sampled_from(frames), max_size=80)):
        assert seen.contains(ring, start) is ((ring, start) in met)
        assert seen.add(ring, start, start + length) is ((ring, start) not in met)
        met.add((ring, start))
    spans = list(seen)
    covered = {(ring, place) for ring, start, stop in spans for place in range(start, stop)}
    assert covered == {(r, p) for r, s, n in frames if (r, s) in met for p in range(s, s + n)}
    for (ring, _, stop), (next_ring, start, _) in pairwise(spans):
        assert ring != next_ring or stop < start, "touching intervals are merged"


def test_a_stream_in_order_stays_one_interval() -> None:
    seen = Seen()
    assert all(seen.add(9, start, start + 96) for start in range(0, 96 * 1000, 96))
    assert list(seen) == [(9, 0, 96000)]
