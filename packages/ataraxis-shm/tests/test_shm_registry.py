"""One descriptor per file and process, its byte locks and users, and what a fork does to them."""

import contextlib
import gc
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import pytest

from ataraxis_shm import _registry, _system
from ataraxis_shm._registry import folder_lock, open_file
from shm_helpers import fork_and_wait, run_python, start_python

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

HOLD_BYTE = """
import sys
from ataraxis_shm._registry import open_file
file = open_file(sys.argv[1])
assert file.try_lock_byte(int(sys.argv[2]))
file.join_users()
print("locked")
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def file(path):
    with open_file(path, create=True) as opened:
        yield opened


def hold_byte_elsewhere(path, offset):
    process = start_python(HOLD_BYTE, path, offset)
    assert process.stdout.readline() == "locked\n"
    return process


def end(process):
    process.communicate("\n", timeout=20)


def test_create_makes_a_private_file_only_where_none_is(path):
    previous = os.umask(0)
    try:
        with open_file(path, create=True) as file:
            assert os.fstat(file.fd).st_mode & 0o777 == 0o600
            assert file.path == path
    finally:
        os.umask(previous)
    with pytest.raises(FileExistsError):
        open_file(path, create=True)


def test_a_missing_file_a_link_and_a_folder_are_errors(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        open_file(path)
    with pytest.raises(OSError):
        open_file(tmp_path)
    (tmp_path / "target").touch()
    path.symlink_to(tmp_path / "target")
    with pytest.raises(OSError):
        open_file(path)


def test_a_pipe_is_no_shared_file(path):
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        open_file(path)


def test_every_use_shares_one_descriptor_until_the_last_closes(file, path):
    with open_file(path) as second:
        assert second.fd == file.fd
        assert second.mutex is file.mutex
        fd = file.fd
        file.close()
        file.close()
        os.fstat(fd)
    with pytest.raises(OSError):
        os.fstat(fd)


def test_hard_links_are_one_file(file, path, tmp_path):
    os.link(path, tmp_path / "other")
    with open_file(tmp_path / "other") as second:
        assert second.fd == file.fd


def test_rename_moves_the_file_and_its_path(file, tmp_path):
    file.rename(tmp_path / "moved")
    assert file.path == tmp_path / "moved"
    with open_file(tmp_path / "moved") as second:
        assert second.fd == file.fd


def test_a_byte_is_locked_once_per_process_too(file, path):
    with open_file(path) as second:
        assert file.try_lock_byte(3)
        assert not second.try_lock_byte(3)
        assert not file.try_lock_byte(3)
        assert second.byte_is_locked(3)
        assert not second.byte_is_locked(4)
        second.unlock_byte(3)  # not its own
        assert file.byte_is_locked(3)
        file.unlock_byte(3)
        assert second.try_lock_byte(3)
    assert not file.byte_is_locked(3), "closing releases"


def test_a_closed_file_has_no_locks_to_see(file, path):
    second = open_file(path)
    assert file.try_lock_byte(3)
    assert second.byte_is_locked(3)
    second.close()
    assert not second.byte_is_locked(3)


def test_a_byte_locked_by_another_process_is_seen_and_freed_by_its_death(file, path):
    process = hold_byte_elsewhere(path, 7)
    assert not file.try_lock_byte(7)
    assert file.byte_is_locked(7)
    assert not file.byte_is_locked(6)
    assert file.users() == (process.pid,)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert file.users() == ()
    assert file.try_lock_byte(7)


def test_closing_one_of_two_uses_keeps_the_locks_of_the_other(file, path):
    """The trap of lockf: closing any descriptor of a file drops every lock of the process on it."""
    file.join_users()
    assert file.try_lock_byte(1)
    for _ in range(3):
        open_file(path).close()
    code = """
import sys
from ataraxis_shm._registry import open_file
file = open_file(sys.argv[1])
print(file.users(), file.try_lock_byte(1))
"""
    assert run_python(code, path).stdout == f"({os.getpid()},) False\n"


def test_users_are_counted_by_process_and_join_once(file, path):
    with open_file(path) as second:
        file.join_users()
        file.join_users()
        second.join_users()
        assert file.users() == (os.getpid(),)
        file.leave_users()
        file.leave_users()
        assert file.users() == (os.getpid(),), "the second use still counts"
    assert file.users() == ()


def test_neighbouring_users_are_told_apart(file, path):
    processes = [hold_byte_elsewhere(path, offset) for offset in range(3)]
    file.join_users()
    assert file.users() == tuple(sorted([os.getpid(), *(process.pid for process in processes)]))
    for process in processes:
        end(process)
    assert file.users() == (os.getpid(),)


def test_a_name_that_changes_meaning_while_it_is_opened_leaves_the_locks_alone(file, path, tmp_path, monkeypatch):
    """Between the look-up and the open another file's name becomes ours: the second descriptor is kept, not closed."""
    assert file.try_lock_byte(1)
    other = tmp_path / "other"
    other.touch()
    really_open = _system.open_descriptor

    def swap_then_open(name):
        path.replace(other)
        return really_open(name)

    monkeypatch.setattr(_system, "open_descriptor", swap_then_open)
    with open_file(other) as second:
        assert second.fd == file.fd
        spare = list(second.entry.spare)
        assert len(spare) == 1
    code = "import sys; from ataraxis_shm._registry import open_file; print(open_file(sys.argv[1]).try_lock_byte(1))"
    assert run_python(code, other).stdout == "False\n"
    file.close()
    for fd in spare:
        with pytest.raises(OSError):
            os.fstat(fd)


