"""Every Python block of every README and docs page runs."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from code_blocks import Block, blocks_of, run_block  # noqa: E402  (tools/ is not a package)

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for page in PAGES if "_build" not in page.parts for block in blocks_of(page)]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name == "README.md"], ids=lambda page: page.parent.name
)
def test_every_readme_has_a_block(page):
    assert blocks_of(page)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.relative_to(ROOT)}:{block.line}")
def test_block_runs(block):
    trouble = run_block(block)
    assert trouble is None, trouble


def test_a_failing_block_is_reported():
    assert "ZeroDivisionError" in run_block(Block(Path("page.md"), 1, "1 / 0"))


def test_code_under_the_main_guard_runs():
    assert "SystemExit" not in (run_block(Block(Path("page.md"), 1, "if __name__ == '__main__':\n    pass")) or "")
    assert (
        run_block(Block(Path("page.md"), 1, "if __name__ == '__main__':\n    raise SystemExit('reached')")) == "reached"
    )


def test_blocks_inside_lists_lose_their_indent(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("- item\n\n  ```python\n  if True:\n      x = 1\n  ```\n\n```console\n$ no\n```\n")
    assert [block.code for block in blocks_of(page)] == ["if True:\n    x = 1\n"]
