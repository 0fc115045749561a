"""Runs jobs in the calling process, on worker processes, or on an executor of the caller's.

The workers are plain subprocesses that import this package and nothing else. `multiprocessing` was not used: spawned
children import the caller's main module, which would start a script without a main guard a second time, and forked
ones inherit whatever locks the threads of an acquisition program hold.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from queue import SimpleQueue
from typing import IO, Any, Final, TypeVar

from ataraxis_logger._errors import ArchiveError

Job = TypeVar("Job")
Result = TypeVar("Result")

_START: Final = "import sys; sys.path[:] = {path!r}; from ataraxis_logger._archive.workers import serve; serve()"


def usable_cores() -> int:
    """Returns how many cores this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def run_on_executor(executor: Executor, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Yields the results of jobs that an executor runs, as they are done.

    Raises:
        ArchiveError: the executor refused a job or lost one; those that have not begun are cancelled.
    """
    futures: list[Future[Result]] = []
    try:
        futures += (executor.submit(function, job) for job in jobs)
        for future in as_completed(futures):
            yield future.result()
    except Exception as error:
        raise ArchiveError(f"The executor failed: {type(error).__name__}: {str(error)[:300]}") from error
    finally:
        for future in futures:
            future.cancel()


def run_on_workers(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Yields the results of jobs that worker processes run, as they are done.

    The workers end when the generator is closed, and by themselves when this process dies.

    Raises:
        ArchiveError: a worker died, or its job raised.
    """
    pending: SimpleQueue[Job] = SimpleQueue()
    results: SimpleQueue[Result | Exception] = SimpleQueue()
    for job in jobs:
        pending.put(job)
    crew = [_Worker(function, pending, results) for _ in range(min(workers, len(jobs)))]
    try:
        for _ in jobs:
            result = results.get()
            if isinstance(result, Exception):
                raise ArchiveError(f"A worker process failed: {str(result)[:300]}") from result
            yield result
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A worker process and the thread that feeds it."""

    def __init__(
        self, function: Callable[[Any], Any], pending: "SimpleQueue[Any]", results: "SimpleQueue[Any]"
    ) -> None:
        self._function = function
        self._pending = pending
        self._results = results
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own code
            [sys.executable, "-c", _START.format(path=sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        assert self._process.stdin is not None  # noqa: S101  # for mypy: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        while not self._pending.empty():
            try:
                job = self._pending.get_nowait()
            except Exception:  # noqa: BLE001  # another thread took the last job: `Empty`, whichever module it is from
                return
            try:
                pickle.dump((self._function, job), self._process.stdin)
                self._process.stdin.flush()
                self._results.put(pickle.load(self._process.stdout))  # noqa: S301  # from our own child
            except Exception as error:  # noqa: BLE001  # it is raised where the results are waited for
                self._results.put(error)
                return

    def stop(self) -> None:
        """Ends the process; a job that it is still at is given up."""
        assert self._process.stdin is not None  # noqa: S101  # for mypy
        assert self._process.stdout is not None  # noqa: S101
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._process.stdin.close()
        self._process.stdout.close()


def serve() -> None:
    """Runs jobs that arrive on standard input, until it ends; the other end of `_Worker`."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a job prints must not get between the answers.
    os.dup2(2, 1)
    jobs: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, jobs), daemon=True).start()
    while True:
        function, job = jobs.get()
        try:
            result = function(job)
        except Exception as error:  # noqa: BLE001  # the parent raises it
            result = error
        pickle.dump(result, answers)
        answers.flush()


def _receive(source: IO[bytes], jobs: "SimpleQueue[Any]") -> None:
    """Passes jobs on; when the parent is gone, ends the process in the middle of whatever it does."""
    while True:
        try:
            jobs.put(pickle.load(source))  # noqa: S301  # from our own parent
        except (EOFError, OSError):
            os._exit(1)
