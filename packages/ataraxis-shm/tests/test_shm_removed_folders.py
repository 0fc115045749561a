"""A folder that is removed while it is made: by a session that ends, between any two steps."""

import errno

import pytest

from ataraxis_shm import _system
from ataraxis_shm._system import FOLDER_SWITCH, ensure_private_folder


@pytest.fixture
def removed(monkeypatch):
    """Has folders removed, so many times, between the moment that they are found to exist and the look at them."""
    is_private = _system.is_private_folder

    def start(times):
        left = [times]

        def look(folder):
            if left[0]:
                left[0] -= 1
                folder.rmdir()
            return is_private(folder)

        monkeypatch.setattr(_system, "is_private_folder", look)

    return start


def test_a_folder_that_is_removed_before_it_is_looked_at_is_made_again(tmp_path, removed):
    folder = ensure_private_folder(tmp_path / "a")
    removed(1)
    assert ensure_private_folder(folder) == folder
    assert folder.is_dir()


def test_a_folder_above_that_is_removed_before_it_is_looked_at_is_made_again(tmp_path, removed, monkeypatch):
    """The parent was missing, and another process makes it, and removes it again, meanwhile."""
    parent, mkdir = tmp_path / "a", type(tmp_path).mkdir

    def overtaken(path, mode=0o777):
        if path == parent:
            monkeypatch.undo()
            removed(1)
            mkdir(parent)
        mkdir(path, mode)

    monkeypatch.setattr(type(tmp_path), "mkdir", overtaken)
    folder = ensure_private_folder(parent / "b")
    assert folder.is_dir()


def test_a_folder_that_is_always_removed_is_given_up(tmp_path, removed, monkeypatch):
    mkdir, made = type(tmp_path).mkdir, []

    def overtaken(path, mode=0o777):
        made.append(path)
        mkdir(path)
        mkdir(path, mode)

    removed(1000)
    monkeypatch.setattr(type(tmp_path), "mkdir", overtaken)
    with pytest.raises(FileNotFoundError, match=f"(?s)removed 20 times.*{FOLDER_SWITCH}") as caught:
        ensure_private_folder(tmp_path / "a")
    assert caught.value.errno == errno.ENOENT
    assert len(made) == 20
