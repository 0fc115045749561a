"""tools/release.py in throw-away clones: every package is planned, released and refused, with git and towncrier real.

Only `check_dist.py` is replaced there: it takes minutes and has tests of its own. The stand-in writes down how it was
called, or fails on request.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "ataraxis-nested": "1.0.0",
    "ataraxis-yamlconfig": "1.0.0",
    "ataraxis-shm": "1.0.0",
    "ataraxis-logger": "1.0.0",
    "ataraxis-data-structures": "3.2.0",
}
STAND_IN = """
import os, pathlib, sys
if os.environ.get("DIST_FAILS"):
    sys.exit("dist: the wheel is broken")
pathlib.Path("dist").mkdir()
pathlib.Path("dist/called").write_text(" ".join(sys.argv[1:]))
"""


class Clone:
    """A small copy of this monorepo in a git repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, version in PACKAGES.items():
            self._copy_package(name, version)
        for name in ("pyproject.toml", "CITATION.cff", "tools/release.py", ".gitignore"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        (folder / "tools" / "check_dist.py").write_text(STAND_IN)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        self.commit("start")

    def _copy_package(self, name: str, version: str) -> None:
        source, target = ROOT / "packages" / name, self.folder / "packages" / name
        code = target / "src" / name.replace("-", "_")
        code.mkdir(parents=True)
        (code / "_version.py").write_text(f'"""The version."""\n\n__version__ = "{version}"\n')
        shutil.copy(source / "pyproject.toml", target)
        (target / "CHANGELOG.md").write_text(f"# Changelog of {name}\n\n<!-- towncrier release notes start -->\n")
        (target / "changelog.d").mkdir()
        (target / "changelog.d" / ".gitignore").write_text("!.gitignore\n")
        (target / "changelog.d" / "+first.added.md").write_text(f"The first thing that {name} does.\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def release(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.folder / "tools" / "release.py"), *arguments]
        variables = {**os.environ, **environment}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)

    def refused(self, *arguments: str, **environment: str) -> str:
        """The one line that a refused release says."""
        before = self.state()
        done = self.release(*arguments, **environment)
        assert done.returncode == 2, done.stdout + done.stderr
        assert self.state() == before
        lines = done.stderr.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("release: ")
        return lines[0]

    def state(self) -> tuple[str, ...]:
        """What a release may change: commit, tags, tree."""
        return self.git("rev-parse", "HEAD"), self.git("tag", "--list"), self.git("status", "--porcelain")

    def file(self, name: str, path: str) -> Path:
        return self.folder / "packages" / name / path

    def version(self, name: str) -> str:
        return self.file(name, f"src/{name.replace('-', '_')}/_version.py").read_text().split('"')[-2]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize("name", PACKAGES)
def test_dry_run_shows_everything_and_changes_nothing(clone, name):
    before = clone.state()
    done = clone.release(name, "minor", "--dry-run")
    assert done.returncode == 0, done.stderr
    major, minor, _ = PACKAGES[name].split(".")
    version = f"{major}.{int(minor) + 1}.0"
    assert f"{name}: {PACKAGES[name]} -> {version}" in done.stdout
    assert f"{name}-v{version}" in done.stdout
    assert f"- The first thing that {name} does." in done.stdout
    assert f"removes packages/{name}/changelog.d/+first.added.md" in done.stdout
    assert clone.state() == before
    assert clone.version(name) == PACKAGES[name]
    assert not (clone.folder / "dist").exists()


@pytest.mark.parametrize("name", ["ataraxis-nested", "ataraxis-data-structures"])  # the umbrella cites itself, too
def test_a_release_writes_proves_commits_and_tags(clone, name):
    done = clone.release(name, "patch")
    assert done.returncode == 0, done.stderr
    version = PACKAGES[name][:-1] + "1"
    assert clone.version(name) == version
    assert clone.git("tag", "--points-at", "HEAD").split() == [f"{name}-v{version}"]
    assert clone.git("status", "--porcelain") == ""
    changelog = clone.file(name, "CHANGELOG.md").read_text()
    assert changelog.startswith(f"# Changelog of {name}\n")
    assert f"## {version} (" in changelog
    assert f"### Added\n\n- The first thing that {name} does." in changelog
    assert not list(clone.file(name, "changelog.d").glob("*.md"))
    assert (clone.folder / "dist" / "called").read_text() == f"--only {name}"
    assert clone.git("log", "-1", "--format=%s").strip() == f"Release {name} {version}"


@pytest.mark.parametrize("name", PACKAGES)
def test_the_dry_run_of_this_very_clone_lists_its_fragments(name):
    if not list((ROOT / "packages" / name / "changelog.d").glob("*.md")):
        pytest.skip("this clone has just been released: no fragment")
    copy = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False)
    if copy.returncode or copy.stdout:
        pytest.skip("not a clean git clone")
    command = [sys.executable, str(ROOT / "tools" / "release.py"), name, "minor", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_current_is_the_first_release_and_only_that(clone):
    assert clone.release("ataraxis-nested", "current").returncode == 0
    assert clone.git("tag", "--list").split() == ["ataraxis-nested-v1.0.0"]
    clone.file("ataraxis-nested", "changelog.d/+again.fixed.md").write_text("Mended.\n")
    clone.commit("a change")
    assert "1.0.0 is released already" in clone.refused("ataraxis-nested", "current")


def test_the_umbrella_updates_its_citation(clone):
    assert clone.release("ataraxis-data-structures", "minor").returncode == 0
    citation = (clone.folder / "CITATION.cff").read_text()
    assert "\nversion: 3.3.0\n" in citation
    assert clone.git("show", "--stat", "--format=").count("CITATION.cff") == 1


def test_a_piece_leaves_the_citation_alone(clone):
    assert clone.release("ataraxis-nested", "minor").returncode == 0
    assert "CITATION.cff" not in clone.git("show", "--stat", "--format=")


def test_a_major_version_that_a_sibling_shuts_out_is_refused(clone):
    said = clone.refused("ataraxis-shm", "major")
    assert "ataraxis-shm<2,>=1.0" in said
    assert "shuts out 2.0.0" in said


def test_a_range_that_the_clone_does_not_satisfy_is_refused(clone):
    file = clone.file("ataraxis-logger", "pyproject.toml")
    file.write_text(file.read_text().replace("ataraxis-shm>=1.0,<2", "ataraxis-shm>=1.5,<2"))
    clone.commit("wants a newer shm")
    assert "but this clone has ataraxis-shm 1.0.0" in clone.refused("ataraxis-logger", "minor")


def test_a_package_without_fragments_has_nothing_to_release(clone):
    clone.file("ataraxis-nested", "changelog.d/+first.added.md").unlink()
    clone.commit("no fragment")
    assert "nothing to release" in clone.refused("ataraxis-nested", "minor")


def test_uncommitted_changes_are_refused(clone):
    (clone.folder / "notes.txt").write_text("x")
    assert "uncommitted" in clone.refused("ataraxis-nested", "minor", "--dry-run")


def test_a_failing_proof_puts_every_file_back(clone):
    done = clone.release("ataraxis-data-structures", "minor", DIST_FAILS="1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("release: `")
    assert clone.git("status", "--porcelain") == ""
    assert clone.git("tag", "--list") == ""
    assert clone.version("ataraxis-data-structures") == "3.2.0"
    assert clone.file("ataraxis-data-structures", "changelog.d/+first.added.md").exists()


def test_a_version_file_without_a_version_is_named(clone):
    clone.file("ataraxis-nested", "src/ataraxis_nested/_version.py").write_text("")
    clone.commit("empty")
    assert "_version.py has no line" in clone.refused("ataraxis-nested", "minor")


@pytest.mark.parametrize("arguments", [(), ("ataraxis-nothing", "minor"), ("ataraxis-nested", "huge")])
def test_wrong_arguments_are_one_line(clone, arguments):
    clone.refused(*arguments)


def test_levels_follow_semantic_versioning(clone):
    for level, expected in [("patch", "1.0.1"), ("minor", "1.1.0")]:
        assert f"-> {expected}\n" in clone.release("ataraxis-nested", level, "--dry-run").stdout
    umbrella = clone.release("ataraxis-data-structures", "major", "--dry-run")
    assert "3.2.0 -> 4.0.0" in umbrella.stdout
