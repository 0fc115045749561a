"""A session page that outlived a boot, as on macOS or with ATARAXIS_SHM_FOLDER: its clocks are of another boot."""

import time

from ataraxis_logger import DataLogger
from ataraxis_logger._live import places
from live_helpers import package, read_log

HOUR_S = 3600


def boot(monkeypatch, name, *, clock_s, wall_s):
    """Has the machine booted: another identity, another beginning of the monotonic clock, some time gone by."""
    monotonic, wall = time.monotonic_ns, time.time_ns
    monkeypatch.setattr(places, "boot_identity", lambda: name)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic() + clock_s * 10**9)
    monkeypatch.setattr(time, "time_ns", lambda: wall() + wall_s * 10**9)


def test_a_source_goes_on_by_the_wall_clock_after_a_boot(tmp_path, monkeypatch):
    """However long the machine has been up by then, compared to the time of the onset: as long, longer, shorter."""
    logger = DataLogger(tmp_path)
    for hour, clock_s in enumerate([HOUR_S, HOUR_S, 2 * HOUR_S, HOUR_S // 2]):
        with monkeypatch.context() as machine:
            boot(machine, b"boot %d" % hour, clock_s=clock_s, wall_s=hour * HOUR_S)
            logger.source(1).log(b"first")
            logger.source(1).log(b"second")
    logger.start()
    logger.stop()
    times = [stamp for stamp, _ in read_log(logger.output_directory)[1][1:]]
    assert times == sorted(times)
    assert [stamp // (HOUR_S * 10**6) for stamp in times] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_source_goes_on_by_the_monotonic_clock_within_a_boot(tmp_path, monkeypatch):
    """Whatever somebody does to the wall clock."""
    logger = DataLogger(tmp_path)
    with monkeypatch.context() as first:
        boot(first, b"first", clock_s=0, wall_s=0)
        logger.source(1).log(b"before")
    with monkeypatch.context() as later:
        boot(later, b"first", clock_s=0, wall_s=HOUR_S)
        logger.source(1).log(b"after")
    logger.start()
    logger.stop()
    times = {payload: stamp for stamp, payload in read_log(logger.output_directory)[1][1:]}
    assert times[b"after"] < 60 * 10**6


def test_a_clock_that_is_yet_to_come_is_not_believed(tmp_path):
    """Where the system does not tell one boot from another, the page of an earlier one looks like this."""
    logger = DataLogger(tmp_path)
    logger.input_queue.put(package(9, 1))
    logger.source(2).log(b"x")  # the page is of this boot now
    page = logger.input_queue.producer.open_page()
    onset_us, clock_us = (clock() // 1000 for clock in (time.time_ns, time.monotonic_ns))
    page.choose_onset(1, onset_us - 5_000_000, clock_us + HOUR_S * 10**6)
    page.close()
    logger.source(1).log(b"x")
    logger.start()
    logger.stop()
    ((stamp, _),) = read_log(logger.output_directory)[1]
    assert 5_000_000 <= stamp < 65_000_000


def test_without_a_boot_identity_the_hour_of_the_boot_stands_for_it(monkeypatch):
    monkeypatch.setattr(places, "boot_identity", lambda: None)
    monkeypatch.setattr(time, "time", lambda: 50 * HOUR_S + 100)
    monkeypatch.setattr(time, "monotonic", lambda: 99)
    number = places.boot_number()
    monkeypatch.setattr(time, "monotonic", lambda: 1)
    assert places.boot_number() == number
    monkeypatch.setattr(time, "monotonic", lambda: HOUR_S)
    assert places.boot_number() != number
