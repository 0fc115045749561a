"""The life of an array: create, attach, connect, disconnect, replace, destroy; names, prototypes and errors."""

import gc
import os
import stat
import threading
import weakref

import numpy as np
import pytest

from ataraxis_shm import (
    LockTimeoutError,
    NotConnectedError,
    SegmentExistsError,
    SegmentFormatError,
    SegmentNotFoundError,
    SharedMemoryArray,
    ShmError,
    _registry,
    _segment,
    _system,
)
from shm_helpers import run_python, start_python, unique_name

PROTOTYPE = np.arange(6, dtype=np.uint16)


@pytest.fixture
def name():
    name = unique_name("life")
    yield name
    SharedMemoryArray(name).destroy()


@pytest.fixture
def shared(name):
    return SharedMemoryArray.create_array(name, PROTOTYPE)


def path_of(name):
    return _system.roots()[0] / _segment.file_name(name)


def test_the_creator_is_connected_and_knows_everything(shared, name):
    assert (shared.name, shared.shape, shared.datatype, len(shared)) == (name, (6,), np.uint16, 6)
    assert shared.is_connected
    assert shared.lock_timeout is None
    assert repr(shared) == f"SharedMemoryArray(name='{name}', shape=(6,), datatype=uint16, connected=True)"
    assert shared[:].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.usefixtures("shared")
def test_the_file_is_for_this_user_only(name):
    status = path_of(name).stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert stat.S_IMODE(path_of(name).parent.stat().st_mode) == 0o700


def test_the_data_is_aligned_to_cache_lines(name):
    for count, datatype in enumerate([np.uint8, "<U7", [("a" * 400, "u1")], np.float64]):
        with SharedMemoryArray.create_array(f"{name}{count}", np.zeros(3, dtype=datatype)).array() as live:
            assert live.ctypes.data % 128 == 0
            assert live.flags.aligned
        SharedMemoryArray(f"{name}{count}").destroy()


def test_a_name_in_use_is_refused_unless_it_may_be_replaced(shared, name):
    with pytest.raises(SegmentExistsError, match=r"exist_ok=True") as caught:
        SharedMemoryArray.create_array(name, PROTOTYPE)
    assert isinstance(caught.value, FileExistsError)
    assert isinstance(caught.value, ShmError)
    SharedMemoryArray.create_array(name, PROTOTYPE + 1, exist_ok=True)
    assert SharedMemoryArray.attach(name)[0] == 1
    assert shared[0] == 0


def test_who_is_connected_to_a_replaced_array_keeps_the_old_memory_until_connect(shared, name):
    attached = SharedMemoryArray.attach(name)
    new = SharedMemoryArray.create_array(name, np.ones((2, 2)), exist_ok=True)
    attached.write_data(0, 77)
    assert shared[0] == 77
    shared.destroy()
    assert path_of(name).exists(), "it ends its own segment, not the one that has the name now"
    attached.connect()
    assert (attached.shape, attached.datatype) == ((2, 2), np.float64)
    attached[0, 0] = 5
    assert new[0, 0] == 5
    assert shared[0] == 77


def test_connect_disconnect_and_destroy_may_be_repeated(shared, name):
    for _ in range(3):
        shared.connect()
        assert shared.is_connected
    for _ in range(3):
        shared.disconnect()
        assert not shared.is_connected
    shared.connect()
    assert shared[1] == 1
    for _ in range(3):
        shared.destroy()
    assert not path_of(name).exists()
    assert shared.is_connected
    assert shared[1] == 1, "memory lasts as long as somebody is connected"
    with pytest.raises(SegmentNotFoundError):
        shared.connect()
    shared.disconnect()
    with pytest.raises(FileNotFoundError):
        shared.connect()


def test_a_disconnected_instance_refuses_and_remembers(shared):
    shared.disconnect()
    for use in (
        lambda: shared.read_data(0),
        lambda: shared.read_data((0,), with_lock=False),
        lambda: shared.write_data(0, 1),
        lambda: shared.write_data((0, 1), [1]),
        lambda: shared[0],
        lambda: shared.__setitem__(0, 1),
        lambda: shared.array().__enter__(),
        lambda: shared.array(with_lock=False).__enter__(),
    ):
        with pytest.raises(NotConnectedError, match=r"connect\(\)") as caught:
            use()
        assert isinstance(caught.value, RuntimeError)
    assert (shared.shape, shared.datatype, len(shared)) == ((6,), np.uint16, 6)
    assert "connected=False" in repr(shared)


