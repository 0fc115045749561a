"""Prove that each distribution can be published: build, metadata, and every wheel alone in a clean environment.

    python tools/check_dist.py [--only NAME] [--output FOLDER] [--skip-tests] [--libraries-of-3x]

For each package: sdist, wheel built from that sdist, strict metadata check, then a new environment with this wheel and
what it declares and nothing else; there it is imported, a small typed script is checked against it, its own tests run
(without the kill tests, which `test` runs) and the code blocks of its README. With `--libraries-of-3x`, a rig made of
published libraries that require the 3.x line runs on the umbrella's wheel as well; they bring a hundred megabytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "tools" / "constraints.txt"
USER_SCRIPTS = ROOT / "tools" / "user_scripts"
ORDER = ("ataraxis-nested", "ataraxis-yamlconfig", "ataraxis-shm", "ataraxis-logger", "ataraxis-data-structures")
UMBRELLA = ORDER[-1]
SEED_EXAMPLES = ROOT.parent / "shared" / "seed_examples.py"  # present where the project is developed
LIBRARIES_OF_3X = ("ataraxis-video-system==1.1.0", "ataraxis-communication-interface==3.2.1")
TEST_TOOLS = ("hypothesis", "pytest", "pytest-timeout", "pytest-xdist")


class DistError(RuntimeError):
    """A distribution is not fit to be published; the message says which and why."""


@dataclass(frozen=True)
class Distribution:
    """One package of the monorepo and the folder its artefacts go to."""

    name: str
    output: Path

    @property
    def source(self) -> Path:
        """Its folder in the clone."""
        return ROOT / "packages" / self.name

    @property
    def import_name(self) -> str:
        """What users import."""
        return self.name.replace("-", "_")

    @cached_property
    def wheel(self) -> Path:
        """The built wheel."""
        return next(self.output.glob(f"{self.import_name}-*.whl"))

    @cached_property
    def test_requirements(self) -> list[str]:
        """What its tests import beside the package and the shared test tools."""
        content = tomllib.loads((self.source / "pyproject.toml").read_text(encoding="utf-8"))
        return [*TEST_TOOLS, *content.get("dependency-groups", {}).get("test", [])]


class Environment:
    """A virtual environment that knows the built wheels of all siblings, and no other source for them."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)])
        self._siblings = folder / "siblings.txt"
        lines = [f"{wheel.name.split('-')[0].replace('_', '-')} @ {wheel.as_uri()}" for wheel in wheels]
        self._siblings.write_text("\n".join(lines), encoding="utf-8")

    def install(self, *requirements: str) -> None:
        """Install by name; siblings come from their wheels, the rest at the pinned versions."""
        constraints = ["--constraint", str(self._siblings), "--constraint", str(CONSTRAINTS)]
        run(["uv", "pip", "install", "--quiet", "--python", str(self.python), *constraints, *requirements])

    def install_others(self, *requirements: str) -> None:
        """Install libraries that are not ours, beside our wheels, at the versions that they ask for."""
        siblings = ["--constraint", str(self._siblings)]
        run(["uv", "pip", "install", "--quiet", "--python", str(self.python), *siblings, *requirements])

    def installed(self) -> set[str]:
        """Canonical names of what is installed."""
        listing = run(["uv", "pip", "list", "--quiet", "--format", "json", "--python", str(self.python)])
        return {canonicalize_name(entry["name"]) for entry in json.loads(listing)}

    def closure(self, name: str) -> set[str]:
        """The distributions that `name` declares, followed through their installed metadata, itself included."""
        found: set[str] = set()
        waiting = [(name, "")]
        seen = set()
        while waiting:
            current, extra = waiting.pop()
            if (current, extra) in seen:
                continue
            seen.add((current, extra))
            found.add(current)
            for line in self._requires(current):
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                    dependency = canonicalize_name(requirement.name)
                    waiting += [(dependency, wanted) for wanted in ("", *requirement.extras)]
        return found

    def _requires(self, name: str) -> list[str]:
        code = f"import importlib.metadata as m, json; print(json.dumps(m.requires({name!r}) or []))"
        requirements: list[str] = json.loads(run([str(self.python), "-c", code]))
        return requirements


def run(command: list[str], *, cwd: Path = ROOT, show: bool = False) -> str:
    """Run `command`; its output is shown when it fails, or while it runs with `show`."""
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    pipe = None if show else subprocess.PIPE
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True, check=False)
    if done.returncode:
        said = "" if show else f"\n{done.stdout}{done.stderr}"
        raise DistError(f"{' '.join(command)} ended with status {done.returncode}{said}")
    return done.stdout or ""


def build(distribution: Distribution) -> None:
    """The sdist, and the wheel from that sdist: what is not in the sdist cannot be in the wheel."""
    run(["python", "-m", "build", "--installer", "uv", "--outdir", str(distribution.output), str(distribution.source)])


