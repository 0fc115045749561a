"""docs/guides/command_line.md shows the commands that there are, as they are called, with the statuses they have."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

click = pytest.importorskip("click")

PAGE = Path(__file__).resolve().parent.parent / "docs" / "guides" / "command_line.md"
CALLS = [
    shlex.split(line.removeprefix("$ ataraxis-logger "))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("$ ataraxis-logger ")
]


def commands() -> dict[str, Any]:
    from ataraxis_logger.cli.commands import cli

    return dict(cli.commands)


def test_every_command_is_shown():
    assert {call[0] for call in CALLS} == set(commands())


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_option_shown_exists(call):
    options = {name for parameter in commands()[call[0]].params for name in parameter.opts}
    assert {word for word in call if word.startswith("--")} <= options


def test_the_statuses_are_those_of_the_help():
    from ataraxis_logger.cli.commands import cli

    shown = {int(status) for status in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    promised = {int(number) for number in re.findall(r"\b(\d+)\b", str(cli.help).partition("Exit status:")[2])}
    assert shown == promised
