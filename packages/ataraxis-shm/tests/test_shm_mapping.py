"""Mapped memory outlives every handle, and keeps no descriptor."""

import gc
import os
from pathlib import Path

import pytest

from ataraxis_shm._mapping import map_file
from shm_helpers import run_python


@pytest.fixture
def fd(tmp_path):
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 8192)
    yield fd
    os.close(fd)


def test_memory_is_the_file(fd):
    memory = map_file(fd, 8192)
    assert (memory.nbytes, memory.format, memory.readonly) == (8192, "B", False)
    memory[10:13] = b"abc"
    assert os.pread(fd, 3, 10) == b"abc"
    os.pwrite(fd, b"xyz", 4096)
    assert bytes(memory[4096:4099]) == b"xyz"
    words = memory[:16].cast("Q")
    words[1] = 5
    assert memory[8] == 5


def test_read_only_memory_refuses_writes(fd):
    memory = map_file(fd, 4096, writable=False)
    with pytest.raises(TypeError):
        memory[0] = 1


def test_views_keep_the_memory_after_everything_else_is_gone(fd):
    view = map_file(fd, 8192)[100:200].cast("B")
    gc.collect()
    view[0] = 7
    assert os.pread(fd, 1, 100) == b"\x07"


def test_no_descriptor_is_kept(fd):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not list descriptors")
    before = sorted(Path("/proc/self/fd").iterdir())
    memory = map_file(fd, 4096)
    assert sorted(Path("/proc/self/fd").iterdir()) == before
    del memory


def test_memory_is_unmapped_with_its_last_view(fd, tmp_path):
    if not Path("/proc/self/maps").exists():
        pytest.skip("this system does not list mappings")

    def mapped():
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    memory = map_file(fd, 4096)
    part = memory[5:9]
    assert mapped() == 1
    del memory
    assert mapped() == 1
    del part
    gc.collect()
    assert mapped() == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_not_positive_is_refused(fd, size):
    with pytest.raises(ValueError, match="positive"):
        map_file(fd, size)


def test_more_than_the_file_has_is_refused(fd):
    with pytest.raises(ValueError):
        map_file(fd, 8193)


def test_what_the_system_refuses_is_an_os_error(fd):
    read_only = os.open(f"/dev/fd/{fd}", os.O_RDONLY)
    try:
        with pytest.raises(OSError):
            map_file(read_only, 4096)
    finally:
        os.close(read_only)


def test_memory_that_lives_to_the_end_of_the_interpreter_is_quiet(tmp_path):
    code = """
import os, sys
from ataraxis_shm._mapping import map_file
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 4096)
memory = map_file(fd, 4096)
sys.keep = memory[10:20]
class Late:
    def __del__(self, memory=memory): memory[0] = 1
sys.late = Late()
"""
    done = run_python(code, tmp_path / "x", options=["-X", "dev", "-W", "error"])
    assert done.stdout + done.stderr == ""
