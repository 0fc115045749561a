"""Release one package of the monorepo: version, changelog, proof, commit, tag.

    python3 tools/hatchw.py run release PACKAGE {major,minor,patch,current} [--dry-run]

`major`, `minor` and `patch` bump the version by semantic versioning; `current` releases the version that stands in
`_version.py`, which is how a package gets its first release. Publishing is not done here: the tag
`<distribution>-v<version>`, once pushed, starts the workflow that does it (.github/workflows/publish.yml).

Anything in the way is said in one line and ends with status 2. A release that fails half-way, in `dist` for instance,
puts every file back.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CITATION = ROOT / "CITATION.cff"
UMBRELLA = "ataraxis-data-structures"
NAMES = sorted(file.parent.name for file in ROOT.glob("packages/*/pyproject.toml"))
LEVELS = ("major", "minor", "patch", "current")
VERSION_LINE = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)


class ReleaseError(RuntimeError):
    """The release cannot be made; the message says why and what to do, in one line."""


@dataclass(frozen=True)
class Package:
    """One distribution of the monorepo."""

    name: str

    @property
    def folder(self) -> Path:
        """Its folder in the clone."""
        return ROOT / "packages" / self.name

    @property
    def version_file(self) -> Path:
        """The one file that states its version."""
        return self.folder / "src" / self.name.replace("-", "_") / "_version.py"

    @cached_property
    def version(self) -> Version:
        """The version in the clone."""
        found = VERSION_LINE.search(self.version_file.read_text(encoding="utf-8"))
        if found is None:
            raise ReleaseError(f'{shown(self.version_file)} has no line `__version__ = "..."`')
        try:
            return Version(found["version"])
        except InvalidVersion:
            raise ReleaseError(f"{shown(self.version_file)} states {found['version']!r}, not a version") from None

    @cached_property
    def sibling_ranges(self) -> dict[str, Requirement]:
        """What it requires of the other packages of the monorepo."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        requirements = map(Requirement, project["dependencies"])
        return {one.name: one for one in requirements if one.name in NAMES}

    @property
    def fragments(self) -> list[Path]:
        """The changes since its last release, one file each."""
        return sorted((self.folder / "changelog.d").glob("*.md"))


@dataclass(frozen=True)
class Release:
    """One package at its next version."""

    package: Package
    version: Version

    @property
    def tag(self) -> str:
        """The git tag; its prefix selects what the publishing workflow uploads."""
        return f"{self.package.name}-v{self.version}"

    @property
    def changed_files(self) -> list[Path]:
        """What the release writes, the fragments (which it removes) left out."""
        files = [self.package.version_file, self.package.folder / "CHANGELOG.md"]
        return [*files, CITATION] if self.package.name == UMBRELLA else files

    def towncrier(self, *options: str) -> str:
        """Run towncrier over the fragments of this package."""
        place = ["--config", str(ROOT / "pyproject.toml"), "--dir", str(self.package.folder)]
        title = ["--name", self.package.name, "--version", str(self.version)]
        return run([sys.executable, "-m", "towncrier", "build", *place, *title, *options])

    @property
    def dist_command(self) -> list[str]:
        """The proof that this package can be published."""
        return [sys.executable, str(ROOT / "tools" / "check_dist.py"), "--only", self.package.name]


def shown(path: Path) -> str:
    """`path` as seen from the root of the clone."""
    return path.relative_to(ROOT).as_posix()


def run(command: list[str], *, show: bool = False) -> str:
    """Run `command` in the clone and return what it printed, or (`show`) let it print."""
    pipe = None if show else subprocess.PIPE
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        raise ReleaseError(f"{command[0]} is needed and was not found in the PATH") from None
    if done.returncode:
        said = (done.stderr or done.stdout or "its output is above").strip().splitlines()
        raise ReleaseError(f"`{' '.join(command)}` ended with status {done.returncode}: {said[-1]}")
    return done.stdout or ""


def bumped(version: Version, level: str) -> Version:
    """`version` after a release of `level`."""
    parts = {
        "major": (version.major + 1, 0, 0),
        "minor": (version.major, version.minor + 1, 0),
        "patch": (version.major, version.minor, version.micro + 1),
    }
    return Version(".".join(map(str, parts[level]))) if level in parts else version


def plan(name: str, level: str) -> Release:
    """The release of `level`, after checking everything that can be checked without changing a file."""
    package = Package(name)
    release = Release(package, bumped(package.version, level))
    for obstacle in (*obstacles_in_git(release), *range_conflicts(release)):
        raise ReleaseError(obstacle)
    if not package.fragments:
        raise ReleaseError(
            f"nothing to release: {shown(package.folder)}/changelog.d holds no fragment; "
            "add one that says what changed for users (docs/contributing.md shows how)"
        )
    return release


