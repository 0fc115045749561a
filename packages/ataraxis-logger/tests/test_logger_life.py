"""`DataLogger` from construction to the exit of the interpreter."""

import contextlib
import errno
import gc
import multiprocessing
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ataraxis_logger
from ataraxis_logger import (
    DataLogger,
    FlushTimeoutError,
    LoggerError,
    LoggerStateError,
    MissingExtraError,
    SettingTypeError,
    SettingValueError,
    read_statistics,
    recover_logs,
)
from ataraxis_logger._live import owner, session_page
from ataraxis_logger._live.places import folder_identity
from ataraxis_shm import NoSpaceError
from live_helpers import (
    STORAGES,
    assert_nothing_left,
    assert_numbered,
    numbered,
    package,
    processes_of,
    put_numbered,
    read_log,
    rings_of,
    run_script,
    script_command,
    state_of,
    wait_for,
)


@pytest.mark.parametrize(
    "name", ["..", "../up", "a/../b", "", "/absolute", "nul\0byte"], ids=["up", "to", "inside", "empty", "root", "nul"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(SettingValueError, match="instance_name"):
        DataLogger(tmp_path / "log", name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("process_count", "2", SettingTypeError),
        ("thread_count", 1.5, SettingTypeError),
        ("sleep_timer", None, SettingTypeError),
        ("buffer_size", "16M", SettingTypeError),
        ("storage", "zip", SettingValueError),
        ("sync_interval", 1.0, SettingValueError),
    ],
)
def test_bad_settings_are_refused_before_the_folder_is_made(tmp_path, setting, value, error):
    with pytest.raises(error, match=setting) as caught:
        DataLogger(tmp_path, **{setting: value})
    assert isinstance(caught.value, LoggerError)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("interval", [0, -1.0, float("nan"), float("inf")])
def test_sync_intervals_are_positive(tmp_path, interval):
    with pytest.raises(SettingValueError, match="sync_interval"):
        DataLogger(tmp_path, storage="journal", sync_interval=interval)


def test_a_sync_interval_is_a_number(tmp_path):
    with pytest.raises(SettingTypeError, match="sync_interval"):
        DataLogger(tmp_path, storage="journal", sync_interval="1")


def test_numbers_beyond_any_use_are_cut_down(tmp_path):
    with DataLogger(tmp_path, process_count=2, thread_count=2**70, sleep_timer=2**70) as logger:
        put_numbered(logger.input_queue, 1, 10)
    assert_numbered(logger.output_directory, {1: 10})


def test_counts_below_one_mean_one(tmp_path):
    with DataLogger(tmp_path, process_count=0, thread_count=-3, sleep_timer=-5, buffer_size=1) as logger:
        assert len(logger.processes) == 1
        put_numbered(logger.input_queue, 1, 10)
    assert_numbered(logger.output_directory, {1: 10})


def test_several_writers_share_the_work(tmp_path):
    with DataLogger(tmp_path, process_count=3) as logger:
        pids = {process.pid for process in logger.processes}
        assert len(pids) == 3
        assert all(process.is_alive() for process in logger.processes)
        assert "writer 2" in repr(logger.processes[2])
        children = [
            multiprocessing.get_context("fork").Process(target=put_numbered, args=(logger.input_queue, s, 200))
            for s in range(6)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
    assert_numbered(logger.output_directory, dict.fromkeys(range(6), 200))
    assert_nothing_left(logger.output_directory)


def test_writers_end_with_the_logger(tmp_path):
    logger = DataLogger(tmp_path)
    assert logger.processes == ()
    logger.start()
    (writer,) = logger.processes
    logger.stop()
    assert not writer.is_alive()
    writer.kill()  # harmless
    writer.join()
    assert logger.processes == ()


def test_start_and_stop_may_be_repeated(tmp_path):
    logger = DataLogger(tmp_path)
    logger.stop()
    logger.start()
    logger.start()
    assert logger.started
    assert "started=True" in repr(logger)
    logger.stop()
    logger.stop()
    assert not logger.started


def test_a_second_logger_on_the_folder_is_refused(tmp_path):
    with DataLogger(tmp_path) as first:
        second = DataLogger(tmp_path)
        with pytest.raises(LoggerStateError, match="this process"):
            second.start()
        assert not second.started
        second.input_queue.put(numbered(1, 0))  # its queue leads to the same log
        done = run_script(
            "import sys; from ataraxis_logger import DataLogger; DataLogger(sys.argv[1]).start()", tmp_path
        )
        assert done.returncode == 1
        assert "Another logger, started by process" in done.stderr
    assert_numbered(first.output_directory, {1: 1})
    with second:
        second.input_queue.put(numbered(1, 1))
    assert_numbered(first.output_directory, {1: 2})


def test_a_start_that_fails_leaves_nothing(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "")
        with pytest.raises(LoggerStateError, match="no interpreter"):
            logger.start()
    assert not logger.started
    assert_nothing_left(logger.output_directory)
    logger.input_queue.put(package(1, 1, b"kept"))
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "")
        with pytest.raises(LoggerStateError, match="no interpreter"):
            logger.start()
    with logger:
        pass
    assert read_log(logger.output_directory) == {1: [(1, b"kept")]}


def test_two_loggers_in_different_folders_do_not_meet(tmp_path):
    with DataLogger(tmp_path, "a") as first, DataLogger(tmp_path, "b") as second:
        put_numbered(first.input_queue, 1, 10)
        put_numbered(second.input_queue, 2, 10)
    assert_numbered(first.output_directory, {1: 10})
    assert_numbered(second.output_directory, {2: 10})


def test_a_folder_reached_by_a_link_is_the_same_folder(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with DataLogger(real) as logger:
        with pytest.raises(LoggerStateError):
            DataLogger(tmp_path / "link").start()
        DataLogger(tmp_path / "link").input_queue.put(numbered(1, 0))
    assert_numbered(logger.output_directory, {1: 1})


@pytest.mark.parametrize("storage", STORAGES)
def test_flush_returns_when_everything_before_it_is_stored(tmp_path, storage):
    with DataLogger(tmp_path, storage=storage) as logger:
        for round_ in range(1, 6):
            for number in range(100 * (round_ - 1), 100 * round_):
                logger.input_queue.put(numbered(1, number))
            logger.flush(timeout=60)
            assert_numbered(logger.output_directory, {1: 100 * round_})
            assert logger.input_queue.empty()


def test_flush_without_a_start(tmp_path):
    logger = DataLogger(tmp_path)
    logger.flush()
    logger.input_queue.put(numbered(1, 0))
    with pytest.raises(LoggerStateError, match="1 packages wait"):
        logger.flush()
    with logger:
        pass


@pytest.mark.kill
def test_flush_gives_up_after_its_timeout(tmp_path):
    with DataLogger(tmp_path) as logger:
        (writer,) = logger.processes
        wait_for(writer.is_alive)
        put_numbered(logger.input_queue, 1, 1)
        logger.flush()
        writer._send(signal.SIGSTOP)
        try:
            put_numbered(logger.input_queue, 2, 7)
            with pytest.raises(FlushTimeoutError, match="7 packages"):
                logger.flush(timeout=0.2)
        finally:
            writer._send(signal.SIGCONT)
    assert_numbered(logger.output_directory, {1: 1, 2: 7})


@pytest.mark.parametrize("storage", STORAGES)
def test_statistics_count_what_is_accepted_and_written(tmp_path, storage):
    logger = DataLogger(tmp_path, storage=storage)
    put_numbered(logger.input_queue, 1, 5)
    before = logger.statistics
    assert (before.accepted, before.written, before.backlog, before.is_running) == (5, 0, 5, False)
    assert before.backlog_bytes > 5 * 64
    assert read_statistics(logger.output_directory) == before
    with logger:
        child = multiprocessing.get_context("fork").Process(target=put_numbered, args=(logger.input_queue, 2, 50))
        child.start()
        child.join()
        logger.flush()
        now = logger.statistics
        assert (now.accepted, now.written, now.backlog, now.backlog_bytes) == (55, 55, 0, 0)
        assert now.is_running
        assert not now.is_refused
        assert now.rate > 0
        assert now.last_error == ""
        # The child's ring is removed some time after its end, and still counts.
        wait_for(lambda: len(rings_of(logger.output_directory)) == 1)
        assert (logger.statistics.accepted, read_statistics(logger.output_directory).written) == (55, 55)
    assert logger.statistics.accepted == 0


EXITS = {
    "plain": "",
    "sys.exit": "sys.exit(0)",
    "exception": "raise KeyError('boom')",
    "os._exit": "os._exit(0)",
    "collected": "del logger, queue; import gc; gc.collect(); assert os.listdir(sys.argv[1] + '/data_logger_data_log')",
}

EXIT_PROGRAM = """
    import os, sys
    import numpy as np
    from ataraxis_logger import DataLogger, LogPackage

    if __name__ == "__main__":
        logger = DataLogger(sys.argv[1], storage=sys.argv[2])
        logger.start()
        queue = logger.input_queue
        for number in range(2000):
            payload = np.frombuffer(number.to_bytes(4, "little"), dtype=np.uint8)
            queue.put(LogPackage(1, number + 1, payload))
        {exit}
"""


@pytest.mark.parametrize("how", EXITS)
@pytest.mark.parametrize("storage", STORAGES)
def test_an_exit_without_stop_saves_everything(tmp_path, storage, how):
    done = run_script(EXIT_PROGRAM.format(exit=EXITS[how]), tmp_path, storage)
    assert done.returncode == (1 if how == "exception" else 0), done.stderr
    assert done.stderr == "" or how == "exception"
    log = tmp_path / "data_logger_data_log"
    if how != "os._exit":
        assert_numbered(log, {1: 2000})
    assert_nothing_left(log, timeout=60)
    assert_numbered(log, {1: 2000})


def test_the_exit_stores_what_children_put_after_the_stop(tmp_path):
    program = """
        import multiprocessing, sys, time
        import numpy as np
        from ataraxis_logger import DataLogger, LogPackage

        def produce(queue, ready):
            for number in range(3000):
                queue.put(LogPackage(1, number + 1, np.frombuffer(number.to_bytes(4, "little"), dtype="u1")))
                if number == 100:
                    ready.set()

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            ready = context.Event()
            with DataLogger(sys.argv[1]) as logger:
                context.Process(target=produce, args=(logger.input_queue, ready)).start()
                ready.wait()
    """
    done = run_script(program, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    log = tmp_path / "data_logger_data_log"
    assert_numbered(log, {1: 3000})
    assert_nothing_left(log)


@pytest.mark.kill
@pytest.mark.parametrize("interrupts", [1, 2, 3])
def test_ctrl_c_while_children_log_loses_nothing(tmp_path, interrupts):
    """The children go on to their end; more of Ctrl-C may come in the middle of `stop` or of the exit."""
    program = """
        import multiprocessing, signal, sys
        import numpy as np
        from ataraxis_logger import DataLogger, LogPackage

        def produce(queue):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for number in range(20_000):
                queue.put(LogPackage(1, number + 1, np.frombuffer(number.to_bytes(4, "little"), dtype="u1")))

        if __name__ == "__main__":
            with DataLogger(sys.argv[1], storage="journal") as logger:
                child = multiprocessing.get_context("fork").Process(target=produce, args=(logger.input_queue,))
                child.start()
                print("started", flush=True)
                child.join()
    """
    process = subprocess.Popen(
        script_command(program, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline() == b"started\n"
    for _ in range(interrupts):
        time.sleep(0.05)  # no condition to wait for: the interrupt is to come anywhere
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    log = tmp_path / "data_logger_data_log"
    if interrupts > 1:  # at the very begin of the exit, between two hooks of it, the rest is left to wait in its ring
        wait_for(lambda: not processes_of(log), 60)
        recover_logs(log)
    assert_nothing_left(log, timeout=60)
    assert_numbered(log, {1: 20_000})


@pytest.mark.kill
def test_ctrl_c_reaches_the_program_and_not_the_writers(tmp_path):
    program = """
        import sys, time
        import numpy as np
        from ataraxis_logger import DataLogger, LogPackage
        with DataLogger(sys.argv[1]) as logger:
            number = 0
            print("started", flush=True)
            try:
                while True:
                    logger.input_queue.put(LogPackage(1, number + 1, np.frombuffer(number.to_bytes(4, "little"), "u1")))
                    number += 1
                    time.sleep(0.0005)
            except KeyboardInterrupt:
                pass
        print(number)
    """
    process = subprocess.Popen(
        script_command(program, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline() == b"started\n"
    time.sleep(0.2)  # no condition to wait for: the interrupt is to come anywhere
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    found = len(read_log(tmp_path / "data_logger_data_log")[1])
    # The put that was interrupted is stored once or not at all; it was not counted.
    assert found - int(output) in (0, 1)
    assert_nothing_left(tmp_path / "data_logger_data_log")


def _use_in_child(logger, outcome):
    with contextlib.suppress(Exception):
        outcome.put((logger.started, len(logger.processes)))
        logger.stop()  # the parent's
        logger.input_queue.put(numbered(2, 0))


def test_a_forked_child_does_not_end_its_parents_session(tmp_path):
    context = multiprocessing.get_context("fork")
    with DataLogger(tmp_path) as logger:
        outcome = context.SimpleQueue()
        child = context.Process(target=_use_in_child, args=(logger, outcome))
        child.start()
        assert outcome.get() == (False, 0)
        child.join()
        assert child.exitcode == 0
        assert logger.started
        put_numbered(logger.input_queue, 1, 10)
    assert_numbered(logger.output_directory, {1: 10, 2: 1})


def test_a_logger_does_not_pickle_and_says_what_does(tmp_path):
    with pytest.raises(TypeError, match="input_queue"):
        pickle.dumps(DataLogger(tmp_path))


def test_a_session_lives_as_long_as_its_queue(tmp_path):
    logger = DataLogger(tmp_path)
    logger.start()
    queue, folder = logger.input_queue, logger.output_directory
    del logger
    gc.collect()
    put_numbered(queue, 1, 10)
    wait_for(queue.empty)
    assert processes_of(folder)
    del queue
    gc.collect()
    assert_nothing_left(folder)
    assert_numbered(folder, {1: 10})


def test_sync_interval_leaves_sync_records(tmp_path):
    from ataraxis_logger._formats.journal_layout import list_segments
    from ataraxis_logger._formats.journal_reader import SegmentScan

    with DataLogger(tmp_path, storage="journal", sync_interval=0.05) as logger:
        put_numbered(logger.input_queue, 1, 20)
        logger.flush()
        (segment,) = list_segments(logger.output_directory)

        def is_synced():
            scan = SegmentScan(segment.read_bytes())
            return len(list(scan)) == 20 and scan.synced > 0

        wait_for(is_synced)


def test_the_keeper_and_the_writers_load_no_numpy(tmp_path):
    with DataLogger(tmp_path) as logger:
        (writer,) = logger.processes
        wait_for(writer.is_alive)
        put_numbered(logger.input_queue, 1, 10)
        logger.flush()
        for pid in processes_of(logger.output_directory):
            assert "numpy" not in Path(f"/proc/{pid}/maps").read_text()


def test_importing_the_package_loads_no_numpy():
    done = run_script("import sys, ataraxis_logger; sys.exit('numpy' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there():
    for name in ataraxis_logger.__all__:
        with contextlib.suppress(MissingExtraError):  # what an extra brings is there when the extra is
            assert getattr(ataraxis_logger, name) is not None
    assert set(ataraxis_logger.__all__) <= set(dir(ataraxis_logger))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ataraxis_logger.nonsense  # noqa: B018  # the access is what is tested


def test_another_version_of_the_page_is_replaced(tmp_path):
    logger = DataLogger(tmp_path)
    state = state_of(logger)[0]
    state.mkdir(mode=0o700, parents=True)
    (state / "session").write_bytes(b"from another time")
    with logger:
        put_numbered(logger.input_queue, 1, 3)
    assert_numbered(logger.output_directory, {1: 3})
    assert_nothing_left(logger.output_directory)


def test_compress_logs_archives_what_was_accepted(tmp_path):
    with DataLogger(tmp_path) as logger:
        put_numbered(logger.input_queue, 1, 20)
        logger.compress_logs(remove_sources=True)
        assert [path.name for path in logger.output_directory.glob("*.np?")] == ["1_log.npz"]
    with np.load(logger.output_directory / "1_log.npz") as archive:
        assert len(archive.files) == 20


def test_identity_is_of_the_folder_not_of_the_path(tmp_path):
    assert folder_identity(tmp_path) == tmp_path.stat().st_ino


def test_a_relative_folder_stays_where_it_was_when_the_working_directory_changes(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with DataLogger("data", "s") as logger:
        monkeypatch.chdir("elsewhere")
        logger.source(1).log(b"x")
    assert logger.output_directory == tmp_path / "data" / "s_data_log"
    assert logger.compress_logs(remove_sources=True).entries == 2


@pytest.mark.parametrize("directory", [None, 3, b"folder", object()])
def test_an_output_directory_that_is_none_is_refused(directory):
    with pytest.raises(SettingTypeError, match="output_directory must be a path or a string"):
        DataLogger(directory)


@pytest.mark.skipif(sys.platform == "win32", reason="uses a POSIX program")
def test_what_is_no_interpreter_is_noticed_at_the_start(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", shutil.which("true"))
        with pytest.raises(LoggerStateError, match="has to be a Python interpreter"):
            logger.start()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "frozen", True, raising=False)
        with pytest.raises(LoggerStateError, match="frozen or embedded"):
            logger.start()
    assert not logger.started
    with logger:
        logger.input_queue.put(package(1, 1, b"a"))
    assert_nothing_left(logger.output_directory)


def test_a_start_after_a_stop_that_was_interrupted_ends_it_first(tmp_path, monkeypatch):
    logger = DataLogger(tmp_path)
    logger.start()
    with monkeypatch.context() as patch:
        patch.setattr(owner, "tidy", lambda *_: (_ for _ in ()).throw(TimeoutError("from a signal handler")))
        with pytest.raises(TimeoutError, match="from a signal handler"):
            logger.stop()
    logger.start()
    logger.input_queue.put(package(1, 1, b"a"))
    logger.flush()
    logger.stop()
    assert read_log(logger.output_directory) == {1: [(1, b"a")]}
    assert_nothing_left(logger.output_directory)


def test_a_start_without_any_shared_memory_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise NoSpaceError(errno.ENOSPC, "Unable to take 27648 bytes of shared memory: 0 bytes are free")

    logger = DataLogger(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(session_page, "reserve", refuse)
        with pytest.raises(NoSpaceError, match="27648 bytes"):
            logger.start()
    assert not any(state.exists() for state in state_of(logger))
    with logger:
        put_numbered(logger.input_queue, 1, 3)
    assert_numbered(logger.output_directory, {1: 3})
