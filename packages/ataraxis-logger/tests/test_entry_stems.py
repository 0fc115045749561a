"""Names of entries: one name each, and nothing else parses as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ataraxis_logger._entry import MAX_TIME, Stem, is_onset, onset_payload, parse_stem, stem_of


@given(st.integers(0, 255), st.integers(0, MAX_TIME), st.integers(0, 10**6))
def test_every_name_parses_back_to_its_parts(source: int, time_stamp: int, repeat: int) -> None:
    assert parse_stem(stem_of(source, time_stamp, repeat)) == Stem(source, time_stamp, repeat)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, MAX_TIME)), min_size=2))
def test_names_sort_like_their_parts(entries: list[tuple[int, int]]) -> None:
    assert [stem_of(*entry) for entry in sorted(entries)] == sorted(stem_of(*entry) for entry in entries)


@given(st.text(max_size=40))
def test_whatever_parses_is_exactly_its_own_name(text: str) -> None:
    parts = parse_stem(text)
    assert parts is None or stem_of(*parts) == text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "calibration",
        "256_00000000000000000000",
        "001-00000000000000000000",
        "001_99999999999999999999",
        "001_0000000000000000000",
        "001_00000000000000000000_",
        "001_00000000000000000000_0",
        "001_00000000000000000000_01",
        "001_00000000000000000000x1",
        "0_1_00000000000000000000",
        "+01_00000000000000000000",
        "\u0661\u0661\u0661_00000000000000000000",
    ],
)
def test_a_name_that_is_not_an_entrys_is_refused(name: str) -> None:
    assert parse_stem(name) is None


def test_an_onset_is_time_zero_with_eight_bytes() -> None:
    assert is_onset(0, 8)
    assert not is_onset(1, 8)
    assert not is_onset(0, 7)
    assert onset_payload(1) == b"\x01" + bytes(7)
    assert len(onset_payload()) == 8
