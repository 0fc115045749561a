"""Runs a row: all of its sides prepared side by side, then measured in turns, round by round."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench_environments import Environment, EnvironmentUnavailableError
from bench_model import FLOOR, OURS
from bench_process import NoAnswerError, Worker, WorkerError
from bench_results import Participant, RowResult, check_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench_environments import PeerEnvironments
    from bench_model import Peer, Row

# Given to a check even when the time is over: numbers that nobody checked are worth nothing.
_CHECK_SECONDS: Final = 10.0
_NO_TIME: Final = "no time was left for it"
_DISTRIBUTIONS: Final = {
    "nested": "ataraxis-nested",
    "yaml": "ataraxis-yamlconfig",
    "shm": "ataraxis-shm",
    "ring": "ataraxis-shm",
    "import": "ataraxis-data-structures",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: Rounds of each side, when the time allows. Many short ones, taken in turns, resist what else the machine
            does better than few long ones.
        long_rounds: The same for a row with a workload whose call is long (`once`).
        fewest_rounds: Rounds of ours and the floor that are made even when they take longer than `row_seconds`.
        round_seconds: How long a round of a looped workload takes.
        row_seconds: After this time a row begins no further round.
        timeout: How long one answer of a worker may take.
        row_limit: After this time a row ends, whatever it has.
        deadline: The moment (of the monotonic clock) at which everything has to be over.
    """

    rounds: int
    long_rounds: int
    fewest_rounds: int
    round_seconds: float
    row_seconds: float
    timeout: float
    row_limit: float = float("inf")
    deadline: float = float("inf")


class _TimeOverError(Exception):
    """The time that a row or the run may take is over."""


@dataclass(slots=True)
class _Side:
    """A participant and its worker while a row runs."""

    participant: Participant
    worker: Worker
    once: bool = False
    stopped: bool = False
    spent: float = 0.0

    @property
    def is_active(self) -> bool:
        """Whether there is more to measure."""
        return not (self.stopped or self.participant.error or self.participant.absent)

    @property
    def is_peer(self) -> bool:
        """Whether it is neither ours nor the floor."""
        return self.participant.label not in {OURS, FLOOR}


