"""The one timing loop: runs one workload in a process of its own, told by the harness when to measure a round.

Started as `python bench_worker.py WORK_FOLDER MODULE:FUNCTION` in the environment of the workload. Commands come in as
lines (`prepare`, `round SECONDS`, `finish`), each answered by one line of JSON. Standard output belongs to this
exchange, so what a workload prints goes to standard error. The end of the input ends the worker.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import math
import os
import re
import sys
import traceback
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from bench_memory import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench_model import Work

_MEBIBYTE: Final = 2**20
_MESSAGE_LENGTH: Final = 500
_MAX_REPETITIONS: Final = 10**9
_LONG_CALL: Final = 10


def time_calls(call: Callable[[], object], repetitions: int) -> float:
    """Seconds that `repetitions` calls take together."""
    loop = itertools.repeat(None, repetitions)
    start = perf_counter()
    for _ in loop:
        call()
    return perf_counter() - start


def calibrate(first: float, call: Callable[[], object], seconds: float) -> int:
    """How often to call so that a round takes about `seconds`, when the first call took `first`.

    The calls made here warm the workload up.
    """
    repetitions, elapsed = 1, first
    while True:
        if elapsed >= seconds / 2 or repetitions >= _MAX_REPETITIONS:
            return max(1, round(repetitions * seconds / elapsed))
        # Grow by the estimate, but at most tenfold: the first calls are slower than the rest.
        repetitions *= min(10, max(2, round(seconds / max(elapsed, 1e-9))))
        elapsed = time_calls(call, repetitions)


class WorkloadSession:
    """A workload from its preparation to its check."""

    def __init__(self, specification: str) -> None:
        """Imports the module of `"module:function"`; nothing is prepared yet."""
        module, _, function = specification.partition(":")
        self._function: Callable[[], Iterator[Work]] = getattr(importlib.import_module(module), function)
        self._generator: Iterator[Work] | None = None
        self._work: Work | None = None
        self._repetitions = 0
        self.stage = "prepare"

    def prepare(self) -> Work:
        """Runs the workload up to its `yield`."""
        self.stage = "prepare"
        self._generator = iter(self._function())
        self._work = next(self._generator)
        return self._work

    def round(self, seconds: float) -> dict[str, Any]:
        """Measures one round."""
        work = self._work or self.prepare()
        self.stage = "call"
        elapsed = self._measure(work, seconds)
        self.stage = "values"
        values = {"time": elapsed / (self._repetitions * work.items), "peak_MiB": peak_memory() / _MEBIBYTE}
        values.update(work.values() if work.values else {})
        values = {name: float(f"{value:.6g}") for name, value in values.items() if math.isfinite(value)}
        if work.once:
            self.check()
        return {"repetitions": self._repetitions, "items": work.items, "seconds": elapsed, "values": values}

    def _measure(self, work: Work, seconds: float) -> float:
        """Times a round: garbage is collected first, and not inside a loop (a long call meets it as in life)."""
        gc.collect()
        if work.once:
            self._repetitions = 1
            return time_calls(work.call, 1)
        gc.disable()
        try:
            return self._measure_loop(work.call, seconds)
        finally:
            gc.enable()

    def _measure_loop(self, call: Callable[[], object], seconds: float) -> float:
        """Times as many calls as make a round; a first call that is many rounds long is its own round."""
        if not self._repetitions:
            first = time_calls(call, 1)
            if first > _LONG_CALL * seconds:
                self._repetitions = 1
                return first
            self._repetitions = calibrate(first, call, seconds)
        return time_calls(call, self._repetitions)

    def check(self) -> None:
        """Resumes the workload after its `yield`, where it checks what the calls left and cleans up."""
        generator, self._generator, self._work = self._generator, None, None
        self.stage = "check"
        if generator is None:
            return
        for _ in generator:
            raise RuntimeError("a workload yields one Work, this one yielded again")

    def abandon(self) -> None:
        """Lets the workload clean up without its check."""
        if self._generator is not None:
            self._generator.close()  # type: ignore[attr-defined]  # an Iterator by its annotation, a generator by contract
            self._generator = None


def _answer(session: WorkloadSession, command: str) -> dict[str, Any]:
    """What one command gives."""
    name, _, argument = command.partition(" ")
    if name == "prepare":
        return {"once": session.prepare().once}
    if name == "round":
        return session.round(float(argument))
    if name == "finish":
        session.check()
        return {"finished": True}
    raise ValueError(f"unknown command {command!r}")


def _error(stage: str, error: BaseException) -> dict[str, Any]:
    """A failure as data: where it happened, and in short what."""
    # Names of files without their folders: the message goes into tables that others read.
    message = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/'\"():]+)+(?=[\\/])[\\/]", "", " ".join(str(error).split()))[
        :_MESSAGE_LENGTH
    ]
    details = "".join(traceback.format_exception(error))
    return {"error": f"{stage}: {type(error).__name__}: {message}".rstrip(": "), "traceback": details}


def serve(specification: str) -> int:
    """Answers commands until the input ends or the workload fails."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    session: WorkloadSession | None = None
    try:
        session = WorkloadSession(specification)
        for line in sys.stdin:
            print(json.dumps(_answer(session, line.strip())), file=answers, flush=True)
    except BaseException as error:  # noqa: BLE001  # whatever a workload raises, SystemExit too, belongs in its row
        print(json.dumps(_error(session.stage if session else "import", error)), file=answers, flush=True)
        return 1
    finally:
        if session is not None:
            session.abandon()
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1])))
    sys.exit(serve(sys.argv[2]))
