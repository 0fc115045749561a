"""docs/dependencies.md names every library that this repository declares, and no other."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# hatch and uv are installed by tools/hatch_bootstrap.py, not by a requirement of an environment.
BOOTSTRAP = {"hatch"}
FIRST_COLUMN_OR_SECOND = re.compile(r"^\|(?P<first>[^|]*)\|(?P<second>[^|]*)\|", re.MULTILINE)


def declared() -> set[str]:
    """Names of all requirements: of the packages, their extras and builds, and of the environments."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"].values()
    lines = [line for environment in environments for line in environment.get("dependencies", ())]
    for file in ROOT.glob("packages/*/pyproject.toml"):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        project = content["project"]
        groups = [project["dependencies"], content["build-system"]["requires"]]
        groups += [*project.get("optional-dependencies", {}).values(), *content.get("dependency-groups", {}).values()]
        lines += [line for group in groups for line in group]
    return {NAME.findall(line)[0] for line in lines}


def documented() -> set[str]:
    """Everything in backticks in the first two columns of the tables; a third column gives reasons."""
    cells = [cell for row in FIRST_COLUMN_OR_SECOND.finditer(PAGE.read_text(encoding="utf-8")) for cell in row.groups()]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_declared_library_has_its_line():
    assert declared() <= documented()


def test_no_line_is_left_of_a_library_that_went():
    packages = {folder.name for folder in (ROOT / "packages").iterdir()}
    logger = tomllib.loads((ROOT / "packages/ataraxis-logger/pyproject.toml").read_text(encoding="utf-8"))
    extras = set(logger["project"]["optional-dependencies"])
    assert documented() - declared() - packages - extras - BOOTSTRAP == set()
