"""The command line of the benchmarks."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench_docs import write_docs
from bench_environments import EnvironmentUnavailableError, PeerEnvironments, environment_of
from bench_options import parse
from bench_progress import Progress
from bench_report import compare_results, describe_tracebacks, format_result
from bench_results import Result, ResultFileError, load_result, merge, save_result
from bench_rows import RowsError, load_rows, title_of
from bench_session import measure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from bench_model import Row

_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks and returns the exit status."""
    options = parse(arguments)
    # Being asked to end is to clean up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except (RowsError, ResultFileError, OSError) as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tools/bench: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    """Does the one thing that the options ask for."""
    if options.compare:
        print(compare_results(*map(load_result, options.compare)))
        return 0
    if options.write_docs and options.write_docs != Path():
        return _write_docs(load_result(options.write_docs), options.docs)
    rows = load_rows(options.folder / "rows", options.only)
    if not rows:
        raise RowsError(
            f"no row contains {options.only!r}; --list shows them all" if options.only else "there are no rows"
        )
    if options.list:
        print("\n".join(title_of(package, row) for package, row in rows))
        return 0
    with Progress() as progress:
        environments = PeerEnvironments(options.store, progress.say, refresh=options.refresh)
        if options.prepare:
            return _prepare(environments, rows, progress)
        before = load_result(options.into) if options.into else None
        result = measure(options, rows, environments, progress)
    return _report(options, merge(before, result) if before else result)


def _prepare(environments: PeerEnvironments, rows: Iterable[tuple[str, Row]], progress: Progress) -> int:
    """Makes the environments of all peers, the most wanted first."""
    wanted = Counter(environment_of(peer) for _, row in rows for peer in row.peers if peer.requires)
    for peer, _ in wanted.most_common():
        try:
            environment = environments.get(peer)
        except EnvironmentUnavailableError as error:
            progress.note(f"{peer.requires[0]}: {error}")
        else:
            progress.note(f"{environment.requires[0]}: {environment.version} on Python {environment.python_version}")
    return 0


def _report(options: argparse.Namespace, result: Result) -> int:
    """Prints and writes the result; the exit status of the run."""
    print(format_result(result))
    if options.tracebacks:
        print(describe_tracebacks(result.rows), file=sys.stderr)
    if options.json:
        save_result(result, options.json)
    if not result.complete:
        return _INTERRUPTED
    if options.write_docs:
        _write_docs(result, options.docs)
    return 1 if options.strict and result.missed() else 0


def _write_docs(result: Result, folder: Path) -> int:
    """Writes the files of the documentation and names them."""
    for path in write_docs(result, folder):
        print(f"wrote {folder.name}/{path.name}")
    return 0