def check_wheel(distribution: Distribution) -> None:
    """Pure Python, typed, licensed, and its metadata complete."""
    if not distribution.wheel.name.endswith("-py3-none-any.whl"):
        raise DistError(f"{distribution.wheel.name} is not a pure Python wheel (py3-none-any)")
    with zipfile.ZipFile(distribution.wheel) as archive:
        names = archive.namelist()
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(metadata_name).decode())
    if f"{distribution.import_name}/py.typed" not in names:
        raise DistError(f"{distribution.wheel.name} has no py.typed, so type checkers would ignore its annotations")
    if not any(name.endswith("/LICENSE") for name in names):
        raise DistError(f"{distribution.wheel.name} carries no LICENSE")
    foreign = {name.split("/")[0] for name in names} - {distribution.import_name, metadata_name.split("/")[0]}
    if foreign:
        raise DistError(f"{distribution.wheel.name} installs more than its package: {sorted(foreign)}")
    expected = {"License-Expression": "GPL-3.0-or-later", "Requires-Python": ">=3.11"}
    for field, value in expected.items():
        if metadata[field] != value:
            raise DistError(f"{distribution.wheel.name}: {field} is {metadata[field]!r}, expected {value!r}")


def check_alone(distribution: Distribution, wheels: list[Path], *, with_tests: bool) -> None:
    """Install the wheel alone and use it there as a user would."""
    with tempfile.TemporaryDirectory(prefix=f"{distribution.name}-", ignore_cleanup_errors=True) as folder:
        environment = Environment(Path(folder) / "venv", wheels)
        environment.install(distribution.name)
        installed, declared = environment.installed(), environment.closure(distribution.name)
        if installed != declared:
            raise DistError(f"{distribution.name} brings {sorted(installed)}, but declares {sorted(declared)}")
        print(f"   installs {', '.join(sorted(installed))}", flush=True)
        python = str(environment.python)
        run(
            [python, "-W", "error", "-c", f"import {distribution.import_name} as p; assert p.__version__"],
            cwd=Path(folder),
        )
        script = shutil.copy(USER_SCRIPTS / f"use_{distribution.import_name}.py", folder)
        mypy = ["mypy", "--strict", "--python-executable", python, "--cache-dir", str(Path(folder) / "cache")]
        run([*mypy, script], cwd=Path(folder))
        run([python, "-W", "error", script], cwd=Path(folder))
        if with_tests:
            run_tests(distribution, environment, Path(folder))
        if distribution.name == UMBRELLA and SEED_EXAMPLES.exists():
            run([sys.executable, str(SEED_EXAMPLES), python], cwd=Path(folder), show=True)


def run_tests(distribution: Distribution, environment: Environment, folder: Path) -> None:
    """Its own tests, copied out of the clone so that only the installed wheel can be imported, and its README."""
    environment.install(*distribution.test_requirements)
    tests = shutil.copytree(distribution.source / "tests", folder / "tests")
    marks = "not torture and not kill"
    pytest = [
        str(environment.python),
        "-m",
        "pytest",
        "-q",
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(folder),
    ]
    run([*pytest, "-n", "auto", "-m", marks, "-p", "no:cacheprovider", str(tests)], cwd=folder, show=True)
    blocks = [sys.executable, str(ROOT / "tools" / "code_blocks.py"), "--python", str(environment.python)]
    print(run([*blocks, str(distribution.source / "README.md")]).splitlines()[-1], flush=True)


def check_libraries_of_3x(wheels: list[Path]) -> None:
    """Run a rig made of libraries that were written for the 3.x line."""
    with tempfile.TemporaryDirectory(prefix="rig-of-3x-", ignore_cleanup_errors=True) as folder:
        environment = Environment(Path(folder) / "venv", wheels)
        environment.install_others(*LIBRARIES_OF_3X)
        run([str(environment.python), str(USER_SCRIPTS / "rig_of_3x.py")], cwd=Path(folder), show=True)


def main() -> int:
    """Build and check every distribution, or one of them."""
    parser = argparse.ArgumentParser(description="build every wheel and check each one alone")
    parser.add_argument("--only", choices=ORDER, help="check only this one (all are built)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="where the artefacts go")
    parser.add_argument("--skip-tests", action="store_true", help="do not run the packages' own tests")
    parser.add_argument("--libraries-of-3x", action="store_true", help="run published libraries on the umbrella")
    options = parser.parse_args()
    shutil.rmtree(options.output, ignore_errors=True)
    distributions = [Distribution(name, options.output.resolve()) for name in ORDER]
    try:
        for distribution in distributions:
            print(f"── build {distribution.name}", flush=True)
            build(distribution)
        run(["twine", "check", "--strict", *map(str, options.output.iterdir())])
        wheels = [distribution.wheel for distribution in distributions]
        for distribution in distributions:
            check_wheel(distribution)
            if options.only in (None, distribution.name):
                print(f"── {distribution.wheel.name} alone", flush=True)
                check_alone(distribution, wheels, with_tests=not options.skip_tests)
        if options.libraries_of_3x:
            print("── libraries that require the 3.x line", flush=True)
            check_libraries_of_3x(wheels)
    except DistError as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    print(f"dist: {len(distributions)} distributions built and checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
