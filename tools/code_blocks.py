"""Run every Python code block of Markdown pages, each as a script of its own in a fresh interpreter.

    python tools/code_blocks.py [--python PYTHON] [--list] PAGE ...

A block is what stands between ```python and ```. It is written to a file and started as `__main__`, so what stands
under `if __name__ == "__main__":` runs too and spawned children can import it. Pages without a block are an error: a
renamed fence would otherwise pass for tested documentation.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE)
TIMEOUT_S = 120
SHOWN_LINES = 25


@dataclass(frozen=True)
class Block:
    """One code block and where it stands."""

    page: Path
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Every Python block of `page`, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        code = "".join(line[indent:] if line.strip() else line for line in match["code"].splitlines(keepends=True))
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, code))
    return found


def run_block(block: Block, python: str = sys.executable) -> str | None:
    """Run `block` in an empty folder.

    Returns:
        None when it exited with 0, otherwise the end of what it printed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        script = Path(folder) / "block.py"
        script.write_text(block.code, encoding="utf-8")
        command = [python, "-W", "error", str(script)]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return f"did not end within {TIMEOUT_S} s"
    if done.returncode == 0:
        return None
    return "\n".join((done.stdout + done.stderr).splitlines()[-SHOWN_LINES:]) or f"exit status {done.returncode}"


def main() -> int:
    """Run all blocks of the pages named on the command line, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs the blocks")
    parser.add_argument("--list", action="store_true", help="name the blocks, run none")
    options = parser.parse_args()
    blocks = [block for page in options.pages for block in blocks_of(page)]
    if not blocks:
        parser.error(f"no ```python block in {', '.join(map(str, options.pages))}")
    if options.list:
        print(*blocks, sep="\n")
        return 0
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for block, trouble in zip(blocks, pool.map(lambda one: run_block(one, options.python), blocks), strict=True):
            failed += trouble is not None
            print(f"{block}: {'ok' if trouble is None else 'FAILED'}")
            if trouble:
                print(trouble)
    print(f"{len(blocks) - failed} of {len(blocks)} blocks ran")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
