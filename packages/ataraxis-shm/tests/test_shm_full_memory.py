"""A shared memory of 2 MiB: a clear OSError with both sizes, no bus error, nothing left behind."""

import os
import re
import shutil
import subprocess
import sys

import pytest

CODE = """
import os, sys
import numpy as np
from ataraxis_shm import NoSpaceError, SharedMemoryArray
from ataraxis_shm._system import roots
def files():
    return sorted(str(path) for path in roots()[0].rglob("*"))
try:
    SharedMemoryArray.create_array("large", np.ones(4 << 20, dtype=np.uint8))
except OSError as error:
    assert isinstance(error, NoSpaceError)
    print(error)
assert files() == []
kept = SharedMemoryArray.create_array("small", np.ones(1 << 20, dtype=np.uint8))
for attempt in range(3):
    try:
        SharedMemoryArray.create_array("second", np.ones(3 << 19, dtype=np.uint8))
    except OSError:
        pass
    else:
        raise AssertionError
    try:
        SharedMemoryArray.create_array("small", np.ones(3 << 19, dtype=np.uint8), exist_ok=True)
    except OSError:
        pass
    else:
        raise AssertionError
assert len(files()) == 1
assert kept[:].sum() == 1 << 20
kept.write_data((0,), 7)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="private mounts are made with unshare")
@pytest.mark.parametrize("where", ["/dev/shm", "chosen folder"])
def test_too_little_memory_is_an_os_error_with_both_sizes(where, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    folder = "/dev/shm" if where == "/dev/shm" else str(tmp_path)
    environment = {key: value for key, value in os.environ.items() if key != "ATARAXIS_SHM_FOLDER"}
    if where != "/dev/shm":
        environment["ATARAXIS_SHM_FOLDER"] = folder
    shell = f'mount -t tmpfs -o size=2m,mode=0700 tmpfs {folder} || exit 77; exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
    sizes = re.search(r"take (\d+) bytes of shared memory: (\d+) bytes are free", done.stdout)
    assert sizes
    assert int(sizes[1]) >= 4 << 20
    assert int(sizes[2]) <= 2 << 20
