"""The benchmarks: `python tools/bench --help`."""

from __future__ import annotations

import sys

from bench_cli import main

if __name__ == "__main__":
    sys.exit(main())
