"""Limits, statistics and the numbers people read."""

import math
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

from bench_model import AddsAtMost, AtLeast, AtMost, Peer, Row, Work  # noqa: E402  (tools/bench is not a package)
from bench_results import Check, Participant, RowResult, Verdict, check_limits  # noqa: E402
from bench_units import format_bound, format_measured, format_seconds, format_value  # noqa: E402


def side(label, *times, **values):
    rounds: list[dict[str, float] | None] = [
        {"time": time, **{name: series[i] for name, series in values.items()}} for i, time in enumerate(times)
    ]
    return Participant(label, "module:function", rounds=rounds)


def judge(row, *participants):
    result = RowResult("package", row.name, "", list(participants))
    result.checks = check_limits(row, result)
    return result


def test_at_most_is_our_time_over_the_floors():
    row = Row("r", ours="m:f", floor="m:g", must=AtMost(3), aim=AtMost(1.5))
    result = judge(row, side("ours", 2.0, 2.0, 2.0), side("floor", 1.0, 1.0, 1.0))
    assert result.checks == [Check("AtMost", "time", "floor", 2.0, must=3, must_reached=1.5, aim=1.5, aim_reached=0.75)]
    assert result.verdict() is Verdict.MUST


def test_at_least_is_our_speed_over_the_others():
    peers = (Peer("slow", "m:h"),)
    row = Row("r", ours="m:f", floor="m:g", must=(AtLeast(0.6), AtLeast(20, versus="slow")), peers=peers)
    result = judge(row, side("ours", 2.0), side("floor", 1.0), side("slow", 30.0))
    assert [(check.versus, check.measured, check.verdict()) for check in result.checks] == [
        ("floor", 0.5, Verdict.MISSED),
        ("slow", 15.0, Verdict.MISSED),
    ]
    assert result.checks[0].must_reached == pytest.approx(0.5 / 0.6)
    assert result.verdict() is Verdict.MISSED


def test_a_named_value_is_held_to_the_bound_itself():
    row = Row("r", ours="m:f", must=(AtMost(3e-6, value="median"), AtLeast(1000, value="records_per_s")))
    ours = side("ours", 1.0, 1.0, median=[2e-6, 4e-6], records_per_s=[500.0, 700.0])
    result = judge(row, ours)
    assert [check.measured for check in result.checks] == [3e-6, 600.0]
    assert [check.verdict() for check in result.checks] == [Verdict.MUST, Verdict.MISSED]


def test_a_named_value_can_be_compared_too():
    row = Row("r", ours="m:f", floor="m:g", must=AtMost(1.1, versus="floor", value="peak_MiB"))
    assert judge(row, side("ours", 1.0, peak_MiB=[66.0]), side("floor", 1.0, peak_MiB=[60.0])).checks[0].measured == 1.1


def test_a_difference_is_what_comes_on_top():
    row = Row("r", ours="m:f", floor="m:g", must=AddsAtMost(0.03, value="import"), aim=AddsAtMost(0.01, value="import"))
    result = judge(row, side("ours", 9.0, **{"import": [0.15]}), side("floor", 9.0, **{"import": [0.13]}))
    assert result.checks[0].measured == pytest.approx(0.02)
    assert result.verdict() is Verdict.MUST
    result = judge(row, side("ours", 9.0, **{"import": [0.1]}), side("floor", 9.0, **{"import": [0.13]}))
    assert result.checks[0].aim_reached == math.inf
    assert result.verdict() is Verdict.AIM


def test_a_ratio_is_taken_round_by_round():
    # The machine was slow in rounds two and three, for both sides: the ratio of the medians would be 3.
    ours, floor = side("ours", 2.0, 20.0, 20.0, 6.0, 2.0), side("floor", 1.0, 10.0, 10.0, 2.0, 1.0)
    assert judge(Row("r", ours="m:f", floor="m:g", must=AtMost(2.5)), ours, floor).checks[0].measured == 2.0


def test_rounds_that_one_side_sat_out_do_not_count():
    ours, floor = side("ours", 2.0, 9.0, 2.0), side("floor", 1.0, 1.0, 1.0)
    floor.rounds[1] = None
    assert judge(Row("r", ours="m:f", floor="m:g", must=AtMost(2)), ours, floor).checks[0].measured == 2.0