@pytest.mark.usefixtures("shared")
def test_an_instance_by_name_connects_on_use_and_can_be_disconnected_before(name):
    by_name = SharedMemoryArray(name)
    assert not by_name.is_connected
    assert by_name.read_data(3) == 3
    other = SharedMemoryArray(name)
    other.disconnect()
    with pytest.raises(NotConnectedError):
        _ = other.shape
    with pytest.raises(NotConnectedError):
        _ = other.datatype


def test_attaching_to_nothing_says_what_to_do(name):
    with pytest.raises(SegmentNotFoundError, match="Create it first") as caught:
        SharedMemoryArray.attach(name)
    assert isinstance(caught.value, FileNotFoundError)
    SharedMemoryArray(name).destroy()


NAMES = ["a/b/c", "..", ".hidden", " ", "ü" * 300, "x" * 10_000, "new\nline", "\x00", "\ud800", "%2E", "CON", "🐁"]


@pytest.mark.parametrize("text", NAMES, ids=range(len(NAMES)))
def test_names_of_any_characters_and_length(text):
    text = f"{text}{unique_name()}"
    shared = SharedMemoryArray.create_array(text, PROTOTYPE)
    assert shared.name == text
    assert SharedMemoryArray.attach(text)[2] == 2
    files = [path.name for path in _system.roots()[0].glob("*.array")]
    assert _segment.file_name(text) in files
    assert all(len(os.fsencode(file)) < 200 for file in files)
    shared.destroy()


def test_different_names_have_different_files():
    names = ["a", "A", "a ", "a/b", "a%2Fb", "a.b", "x" * 300, "x" * 301, "x" * 300 + "y", ".a", "%2Ea"]
    assert len({_segment.file_name(name) for name in names}) == len(names)


@pytest.mark.parametrize(("bad", "error"), [(5, TypeError), (None, TypeError), (b"x", TypeError), ("", ValueError)])
def test_names_that_are_none(bad, error):
    for make in (lambda: SharedMemoryArray.create_array(bad, PROTOTYPE), lambda: SharedMemoryArray.attach(bad)):
        with pytest.raises(error, match="name"):
            make()


@pytest.mark.parametrize(
    ("prototype", "error"),
    [
        ([1, 2], TypeError),
        (np.float64(1), TypeError),
        (None, TypeError),
        (np.array(1), ValueError),
        (np.zeros(0), ValueError),
        (np.zeros((2, 0)), ValueError),
        (np.zeros(3, dtype="V0"), ValueError),
        (np.array([object()]), ValueError),
        (np.zeros(2, dtype=[("a", "O")]), ValueError),
    ],
)
def test_prototypes_that_cannot_be_shared_leave_nothing(prototype, error, name):
    with pytest.raises(error, match="shared array"):
        SharedMemoryArray.create_array(name, prototype)
    assert not path_of(name).exists()


def test_a_failure_while_filling_leaves_nothing(name, monkeypatch, tmp_path):
    monkeypatch.setenv(_system.FOLDER_SWITCH, str(tmp_path))

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "copyto", fail)
    with pytest.raises(KeyboardInterrupt):
        SharedMemoryArray.create_array(name, PROTOTYPE)
    assert list(tmp_path.iterdir()) == []


def damage_version(data):
    data[8] += 1


def damage_magic(data):
    data[0] ^= 1


def damage_text(data):
    data[270] ^= 1


def cut(data):
    del data[300:]


def cut_data(data):
    del data[-1:]


def empty(data):
    del data[:]


def break_datatype(data):
    import struct
    import zlib

    start = data.index(b"<u2")
    data[start : start + 3] = b"?!?"
    (length,) = struct.unpack_from("<I", data, 256)
    struct.pack_into("<I", data, 12, zlib.crc32(data[256 : 260 + length], zlib.crc32(data[16:56])))


