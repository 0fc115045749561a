"""Saving: atomic, clean, and respectful of what is there."""

import errno
import os
import random
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from ataraxis_yamlconfig import YamlConfig, YamlEncodeError, YamlTypeWarning, _atomic
from yaml_writer import Counted, counted

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and links of POSIX")


@dataclass
class Config(YamlConfig):
    value: object = 1


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_parents_are_made_and_nothing_else(tmp_path):
    target = tmp_path / "a" / "b" / "c.yml"
    Config("é🐭").to_yaml(target)
    assert target.read_bytes() == "---\nvalue: é🐭\n...\n".encode()
    assert listing(target.parent) == ["c.yml"]
    Config.from_yaml(str(target)).to_yaml(str(target))
    assert listing(target.parent) == ["c.yml"]


def test_a_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Config(2).to_yaml("here.yaml")
    assert Config.from_yaml("here.yaml") == Config(2)


def test_a_value_without_equivalent_leaves_no_trace(tmp_path):
    with pytest.raises(YamlEncodeError, match=r"\$\.value: <object object"):
        Config(object()).to_yaml(tmp_path / "new" / "a.yaml")
    assert listing(tmp_path) == []
    target = tmp_path / "a.yaml"
    Config(1).to_yaml(target)
    before = target.read_bytes()
    with pytest.raises(YamlEncodeError):
        Config([{"b": object()}]).to_yaml(target)
    assert target.read_bytes() == before
    assert listing(tmp_path) == ["a.yaml"]


def test_a_warning_that_is_made_an_error_comes_after_the_file_is_saved(tmp_path):
    with pytest.raises(YamlTypeWarning):
        Config((1,)).to_yaml(tmp_path / "a.yaml")
    assert Config.from_yaml(tmp_path / "a.yaml") == Config([1])


@posix_only
def test_mode_is_kept_and_a_new_file_follows_the_umask(tmp_path):
    target = tmp_path / "a.yaml"
    previous = os.umask(0o027)
    try:
        Config().to_yaml(target)
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
    finally:
        os.umask(previous)
    for mode in (0o600, 0o664, 0o755):
        target.chmod(mode)
        Config(mode).to_yaml(target)
        assert stat.S_IMODE(target.stat().st_mode) == mode


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_are_kept(tmp_path):
    target = tmp_path / "a.yaml"
    Config().to_yaml(target)
    os.chown(target, 1234, 4321)
    target.chmod(0o640)
    Config(2).to_yaml(target)
    status = target.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)


@posix_only
def test_an_owner_that_cannot_be_kept_does_not_prevent_saving(tmp_path, monkeypatch):
    target = tmp_path / "a.yaml"
    Config().to_yaml(target)
    asked = []

    def refuse(_, owner, group):
        asked.append((owner, group))
        raise PermissionError(errno.EPERM, "not yours")

    existing = os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, 77, 88, 0, 0, 0, 0))
    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(_atomic, "_existing", lambda _: existing)
    Config(2).to_yaml(target)
    assert Config.from_yaml(target) == Config(2)
    assert asked == [(77, -1), (-1, 88)]


@posix_only
def test_links_are_followed(tmp_path):
    real = tmp_path / "real" / "a.yaml"
    Config(1).to_yaml(real)
    link = tmp_path / "link.yaml"
    link.symlink_to(real)
    Config(2).to_yaml(link)
    assert link.is_symlink()
    assert Config.from_yaml(real) == Config(2)
    dangling = tmp_path / "dangling.yaml"
    dangling.symlink_to(tmp_path / "later" / "b.yaml")
    Config(3).to_yaml(dangling)
    assert Config.from_yaml(tmp_path / "later" / "b.yaml") == Config(3)


@posix_only
def test_a_circle_of_links_is_an_error(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    with pytest.raises(OSError, match="symbolic links") as caught:
        Config().to_yaml(tmp_path / "a.yaml")
    assert caught.value.errno == errno.ELOOP
    assert listing(tmp_path) == ["a.yaml", "b.yaml"]


@posix_only
def test_devices_are_not_replaced(tmp_path):
    target = tmp_path / "pipe.yaml"
    os.mkfifo(target)
    with pytest.raises(OSError, match="no regular file"):
        Config().to_yaml(target)
    assert stat.S_ISFIFO(target.stat().st_mode)


@posix_only
def test_a_write_protected_file_is_not_replaced():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        target = Path(folder, "a.yaml")
        Config(1).to_yaml(target)
        target.chmod(0o444)
        for path in (folder, target):
            os.chown(path, *([65534, 65534] if os.geteuid() == 0 else [-1, -1]))
        code = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from test_yaml_files import Config
Config(2).to_yaml_string()  # imports all of it while this user still may
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Config(2).to_yaml({str(target)!r})
except PermissionError as error:
    print(error.strerror)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "The file is write-protected; allow writing or save elsewhere\n"
        assert Config.from_yaml(target) == Config(1)
        assert listing(Path(folder)) == ["a.yaml"]


def test_the_message_of_write_protection(tmp_path, monkeypatch):
    target = tmp_path / "a.yaml"
    Config(1).to_yaml(target)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="write-protected"):
        Config(2).to_yaml(target)
    assert listing(tmp_path) == ["a.yaml"]


