"""Everything that reads the code without running it: ruff, its formatter, the layers, and mypy for three platforms.

    python tools/check.py [--fix]

All steps run, so that one call shows everything there is to mend; the exit status is 1 when any of them failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLATFORMS = ("linux", "darwin", "win32")
# What tests do on purpose: pass values of wrong types, build classes at run time, replace constants, look at what the
# checker believes cannot change.
WRONG_ON_PURPOSE = (
    "arg-type",
    "assignment",
    "attr-defined",
    "call-overload",
    "comparison-overlap",
    "dict-item",
    "func-returns-value",
    "index",
    "list-item",
    "misc",
    "name-defined",
    "operator",
    "type-arg",
    "type-var",
    "union-attr",
    "unreachable",
    "valid-type",
    "var-annotated",
)
PACKAGES = sorted(folder for folder in (ROOT / "packages").iterdir() if (folder / "pyproject.toml").exists())


def steps(*, fix: bool) -> list[list[str]]:
    """The commands, in the order from quick to slow."""
    ruff = [["ruff", "check", *(["--fix"] if fix else [])], ["ruff", "format", *([] if fix else ["--check", "--diff"])]]
    imports = [name for folder in PACKAGES for name in ("-p", folder.name.replace("-", "_"))]
    # One run a platform, with a cache each: mypy drops what it knew of another platform.
    packages = [["mypy", "--platform", name, "--cache-dir", f".mypy_cache/{name}", *imports] for name in PLATFORMS]
    # Test folders are not packages, and two conftest.py cannot be in one run.
    # A test's arguments are fixtures and generated values: its body is checked, its signature need not be written.
    relaxed = ["--allow-untyped-defs", "--allow-incomplete-defs", "--allow-untyped-calls", "--allow-untyped-decorators"]
    relaxed += ["--no-warn-unused-ignores"]  # which of them are needed depends on the codes above
    on_purpose = [f"--disable-error-code={code}" for code in WRONG_ON_PURPOSE]
    mypy_tests = ["mypy", *relaxed, *on_purpose, "--cache-dir", ".mypy_cache/tests"]
    tests = [[*mypy_tests, str(path.relative_to(ROOT))] for path in test_folders()]
    tools = [["mypy", "--cache-dir", ".mypy_cache/tools", *tool] for tool in tool_sources()]
    return [*ruff, ["lint-imports"], *packages, *tests, *tools]


def test_folders() -> list[Path]:
    """The folders of tests that hold any."""
    folders = [*(folder / "tests" for folder in PACKAGES), ROOT / "integration_tests", ROOT / "tools" / "tests"]
    return [folder for folder in folders if list(folder.glob("test_*.py"))]


def tool_sources() -> list[list[str]]:
    """The scripts of tools/, and each of its folders, that have Python files; its tests are among the tests."""
    scripts = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tools").glob("*.py"))]
    folders = [path for path in sorted((ROOT / "tools").iterdir()) if path.is_dir() and list(path.glob("*.py"))]
    folders.remove(ROOT / "tools" / "tests")
    return [scripts, *([str(folder.relative_to(ROOT))] for folder in folders)]


def main() -> int:
    """Run every step and name those that failed."""
    parser = argparse.ArgumentParser(description="ruff, formatter, layers and mypy over the whole repository")
    parser.add_argument("--fix", action="store_true", help="let ruff mend what it can")
    failed: list[str] = []
    for command in steps(fix=parser.parse_args().fix):
        print(f"── {' '.join(command)}", flush=True)
        started = time.monotonic()
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(" ".join(command))
        print(f"   {time.monotonic() - started:.1f} s", flush=True)
    for name in failed:
        print(f"FAILED: {name}")
    if not failed:
        print("check: everything passed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
