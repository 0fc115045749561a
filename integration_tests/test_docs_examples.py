"""The scripts in docs/examples run, under every start method, and leave nothing behind."""

import multiprocessing
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ataraxis_logger import DataLogger

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
RUNS: dict[str, list[tuple[str, ...]]] = {
    "shared_array.py": [
        ("--frames", "20", "--start-method", method) for method in multiprocessing.get_all_start_methods()
    ],
    "nwb.py": [("--source", "1", "--dtype", "<f8", "--unit", "volts")],
    "logger.py": [("--packages", "200", "--storage", storage) for storage in ("npy", "journal")],
}


def run(name: str, *arguments: str, warnings: str = "error") -> str:
    command = [sys.executable, "-W", warnings, str(EXAMPLES / name), *arguments]
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


@pytest.mark.skipif(find_spec("pynwb") is None, reason="needs pynwb")
def test_nwb(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # importing pynwb fills one
    pytest.importorskip("pynwb", exc_type=ImportError)
    with DataLogger(tmp_path, "session", storage="journal") as logger:
        sensor = logger.source(1)
        for number in range(100):
            sensor.log(struct.pack("<d", number / 3), time_us=(number + 1) * 1000)
    h5py = pytest.importorskip("h5py")  # comes with pynwb
    file = tmp_path / "session.nwb"
    # What pynwb's own imports warn about is not ours to mend.
    said = run("nwb.py", str(logger.output_directory), str(file), *RUNS["nwb.py"][0], warnings="ignore")
    assert said.startswith(f"{file}: 100 samples from ")
    with h5py.File(file) as content:
        series = content["acquisition/source_1"]
        assert series["data"][:].tolist() == [number / 3 for number in range(100)]
        assert np.allclose(series["timestamps"][:], np.arange(1, 101) / 1000)
