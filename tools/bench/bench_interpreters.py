"""Finding the Python interpreters of this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST: Final = (3, 11)
_NEWEST_MINOR_TRIED: Final = 20
# The base executable: an environment that uv made has no pip, the interpreter under it has.
_QUERY: Final = (
    "import json, sys; print(json.dumps([getattr(sys, '_base_executable', '') or sys.executable, "
    "list(sys.version_info[:3]), sys.implementation.name, sys.version_info.releaselevel]))"
)
_QUERY_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can make environments."""

    executable: Path
    version: tuple[int, int, int]

    @property
    def minor(self) -> str:
        """For example `3.12`."""
        return f"{self.version[0]}.{self.version[1]}"


def find_interpreters() -> list[Interpreter]:
    """All released CPythons from 3.11 on, one a minor version: that of the harness first, then newest first."""
    own = _query(Path(sys.executable))
    found: dict[str, Interpreter] = {own.minor: own} if own else {}
    others = sorted(
        filter(None, map(_query, dict.fromkeys(_candidates()))), key=lambda other: other.version, reverse=True
    )
    for interpreter in others:
        if interpreter.version >= OLDEST:
            found.setdefault(interpreter.minor, interpreter)
    return list(found.values())


def _candidates() -> Iterator[Path]:
    """Executables that may be interpreters: of the search path, of version managers, of the Windows launcher."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], _NEWEST_MINOR_TRIED)]
    for name in (*names, "python3", "python"):
        if executable := shutil.which(name):
            yield Path(executable)
    yield from _version_manager_interpreters()
    if sys.platform == "win32" and shutil.which("py"):
        listing = subprocess.run(["py", "-0p"], capture_output=True, text=True, check=False)
        yield from (
            Path(line.split(maxsplit=1)[1].lstrip("* ")) for line in listing.stdout.splitlines() if "\\" in line
        )


def _version_manager_interpreters() -> Iterator[Path]:
    """Interpreters in the folders of pyenv (also pyenv-win) and uv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for folder in (pyenv / "versions", pyenv / "pyenv-win" / "versions", uv):
        for pattern in ("*/bin/python3", "*/python.exe"):
            yield from sorted(folder.glob(pattern))


def _query(executable: Path) -> Interpreter | None:
    """Asks an executable what it is; None for what is no released CPython (such as the shim of an inactive version)."""
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-c", _QUERY],
            capture_output=True,
            text=True,
            timeout=_QUERY_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        base, version, implementation, level = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if implementation != "cpython" or level != "final":
        return None
    return Interpreter(Path(base), (version[0], version[1], version[2]))