@pytest.mark.parametrize("damage", [damage_version, damage_magic, damage_text, cut, cut_data, empty, break_datatype])
def test_a_file_that_is_no_intact_segment_is_a_clear_error(damage, name, monkeypatch, tmp_path):
    """Foreign bytes under a name of ours, held by a living process; in a folder that nobody else sweeps."""
    monkeypatch.setenv(_system.FOLDER_SWITCH, str(tmp_path))
    path = path_of(name)
    shared = SharedMemoryArray.create_array(name, PROTOTYPE)
    data = bytearray(path.read_bytes())
    shared.destroy()
    damage(data)
    path.write_bytes(data)
    code = """
import sys
from ataraxis_shm._registry import open_file
file = open_file(sys.argv[1])
file.join_users()
print("held")
sys.stdin.readline()
"""
    process = start_python(code, path)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(SegmentFormatError) as caught:
        SharedMemoryArray.attach(name)
    assert isinstance(caught.value, ValueError)
    process.communicate("\n", timeout=20)
    path.unlink()


@pytest.mark.usefixtures("shared")
def test_a_segment_of_another_name_behind_the_file_is_refused(name):
    other = name.upper() + "2"
    os.link(path_of(name), path_of(other))
    with pytest.raises(SegmentFormatError, match="it is the array"):
        SharedMemoryArray.attach(other)
    path_of(other).unlink()


def test_lock_timeout_takes_numbers_that_make_sense(shared):
    shared.lock_timeout = 2
    assert shared.lock_timeout == 2.0
    for bad in (-1, float("nan")):
        with pytest.raises(ValueError, match="0 or more"):
            shared.lock_timeout = bad
    with pytest.raises(TypeError, match="expected a number, or None"):
        shared.lock_timeout = "2"
    shared.lock_timeout = None
    assert shared.lock_timeout is None


def test_lock_timeout_raises_while_another_thread_holds_and_works_when_free(shared, name):
    held, done = threading.Event(), threading.Event()
    other = SharedMemoryArray.attach(name)

    def hold():
        with other.array():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    shared.lock_timeout = 0.02
    for use in (
        lambda: shared.read_data(0),
        lambda: shared.read_data((0, 2)),
        lambda: shared.write_data(0, 9),
        lambda: shared[0],
        lambda: shared.__setitem__(0, 9),
        lambda: shared.array().__enter__(),
    ):
        with pytest.raises(LockTimeoutError, match=f"shared array '{name}'") as caught:
            use()
        assert isinstance(caught.value, TimeoutError)
    assert shared.read_data(0, with_lock=False) == 0
    done.set()
    thread.join()
    assert shared.read_data(0) == 0
    shared.write_data(0, 5)
    shared[1] = 6
    assert shared[0:2].tolist() == [5, 6]
    assert shared.read_data(0, convert_output=True) == 5


def test_the_live_array_is_the_memory(shared, name):
    other = SharedMemoryArray.attach(name)
    with shared.array() as live:
        np.multiply(live, 2, out=live)
        live[0] = 99
    assert other[:].tolist() == [99, 2, 4, 6, 8, 10]
    with other.array(with_lock=False) as live:
        live[0] = 1
    assert shared[0] == 1


def test_changing_the_shape_of_the_live_array_changes_nothing_else(shared):
    with shared.array() as live:
        live.resize((2, 3), refcheck=False)
    assert shared.shape == (6,)
    assert shared[:].shape == (6,)


def test_accesses_nest_in_a_thread_across_instances(shared, name):
    other = SharedMemoryArray.attach(name)
    with shared.array() as live, other.array() as again:
        live[0] = 1
        again[1] = 2
        other.write_data(2, 3)
        shared[3] = 4
        assert shared.read_data(0) == 1
        assert other[:4].tolist() == [1, 2, 3, 4]
        assert shared._connection.writer[0] == os.getpid(), "still writing after the inner accesses"
    assert shared._connection.writer[0] == 0


def test_an_exception_inside_the_block_releases_the_lock_and_is_no_torn_write(shared, name):
    with pytest.raises(ZeroDivisionError), shared.array() as live:
        live[0] = 1 // 0
    run_python(
        "import sys, ataraxis_shm; ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0]", name, options=["-Werror"]
    )


