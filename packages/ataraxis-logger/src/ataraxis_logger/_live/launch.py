"""Starting keeper, writers and helpers: small interpreters that import neither NumPy nor what the user's program does.

Not `multiprocessing`: its children import the user's main module, end with it, and hold its locks.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import ataraxis_logger
import ataraxis_shm
from ataraxis_logger._errors import LoggerStateError

KEEPER: Final = "keeper"
WRITER: Final = "writer"
HELPER: Final = "helper"
_START_TIMEOUT_S: Final = 60.0
_SHOWN: Final = 2000


def command(role: str, *arguments: str | Path) -> list[str]:
    """Returns the command line that runs the `main` of one of this package's modules in an interpreter of its own.

    Raises:
        LoggerStateError: This is an interpreter inside another program, there is no file to start.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise LoggerStateError(
            "Unable to start the writers: there is no interpreter to start, this one is inside a program (frozen or "
            "embedded). Set sys.executable to a Python interpreter, and sys.frozen to False."
        )
    places = [_place(ataraxis_shm), _place(ataraxis_logger)]
    # Isolated (-I), so that no module in the working directory stands in for one of the standard library. The two
    # packages come from where this process has them, and from nowhere else; the rest of the path is left as it is.
    code = (
        f"import sys; sys.path[:0] = {places!r}; import ataraxis_shm, ataraxis_logger; del sys.path[:{len(places)}]; "
        f"from ataraxis_logger._live.{role} import main; main(sys.argv[1:])"
    )
    return [sys.executable, "-I", "-c", code, *map(str, arguments)]


def start_keeper(states: tuple[Path, ...]) -> None:
    """Starts a keeper and returns when it is at work, or when another one is already.

    Args:
        states: The state folders of the log; the first one has the session page.

    Raises:
        LoggerStateError: It could not be started; the message ends with what it said.
    """
    import subprocess  # noqa: PLC0415  # importing the package costs less without it

    flags = 0
    if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        done = subprocess.run(  # noqa: S603  # our own command
            command(KEEPER, *states),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=states[0].anchor,
            creationflags=flags,
            timeout=_START_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoggerStateError(f"Unable to start the keeper of the log: {error}") from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()[-_SHOWN:]
        raise LoggerStateError(f"Unable to start the keeper of the log (exit status {done.returncode}): {said}")


def _place(package: ModuleType) -> str:
    return str(Path(package.__path__[0]).resolve().parent)
