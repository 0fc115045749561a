"""Run the suites of shm and logger on the portable, file-backed path: `ATARAXIS_SHM_FOLDER` set to a fresh folder.

    python tools/portable.py [PYTEST ARGUMENTS]

This is the path that macOS and Windows take; Linux can take it too, so the whole suite proves it here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITES = ["packages/ataraxis-shm/tests", "packages/ataraxis-logger/tests", "integration_tests"]


def main(arguments: list[str]) -> int:
    """Run pytest with the switch set; returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="ataraxis-portable-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "worksteal", *SUITES, *arguments]
        environment = {**os.environ, "ATARAXIS_SHM_FOLDER": folder}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
