"""The scripts in docs/examples run, under every start method, and leave nothing behind."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
RUNS = {
    "shared_array.py": [
        ("--frames", "20", "--start-method", method) for method in multiprocessing.get_all_start_methods()
    ],
    "logger.py": [("--packages", "200", "--storage", storage) for storage in ("npy", "journal")],
}


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(RUNS)


@pytest.mark.parametrize("arguments", RUNS["shared_array.py"], ids=lambda arguments: arguments[-1])
def test_shared_array(arguments, monkeypatch, tmp_path):
    monkeypatch.setenv("ATARAXIS_SHM_FOLDER", str(tmp_path / "shm"))
    last = run("shared_array.py", *arguments).splitlines()[-1].split()
    frames, readings = int(last[2]), int(last[5])
    assert frames >= 20
    assert readings >= 1
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".array"]


@pytest.mark.kill
@pytest.mark.parametrize("arguments", RUNS["logger.py"], ids=lambda arguments: arguments[-1])
def test_logger(arguments, tmp_path):
    camera, wheel, last = run("logger.py", *arguments, "--folder", str(tmp_path)).splitlines()
    assert camera.startswith("1_log.npz: 200 messages in ")
    assert wheel.startswith("2_log.npz: 200 messages in ")
    assert last == "the wheel was killed after position 1.99, and it is there"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["1_log.npz", "2_log.npz"]