def test_disconnecting_inside_the_block_is_harmless(shared, name):
    with shared.array() as live:
        shared.disconnect()
        live[0] = 42
    assert live[0] == 42
    assert SharedMemoryArray.attach(name)[0] == 42
    run_python("import sys, ataraxis_shm; print(ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0])", name)


def test_destroying_inside_the_block_is_harmless(shared):
    with shared.array() as live:
        shared.destroy()
        live[0] = 42
    assert shared[0] == 42


def test_a_dropped_context_manager_releases_the_lock(shared, name):
    shared.array().__enter__()
    gc.collect()
    assert not shared._connection.mutex.held
    run_python("import sys, ataraxis_shm; ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0]", name)


def test_views_outlive_everything(shared):
    with shared.array() as live:
        part = live[2:4]
    shared.disconnect()
    shared.destroy()
    del shared, live
    gc.collect()
    part[0] = 7
    assert part.tolist() == [7, 3]


def test_an_instance_is_collected_without_being_disconnected(shared, name):
    other = SharedMemoryArray.attach(name)
    gone = weakref.ref(other)
    del other
    gc.collect()
    assert gone() is None
    assert shared[1] == 1


def test_a_subclass_gets_instances_of_itself(name):
    class Mine(SharedMemoryArray):
        pass

    assert type(Mine.create_array(name, PROTOTYPE)) is Mine
    assert type(Mine.attach(name)) is Mine


def test_concurrent_connect_use_and_disconnect_are_safe(shared):
    """Threads of one instance: an access either works or says that the instance is disconnected."""
    wrong = []
    stop = threading.Event()

    def use():
        while not stop.is_set():
            try:
                if shared.read_data(1) != 1 or shared.read_data((1, 3)).tolist() != [1, 2]:
                    wrong.append("value")
                shared.write_data(5, 7)
                with shared.array() as live:
                    live[4] = 3
            except NotConnectedError:
                pass
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        shared.disconnect()
        shared.connect()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert shared[:].tolist() == [0, 1, 2, 3, 3, 7]


def open_files_of(name):
    return sum(entry.path == os.fspath(path_of(name)) for entry in _registry._entries.values())


def test_memory_of_replaced_arrays_goes_with_those_connected_though_their_creator_lives_on(name):
    for _ in range(5):
        shared = SharedMemoryArray.create_array(name, np.zeros(4), exist_ok=True)
    assert open_files_of(name) == 1  # not five
    shared.destroy()
    shared.disconnect()
    del shared
    gc.collect()
    assert open_files_of(name) == 0


@pytest.mark.parametrize("replaced", [True, False])
def test_the_creator_lets_go_of_an_array_that_another_process_replaced_or_destroyed(replaced, name):
    shared = SharedMemoryArray.create_array(name, np.zeros(4))
    other = start_python(
        "import sys; import numpy as np; from ataraxis_shm import SharedMemoryArray\n"
        f"if {replaced}: SharedMemoryArray.create_array(sys.argv[1], np.ones(4), exist_ok=True)\n"
        "else: SharedMemoryArray(sys.argv[1]).destroy()\n"
        "print('done'); sys.stdin.read()",
        name,
    )
    assert other.stdout.readline() == "done\n"
    if replaced:
        shared.connect()
        assert shared[0] == 1
    else:
        shared.destroy()
    shared.disconnect()
    gc.collect()
    assert open_files_of(name) == 0
    assert other.communicate()[1] == ""


def test_the_later_of_two_threads_that_replace_each_other_owns_the_name(name):
    def replace():
        for _ in range(20):
            SharedMemoryArray.create_array(name, np.zeros(4), exist_ok=True).disconnect()

    threads = [threading.Thread(target=replace) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    survivor = SharedMemoryArray.attach(name)  # in use by its creator alone, so not swept
    assert open_files_of(name) == 1
    survivor.destroy()


@pytest.mark.parametrize("seconds", [float("inf"), 1e12])
def test_lock_timeout_may_be_longer_than_any_clock_counts(seconds, shared):
    shared.lock_timeout = seconds
    shared[0] = 3
    assert shared[0] == 3
