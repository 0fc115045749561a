"""A run over many rows: in full, or within the three minutes of a quick one."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench_machine import describe_machine
from bench_options import ROOT, rounds_of
from bench_process import announce_quick_run
from bench_results import Participant, Result
from bench_rows import title_of
from bench_runner import Plan, RowRunner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bench_environments import PeerEnvironments
    from bench_model import Peer, Row
    from bench_progress import Progress

_QUICK_SECONDS: Final = 160.0
_QUICK_ENVIRONMENT_SECONDS: Final = 40.0
_QUICK_TIMEOUT: Final = 20
_STALE_SECONDS: Final = 86_400.0


def measure(
    options: argparse.Namespace,
    rows: Sequence[tuple[str, Row]],
    environments: PeerEnvironments,
    progress: Progress,
) -> Result:
    """Runs all rows; an interruption keeps those that are done."""
    with _scratch_folder(options.scratch or options.store / "tmp") as scratch:
        result = Result(describe_machine(scratch), _settings(options))
        full_plan = Plan(*rounds_of(options), 3, round_seconds=0.1, row_seconds=60.0, timeout=options.timeout)
        runner = RowRunner(options.folder / "work", scratch, full_plan, environments, progress.say)
        session = (_QuickSession if options.quick else _Session)(options, rows, runner, result, progress)
        with contextlib.suppress(KeyboardInterrupt):
            session.run()
            result.complete = True
    return result


class _Session:
    """Measures every row with all of its peers, taking the time that it takes."""

    def __init__(
        self,
        options: argparse.Namespace,
        rows: Sequence[tuple[str, Row]],
        runner: RowRunner,
        result: Result,
        progress: Progress,
    ) -> None:
        self._rows, self._runner, self._result, self._progress = rows, runner, result, progress
        self._options = options

    def run(self) -> None:
        """Measures all rows."""
        for number, (package, row) in enumerate(self._rows):
            self._progress.begin(number + 1, len(self._rows), title_of(package, row))
            self._plan_row(len(self._rows) - number)
            self._result.rows.append(self._runner.run(package, row, self._peers_of(row)))
            self._progress.end(self._result.rows[-1].verdict().value)

    def _plan_row(self, rows_left: int) -> None:
        """Every row has the same plan."""

    def _peers_of(self, row: Row) -> Sequence[Peer]:
        return () if self._options.no_peers else row.peers


class _QuickSession(_Session):
    """Deals out the time that is left among the rows that are left.

    First come all rows with the peers that their limits name; the other peers are measured by themselves in what time
    remains, so that a slow one never costs a row its verdict.
    """

    def run(self) -> None:
        """Measures all rows, then the other peers."""
        announce_quick_run()
        start = time.monotonic()
        others = [(package, row, self._others_of(row)) for package, row in self._rows]
        self._deadline = start + _QUICK_SECONDS
        self._runner.environments.deadline = start + _QUICK_ENVIRONMENT_SECONDS
        super().run()
        self._runner.environments.deadline = self._deadline
        for number, ((package, row, peers), result) in enumerate(zip(others, self._result.rows, strict=True)):
            self._progress.begin(number + 1, len(others), f"{title_of(package, row)}, other peers")
            self._plan_row(len(others) - number)
            result.participants += self._run_others(package, peers)
            labels = [peer.label for peer in row.peers]
            result.participants.sort(key=lambda side: labels.index(side.label) if side.label in labels else -1)

    def _run_others(self, package: str, peers: Sequence[Peer]) -> list[Participant]:
        """Measures peers, each for itself: one that hangs takes its own time only."""
        return [participant for peer in peers for participant in self._runner.run_peers(package, [peer])]

    def _plan_row(self, rows_left: int) -> None:
        share = max(0.0, self._deadline - time.monotonic()) / rows_left
        self._runner.plan = Plan(
            *rounds_of(self._options),
            fewest_rounds=1,
            round_seconds=min(0.05, share / 100),
            row_seconds=share * 0.6,
            timeout=min(self._options.timeout, _QUICK_TIMEOUT),
            row_limit=max(3.0, share * 2),
            deadline=self._deadline,
        )

    def _peers_of(self, row: Row) -> Sequence[Peer]:
        named = {limit.versus for limit in (*row.musts, *row.aims)}
        return [peer for peer in super()._peers_of(row) if peer.label in named]

    def _others_of(self, row: Row) -> Sequence[Peer]:
        return [peer for peer in super()._peers_of(row) if peer not in self._peers_of(row)]


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
