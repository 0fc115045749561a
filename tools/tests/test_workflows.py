"""The workflows run what exists: every command through hatchw, every supported Python, every package's tag."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CLASSIFIER = "Programming Language :: Python :: 3."


def load(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps_of(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def project_of(name: str) -> dict[str, Any]:
    content = tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = content["project"]
    return project


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_one_of_hatchs(path):
    scripts = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]["default"]["scripts"]
    started = [
        line for step in steps_of(load(path)) for line in step.get("run", "").splitlines() if "hatchw.py" in line
    ]
    assert started
    for line in started:
        words = line.split()
        assert words[:3] == ["python", "tools/hatchw.py", "run"]
        assert words[3] in scripts


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_major_version(path):
    for action in [step["uses"] for step in steps_of(load(path)) if "uses" in step]:
        version = action.partition("@")[2]
        assert version == "release/v1" or (version[0] == "v" and version[1:].isdigit()), action


def test_the_matrix_is_what_the_packages_promise():
    matrix = load(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["suite"]["strategy"]["matrix"]
    promised = {
        f"3.{line.removeprefix(CLASSIFIER)}"
        for line in project_of("ataraxis-logger")["classifiers"]
        if line.startswith(CLASSIFIER)
    }
    assert set(matrix["python"]) == promised
    assert {system.partition("-")[0] for system in matrix["system"]} == {"ubuntu", "macos", "windows"}


def test_every_package_has_its_tag():
    triggers = load(ROOT / ".github" / "workflows" / "publish.yml")[True]  # YAML 1.1 reads the key `on` as true
    names = {path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")}
    assert set(triggers["push"]["tags"]) == {f"{name}-v*" for name in names}


def test_publishing_needs_no_token():
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    assert "id-token: write" in text
    assert "secrets." not in text
