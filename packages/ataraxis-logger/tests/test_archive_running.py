"""Archiving what a real logger writes, while it writes it."""

import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from archive_helpers import Entry, archived, field_loop
from ataraxis_logger import DataLogger, LogArchiveReader, LogPackage, compress_npy_logs
from ataraxis_logger._live.pending import PENDING_FOLDER, pending_name

STORAGES = pytest.mark.parametrize("storage", ["npy", "journal"])


def put_entries(logger: DataLogger, count: int, first: int) -> list[Entry]:
    entries = [(1 + number % 2, first + number // 4, b"%d" % number) for number in range(count)]
    for source, time, payload in entries:
        logger.input_queue.put(LogPackage(source, time, np.frombuffer(payload, dtype=np.uint8)))
    return entries


@STORAGES
def test_archiving_while_the_logger_runs_and_again_after_it_stopped(storage: str, tmp_path: Path) -> None:
    logger = DataLogger(tmp_path, "rig", storage=storage)
    logger.start()
    entries = put_entries(logger, 300, first=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.compress_logs(remove_sources=True)
        entries += put_entries(logger, 300, first=1000)
        logger.compress_logs(remove_sources=True)
        entries += put_entries(logger, 300, first=2000)
        logger.stop()
        logger.compress_logs(remove_sources=True)
    assert Counter(archived(logger.output_directory)) == Counter(entries)
    assert sorted(path.name for path in logger.output_directory.iterdir()) == ["1_log.npz", "2_log.npz"]


@STORAGES
def test_nothing_listed_is_still_held_while_others_log(storage: str, tmp_path: Path) -> None:
    logger = DataLogger(tmp_path, "rig", storage=storage)
    entries: list[Entry] = []
    with logger, warnings.catch_warnings():
        warnings.simplefilter("error")
        thread = threading.Thread(target=lambda: entries.extend(put_entries(logger, 6000, first=1)))
        thread.start()
        while thread.is_alive():
            logger.compress_logs(remove_sources=True, max_workers=1)
        thread.join()
    logger.compress_logs(remove_sources=True)
    assert Counter(archived(logger.output_directory)) == Counter(entries)


def test_archiving_waits_until_the_writers_have_let_go_of_what_was_listed(tmp_path: Path) -> None:
    with DataLogger(tmp_path, "rig") as logger:
        put_entries(logger, 4, first=1)
        logger.flush()
        held = logger.output_directory / PENDING_FOLDER / pending_name(1, 2)
        held.hardlink_to(next(logger.output_directory.glob("001_*.npy")))
        release = threading.Timer(0.3, held.unlink)  # the writer, some time after the listing
        release.start()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            logger.compress_logs(remove_sources=True)
        release.join()


@STORAGES
def test_archiving_from_another_process_while_the_logger_runs(storage: str, tmp_path: Path) -> None:
    logger = DataLogger(tmp_path, "rig", storage=storage)
    logger.start()
    entries = []
    script = (
        "import warnings; warnings.simplefilter('ignore'); from ataraxis_logger import compress_npy_logs; "
        f"compress_npy_logs({str(logger.output_directory)!r}, remove_sources=True)"
    )
    for turn in range(3):
        archiver = subprocess.Popen([sys.executable, "-c", script])
        entries += put_entries(logger, 1000, first=1 + 10_000 * turn)
        assert archiver.wait() == 0
    logger.stop()
    compress_npy_logs(logger.output_directory, remove_sources=True)
    assert Counter(archived(logger.output_directory)) == Counter(entries)


@STORAGES
def test_a_payload_larger_than_the_buffer_is_archived(storage: str, tmp_path: Path) -> None:
    large = np.random.default_rng(1).integers(0, 256, 3 << 20, dtype=np.uint8)
    with DataLogger(tmp_path, "rig", storage=storage, buffer_size=1 << 20) as logger:
        for time, payload in ((1, large[:10]), (2, large), (3, large[:20])):
            logger.input_queue.put(LogPackage(1, time, payload))
    logger.compress_logs(remove_sources=True)
    with LogArchiveReader(logger.output_directory / "1_log.npz") as reader:
        assert [(int(time), payload.tobytes()) for time, payload in reader] == [
            (1, large[:10].tobytes()),
            (2, large.tobytes()),
            (3, large[:20].tobytes()),
        ]


@STORAGES
def test_a_source_is_read_the_same_before_and_after_archiving(storage: str, tmp_path: Path) -> None:
    with DataLogger(tmp_path, "rig", storage=storage) as logger:
        source = logger.source(7)
        for number in range(200):
            source.log(number.to_bytes(2, "little"))
    with LogArchiveReader(logger.output_directory) as reader:
        before = [(int(time), payload.tobytes()) for time, payload in reader]
        onset = int(reader.onset_timestamp_us)
    logger.compress_logs(remove_sources=True)
    with LogArchiveReader(logger.output_directory / "7_log.npz") as reader:
        assert [(int(time), payload.tobytes()) for time, payload in reader] == before
    assert [payload for _, payload in before] == [number.to_bytes(2, "little") for number in range(200)]
    onset_us, messages = field_loop(logger.output_directory / "7_log.npz")
    assert (onset_us, [(onset + time, payload) for time, payload in messages]) == (onset, before)
