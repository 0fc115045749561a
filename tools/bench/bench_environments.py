"""Environments of the peers: a venv for each set of requirements, made on demand and kept in an ignored folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from bench_interpreters import Interpreter, find_interpreters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench_model import Peer

_MARKER: Final = "bench-environment.json"
_PIP_WITH_PYTHON_OPTION: Final = (22, 3)
_REASON_LENGTH: Final = 200
_VERSION_QUERY: Final = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


class EnvironmentUnavailableError(Exception):
    """No environment with these requirements could be made; the message says why."""


class _NoTimeError(EnvironmentUnavailableError):
    """The time for making environments is over, which says nothing about the environment."""

    def __init__(self) -> None:
        super().__init__("no time was left to make its environment (`--prepare` makes all of them beforehand)")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is ready: its interpreter and what it was made for."""

    python: str
    version: str
    python_version: str
    requires: tuple[str, ...]


def executable_in(environment: Path) -> Path:
    """The interpreter of a venv."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


class PeerEnvironments:
    """Makes and finds the environments of peers below one folder.

    An environment counts as made when the file that describes it is there, which is written last: one whose making was
    interrupted is removed and made again. What cannot be made is remembered for this run.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], *, refresh: bool = False) -> None:
        """Takes the folder, a function for progress, and whether to make all environments anew."""
        self._folder = folder
        self._say = say
        self._refresh = refresh
        self._known: dict[Peer, Environment | EnvironmentUnavailableError] = {}
        self.deadline = float("inf")

    @cached_property
    def _interpreters(self) -> list[Interpreter]:
        return find_interpreters()

    def get(self, peer: Peer) -> Environment:
        """The environment of a peer, made now if need be.

        Raises:
            EnvironmentUnavailableError: no interpreter found can have the peer, or the time to make it is over.
        """
        key = environment_of(peer)
        if key not in self._known:
            try:
                self._known[key] = self._find(peer) or self._make(peer)
            except _NoTimeError:
                raise
            except EnvironmentUnavailableError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, EnvironmentUnavailableError):
            raise known
        return known

    def _path(self, peer: Peer) -> Path:
        slug = re.sub(r"[^a-z0-9.]+", "-", peer.requires[0].lower()).strip("-")
        key = json.dumps([peer.requires, peer.newest, peer.otherwise])
        return self._folder / "peers" / f"{slug}-{crc32(key.encode()):08x}"

    def _find(self, peer: Peer) -> Environment | None:
        """The environment that an earlier run made, if it still works."""
        path = self._path(peer)
        if self._refresh:
            return None
        try:
            facts = json.loads((path / _MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        environment = Environment(
            str(executable_in(path)), facts["version"], facts["python_version"], tuple(facts["requires"])
        )
        return environment if _is_runnable(environment.python) else None

    def _make(self, peer: Peer) -> Environment:
        """Tries interpreters, and then the fallback, until an installation succeeds."""
        reason = "no interpreter found"
        for requires in filter(None, (peer.requires, peer.otherwise)):
            for interpreter in self._order(requires, newest=peer.newest):
                self._say(f"making an environment for {' '.join(requires)} on Python {interpreter.minor}")
                try:
                    return self._install(self._path(peer), interpreter, requires)
                except subprocess.TimeoutExpired:
                    raise _NoTimeError from None
                except (OSError, subprocess.CalledProcessError) as error:
                    reason = _reason(error)
        raise EnvironmentUnavailableError(f"cannot be had: {reason}")

    def _install(self, path: Path, interpreter: Interpreter, requires: tuple[str, ...]) -> Environment:
        """Makes one environment and its marker."""
        if path.exists():
            shutil.rmtree(path)
        try:
            self._run([str(interpreter.executable), "-m", "venv", "--without-pip", str(path)])
            python = str(executable_in(path))
            pip = self._pip_for(interpreter, python)
            self._run([*pip, "install", "--disable-pip-version-check", "--no-input", "--quiet", *requires])
            name = re.split(r"[\[<>=!~; ]", requires[0], maxsplit=1)[0]
            version = self._run([python, "-I", "-c", _VERSION_QUERY, name]).strip()
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        environment = Environment(python, version, ".".join(map(str, interpreter.version)), requires)
        facts = {name: value for name, value in asdict(environment).items() if name != "python"}
        (path / _MARKER).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return environment

    def _pip_for(self, interpreter: Interpreter, python: str) -> list[str]:
        """A pip that installs into the environment of `python`.

        That of the interpreter is there at once, where it knows `--python` (22.3 and later); else the environment gets
        one of its own, which takes longer than most installations.
        """
        base = [str(interpreter.executable), "-m", "pip"]
        try:
            version = self._run([*base, "--version"])
        except subprocess.CalledProcessError:
            version = ""
        if tuple(map(int, re.findall(r"\d+", version)[:2])) >= _PIP_WITH_PYTHON_OPTION:
            return [*base, "--python", python]
        self._run([python, "-m", "ensurepip", "--default-pip"])
        return [python, "-m", "pip"]

    def _run(self, command: list[str]) -> str:
        """Runs a command to its end or to the deadline and gives what it printed."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise _NoTimeError
        return subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=_clean_variables(),
            timeout=None if remaining == float("inf") else remaining,
        ).stdout

    def _order(self, requires: tuple[str, ...], *, newest: bool) -> list[Interpreter]:
        """The interpreters to try: for `newest`, those that can have the newest version come first."""
        if not newest:
            return self._interpreters
        versions = {interpreter: self._newest_version(interpreter, requires[0]) for interpreter in self._interpreters}
        able = [interpreter for interpreter, version in versions.items() if version]
        # The sort is stable: among equals the order of find_interpreters() stands, the harness's own first.
        return sorted(able, key=lambda interpreter: versions[interpreter], reverse=True) or self._interpreters

    def _newest_version(self, interpreter: Interpreter, requirement: str) -> tuple[int, ...]:
        """The version that pip would choose for an interpreter, empty when there is none."""
        command = [str(interpreter.executable), "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed"]
        command += ["--disable-pip-version-check", "--no-input", "--quiet", "--report", "-", requirement]
        try:
            report: dict[str, Any] = json.loads(self._run(command))
            version: str = report["install"][0]["metadata"]["version"]
        except (OSError, ValueError, LookupError, subprocess.SubprocessError):
            return ()
        return tuple(int(number) for number in re.findall(r"\d+", version))


def environment_of(peer: Peer) -> Peer:
    """The peer without what does not matter for its environment: peers that are equal then share one."""
    return type(peer)("", "", peer.requires, peer.newest, peer.otherwise)


def _is_runnable(python: str) -> bool:
    """Whether the interpreter of an environment still works (the one it was made from may be gone)."""
    try:
        return subprocess.run([python, "-I", "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _clean_variables() -> dict[str, str]:
    """The environment variables without those that would lead pip out of the environment it is to fill."""
    misleading = {
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "__PYVENV_LAUNCHER__",
        "PIP_TARGET",
        "PIP_USER",
        "PIP_PREFIX",
    }
    return {name: value for name, value in os.environ.items() if name not in misleading}


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    """The last line of what a command had to say, without addresses or paths, in bounded length."""
    text = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line for line in (text or str(error)).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return re.sub(r"(\w+://|/)\S+", "…", (errors or lines or ["unknown"])[-1])[:_REASON_LENGTH]
