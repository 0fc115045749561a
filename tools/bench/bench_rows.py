"""Finds the rows: every `rows/<package>_rows.py` holds a tuple `ROWS`."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from bench_model import Row

if TYPE_CHECKING:
    from pathlib import Path


class RowsError(Exception):
    """A file of rows cannot be used; the message says which and why."""


def load_rows(folder: Path, only: str = "") -> list[tuple[str, Row]]:
    """All rows below `folder` with their package, sorted by file, whose package or name contains `only`.

    Raises:
        RowsError: a file cannot be imported, has no `ROWS`, or two rows share a name.
    """
    rows = [(path.stem.removesuffix("_rows"), row) for path in sorted(folder.glob("*_rows.py")) for row in _load(path)]
    names = [row.name for _, row in rows]
    for name in names:
        if names.count(name) > 1:
            raise RowsError(f"two rows are named {name!r}")
    wanted = only.casefold()
    return [(package, row) for package, row in rows if wanted in title_of(package, row).casefold()]


def title_of(package: str, row: Row) -> str:
    """The name of a row with that of its package."""
    return row.name if row.name.startswith(f"{package}: ") else f"{package}: {row.name}"


def _load(path: Path) -> tuple[Row, ...]:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise RowsError(f"{path.name} is no Python module")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
        rows = tuple(module.ROWS)
    except Exception as error:
        raise RowsError(f"{path.name}: {type(error).__name__}: {error}") from error
    if not all(isinstance(row, Row) for row in rows):
        raise RowsError(f"{path.name}: ROWS must hold Row objects only")
    return rows
