"""Rows on import time: what a package adds to the import of its dependencies."""

from __future__ import annotations

from typing import Final

from bench_model import AddsAtMost, Row

_PACKAGES: Final = {
    "nested": "ataraxis_nested",
    "yamlconfig": "ataraxis_yamlconfig",
    "shm": "ataraxis_shm",
    "logger": "ataraxis_logger",
    "umbrella": "ataraxis_data_structures",
}

ROWS: Final = tuple(
    Row(
        f"import of {package}",
        ours=f"import_work:{function}",
        floor=f"import_work:{function}_floor",
        must=AddsAtMost(0.030, value="import"),
        aim=AddsAtMost(0.010, value="import"),
    )
    for function, package in _PACKAGES.items()
)