def test_a_side_that_failed_at_its_last_check_has_no_numbers():
    row = Row("r", ours="m:f", floor="m:g", must=AtMost(2))
    ours, floor = side("ours", 1.0), side("floor", 1.0)
    floor.error = "check: AssertionError"
    assert judge(row, ours, floor).verdict() is Verdict.UNKNOWN
    ours.error = "check: AssertionError"
    assert judge(row, ours, floor).verdict() is Verdict.FAILED


def test_an_aim_that_was_not_measured_does_not_hide_a_must_that_is_met():
    row = Row("r", ours="m:f", floor="m:g", must=AtMost(3), aim=AtLeast(9, versus="p"), peers=(Peer("p", "m:h"),))
    assert judge(row, side("ours", 1.0), side("floor", 1.0)).verdict() is Verdict.MUST
    row = Row("r", ours="m:f", floor="m:g", aim=AtLeast(9, versus="p"), peers=(Peer("p", "m:h"),))
    assert judge(row, side("ours", 1.0), side("floor", 1.0)).verdict() is Verdict.UNKNOWN


def test_a_row_without_limits_is_reported():
    assert judge(Row("r", ours="m:f"), side("ours", 1.0)).verdict() is Verdict.REPORTED


def test_a_must_without_an_aim_does_not_hide_that_the_aim_is_met():
    row = Row("r", ours="m:f", floor="m:g", must=(AtMost(3), AtMost(9, value="p99")), aim=AtMost(2))
    assert judge(row, side("ours", 1.0, p99=[1.0]), side("floor", 1.0)).verdict() is Verdict.AIM
    assert judge(row, side("ours", 1.0, p99=[10.0]), side("floor", 1.0)).verdict() is Verdict.MISSED


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"must": AtLeast(2, versus="typo"), "peers": (Peer("known", "m:h"),)}, "'typo', known are \\['known'\\]"),
        ({"must": AtMost(2)}, "'floor', known are \\[\\]"),
        ({"peers": (Peer("a", "m:h"), Peer("a", "m:i"))}, "unique"),
        ({"peers": (Peer("ours", "m:h"),)}, "not 'ours'"),
    ],
)
def test_a_row_that_compares_with_nobody_is_refused(keywords, complaint):
    with pytest.raises(ValueError, match=complaint):
        Row("r", ours="m:f", **keywords)


def test_work_has_items():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Work(call=print, items=0)


def test_spread_is_the_interquartile_range():
    assert side("ours", 1.0).spread() is None
    assert side("ours", 1.0, 2.0, 3.0).spread() == 1.0
    assert side("ours", 1.0, 2.0, 3.0, 4.0, 100.0).spread() == pytest.approx(2 / 3)


def test_numbers_have_units_that_suit_them():
    assert [format_seconds(seconds) for seconds in (0, 1.5e-9, 2.5e-7, 0.0123, 1.5, 200)] == [
        "0.00 ns",
        "1.50 ns",
        "250 ns",
        "12.3 ms",
        "1.50 s",
        "200 s",
    ]
    assert format_value("peak_MiB", 150.4) == "150 MiB"
    assert format_value("sent_bytes", 64) == "64.0 B"
    assert format_value("records_per_s", 1234567.8) == "1,234,568/s"
    assert format_value("kills_count", 3) == "3.00"
    assert format_value("p99", 2.5e-5) == "25.0 µs"


def test_bounds_show_their_direction():
    assert format_bound("AtMost", "time", "floor", 3) == "≤ 3.00x"
    assert format_bound("AtLeast", "time", "peer", 120) == "≥ 120x"
    assert format_bound("AtMost", "median", None, 3e-6) == "≤ 3.00 µs"
    assert format_bound("AddsAtMost", "import", "floor", 0.03) == "≤ +30.0 ms"
    assert format_bound("AtMost", "time", "floor", None) == ""
    assert format_measured("AddsAtMost", "import", "floor", -0.002) == "-2.00 ms"
