"""Who removes what: clean exits leave nothing, what SIGKILL leaves is swept, what is in use never is."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from ataraxis_shm import RingProducer, SegmentNotFoundError, SharedMemoryArray, _segment, _system
from ataraxis_shm._registry import folder_lock
from shm_helpers import run_python, start_python, unique_name, wait_until

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

CREATE = """
import multiprocessing, os, signal, sys, threading
import numpy as np
from ataraxis_shm import SharedMemoryArray
def create(name):
    return SharedMemoryArray.create_array(name, np.arange(1000))
"""


@pytest.fixture
def name():
    name = unique_name("leftover")
    yield name
    SharedMemoryArray(name).destroy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A root of this test's own, so that it may look at everything there is."""
    monkeypatch.setenv(_system.FOLDER_SWITCH, str(tmp_path / "root"))
    return tmp_path / "root"


def files_of(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def path_of(name):
    return _system.roots()[0] / _segment.file_name(name)


CLEAN_EXITS = {
    "end of the script": "shared = create(sys.argv[1])",
    "never bound to a name": "create(sys.argv[1])",
    "sys.exit": "shared = create(sys.argv[1]); sys.exit(0)",
    "inside array()": "shared = create(sys.argv[1])\nwith shared.array() as live: sys.exit(0)",
    "disconnected": "create(sys.argv[1]).disconnect()",
    "replaced": "first = create(sys.argv[1]); second = SharedMemoryArray.create_array(sys.argv[1], np.ones(3), True)",
    "live view": "shared = create(sys.argv[1])\nwith shared.array() as live: sys.keep = live",
    "daemon thread": (
        "shared = create(sys.argv[1])\n"
        "def use():\n    while True: shared.write_data(0, 1)\n"
        "threading.Thread(target=use, daemon=True).start()"
    ),
    "forked child that exits by sys.exit": (
        "shared = create(sys.argv[1])\n"
        "if os.fork() == 0: sys.exit(0)\n"
        "assert os.wait()[1] == 0\n"
        "assert SharedMemoryArray.attach(sys.argv[1])[999] == 999"
    ),
    "forked child that creates": (
        "import os\nif os.fork() == 0:\n    shared = create(sys.argv[1])\n    sys.exit(0)\nassert os.wait()[1] == 0"
    ),
    "forked child of a creator that creates": (
        "first = create(sys.argv[1] + '2')\n"
        "if os.fork() == 0:\n    shared = create(sys.argv[1])\n    sys.exit(0)\nassert os.wait()[1] == 0"
    ),
}


@pytest.mark.parametrize("body", CLEAN_EXITS.values(), ids=CLEAN_EXITS)
def test_a_clean_exit_without_destroy_leaves_nothing_and_prints_nothing(body, folder):
    if "os.fork" in body and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    done = run_python(CREATE + body, "x", options=["-X", "dev", "-W", "error"])
    assert (done.stdout, done.stderr) == ("", "")
    assert files_of(folder) == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_that_create_leave_nothing(method, folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        CREATE
        + f"""
def child(name):
    shared = create(name)
    assert shared[999] == 999
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    create(sys.argv[1])
    process = context.Process(target=child, args=(sys.argv[1] + "2",))
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    )
    if method not in __import__("multiprocessing").get_all_start_methods():
        pytest.skip("this system does not have it")
    done = subprocess.run([sys.executable, script, "x"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files_of(folder) == []


def test_a_script_that_fails_leaves_nothing_too(folder):
    done = run_python(CREATE + "shared = create(sys.argv[1]); 1 / 0", "x", check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert files_of(folder) == []


def test_the_default_folder_goes_with_its_last_array():
    """Without the switch the root itself is ours, and nothing of it is left either."""
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        pytest.skip("needs a private /dev/shm")
    code = CREATE + "create(sys.argv[1]); assert os.listdir('/dev/shm')"
    shell = (
        f'mount -t tmpfs tmpfs /dev/shm || exit 77; {sys.executable} -c "$0" x; status=$?; ls -A /dev/shm; exit $status'
    )
    environment = {key: value for key, value in os.environ.items() if key != _system.FOLDER_SWITCH}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, code], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_exit_is_quiet_when_the_folder_is_gone_or_locked_for_ever(folder):
    body = "import shutil; shared = create(sys.argv[1]); shutil.rmtree(os.environ['ATARAXIS_SHM_FOLDER'])"
    done = run_python(CREATE + body, "x", options=["-X", "dev", "-W", "error"])
    assert (done.stdout, done.stderr) == ("", "")
    with folder_lock(folder):
        pass
    code = (
        CREATE
        + """
from ataraxis_shm import _segment
_segment._EXIT_TIMEOUT = 0.1
shared = create(sys.argv[1])
print("up")
sys.stdin.readline()
"""
    )
    process = start_python(code, "x")
    assert process.stdout.readline() == "up\n"
    with folder_lock(folder):
        output, errors = process.communicate("\n", timeout=30)
    assert (process.returncode, output, errors) == (0, "", "")
    assert files_of(folder) == ["x.array"], "it could not be removed in time ..."
    with pytest.raises(SegmentNotFoundError):
        SharedMemoryArray.attach("x")
    assert files_of(folder) == [], "... so the next one sweeps it"


def test_a_process_that_attaches_and_exits_ends_nothing(name):
    shared = SharedMemoryArray.create_array(name, np.arange(5))
    for _ in range(2):
        run_python("import sys, ataraxis_shm; ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0] = 7", name)
        assert SharedMemoryArray.attach(name)[0] == 7
    shared.disconnect()
    run_python("import sys, ataraxis_shm; ataraxis_shm.SharedMemoryArray.attach(sys.argv[1])[0] = 8", name)
    shared.connect()
    assert shared[0] == 8, "also while the creator is not connected"


def test_when_the_creator_exits_the_name_is_free_and_the_memory_of_others_stays(name):
    process = start_python(CREATE + "shared = create(sys.argv[1]); print('up'); sys.stdin.readline()", name)
    assert process.stdout.readline() == "up\n"
    attached = SharedMemoryArray.attach(name)
    process.communicate("\n", timeout=20)
    attached.write_data(0, 5)
    assert attached[0] == 5
    with pytest.raises(SegmentNotFoundError):
        SharedMemoryArray.attach(name)
    new = SharedMemoryArray.create_array(name, np.zeros(2))
    assert attached[999] == 999
    attached.connect()
    assert len(attached) == len(new) == 2


def killed_creator(name, before_kill="", listener=None):
    """Leaves what a creator leaves that is killed by SIGKILL."""
    code = CREATE + f"shared = create(sys.argv[1]); {before_kill}\nprint('up'); sys.stdin.readline()"
    process = start_python(code, name)
    assert process.stdout.readline() == "up\n"
    result = listener() if listener else None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    return result


SWEEPERS = {
    "create": "SharedMemoryArray.create_array('other', np.ones(2)).destroy()",
    "attach": "\ntry: SharedMemoryArray.attach('other')\nexcept FileNotFoundError: pass",
    "the same name": "create(sys.argv[1])",
    "listing": "from ataraxis_shm.__main__ import main; sys.stdout = open(os.devnull, 'w'); main([])",
    "connect": "\ntry: SharedMemoryArray(sys.argv[1]).connect()\nexcept FileNotFoundError: pass",
}


@pytest.mark.kill
@pytest.mark.parametrize("sweeper", SWEEPERS.values(), ids=SWEEPERS)
def test_what_sigkill_leaves_is_gone_after_the_next_use(sweeper, folder):
    killed_creator("x")
    assert files_of(folder) == ["x.array"]
    run_python(CREATE + sweeper, "x")
    assert files_of(folder) == []


@pytest.mark.kill
def test_an_array_in_use_is_never_swept_though_its_creator_was_killed(name):
    attached = killed_creator(name, listener=lambda: SharedMemoryArray.attach(name))
    for sweeper in SWEEPERS.values():
        if "create(sys.argv[1])" not in sweeper:
            run_python(CREATE + sweeper.replace("'other'", f"'{unique_name()}'"), name)
    assert path_of(name).exists()
    again = SharedMemoryArray.attach(name)
    again.write_data(0, 77)
    assert attached[0] == 77
    with pytest.raises(FileExistsError):
        SharedMemoryArray.create_array(name, np.zeros(1))
    attached.disconnect()
    again.disconnect()
    with pytest.raises(SegmentNotFoundError):
        SharedMemoryArray.attach(name)


@needs_fork
@pytest.mark.kill
def test_a_forked_child_is_a_user_of_what_it_inherited(folder):
    code = (
        CREATE
        + """
shared = create(sys.argv[1])
if os.fork() == 0:
    print(os.getpid())
sys.stdin.readline()
os._exit(0)
"""
    )
    process = start_python(code, "x")
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    attached = SharedMemoryArray.attach("x")
    assert attached[999] == 999
    os.kill(child, signal.SIGKILL)
    attached.disconnect()
    process.communicate(timeout=20)

    def is_gone():
        try:
            SharedMemoryArray.attach("x").disconnect()
        except SegmentNotFoundError:
            return True
        return False

    wait_until(is_gone)
    assert files_of(folder) == []


def test_temporary_files_of_killed_creators_are_swept_and_foreign_things_left_alone(folder):
    folder.mkdir(mode=0o700)
    (folder / ".0123456789abcdef.new").write_bytes(b"half")
    (folder / "x.array.1234.moved").touch()
    (folder / "notes.txt").touch()
    (folder / "folder.array").mkdir()
    (folder / "link.array").symlink_to(folder / "notes.txt")
    SharedMemoryArray.create_array("y", np.zeros(1)).destroy()
    assert files_of(folder) == ["folder.array", "link.array", "notes.txt"]


RECREATE = (
    CREATE
    + """
for number in range(150):
    SharedMemoryArray.create_array(sys.argv[1], np.full(1 + number * 97 % 5000, number), exist_ok=True)
"""
)

USE = """
import sys
from ataraxis_shm import SharedMemoryArray
shared = SharedMemoryArray.attach(sys.argv[1])
print("up")
rounds = 0
while not sys.stdin.closed:
    values = shared.read_data((0,))
    shared.write_data((0,), values[0] if hasattr(values, "shape") and values.shape else values)
    with shared.array() as live:
        assert (live == live[0]).all()
    shared[-1] = shared[0]
    rounds += 1
    if rounds % 3 == 0:
        try:
            shared.connect()
        except FileNotFoundError:
            break
print("used", rounds)
"""


def test_replacing_an_array_never_disturbs_those_attached(name):
    first = SharedMemoryArray.create_array(name, np.zeros(5000, dtype=np.int64))
    users = [start_python(USE, name) for _ in range(3)]
    for user in users:
        assert user.stdout.readline() == "up\n"
    run_python(RECREATE, name)
    for user in users:
        output, errors = user.communicate(timeout=60)
        assert user.returncode == 0, errors
        assert output.startswith("used")
    assert first[4999] == 0


def listing(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "ataraxis_shm", *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


def test_the_listing_of_nothing_says_where_it_looked(folder):
    assert listing() == f"No shared memory in {folder}.\n"
    assert json.loads(listing("--json")) == []


@pytest.mark.kill
def test_the_listing_shows_arrays_and_who_uses_them(folder):
    alive = SharedMemoryArray.create_array("a name\n\x1b[31m" + "x" * 100, np.zeros(3000))
    user = start_python(
        "import sys, ataraxis_shm as a; s = a.SharedMemoryArray.attach(sys.argv[1]); s[0]; print(); sys.stdin.read()",
        alive.name,
    )
    user.stdout.readline()
    kept = killed_creator("orphan", listener=lambda: SharedMemoryArray.attach("orphan"))
    killed_creator("dead")
    lines = listing().splitlines()
    assert lines[0].split() == ["KIND", "STATE", "OWNER", "USERS", "SIZE", "UNREAD", "AGE", "NAME"]
    assert len(lines) == 5
    assert r"a name\n\x1b[31mxxx" in lines[1]
    assert lines[1].split()[:6] == ["array", "in", "use", str(os.getpid()), "2", "23.9"]
    assert lines[2].split()[:2] == ["array", "removed"]
    assert lines[3].split()[2] == "use"
    assert lines[3].split()[3].startswith("("), "its owner is gone"
    assert lines[4] == "2 in all, 32.1 KiB; 1 removed."
    items = {item["name"]: item for item in json.loads(listing("--json"))}
    assert set(items) == {alive.name, "orphan"}
    assert items[alive.name]["users"] == sorted([os.getpid(), user.pid])
    assert items[alive.name]["owner_runs"] is True
    assert items["orphan"]["owner_runs"] is False
    assert items["orphan"]["age"] < 100
    assert [path for path in files_of(folder) if "dead" in path] == []
    user.communicate("", timeout=20)
    alive.destroy()
    kept.destroy()


PRODUCE = """
import pathlib, sys
from ataraxis_shm import RingProducer
producer = RingProducer.create(sys.argv[1], 1 << 16)
for _ in range(int(sys.argv[2])):
    producer.put(b"record")
print("up")
sys.stdin.readline()
"""


@pytest.mark.kill
def test_pruning_removes_dead_rings_and_never_pending_ones(folder):
    rings = folder / "rings" / "abcdef"
    rings.mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    for number, records in enumerate([0, 3]):
        process = start_python(PRODUCE, rings / f"{number}.ring", records)
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    (rings / "2.ring").write_bytes(b"no ring")
    live = RingProducer.create(rings / "3.ring", 1 << 16)
    states = {item["name"]: item["state"] for item in json.loads(listing("--json"))}
    expected = {"abcdef/0": "dead", "abcdef/1": "pending", "abcdef/2": "unreadable", "abcdef/3": "in use"}
    assert states == expected
    states = {item["name"]: item["state"] for item in json.loads(listing("--json", "--prune"))}
    assert states == expected | {"abcdef/0": "removed"}
    assert "pending" in listing("--prune")
    assert sorted(path.name for path in rings.iterdir()) == ["1.ring", "2.ring", "3.ring"]
    live.close()
    live.unlink()
    (rings / "1.ring").unlink()
    (rings / "2.ring").unlink()
    listing("--prune")
    assert files_of(folder) == []


def test_an_unreadable_array_is_listed_and_left(folder):
    shared = SharedMemoryArray.create_array("x", np.zeros(3))
    # By another process: closing a descriptor of the file in this one would drop its lock as a user.
    run_python("import sys; file = open(sys.argv[1], 'r+b'); file.write(b'?'); file.close()", folder / "x.array")
    assert [item["state"] for item in json.loads(listing("--json"))] == ["unreadable"]
    assert "?" in listing()
    del shared


def test_a_folder_that_is_not_safe_is_a_message_and_exit_status_1(folder):
    folder.mkdir()
    folder.chmod(0o777)
    done = subprocess.run([sys.executable, "-m", "ataraxis_shm"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (130, "2 min"), (7200, "2.0 h"), (200_000, "2.3 d")])
def test_ages_are_short(seconds, text):
    from ataraxis_shm.__main__ import _age

    assert _age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(5, "5 B"), (2048, "2.0 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5120.0 GiB")]
)
def test_sizes_are_short(count, text):
    from ataraxis_shm.__main__ import _size

    assert _size(count) == text


def _make_fifo(path):
    os.mkfifo(path)


def _make_link(path):
    path.symlink_to("/nowhere")


def _make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [_make_folder, _make_link, _make_fifo])
def test_what_is_no_file_is_listed_as_unreadable_and_spoils_nothing(make, folder):
    foreign = [folder / "foreign.array", folder / "rings" / "some" / "foreign.ring"]
    foreign[1].parent.mkdir(mode=0o700, parents=True)
    for path in foreign:
        make(path)
    shared = SharedMemoryArray.create_array("beside", np.zeros(2))
    listed = run_python("from ataraxis_shm.__main__ import main; main(['--prune', '--json'])").stdout
    states = {(item["kind"], item["name"]): item["state"] for item in json.loads(listed)}
    assert states == {
        ("array", "beside"): "in use",
        ("array", "foreign"): "unreadable",
        ("ring", "some/foreign"): "unreadable",
    }
    assert all(os.path.lexists(path) for path in foreign)
    shared.destroy()


@pytest.mark.usefixtures("folder")
def test_the_listing_shows_names_that_the_output_cannot_encode():
    shared = SharedMemoryArray.create_array("\u9f20 caf\xe9", np.zeros(2))
    code = "import sys; from ataraxis_shm.__main__ import main; sys.exit(main([]))"
    listed = run_python(code, environment={"PYTHONIOENCODING": "ascii"}).stdout
    assert "\\u9f20 caf\\xe9" in listed
    shared.destroy()