def obstacles_in_git(release: Release) -> Iterator[str]:
    """What git knows that forbids the release, each in a sentence."""
    changed = run(["git", "status", "--porcelain"]).splitlines()
    if changed:
        yield f"the clone has {len(changed)} uncommitted change(s), {changed[0][3:]} first; commit or stash them"
    tags = run(["git", "tag", "--list", f"{release.package.name}-v[0-9]*"]).split()
    newest = max((Version(tag.rpartition("-v")[2]) for tag in tags), default=None)
    if newest is not None and release.version <= newest:
        yield f"{release.package.name} {newest} is released already, {release.version} would not follow it"


def range_conflicts(release: Release) -> Iterator[str]:
    """Ranges between the packages that the release would break, each in a sentence."""
    for name, wanted in release.package.sibling_ranges.items():
        present = Package(name).version
        if present not in wanted.specifier:
            yield f"{release.package.name} requires {wanted}, but this clone has {name} {present}; mend the range"
    for name in NAMES:
        wanted_here = Package(name).sibling_ranges.get(release.package.name)
        if wanted_here and release.version not in wanted_here.specifier:
            yield f"{name} requires {wanted_here}, which shuts out {release.version}; widen its range first"


def describe(release: Release) -> None:
    """Print all that the release does, with the new part of the changelog as it will read."""
    old, new = release.package.version, release.version
    print(f"{release.package.name}: {old} -> {new}" if old != new else f"{release.package.name}: {new} as it stands")
    for name in NAMES:
        wanted = Package(name).sibling_ranges.get(release.package.name)
        if wanted:
            print(f"  {name} requires {wanted}: holds")
    for wanted in release.package.sibling_ranges.values():
        print(f"  requires {wanted}: holds for {Package(wanted.name).version} of this clone")
    for path in release.changed_files:
        print(f"  writes  {shown(path)}")
    for path in release.package.fragments:
        print(f"  removes {shown(path)}")
    print("  runs    python tools/check_dist.py --only " + release.package.name)
    print(f"  commits, and tags the commit {release.tag}\n")
    print(release.towncrier("--draft").strip())


def carry_out(release: Release) -> None:
    """Write, prove, commit and tag; on any failure every file is as before."""
    try:
        write_version(release)
        release.towncrier("--yes")
        run(release.dist_command, show=True)
        run(["git", "add", "--all", "--", shown(release.package.folder), *map(shown, release.changed_files)])
        run(["git", "commit", "--quiet", "--message", f"Release {release.package.name} {release.version}"])
    except BaseException:  # Ctrl-C during `dist` too
        # The clone was clean before, so what differs now is ours.
        touched = [shown(release.package.folder), *map(shown, release.changed_files)]
        run(["git", "restore", "--staged", "--worktree", "--", *touched])
        raise
    run(["git", "tag", "--annotate", "--message", f"{release.package.name} {release.version}", release.tag])


def write_version(release: Release) -> None:
    """State the new version, for the umbrella in the citation too."""
    replace(release.package.version_file, VERSION_LINE, f'__version__ = "{release.version}"')
    if release.package.name == UMBRELLA:
        today = dt.datetime.now(dt.UTC).date()
        replace(CITATION, re.compile(r"^version: .*$", re.MULTILINE), f"version: {release.version}")
        replace(CITATION, re.compile(r"^date-released: .*$", re.MULTILINE), f"date-released: {today}")


def replace(file: Path, pattern: re.Pattern[str], line: str) -> None:
    """Replace the one line of `file` that `pattern` finds."""
    text, count = pattern.subn(line, file.read_text(encoding="utf-8"))
    if count != 1:
        raise ReleaseError(f"{shown(file)} has {count} lines like `{line}`, expected one")
    file.write_text(text, encoding="utf-8", newline="\n")


class Parser(argparse.ArgumentParser):
    """argparse, with errors as short as ours."""

    def error(self, message: str) -> NoReturn:
        """Leave the usage to --help."""
        raise ReleaseError(message)


def main(arguments: list[str] | None = None) -> int:
    """Check, show, and unless it is a dry run make the release."""
    parser = Parser(description="release one package: version, changelog, proof, commit, tag")
    parser.add_argument("package", choices=NAMES, metavar="PACKAGE", help=", ".join(NAMES))
    parser.add_argument("level", choices=LEVELS, help="what to bump; current: nothing, for a first release")
    parser.add_argument("--dry-run", action="store_true", help="show everything, change nothing")
    try:
        options = parser.parse_args(arguments)
        release = plan(options.package, options.level)
        describe(release)
        if options.dry_run:
            print("\nrelease: dry run, nothing was changed")
            return 0
        carry_out(release)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    print(f"\nrelease: tagged {release.tag}; publish it with\n    git push --atomic origin HEAD {release.tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
