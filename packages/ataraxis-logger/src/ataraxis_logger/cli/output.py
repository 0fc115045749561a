"""How the commands talk: facts for people or as JSON, progress, warnings and errors as plain lines."""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from tqdm import tqdm

from ataraxis_logger import LoggerError, LogWarning, MissingExtraError

if TYPE_CHECKING:
    from ataraxis_logger._archive.log import Problem

_STEP: Final = 1024
INTERRUPTED_STATUS: Final = 130


@contextmanager
def plain_messages() -> Iterator[None]:
    """Shows the package's warnings and errors as one line each; status 1 after an error, 2 when an extra is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", LogWarning)
        warnings.showwarning = _show
        try:
            yield
        except MissingExtraError as error:
            raise click.UsageError(str(error)) from error
        except BrokenPipeError:
            raise  # nobody reads any more (`| head`); click ends the program quietly
        except (LoggerError, OSError, ValueError) as error:
            raise click.ClickException(str(error)) from error


def _show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    del filename, lineno  # people want to know what is wrong, not where this package says so
    label = "Warning" if issubclass(category, LogWarning) else category.__name__
    click.echo(f"{label}: {message}", err=True)


@contextmanager
def progress(title: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows progress on a terminal, and nothing elsewhere."""
    with tqdm(desc=title, unit=unit, unit_scale=True, disable=None) as bar:

        def advance(count: int) -> None:
            bar.update(count)

        yield advance


def print_json(facts: Any) -> None:
    """Prints facts as JSON on one line."""
    click.echo(json.dumps(facts, default=_plain))


def problem_facts(problem: "Problem") -> dict[str, str]:
    """Returns a problem as it stands in JSON."""
    return {"file": str(problem.path), "entry": problem.key, "reason": problem.reason}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no equivalent in JSON")


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table, the columns as wide as they need to be, all but the first to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        click.echo("  ".join([line[0].ljust(widths[0]), *rest]))


def human_size(size: float) -> str:
    """Returns a number of bytes for people.

    >>> human_size(0), human_size(1536), human_size(5 << 30)
    ('0 B', '1.5 KiB', '5.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} TiB"
