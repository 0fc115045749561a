"""Whoever has a queue logs where its logger looks, whatever his environment says, or is refused."""

import multiprocessing
import os
import pickle
import sys
from functools import partial
from pathlib import Path

import pytest

from ataraxis_logger import DataLogger, LoggerStateError
from live_helpers import (
    START_METHODS,
    assert_numbered,
    numbered,
    numbers_of,
    put_numbered,
    read_log,
    rings_of,
    run_script,
    state_of,
)

NOBODY = 65534
needs_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root may become another user"
)


@pytest.fixture
def logger(tmp_path):
    logger = DataLogger(tmp_path, storage="journal")
    yield logger
    logger.stop()


SERVER_BEFORE_THE_SWITCH = """
    import multiprocessing, os, sys
    from pathlib import Path
    folder, switched, tests, when = sys.argv[1:]
    sys.path.append(tests)
    from ataraxis_logger import DataLogger
    from live_helpers import put_numbered
    context = multiprocessing.get_context("forkserver")
    child = context.Process(target=os.getpid)  # starts the server
    child.start()
    child.join()
    logger = DataLogger(folder) if when == "between" else None
    os.environ["ATARAXIS_SHM_FOLDER"] = switched
    logger = logger or DataLogger(folder)
    logger.start()
    child = context.Process(target=put_numbered, args=(logger.input_queue, 1, 100))
    child.start()
    child.join()
    assert child.exitcode == 0
    logger.stop()
"""


@pytest.mark.skipif("forkserver" not in START_METHODS, reason="there is no fork server here")
@pytest.mark.parametrize("when", ["between", "after"])
def test_a_fork_server_that_does_not_know_of_the_folder(tmp_path, when):
    """The server was started before the environment named the folder: its children do not see the variable."""
    switched = tmp_path / "switched"
    done = run_script(SERVER_BEFORE_THE_SWITCH, tmp_path, switched, Path(__file__).parent, when)
    assert (done.returncode, done.stderr) == (0, "")
    assert_numbered(tmp_path / "data_logger_data_log", {1: 100})


def test_a_queue_knows_its_place(logger, tmp_path, monkeypatch):
    states = state_of(logger)
    sent = pickle.dumps(logger.input_queue)
    monkeypatch.setenv("ATARAXIS_SHM_FOLDER", str(tmp_path / "elsewhere"))
    queue = pickle.loads(sent)
    put_numbered(queue, 1, 3)
    assert queue.qsize() == logger.input_queue.qsize() == 3
    logger.start()
    logger.flush()
    assert logger.statistics.written == 3
    logger.stop()
    assert not (tmp_path / "elsewhere").exists()
    assert not any(state.exists() for state in states)
    assert_numbered(logger.output_directory, {1: 3})


def _log_as_nobody(use, first, channel):
    if first:
        use()
    coverage = sys.modules.get("coverage")
    is_measured = coverage is not None and coverage.Coverage.current() is not None
    if is_measured:
        os.setresuid(NOBODY, NOBODY, 0)  # to come back
    else:
        os.setuid(NOBODY)
    try:
        use()
    except LoggerStateError as error:
        channel.send(str(error))
    else:
        channel.send("accepted")
    if is_measured:  # what was measured has to be written down
        os.setresuid(0, 0, 0)


def run_as_nobody(method, use, *, first=False):
    context = multiprocessing.get_context(method)
    receive, send = context.Pipe(duplex=False)
    with receive:
        child = context.Process(target=_log_as_nobody, args=(use, first, send))
        child.start()
        send.close()
        answer = receive.recv()
        child.join()
    assert child.exitcode == 0
    return answer


@needs_root
@pytest.mark.parametrize(("method", "parent_has_put"), [("fork", True), *((method, False) for method in START_METHODS)])
def test_a_child_of_another_user_is_refused(logger, method, parent_has_put):
    logger.start()
    if parent_has_put:
        logger.input_queue.put(numbered(1, 0))
    answer = run_as_nobody(method, partial(logger.input_queue.put, numbered(1, 1)))
    assert "belongs to user 0, and process" in answer
    assert f"runs as user {NOBODY}" in answer
    logger.stop()
    assert_numbered(logger.output_directory, {1: 1} if parent_has_put else {})


@needs_root
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_source_in_a_child_of_another_user_is_refused(logger, method):
    logger.start()
    source = logger.source(1)
    source.log(b"")
    assert "belongs to user 0" in run_as_nobody(method, partial(source.log, b""))


@needs_root
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_put_before_it_changed_its_user_goes_on(logger, method, capfd):
    """Its ring is there, and the writers have it."""
    logger.start()
    assert run_as_nobody(method, partial(logger.input_queue.put, numbered(1, 0)), first=True) == "accepted"
    logger.stop()
    assert numbers_of(read_log(logger.output_directory)[1]) == [0, 0]
    assert not rings_of(logger.output_directory)
    assert capfd.readouterr().err == ""


@needs_root
def test_a_logger_whose_process_changed_its_user_does_not_start(logger):
    os.seteuid(NOBODY)
    try:
        with pytest.raises(LoggerStateError, match=f"runs as user {NOBODY}"):
            logger.start()
    finally:
        os.seteuid(0)
    assert not logger.started
