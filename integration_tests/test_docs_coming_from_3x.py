"""docs/coming_from_3x.md has a place for every section and every command of the document the project came from."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coming_from_3x.md"
SEED = ROOT.parent / "shared" / "seed"  # present where the project is developed

SECTIONS = (
    "Detailed Description",
    "Features",
    "Dependencies",
    "Installation",
    "Source",
    "pip",
    "Usage",
    "NestedDictionary",
    "Reading, Writing and Removing values",
    "Path API",
    "Key datatype methods",
    "Extracting variable paths",
    "YamlConfig",
    "Saving and loading config data",
    "SharedMemoryArray",
    "Array creation",
    "Array connection, disconnection and destruction",
    "Reading array data",
    "Writing array data",
    "Using the array from multiple processes",
    "DataLogger",
    "Logger creation and use",
    "API Documentation",
    "Developers",
    "Installing the library",
    "Additional Dependencies",
    "Development Automation",
    "Automation Troubleshooting",
    "Versioning",
    "Authors",
    "License",
    "Acknowledgments",
)
COMMANDS = (
    "tox",
    "tox --parallel",
    "tox list",
    "tox -e import",
    "tox -e create",
    "tox -e provision",
    "pip install",
    "python -m pip install WHEEL_PATH",
    ".tox",
    ".ruff_cache",
    ".mypy_cache",
)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_successor(page, section):
    assert section.lower() in page


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_successor(page, command):
    assert f"`{command.lower()}" in page


def test_the_lists_above_are_those_of_the_document():
    if not SEED.is_dir():
        pytest.skip("the document is not part of the clone")
    lines = [line.strip() for path in SEED.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()]
    assert set(SECTIONS) <= set(lines)
    text = "\n".join(lines)
    assert all(command in text for command in COMMANDS)


def test_every_row_says_what_kind_it_is():
    kinds = [
        line.split("|")[1].strip()
        for line in PAGE.read_text(encoding="utf-8").partition("## The original README")[0].splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| |"))
    ]
    assert set(kinds) == {"same", "better", "different"}