FAILING_CALLS = ["write", "fsync", "replace", "fchmod", "close"]


@posix_only
@pytest.mark.parametrize("name", FAILING_CALLS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_no_failure_leaves_litter(tmp_path, monkeypatch, name, error):
    target = tmp_path / "a.yaml"
    Config(1).to_yaml(target)
    before = target.read_bytes()
    real_close = os.close

    def fail(*arguments):
        if name == "close":
            real_close(*arguments)
        raise error

    holder = _atomic if name == "replace" else os
    monkeypatch.setattr(holder, "_replace" if name == "replace" else name, fail)
    with pytest.raises(type(error)):
        Config(2).to_yaml(target)
    monkeypatch.undo()
    assert target.read_bytes() == before
    assert listing(tmp_path) == ["a.yaml"]


@posix_only
def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    Config("x" * 100).to_yaml(tmp_path / "a.yaml")
    assert Config.from_yaml(tmp_path / "a.yaml") == Config("x" * 100)


@posix_only
@pytest.mark.parametrize(("code", "passes"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_folders_that_cannot_be_synchronised(tmp_path, monkeypatch, code, passes):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if passes:
        Config(1).to_yaml(tmp_path / "a.yaml")
    else:
        with pytest.raises(OSError, match=os.strerror(code)):
            Config(1).to_yaml(tmp_path / "a.yaml")
    assert Config.from_yaml(tmp_path / "a.yaml") == Config(1)


@posix_only
def test_file_and_folder_are_synchronised_in_this_order(tmp_path, monkeypatch):
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(*paths):
        calls.append("replace")
        real_replace(*paths)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(_atomic, "_replace", replace)
    Config().to_yaml(tmp_path / "a.yaml")
    assert calls == ["file", "replace", "folder"]


def test_a_taken_temporary_name_is_not_touched(tmp_path, monkeypatch):
    numbers = iter([b"12345678", b"12345678", b"87654321"])
    monkeypatch.setattr(os, "urandom", lambda _: next(numbers))
    other = tmp_path / f".a.yaml.{b'12345678'.hex()}.tmp"
    other.write_text("of somebody else")
    Config().to_yaml(tmp_path / "a.yaml")
    assert other.read_text() == "of somebody else"
    assert listing(tmp_path) == [other.name, "a.yaml"]


def test_the_longest_name_that_the_system_allows(tmp_path):
    target = tmp_path / ("é" * 120 + ".yaml")
    Config().to_yaml(target)
    assert Config.from_yaml(target) == Config()


def test_threads_that_save_one_file_leave_one_of_their_documents(tmp_path):
    target = tmp_path / "a.yaml"
    threads = [threading.Thread(target=lambda n=n: counted(n).to_yaml(target)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = Counted.from_yaml(target)
    assert loaded == counted(loaded.number)
    assert listing(tmp_path) == ["a.yaml"]


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_keeps_the_old_file_and_leaves_no_litter(tmp_path):
    code = f"""
import os, subprocess, sys
sys.path[:0] = {sys.path!r}
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", {str(tmp_path)!r}], check=True)
from test_yaml_files import Config
Config(1).to_yaml({str(tmp_path / "a.yaml")!r})
try:
    Config("x" * 200_000).to_yaml({str(tmp_path / "a.yaml")!r})
except OSError as error:
    print(error.errno, os.listdir({str(tmp_path)!r}), Config.from_yaml({str(tmp_path / "a.yaml")!r}))
"""
    command = ["unshare", "-m", sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout == f"{errno.ENOSPC} ['a.yaml'] Config(value=1)\n", done.stderr


def kill_writers(tmp_path, kills, seed):
    """Kill writers at random moments while this process reads; give the number of reads that found a document."""
    choose = random.Random(seed)
    target = tmp_path / "a.yaml"
    counted(0).to_yaml(target)
    script = str(Path(__file__).with_name("yaml_writer.py"))
    reads = 0
    for kill in range(kills):
        writer = subprocess.Popen([sys.executable, script, str(target), str(kill * 1000)], stdout=subprocess.PIPE)
        with writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"started\n"
            for _ in range(choose.randrange(1, 12)):
                loaded = Counted.from_yaml(target)
                assert loaded == counted(loaded.number)
                reads += 1
            writer.kill()
        loaded = Counted.from_yaml(target)
        assert loaded == counted(loaded.number)
    leftovers = [name for name in listing(tmp_path) if name != "a.yaml"]
    assert all(name.startswith(".a.yaml.") and name.endswith(".tmp") for name in leftovers)
    assert len(leftovers) <= kills
    return reads


@pytest.mark.kill
def test_readers_see_whole_documents_while_writers_are_killed(tmp_path):
    assert kill_writers(tmp_path, kills=15, seed=1) >= 15


@pytest.mark.torture
@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_readers_see_whole_documents_while_a_thousand_writers_are_killed(tmp_path, capsys):
    seed = random.SystemRandom().randrange(2**32)
    with capsys.disabled():
        print(f"\nseed {seed}", end="")  # noqa: T201 - a failure has to be repeatable
    reads = kill_writers(tmp_path, kills=1000, seed=seed)
    with capsys.disabled():
        print(f": 1000 kills, {reads} reads, 0 torn")  # noqa: T201
