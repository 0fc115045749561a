"""The demo as a newcomer runs it, and that it notices one sample dropped, doubled or altered."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "tools" / "demo"
# Runs the demo once for each damage that this file can do, all on copies of one recording.
HARNESS = """
import shutil, sys
from pathlib import Path
from types import ModuleType
sys.path[:0] = [{demo!r}, {here!r}]
import demo
import test_demo
if __name__ == "__main__":
    sys.modules["figure"] = ModuleType("figure")  # other tests look at the picture
    sys.modules["figure"].draw = lambda *_: None
    acquire, recorded = demo.acquire, []
    def acquire_once(config, output, interrupted):
        recorded[:] = recorded or acquire(config, Path({tmp!r}, "recorded"), interrupted)
        sent, log_folder = recorded
        return sent, Path(shutil.copytree(log_folder, output / log_folder.name))
    demo.acquire = acquire_once
    for damage in (test_demo.drop, test_demo.double, test_demo.alter):
        print("begin", damage.__name__, file=sys.stderr)
        options = ["--duration", "1", "--rate", "300", "--output", str(Path({tmp!r}, damage.__name__))]
        print("status", demo.main(options, after_logging=damage), file=sys.stderr)
"""


def run_demo(*arguments, timeout=100):
    command = [sys.executable, str(DEMO), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


def some_samples(log_folder):
    """Files of source 1 in the middle of the recording."""
    files = sorted(path for path in log_folder.glob("001_*.npy"))
    assert len(files) > 20
    return files[10:]


def drop(log_folder):
    some_samples(log_folder)[0].unlink()


def double(log_folder):
    file = some_samples(log_folder)[0]
    entry = np.load(file)
    entry[1:9] = np.frombuffer((int.from_bytes(entry[1:9].tobytes(), "little") + 1).to_bytes(8, "little"), np.uint8)
    stamp = int.from_bytes(entry[1:9].tobytes(), "little")
    copy = log_folder / f"001_{stamp:020d}.npy"
    assert not copy.exists()
    np.save(copy, entry)


def alter(log_folder):
    file = some_samples(log_folder)[0]
    entry = np.load(file)
    entry[-1] ^= 1
    np.save(file, entry)


@pytest.mark.parametrize("storage", ["npy", "journal"])
def test_every_sample_comes_back_in_both_storages(storage, tmp_path):
    done = run_demo("--duration", 1, "--rate", 500, "--storage", storage, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {cells[0]: cells for line in done.stdout.splitlines() if len(cells := line.split()) == 10}
    assert set(rows) == {"processor", "disk_and_network", "wake_up"}
    for cells in rows.values():
        sent, read, lost, doubled = map(int, cells[1:5])
        assert sent == read > 0
        assert lost == doubled == 0
        assert cells[5] == "equal"
    assert (tmp_path / "session.png").read_bytes().startswith(b"\x89PNG")
    assert "lost: 0" in (tmp_path / "session_report.yaml").read_text()
    assert len(list((tmp_path / "rig_data_log").glob("*.npz"))) == 3


def test_one_damaged_sample_fails_the_demo(tmp_path):
    script = tmp_path / "damaged_demo.py"
    script.write_text(HARNESS.format(demo=str(DEMO), here=str(Path(__file__).parent), tmp=str(tmp_path)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100, check=False)
    said = [part.splitlines() for part in done.stderr.split("begin ")[1:]]
    assert said == [
        ["drop", "demo: processor: 1 lost, 0 doubled, bytes differ", "status 1"],
        ["double", "demo: processor: 0 lost, 1 doubled, bytes differ", "status 1"],
        ["alter", "demo: processor: 0 lost, 0 doubled, bytes differ", "status 1"],
    ], done.stdout + done.stderr


@pytest.mark.kill
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a process group")
def test_ctrl_c_ends_the_recording_with_everything_verified(tmp_path):
    arguments = ["--duration", "600", "--rate", "200", "--output", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, str(DEMO), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout.readline().startswith("Recording")
        wait_for_samples(tmp_path / "rig_data_log", demo)
        os.killpg(demo.pid, signal.SIGINT)
        said, warned = demo.communicate(timeout=100)
    assert demo.returncode == 0, warned
    assert "Ctrl-C" in warned
    assert said.count(" equal ") == 3


def wait_for_samples(log_folder, demo):
    """Until something is stored."""
    while demo.poll() is None:
        if any(log_folder.glob("*.npy")):
            return
    pytest.fail("the demo ended by itself")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "0"], "not a duration"),
        (["--duration", "soon"], "not a duration"),
        (["--rate", "-5"], "not a rate"),
        (["--rate", "nan"], "not a rate"),
        (["--storage", "tape"], "invalid choice"),
        (["--output", "/proc/nowhere"], "cannot write"),
        (["--unknown"], "unrecognized"),
    ],
)
def test_a_wrong_option_gets_one_line_and_status_2(arguments, said):
    done = run_demo(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
