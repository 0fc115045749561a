"""`python -m ataraxis_shm`: what shared memory this user has, and the removal of what is dead."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from ataraxis_shm._errors import ShmError
from ataraxis_shm._listing import Found, survey
from ataraxis_shm._system import FOLDER_SWITCH, roots

_COLUMNS = ("KIND", "STATE", "OWNER", "USERS", "SIZE", "UNREAD", "AGE", "NAME")
_UNITS = ("B", "KiB", "MiB", "GiB")
_LONGEST_NAME = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        found = survey(prune=options.prune)
    except (ShmError, OSError) as error:
        print(f"ataraxis_shm: {error}", file=sys.stderr)  # noqa: T201 (it talks to people)
        return 1
    text = json.dumps([asdict(item) for item in found], indent=2) if options.json else _printable(_table(found))
    print(text)  # noqa: T201 (the same)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ataraxis_shm",
        description="Lists the shared arrays and rings of this user, and removes the arrays that no process uses any "
        "more: what a killed process left behind.",
        epilog="A ring with unread records is pending: it is never removed, its records wait for a reader. Set "
        f"{FOLDER_SWITCH} to look into that folder instead.",
    )
    parser.add_argument("--prune", action="store_true", help="also remove empty rings whose producer is gone")
    parser.add_argument("--json", action="store_true", help="print a JSON list (sizes in bytes, ages in seconds)")
    return parser


def _printable(text: str) -> str:
    # Names may hold any character, a pipe on Windows or a terminal without UTF-8 not.
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _table(found: Sequence[Found]) -> str:
    if not found:
        return f"No shared memory in {' or '.join(map(str, roots()))}."
    rows = [_COLUMNS, *(_row(item) for item in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    kept = [item for item in found if item.state != "removed"]
    summary = f"{len(kept)} in all, {_size(sum(item.size for item in kept))}"
    removed = len(found) - len(kept)
    return "\n".join([*lines, f"{summary}; {removed} removed." if removed else f"{summary}."])


def _row(item: Found) -> tuple[str, ...]:
    owner = f"{item.owner}" if item.owner_runs else f"({item.owner or '?'})"
    # Names may hold anything: no line breaks or escape sequences reach the terminal.
    name = ascii(item.name)[1:-1] if not item.name.isprintable() else item.name
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."
    unread = _size(item.unread) if item.kind == "ring" else "-"
    return item.kind, item.state, owner, str(len(item.users)), _size(item.size), unread, _age(item.age), name


def _size(count: float) -> str:
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 (the definition of the units)
        count /= 1024
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def _age(seconds: float) -> str:
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if days >= 1:
        return f"{days:.1f} d"
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
