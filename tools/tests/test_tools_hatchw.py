"""The bootstrap: pip's settings reach uv, an old interpreter gets a sentence, an interrupted install is never used."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOOLS))

import hatch_bootstrap  # noqa: E402  (tools/ is not a package)


def old_interpreters():
    """Interpreters below 3.11 that the version manager has."""
    return sorted(hatch_bootstrap.version_manager().glob("[23].*/bin/python"))


def is_old(python):
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info < (3, 11))"], capture_output=True, text=True, check=False
    )
    return version.stdout.strip() == "True"


def test_an_old_interpreter_gets_a_sentence():
    pythons = [python for python in old_interpreters() if is_old(python)]
    if not pythons:
        pytest.skip("no interpreter below 3.11 found under the version manager's folder")
    for python in pythons:
        done = subprocess.run([python, TOOLS / "hatchw.py", "run", "test"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "needs Python 3.11 or newer" in done.stderr
        assert done.stderr.count("\n") == 1


def test_settings_of_pip_become_those_of_uv():
    pip = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "https://a.example https://b.example",
        "find-links": "/wheels /more",
        "cert": "/ca.pem",
        "proxy": "http://proxy.example:3128",
    }
    assert hatch_bootstrap.uv_settings(pip, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/ca.pem",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }


def test_without_settings_uv_is_left_alone():
    assert hatch_bootstrap.uv_settings({}, {}) == {}


def test_a_variable_that_the_user_set_stays():
    pip = {"cert": "/of_pip.pem", "index-url": "https://of-pip.example"}
    assert hatch_bootstrap.uv_settings(pip, {"SSL_CERT_FILE": "/own.pem"}) == {
        "UV_DEFAULT_INDEX": "https://of-pip.example"
    }


def test_settings_of_pip_are_read_as_pip_lists_them(monkeypatch):
    listing = "global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'\n:env:.cert='/ca.pem'\nnot a setting\n"
    answer = subprocess.CompletedProcess([], 0, stdout=listing, stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert hatch_bootstrap.pip_settings() == {
        "extra-index-url": "https://a.example https://b.example",
        "cert": "/ca.pem",
    }


def test_a_failed_install_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(hatch_bootstrap, "PRIVATE", tmp_path / "private")
    monkeypatch.setattr(hatch_bootstrap, "HATCH", "no-such-distribution-ataraxis==0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(hatch_bootstrap.BootstrapError, match="pip could not install hatch"):
        hatch_bootstrap.hatch_python()
    assert list((tmp_path / "private").iterdir()) == []
