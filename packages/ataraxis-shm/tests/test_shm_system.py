"""Where shared files live, who may use the folder, and that space is really taken."""

import errno
import importlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ataraxis_shm import NoSpaceError, ShmError, UnsafeFolderError, _posix
from ataraxis_shm._system import (
    FOLDER_SWITCH,
    boot_identity,
    discard,
    ensure_private_folder,
    locked_by_others,
    reserve,
    roots,
)
from shm_helpers import start_python


def test_the_switch_names_the_only_root(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_SWITCH, str(tmp_path / "a"))
    assert roots() == (tmp_path / "a",)
    monkeypatch.setenv(FOLDER_SWITCH, "b")  # another folder in each process that changes its working directory
    with pytest.raises(UnsafeFolderError, match=f"set {FOLDER_SWITCH} to an absolute one"):
        roots()


@pytest.mark.skipif(sys.platform != "linux", reason="these are the folders of Linux")
def test_linux_prefers_shared_memory_and_falls_back_to_disk(monkeypatch):
    monkeypatch.delenv(FOLDER_SWITCH, raising=False)
    mine = f"ataraxis-{os.geteuid()}"
    assert roots() == (Path("/dev/shm", mine), Path("/var/tmp", mine))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert roots() == (Path("/var/tmp", mine),)


def test_a_missing_folder_is_made_for_this_user_only(tmp_path):
    folder = ensure_private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ensure_private_folder(folder) == folder


def test_a_file_a_link_and_a_folder_that_others_may_write_to_are_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name in ("file", "link", "open"):
        with pytest.raises(UnsafeFolderError, match=f"(?s){FOLDER_SWITCH}.*{name}") as caught:
            ensure_private_folder(tmp_path / name)
        assert isinstance(caught.value, PermissionError)
        assert isinstance(caught.value, ShmError)


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    folder = ensure_private_folder(tmp_path / "a")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(UnsafeFolderError, match="belongs to somebody else"):
        ensure_private_folder(folder)


def test_reserve_takes_the_space(tmp_path):
    with (tmp_path / "file").open("wb+") as file:
        reserve(file.fileno(), 1 << 20)
        status = os.fstat(file.fileno())
        assert status.st_size == 1 << 20
        assert status.st_blocks * 512 >= 1 << 20


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EOPNOTSUPP])
def test_where_the_system_cannot_reserve_zeros_are_written(tmp_path, monkeypatch, refusal):
    def refuse(*_):
        raise OSError(refusal, "no")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb+") as file:
        reserve(file.fileno(), 3 << 20)
        assert os.fstat(file.fileno()).st_size == 3 << 20
        assert os.fstat(file.fileno()).st_blocks * 512 >= 3 << 20


def test_large_files_are_reserved_in_steps(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _fd, start, length: steps.append((start, length)))
    with (tmp_path / "file").open("wb+") as file:
        reserve(file.fileno(), (128 << 20) + 5)
    assert steps == [(0, 64 << 20), (64 << 20, 64 << 20), (128 << 20, 5)]


def test_too_little_space_names_both_sizes(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb+") as file:
        free = _posix.free_space(file.fileno())
        with pytest.raises(NoSpaceError, match=r"take 1000 bytes.*: \d+ bytes are free") as caught:
            reserve(file.fileno(), 1000)
        assert caught.value.errno == errno.ENOSPC
        assert free > 0
        assert os.fstat(file.fileno()).st_size == 0


def test_other_refusals_are_passed_on(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb+") as file, pytest.raises(OSError, match="broken") as caught:
        reserve(file.fileno(), 1000)
    assert not isinstance(caught.value, NoSpaceError)


def test_discard_removes_a_name_that_may_be_gone(tmp_path):
    (tmp_path / "file").touch()
    discard(tmp_path / "file")
    discard(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_reopen_without_proc_finds_the_file_by_its_name_and_refuses_another(tmp_path, monkeypatch):
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    real_open = os.open

    def without_proc(path, *arguments, **options):
        if str(path).startswith("/proc/"):
            raise FileNotFoundError
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", without_proc)
    try:
        again = _posix.reopen(fd, str(tmp_path / "file"))
        assert again != fd
        assert os.path.sameopenfile(fd, again)
        os.close(again)
        (tmp_path / "other").touch()
        with pytest.raises(FileNotFoundError, match="another file"):
            _posix.reopen(fd, str(tmp_path / "other"))
    finally:
        os.close(fd)


def test_the_package_and_its_files_never_import_numpy():
    code = (
        "import sys, ataraxis_shm; from ataraxis_shm import ShmError, _registry, _mapping;"
        "assert 'numpy' not in sys.modules; assert 'ShmError' in dir(ataraxis_shm)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import ataraxis_shm

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = ataraxis_shm.Nonsense


def test_every_module_can_be_imported_on_every_system():
    folder = Path(_posix.__file__).parent
    for path in folder.glob("*.py"):
        if path.stem != "_posix":
            importlib.import_module(f"ataraxis_shm.{path.stem}")


def test_all_locks_of_others_are_found_in_whatever_order_they_were_taken(tmp_path):
    path = tmp_path / "file"
    path.touch()
    code = (
        "import os, sys; from ataraxis_shm._system import try_lock_bytes\n"
        "fd = os.open(sys.argv[1], os.O_RDWR); assert try_lock_bytes(fd, int(sys.argv[2]), shared=True)\n"
        "print('locked'); sys.stdin.read()"
    )
    offsets = [30, 10, 20]  # as process numbers come again when they have all been given out
    holders = []
    for offset in offsets:
        holders.append(start_python(code, path, offset))
        assert holders[-1].stdout.readline() == "locked\n"
    fd = os.open(path, os.O_RDWR)
    try:
        assert sorted(locked_by_others(fd, 0, 100)) == [(10, 1), (20, 1), (30, 1)]
        assert list(locked_by_others(fd, 11, 9)) == []
    finally:
        os.close(fd)
        for holder in holders:
            holder.communicate("", timeout=20)


@pytest.mark.skipif(sys.platform != "linux", reason="this is how Linux tells")
def test_linux_tells_one_boot_from_another_where_proc_is_mounted(tmp_path, monkeypatch):
    identity = boot_identity()
    assert len(identity.strip()) == 36
    assert boot_identity() == identity
    monkeypatch.setattr(_posix, "_BOOT_ID", tmp_path / "no proc here")
    assert boot_identity() is None
