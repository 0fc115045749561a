"""The options of the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
STORE: Final = ROOT / ".bench"
FULL_ROUNDS: Final = (21, 9)
QUICK_ROUNDS: Final = (15, 5)
"""Rounds of each side when its calls are short, and when they are long."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; a wrong one ends in one line and exit status 2."""
    parser = _OneLineParser(
        prog="tools/bench",
        description="Measures every row against its floor and its peers and holds it to its must and its aim.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer and shorter rounds: three minutes at most")
    add("--only", metavar="SUBSTRING", default="", help="rows whose 'package: name' contains it")
    add("--json", metavar="FILE", type=_writable_file, help="write every measured number there")
    add(
        "--rounds",
        metavar="N",
        type=_positive,
        help="rounds of each side (default {} or, of long calls, {}; quick {} or {})".format(
            *FULL_ROUNDS, *QUICK_ROUNDS
        ),
    )
    add("--timeout", metavar="SECONDS", type=_positive, default=300, help="longest wait for one answer (default 300)")
    add("--no-peers", action="store_true", help="only ours and the floor")
    add("--strict", action="store_true", help="exit status 1 when a must is missed or a workload of ours fails")
    add("--list", action="store_true", help="print the rows and stop")
    add("--prepare", action="store_true", help="make the environments of all peers and stop")
    add("--refresh", action="store_true", help="make the environments of the peers anew, with what is newest now")
    add("--into", metavar="RESULT", type=Path, help="put the rows into an earlier result of --json, for theirs there")
    add("--compare", nargs=2, metavar=("OLD", "NEW"), type=Path, help="compare two results of --json and stop")
    add(
        "--write-docs",
        nargs="?",
        metavar="RESULT",
        type=Path,
        const=Path(),
        help="write table and chart of the documentation: from a result of --json, or without one from this run",
    )
    add("--tracebacks", action="store_true", help="print the tracebacks of workloads that failed")
    add(
        "--docs",
        metavar="FOLDER",
        type=_folder,
        default=ROOT / "docs",
        help="where --write-docs writes (default: docs)",
    )
    add("--store", metavar="FOLDER", type=_folder, default=STORE, help="where environments are kept (default: .bench)")
    add("--scratch", metavar="FOLDER", type=_folder, help="where the workloads write (default: in the store)")
    add("--folder", metavar="FOLDER", type=_folder, default=Path(__file__).parent, help="where rows/ and work/ are")
    options = parser.parse_args(arguments)
    if options.write_docs == Path() and options.only:
        parser.error("--write-docs writes the table of all rows, which a run with --only does not have")
    return options


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exits with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def _positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text[:40]!r}")
    return int(text)


def _folder(text: str) -> Path:
    """A folder that exists."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text).resolve()


def _writable_file(text: str) -> Path:
    """A file that can be written, found out before the measuring rather than after."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {text!r}")
    return path


def rounds_of(options: argparse.Namespace) -> tuple[int, int]:
    """Rounds of short and of long calls."""
    if options.rounds:
        return options.rounds, options.rounds
    return QUICK_ROUNDS if options.quick else FULL_ROUNDS
