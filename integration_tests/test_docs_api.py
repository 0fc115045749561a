"""Every public name is in the API reference, and documented with an example or as part of something that has one."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    page.stem: page
    for page in sorted((ROOT / "docs" / "api").glob("*.md"))
    if page.stem != "index"  # the umbrella's names are those of the pieces
}
DIRECTIVE = re.compile(r"^\.\. (?:auto(?:class|function|exception)|py:data|py:function):: (\w+)", re.MULTILINE)
RESULTS = ("Report", "Statistics")
BASES_OF_PLAIN_NAMES = (BaseException, int, str, bytes, float, tuple, dict)


# Not in `__all__`, because `from ataraxis_logger import *` has to work without the extras.
NEED_EXTRAS = {"logger": {"export_parquet", "plot_log", "read_sessions"}}


def public_names(page: str) -> set[str]:
    package = importlib.import_module(f"ataraxis_{page}")
    return (set(package.__all__) | NEED_EXTRAS.get(page, set())) - {"__version__"}


def members(page: str) -> Iterator[tuple[str, Any]]:
    """The public names and what they mean; without what needs an extra that is not installed."""
    package = importlib.import_module(f"ataraxis_{page}")
    for name in sorted(public_names(page)):
        try:
            yield name, getattr(package, name)
        except ImportError:
            if name not in NEED_EXTRAS.get(page, ()):
                raise


@pytest.mark.parametrize("page", PAGES)
def test_the_page_lists_exactly_the_public_names(page):
    assert set(DIRECTIVE.findall(PAGES[page].read_text(encoding="utf-8"))) == public_names(page)


@pytest.mark.parametrize("page", PAGES)
def test_every_public_name_has_a_docstring(page):
    for name, member in members(page):
        assert name.isupper() or member.__doc__, name  # constants are described on the page


@pytest.mark.parametrize("page", PAGES)
def test_every_public_class_and_function_has_an_example(page):
    without = set()
    for name, member in members(page):
        is_plain = not callable(member) or (isinstance(member, type) and issubclass(member, BASES_OF_PLAIN_NAMES))
        is_result = name.endswith(RESULTS)  # shown in the example of what returns it
        if not is_plain and not is_result and ">>>" not in (member.__doc__ or ""):
            without.add(name)
    assert not without


@pytest.mark.parametrize("page", PAGES)
def test_every_public_method_says_what_it_does(page):
    for name, member in members(page):
        if not isinstance(member, type) or issubclass(member, BASES_OF_PLAIN_NAMES):
            continue
        for attribute, value in vars(member).items():
            if not attribute.startswith("_") and (callable(value) or isinstance(value, property | classmethod)):
                assert getattr(member, attribute).__doc__, f"{name}.{attribute}"
