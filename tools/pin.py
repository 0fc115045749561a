"""Write tools/constraints.txt: one version of every library that the environments of this clone use.

Run it as `hatch run dist:pin` to move to newer versions. The published packages are not pinned; their ranges stand in
their own pyproject.toml.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "tools" / "constraints.txt"
HEADER = "# Written by `python3 tools/hatchw.py run dist:pin`: the versions that the environments of this clone use.\n"


def requirements() -> set[str]:
    """Every requirement of hatch.toml and of the packages, those on one another left out."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"].values()
    wanted = {line for environment in environments for line in environment.get("dependencies", ())}
    for file in ROOT.glob("packages/*/pyproject.toml"):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        project = content["project"]
        groups = [
            project["dependencies"],
            content["build-system"]["requires"],
            *project.get("optional-dependencies", {}).values(),
            *content.get("dependency-groups", {}).values(),
        ]
        wanted.update(line for group in groups for line in group)
    return {line for line in wanted if not line.startswith("ataraxis-")}


def main() -> int:
    """Resolve for every supported interpreter at once and write the file."""
    command = ["uv", "pip", "compile", "--universal", "--python-version=3.11", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet", "-"]
    unpinned = {name: value for name, value in os.environ.items() if name != "UV_CONSTRAINT"}
    found = subprocess.run(
        command, input="\n".join(sorted(requirements())), capture_output=True, text=True, check=False, env=unpinned
    )
    if found.returncode:
        print(found.stderr, file=sys.stderr)
        return found.returncode
    CONSTRAINTS.write_text(HEADER + found.stdout, encoding="utf-8")
    print(f"{CONSTRAINTS.relative_to(ROOT)}: {len(found.stdout.splitlines())} versions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
