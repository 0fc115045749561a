"""What hatchw.py does once the interpreter is new enough: a private hatch, environments inside the clone, then hatch.

Everything is kept in `.hatch/` (ignored by git); beside it only the caches of pip and uv are written. hatch drives uv,
and uv reads none of pip's configuration: a machine that reaches its packages through a mirror, a proxy or a private
certificate has said so to pip, therefore `uv_settings` translates.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HATCH = "hatch==1.18.2"
UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".hatch"
SUPPORTED_MINORS = range(11, 20)
IS_WINDOWS = sys.platform == "win32"


def main(arguments: list[str]) -> int:
    """Bootstrap when needed and hand `arguments` to hatch, run from the root of the clone.

    Returns:
        hatch's exit status.
    """
    try:
        python = hatch_python()
    except BootstrapError as error:
        print(f"hatchw: {error}", file=sys.stderr)
        return 1
    command = [str(python), "-m", "hatch", *arguments]
    return subprocess.run(command, cwd=ROOT, env=hatch_environment(python), check=False).returncode


class BootstrapError(RuntimeError):
    """hatch could not be installed; the message says what to do."""


def hatch_python() -> Path:
    """The interpreter of the private environment that holds hatch; made on the first call of a clone."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = PRIVATE / f"bootstrap-{version}-{HATCH.partition('==')[2]}-{UV.partition('==')[2]}"
    if not home.exists():
        install_hatch(home)
    return interpreter_of(home)


def install_hatch(home: Path) -> None:
    """Build the private environment beside `home` and rename it, so that an interrupted install is never used."""
    print(f"hatchw: first run in this clone, downloading {HATCH} and {UV} into .hatch/ (about 35 MB)", file=sys.stderr)
    PRIVATE.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bootstrap-", dir=PRIVATE))
    try:
        # Without ensurepip: several Linux distributions split it off, and the pip at hand can install elsewhere.
        venv.create(scratch, with_pip=False, symlinks=not IS_WINDOWS)
        install = ["-m", "pip", "--python", str(interpreter_of(scratch)), "install", "--disable-pip-version-check"]
        finished = subprocess.run([sys.executable, *install, HATCH, UV], cwd=ROOT, check=False)
        if finished.returncode:
            raise BootstrapError(
                "pip could not install hatch (its message is above). This needs pip 22.3 or newer for "
                f"{sys.executable} and a package index that pip can reach."
            )
        try:
            scratch.rename(home)
        except OSError:
            if not home.exists():  # otherwise another hatchw of this clone was first, which is as good
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def hatch_environment(python: Path) -> dict[str, str]:
    """The environment variables for hatch and what it starts: inside the clone, and on the way that pip takes."""
    configuration = PRIVATE / "config.toml"
    configuration.touch()  # hatch writes to the user's home folder when its file is missing
    environment = {**os.environ, **uv_settings(pip_settings(), os.environ)}
    environment.update(
        HATCH_DATA_DIR=str(PRIVATE / "data"),
        HATCH_CACHE_DIR=str(PRIVATE / "cache"),
        HATCH_CONFIG=str(configuration),
        HATCH_ENV_TYPE_VIRTUAL_UV_PATH=str(python.with_name("uv.exe" if IS_WINDOWS else "uv")),
        UV_PYTHON_DOWNLOADS="never",
        # Relative to the root, where hatch runs uv: uv splits the variable at blanks, and a clone's path may have some.
        UV_CONSTRAINT="tools/constraints.txt",
        PATH=os.pathsep.join([str(link_interpreters()), os.environ.get("PATH", os.defpath)]),
    )
    # One more worker than processors: a good part of the tests waits for processes that it has started.
    environment.setdefault("PYTEST_XDIST_AUTO_NUM_WORKERS", str((os.cpu_count() or 1) + 1))
    return environment


def pip_settings() -> dict[str, str]:
    """What `pip config list` knows: configuration files and environment variables, later ones winning."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    settings = {}
    for line in listing.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            # pip prints a Python literal; a list of values is one string with line ends.
            settings[key.rpartition(".")[2]] = " ".join(ast.literal_eval(value).split())
    return settings


def uv_settings(pip: dict[str, str], present: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Translate pip's settings to uv's variables; a variable that is set already is the user's and stays."""
    wanted = {
        "UV_DEFAULT_INDEX": pip.get("index-url"),
        "UV_INDEX": pip.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_INSECURE_HOST": pip.get("trusted-host"),
        "SSL_CERT_FILE": pip.get("cert"),
        "HTTP_PROXY": pip.get("proxy"),
        "HTTPS_PROXY": pip.get("proxy"),
    }
    if wanted["UV_INDEX"]:
        # pip takes the best version of all indexes; uv, unless told so, the first index that knows the name.
        wanted["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in wanted.items() if value and name not in present}


def link_interpreters() -> Path:
    """A folder of links `python3.12` … to the interpreters of the version manager, for the matrix.

    A version manager's own shims stand in the PATH for every version it has, also for those not activated, and those
    fail when started; the links lead past them.
    """
    folder = PRIVATE / "interpreters"
    folder.mkdir(parents=True, exist_ok=True)
    for minor in SUPPORTED_MINORS:
        name = f"python3.{minor}"
        newest = max(version_manager().glob(f"3.{minor}.*/bin/{name}"), key=os.path.getmtime, default=None)
        link = folder / name
        if newest and not IS_WINDOWS and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(newest)
    return folder


def version_manager() -> Path:
    """Where pyenv keeps its interpreters (a folder that need not exist)."""
    return Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser()) / "versions"


def interpreter_of(home: Path) -> Path:
    """The interpreter of the virtual environment at `home`."""
    return home / ("Scripts/python.exe" if IS_WINDOWS else "bin/python")