@dataclass(slots=True)
class RowRunner:
    """Runs rows, each side in a worker of its own.

    A side whose environment, preparation, call or check fails carries the error; the others go on, unless it is ours,
    without which there is nothing to compare.
    """

    work_folder: Path
    scratch: Path
    plan: Plan
    environments: PeerEnvironments
    say: Callable[[str], None]
    _started: float = field(default=0.0, init=False)

    def run(self, package: str, row: Row, peers: Sequence[Peer]) -> RowResult:
        """Measures ours, the floor and some peers, and holds ours to the limits of the row."""
        sides: list[tuple[str, str, Peer | None]] = [(OURS, row.ours, None)]
        if row.floor:
            sides.append((FLOOR, row.floor, None))
        participants = self._run_sides(package, sides + [(peer.label, peer.work, peer) for peer in peers])
        result = RowResult(package, row.name, row.note, participants)
        result.checks = check_limits(row, result)
        return result

    def run_peers(self, package: str, peers: Sequence[Peer]) -> list[Participant]:
        """Measures peers by themselves."""
        return self._run_sides(package, [(peer.label, peer.work, peer) for peer in peers])

    def _run_sides(self, package: str, sides: Iterable[tuple[str, str, Peer | None]]) -> list[Participant]:
        """Measures sides, each given by its label, its workload and, if it is one, its peer."""
        participants, running = [], []
        with contextlib.ExitStack() as stack:
            for label, work, peer in sides:
                participant = Participant(label, work)
                participants.append(participant)
                if time.monotonic() > self.plan.deadline:
                    participant.absent = _NO_TIME
                    continue
                try:
                    worker = self._start(package, participant, peer, stack)
                except EnvironmentUnavailableError as error:
                    participant.absent = str(error)
                else:
                    running.append(_Side(participant, worker))
            # Making an environment takes no time from the measuring.
            self._started = time.monotonic()
            self._measure(running)
        return participants

    def _start(self, package: str, participant: Participant, peer: Peer | None, stack: contextlib.ExitStack) -> Worker:
        """Starts the worker of a side in its environment."""
        if peer is not None and peer.requires:
            environment = self.environments.get(peer)
        else:
            version = _own_version(package) if participant.label == OURS else ""
            environment = Environment(sys.executable, version, platform.python_version(), ())
        participant.version, participant.python = environment.version, environment.python_version
        # Short names: the sockets that multiprocessing makes below have little room for their path. What a worker
        # leaves there goes with the whole run: on some file systems new files are slow for minutes after many went.
        scratch = Path(tempfile.mkdtemp(prefix="w", dir=self.scratch))
        isolated = peer is not None and bool(peer.requires)
        return stack.enter_context(
            Worker(Path(environment.python), self.work_folder, participant.work, scratch, isolated=isolated)
        )

    def _measure(self, sides: list[_Side]) -> None:
        """Prepares all sides at the same time, measures them in turns, lets each check what it left."""
        for side in sides:
            side.worker.send("prepare")
        for side in sides:
            self._guard(side, self._await_preparation)
        rounds = self.plan.long_rounds if any(side.once for side in sides) else self.plan.rounds
        for number in range(rounds):
            if number >= self.plan.fewest_rounds and self._elapsed() > self.plan.row_seconds:
                break
            # Forth and back, so that no side always follows the same other one.
            for side in reversed(sides) if number % 2 else sides:
                if side.is_active:
                    self.say(f"{side.participant.label} {number + 1}/{rounds}")
                    self._measure_round(side, number, len(sides))
            if any(side.participant.label == OURS and side.participant.error for side in sides):
                return
        for side in sides:
            if side.is_active:
                self._guard(side, self._finish)

    def _measure_round(self, side: _Side, number: int, sides: int) -> None:
        """One round of one side; a side that has used up its part of the time sits it out."""
        fewest = 1 if side.is_peer else self.plan.fewest_rounds
        if number >= fewest and side.spent > self.plan.row_seconds / sides:
            side.participant.rounds.append(None)
            return
        start = time.monotonic()
        self._guard(side, self._ask_for_round)
        side.spent += time.monotonic() - start

    def _await_preparation(self, side: _Side) -> None:
        side.once = self._receive(side)["once"]

    def _finish(self, side: _Side) -> None:
        side.worker.ask("finish", _CHECK_SECONDS)

    def _ask_for_round(self, side: _Side) -> None:
        self._patience()
        side.worker.send(f"round {self.plan.round_seconds}")
        answer = self._receive(side)
        side.participant.items, side.participant.repetitions = answer["items"], answer["repetitions"]
        side.participant.rounds.append(answer["values"])

    def _receive(self, side: _Side) -> dict[str, Any]:
        """The answer of a worker; one that the end of the row cuts off is no fault of the workload."""
        patience = self._patience()
        try:
            return side.worker.receive(patience)
        except NoAnswerError:
            if patience >= self.plan.timeout:
                raise
            side.stopped = True
            side.worker.close()
            if not side.once:
                # The rounds of a loop are checked at its end, which will not come.
                side.participant.rounds.clear()
            raise _TimeOverError(_NO_TIME) from None

    def _guard(self, side: _Side, step: Callable[[_Side], None]) -> None:
        """Turns a failure of a workload into a fact of its row."""
        try:
            step(side)
        except _TimeOverError as error:
            # What was measured until then stands; without any round the row has to say why there is none.
            side.participant.absent = "" if side.participant.rounds else str(error)
        except WorkerError as error:
            side.participant.error, side.participant.traceback = str(error), error.details
            side.worker.close()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _patience(self) -> float:
        """How long the next answer may take: never past the end of the row or of the run.

        Raises:
            _TimeOverError: the time is over.
        """
        remaining = min(self._started + self.plan.row_limit, self.plan.deadline) - time.monotonic()
        if remaining <= 0:
            raise _TimeOverError(_NO_TIME)
        return min(self.plan.timeout, remaining)


def _own_version(package: str) -> str:
    """The version of our distribution that a row is about."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(package, "ataraxis-logger"))
    except importlib.metadata.PackageNotFoundError:
        return ""
