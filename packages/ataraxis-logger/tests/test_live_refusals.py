"""When the disk refuses: producers feel it, nothing is dropped, and success is never reported over missing data."""

import contextlib
import errno
import shutil
import subprocess
import sys
import threading

import pytest

from ataraxis_logger import DataLogger, LogFullError, LoggerStateError, recover_logs
from ataraxis_logger._live import owner, pressure
from ataraxis_logger._live.producers import close_producer
from ataraxis_shm._errors import NoSpaceError
from live_helpers import (
    STORAGES,
    assert_nothing_left,
    assert_numbered,
    numbered,
    package,
    put_numbered,
    read_log,
    rings_of,
    wait_for,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs small file systems that a test may mount")


@pytest.fixture(params=STORAGES)
def storage(request):
    return request.param


@pytest.fixture
def impatient(monkeypatch):
    """Half a second instead of five before a refusal becomes an error."""
    monkeypatch.setattr(pressure, "PATIENCE_S", 0.5)
    monkeypatch.setattr(owner, "PATIENCE_S", 0.5)


def mount(folder, *options):
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a test may not mount here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few MiB, of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=4m")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk):
    """Takes all the space there is; returns the file to remove."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"0")
    return filler


def put_until_refused(logger, source):
    """Puts packages until one is refused; returns how many were accepted, and the error."""
    for number in range(1_000_000):
        try:
            logger.input_queue.put(numbered(source, number))
        except LogFullError as error:
            return number, error
    raise AssertionError("nothing was refused")


@pytest.mark.usefixtures("impatient")
def test_a_full_disk_pushes_back_and_loses_nothing(small_disk, storage):
    logger = DataLogger(small_disk, storage=storage, buffer_size=1 << 16)
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    logger.flush()
    filler = fill(small_disk)
    accepted, error = put_until_refused(logger, 2)
    assert error.errno == errno.ENOSPC
    assert "the disk refuses" in str(error)
    assert accepted > 0
    assert logger.statistics.is_refused
    with pytest.raises(LoggerStateError, match="No space left"):
        logger.flush()
    filler.unlink()
    logger.flush(timeout=30)
    assert not logger.statistics.is_refused
    logger.input_queue.put(numbered(2, accepted))
    logger.stop()
    assert_numbered(logger.output_directory, {1: 10, 2: accepted + 1})
    assert_nothing_left(logger.output_directory)


@pytest.mark.parametrize("with_recovery", [False, True], ids=["next start", "recover_logs"])
@pytest.mark.usefixtures("impatient")
def test_stop_on_a_full_disk_raises_and_what_waits_is_stored_later(small_disk, storage, with_recovery):
    logger = DataLogger(small_disk, storage=storage)
    logger.start()
    filler = fill(small_disk)
    put_numbered(logger.input_queue, 1, 300)
    with pytest.raises(LoggerStateError, match=r"300 packages in 1 buffers wait in .*rings") as caught:
        logger.stop()
    assert "recover_logs" in str(caught.value)
    assert not logger.started
    filler.unlink()
    if with_recovery:
        assert recover_logs(logger.output_directory).recovered == 300
    else:
        logger.start()
        logger.stop()
    assert_numbered(logger.output_directory, {1: 300})
    assert_nothing_left(logger.output_directory)


def test_a_full_disk_met_in_the_middle_of_a_large_payload(small_disk, storage):
    """It is refused like any other: no writer dies of it, and nothing is reported as lost when there is space again."""
    logger = DataLogger(small_disk, storage=storage, buffer_size=1 << 16)
    logger.start()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3_000_000))
    logger.input_queue.put(package(1, 1, b"large" * 400_000))
    wait_for(lambda: logger.statistics.last_error)
    filler.unlink()
    logger.flush()
    assert logger.statistics.restarts == 0
    logger.stop()
    assert read_log(logger.output_directory) == {1: [(1, b"large" * 400_000)]}
    report = recover_logs(logger.output_directory)
    assert (report.discarded, report.problems) == (0, ())


def test_a_buffer_that_somebody_removed_is_no_success(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage)
    put_numbered(logger.input_queue, 1, 10)
    (ring,) = rings_of(logger.output_directory)
    ring.unlink()
    logger.start()
    with pytest.raises(LoggerStateError, match="was removed by somebody"):
        logger.flush()
    with pytest.raises(LoggerStateError, match="was removed by somebody"):
        logger.stop()
    assert not logger.started


def test_a_disk_that_fills_up_in_the_middle_of_a_run(small_disk, storage):
    """Without a helping hand: another program frees space while the producer waits."""
    logger = DataLogger(small_disk, storage=storage, buffer_size=1 << 16)
    logger.start()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3_700_000))
    freed = threading.Timer(1.0, filler.unlink)
    freed.start()
    count = 10_000 if storage == "journal" else 600
    for number in range(count):
        logger.input_queue.put(numbered(1, number, 100))
    freed.join()
    logger.stop()
    assert_numbered(logger.output_directory, {1: count})


@pytest.mark.usefixtures("impatient")
def test_a_removed_folder_is_noticed_and_never_made_again(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage, buffer_size=1 << 16)
    below = tmp_path / "below"
    below.mkdir()
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    logger.flush()
    shutil.rmtree(logger.output_directory)
    _, error = put_until_refused(logger, 2)
    assert error.errno == errno.ENOENT
    assert not logger.output_directory.exists()
    below.rename(logger.output_directory)  # as an unmounted drive leaves the folder it was mounted on
    with pytest.raises(LoggerStateError, match="wait in"):
        logger.stop()
    assert not any(logger.output_directory.iterdir())
    # Starting on the folder says that it is the right one.
    logger.start()
    logger.stop()
    assert len(read_log(logger.output_directory)[2]) > 0
    assert_nothing_left(logger.output_directory)


def test_a_folder_that_is_moved_away_and_back(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage)
    logger.start()
    put_numbered(logger.input_queue, 1, 10)
    logger.flush()
    away = tmp_path / "away"
    logger.output_directory.rename(away)
    logger.input_queue.put(numbered(1, 10))
    wait_for(lambda: logger.statistics.is_refused)
    away.rename(logger.output_directory)
    logger.flush()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 11})
    assert_nothing_left(logger.output_directory)


@pytest.mark.usefixtures("impatient")
def test_a_folder_that_becomes_read_only(small_disk, storage):
    logger = DataLogger(small_disk, storage=storage)
    logger.start()
    put_numbered(logger.input_queue, 1, 5)
    logger.flush()
    if storage == "journal":  # its open segment keeps the file system from being remounted
        for process in logger.processes:
            process.kill()
    wait_for(lambda: remount(small_disk, "ro"))
    put_numbered(logger.input_queue, 2, 5)
    wait_for(lambda: logger.statistics.is_refused)  # by the writer that took the place of the killed one
    with pytest.raises(LoggerStateError, match="Read-only file system"):
        logger.stop()
    assert remount(small_disk, "rw")
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 5, 2: 5})
    assert_nothing_left(logger.output_directory)


def remount(disk, how):
    return not subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], capture_output=True, check=False).returncode


def test_a_start_on_a_missing_folder_is_refused(tmp_path):
    logger = DataLogger(tmp_path)
    logger.output_directory.rmdir()
    with pytest.raises(FileNotFoundError):
        logger.start()
    assert not logger.started
    assert not logger.output_directory.exists()


def test_a_ring_that_does_not_fit_in_memory_goes_to_the_disk(tmp_path, monkeypatch, storage):
    """Writers look in both places."""
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    mount(memory, "size=200k")
    monkeypatch.setattr("ataraxis_logger._live.places.roots", lambda: (memory / "mine", disk))
    try:
        logger = DataLogger(tmp_path, storage=storage, buffer_size=1 << 20)
        logger.start()
        put_numbered(logger.input_queue, 1, 100)
        assert [disk in path.parents for path in rings_of_roots(memory / "mine", disk)] == [True]
        logger.stop()
        assert_numbered(logger.output_directory, {1: 100})
        assert not list(disk.rglob("*.ring"))
    finally:
        subprocess.run(["umount", "-l", str(memory)], check=True)


@pytest.fixture
def memory_and_disk(tmp_path, monkeypatch):
    """The two roots, of which the first is a file system of 4 MiB."""
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    mount(memory, "size=4m")
    monkeypatch.setattr("ataraxis_logger._live.places.roots", lambda: (memory / "mine", disk))
    yield memory / "mine", disk
    subprocess.run(["umount", "-l", str(memory)], check=True)


@pytest.mark.parametrize("with_recovery", [False, True], ids=["next start", "recover_logs"])
def test_a_payload_that_does_not_fit_in_memory_goes_to_the_disk(tmp_path, memory_and_disk, storage, with_recovery):
    """Its ring does, and stays there."""
    memory, disk = memory_and_disk
    logger = DataLogger(tmp_path, storage=storage, buffer_size=1 << 20)
    sizes = [64, 6 << 20, 64]
    for number, size in enumerate(sizes):
        logger.input_queue.put(numbered(1, number, size))
    assert [path.stat().st_size for path in disk.rglob("*.spill")] == [6 << 20]
    assert [memory in path.parents for path in rings_of_roots(memory, disk)] == [True]
    if with_recovery:
        assert recover_logs(logger.output_directory).recovered == 3
    else:
        logger.start()
        logger.flush()
        for number, size in enumerate([300_000, 7 << 20, 6 << 20, 64], start=3):
            logger.input_queue.put(numbered(1, number, size))
            sizes.append(size)
        logger.stop()
    found = read_log(logger.output_directory)[1]
    assert [len(payload) for _, payload in found] == sizes
    assert_numbered(logger.output_directory, {1: len(sizes)})
    assert not list(disk.rglob("*.spill"))
    close_producer(logger.input_queue.producer.place)
    assert_nothing_left(logger.output_directory)


def test_a_payload_that_fits_nowhere_is_refused_and_leaves_nothing(tmp_path, monkeypatch, memory_and_disk, storage):
    memory, disk = memory_and_disk
    logger = DataLogger(tmp_path, storage=storage, buffer_size=1 << 20)
    logger.input_queue.put(numbered(1, 0))
    with monkeypatch.context() as full:
        full.setattr("ataraxis_logger._live.spill.reserve", refuse_space)
        with pytest.raises(OSError, match="nothing is free") as caught:
            logger.input_queue.put(numbered(1, 1, 1 << 19))
    assert caught.value.errno == errno.ENOSPC
    assert not [path for root in (memory, disk) for path in root.rglob("*.spill")]
    logger.input_queue.put(numbered(1, 1, 1 << 19))
    logger.start()
    logger.stop()
    assert_numbered(logger.output_directory, {1: 2})
    assert_nothing_left(logger.output_directory)


def refuse_space(_fd, _size):
    raise NoSpaceError(errno.ENOSPC, "nothing is free")


def test_a_spill_file_whose_ring_went_with_the_memory_is_removed(tmp_path, memory_and_disk, storage):
    memory, disk = memory_and_disk
    logger = DataLogger(tmp_path, storage=storage, buffer_size=1 << 20)
    logger.input_queue.put(numbered(1, 0, 6 << 20))
    (spill,) = disk.rglob("*.spill")
    close_producer(logger.input_queue.producer.place)
    shutil.rmtree(memory)  # as a power cut does
    logger.start()
    logger.stop()
    assert not spill.exists()


def rings_of_roots(*roots):
    return [path for root in roots for path in root.rglob("*.ring")]


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_a_payload_of_a_gibibyte_through_a_buffer_of_a_mebibyte(tmp_path, storage):
    size = 1 << 30
    with DataLogger(tmp_path, storage=storage, buffer_size=1 << 20) as logger:
        logger.input_queue.put(package(1, 1, b"before"))
        logger.input_queue.put(package(1, 2, bytes(size)))
        logger.input_queue.put(package(1, 3, b"after"))
    found = read_log(logger.output_directory)[1]
    assert [(time_stamp, len(payload)) for time_stamp, payload in found] == [(1, 6), (2, size), (3, 5)]
    assert_nothing_left(logger.output_directory)
    assert rings_of(logger.output_directory) == []
