"""The command line of the benchmarks."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench_docs import write_docs
from bench_environments import EnvironmentUnavailableError, PeerEnvironments, environment_of
from bench_machine import describe_machine
from bench_options import ROOT, parse, rounds_of
from bench_process import announce_quick_run
from bench_progress import Progress
from bench_report import compare_results, describe_tracebacks, format_result
from bench_results import Result, ResultFileError, load_result, save_result
from bench_rows import RowsError, load_rows
from bench_runner import Plan, RowRunner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from bench_model import Row

_QUICK_SECONDS: Final = 170.0
_QUICK_ENVIRONMENT_SECONDS: Final = 60.0
_QUICK_TIMEOUT: Final = 20
_STALE_SECONDS: Final = 86_400.0
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
        print("\n".join(f"{package}: {row.name}" for package, row in rows))
        return 0
    with Progress() as progress:
        environments = PeerEnvironments(options.store, progress.say, refresh=options.refresh)
        if options.prepare:
            return _prepare(environments, rows, progress)
        result = _measure(options, rows, None if options.no_peers else environments, progress)
    return _report(options, result)


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


def _measure(
    options: argparse.Namespace,
    rows: Sequence[tuple[str, Row]],
    environments: PeerEnvironments | None,
    progress: Progress,
) -> Result:
    """Runs all rows; an interruption keeps those that are done."""
    start = time.monotonic()
    if options.quick:
        announce_quick_run()
        if environments is not None:
            environments.deadline = start + _QUICK_ENVIRONMENT_SECONDS
            _prepare(environments, rows, progress)
    with _scratch_folder(options.scratch or options.store / "tmp") as scratch:
        result = Result(describe_machine(scratch), _settings(options))
        runner = RowRunner(
            options.folder / "work", scratch, _plan(options, start, len(rows)), environments, progress.say
        )
        with contextlib.suppress(KeyboardInterrupt):
            for number, (package, row) in enumerate(rows):
                progress.begin(number + 1, len(rows), f"{package}: {row.name}")
                runner.plan = _plan(options, start, len(rows) - number)
                result.rows.append(runner.run(package, row))
                progress.end(result.rows[-1].verdict().value)
            result.complete = True
    return result


def _plan(options: argparse.Namespace, start: float, rows_left: int) -> Plan:
    """How long to measure the next row: a quick run deals out the time that is left among the rows that are left."""
    rounds, long_rounds = rounds_of(options)
    if not options.quick:
        return Plan(rounds, long_rounds, 3, round_seconds=0.1, row_seconds=120.0, timeout=options.timeout)
    deadline = start + _QUICK_SECONDS
    share = max(0.0, deadline - time.monotonic()) / rows_left
    return Plan(
        rounds,
        long_rounds,
        fewest_rounds=1,
        round_seconds=min(0.05, share / 100),
        row_seconds=share * 0.6,
        timeout=min(options.timeout, _QUICK_TIMEOUT),
        row_limit=max(6.0, share * 2),
        deadline=deadline,
    )


def _settings(options: argparse.Namespace) -> dict[str, object]:
    """What a reader of the result has to know about the run."""
    return {
        "quick": options.quick,
        "only": options.only,
        "rounds": rounds_of(options),
        "peers": not options.no_peers,
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
    }


def _commit() -> str:
    """The commit of the clone, with a plus when files differ from it; empty outside of a clone."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(ROOT), "describe", "--always", "--dirty=+", "--match=no tag is wanted"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextlib.contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for what the workloads write, gone afterwards; what a killed run left is swept after a day."""
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob("bench-*"):
        if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


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