@needs_fork
def test_a_spare_descriptor_is_closed_in_a_forked_child(file):
    file.entry.spare.append(os.dup(file.fd))
    spare = file.entry.spare[0]

    def child():
        with contextlib.suppress(OSError):
            os.fstat(spare)
            raise AssertionError
        assert file.entry.spare == []

    assert fork_and_wait(child) == 0


@needs_fork
def test_a_forked_child_has_no_byte_locks_and_is_a_user_itself(file):
    file.join_users()
    assert file.try_lock_byte(1)

    def child():
        assert file.users() == tuple(sorted([os.getpid(), os.getppid()]))
        assert not file.try_lock_byte(1), "the parent has it"
        file.unlock_byte(1)
        assert file.byte_is_locked(1)
        file.leave_users()
        assert file.users() == (os.getppid(),)

    assert fork_and_wait(child) == 0
    assert file.users() == (os.getpid(),)
    assert file.byte_is_locked(1)


@needs_fork
def test_a_forked_child_opens_a_file_again_that_has_no_name_any_more(file, path):
    path.unlink()

    def child():
        with file.mutex.hold():
            pass

    with file.mutex.hold():
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with contextlib.suppress(BlockingIOError):
                    _system.flock(file.fd, _system.LOCK_EX | _system.LOCK_NB)
                    raise AssertionError
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert fork_and_wait(child) == 0


@needs_fork
def test_a_forked_child_that_cannot_open_the_file_again_says_so_instead_of_sharing_the_lock(file, monkeypatch):
    def refuse(_fd, _path):
        raise FileNotFoundError

    monkeypatch.setattr(_system, "reopen", refuse)

    def child():
        from ataraxis_shm import NotConnectedError

        assert not file.try_lock_byte(0)
        with contextlib.suppress(NotConnectedError), file.mutex.hold():
            raise AssertionError
        file.join_users()
        file.close()

    assert fork_and_wait(child) == 0


@needs_fork
def test_a_fork_while_other_threads_open_and_close_files_never_deadlocks(tmp_path):
    stop = threading.Event()

    def churn(number):
        while not stop.is_set():
            with contextlib.suppress(FileExistsError):
                open_file(tmp_path / f"{number}", create=True).close()
            open_file(tmp_path / f"{number}").close()

    def create_and_remove() -> None:
        open_file(tmp_path / "x", create=True).close()
        (tmp_path / "x").unlink()

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking among threads is what is tested
        statuses = [fork_and_wait(create_and_remove) for _ in range(30)]
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 30


def test_a_file_is_not_closed_under_a_thread_that_holds_its_mutex(file):
    fd = file.fd
    with file.mutex.hold():
        file.close()
        os.fstat(fd)
        assert _registry._closing
    _registry.reap()
    assert not _registry._closing
    with pytest.raises(OSError):
        os.fstat(fd)


def test_a_file_that_waits_to_be_closed_can_be_opened_again(file, path):
    with file.mutex.hold():
        file.close()
        again = open_file(path)
        assert again.mutex is file.mutex
    _registry.reap()
    os.fstat(again.fd)
    again.close()
    _registry.reap()


def count_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def interrupted(step, action, interrupt):
    """Calls an action, and an interrupt before the given line of the registry; tells whether it came that far."""
    left = step

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != _registry.__file__:
            return None
        if event == "line":
            left -= 1
            if not left:
                sys.settrace(None)
                interrupt()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return left <= 0


@pytest.mark.parametrize("keeps", [False, True], ids=["and close", "and keep"])
def test_a_signal_handler_may_open_the_file_that_is_being_closed(path, keeps):
    open_file(path, create=True).close()
    descriptors = count_descriptors()
    for step in range(1, 1000):
        opened = []

        def open_again(opened=opened):
            opened.append(open_file(path))
            if not keeps:
                opened[0].close()

        came_so_far = interrupted(step, open_file(path).close, open_again)
        for file in opened:
            if keeps:
                assert os.fstat(file.fd).st_ino == path.stat().st_ino
                assert file.try_lock_byte(1)
            file.close()
        assert count_descriptors() == descriptors
        if not came_so_far:
            break
    assert not came_so_far
    assert step > 20


def test_garbage_collection_closes(path):
    file = open_file(path, create=True)
    fd = file.fd
    del file
    gc.collect()
    with pytest.raises(OSError):
        os.fstat(fd)


def test_a_closed_file_cannot_be_locked(file):
    from ataraxis_shm import NotConnectedError

    file.close()
    with pytest.raises(NotConnectedError), file.mutex.hold():
        pass


def test_the_folder_lock_excludes_other_threads_and_processes(tmp_path):
    code = """
import sys, pathlib
from ataraxis_shm._registry import folder_lock
counter = pathlib.Path(sys.argv[1], "counter")
for _ in range(200):
    with folder_lock(counter.parent):
        counter.write_text(str(int(counter.read_text()) + 1))
"""
    (tmp_path / "counter").write_text("0")
    processes = [start_python(code, tmp_path) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert (tmp_path / "counter").read_text() == "600"
    with folder_lock(tmp_path), folder_lock(tmp_path):
        pass


def test_mapping_and_unmapping_keep_the_locks(file, path):
    os.ftruncate(file.fd, 4096)
    assert file.try_lock_byte(1)
    first, second = file.map(4096), file.map(4096)
    first[0] = 5
    assert second[0] == 5
    del first, second
    gc.collect()
    code = "import sys; from ataraxis_shm._registry import open_file; print(open_file(sys.argv[1]).try_lock_byte(1))"
    assert run_python(code, path).stdout == "False\n"
