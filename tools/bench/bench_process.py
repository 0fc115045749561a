"""A worker process seen from the harness: asking it for rounds, and getting rid of it whatever it does."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Final, Self

from bench_model import QUICK_VARIABLE
from bench_reaper import MARK_VARIABLE, end_marked

_WORKER: Final = Path(__file__).with_name("bench_worker.py")
_PATIENCE_AT_END: Final = 2.0
_STDERR_TAIL: Final = 400


class WorkerError(Exception):
    """The workload failed, its process died, or it did not answer in time. The message goes into the row."""

    def __init__(self, message: str, details: str = "") -> None:
        """Takes the one-line message and, where there is one, the traceback."""
        super().__init__(message)
        self.details = details


class NoAnswerError(WorkerError):
    """Nothing came within the time that was given."""


class Worker:
    """One workload in a process of its own; a context manager that never leaves the process behind."""

    def __init__(self, python: Path, work_folder: Path, specification: str, scratch: Path, *, isolated: bool) -> None:
        """Starts the process, with `scratch` as its folder for temporary files.

        `isolated` keeps what is installed for our interpreter or user away from a peer.
        """
        self._stderr = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # lives as long as the worker, closed in close()
        self._mark = uuid.uuid4().hex
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [str(python), str(_WORKER), str(work_folder), specification],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**_environment(scratch, isolated=isolated), MARK_VARIABLE: self._mark},
            cwd=scratch,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # ignored on Windows
        )
        threading.Thread(target=self._collect_answers, daemon=True).start()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self.close()

    def _collect_answers(self) -> None:
        """Moves answers from the pipe to a queue, where they can be waited for with a timeout on every system."""
        if self._process.stdout is not None:
            with self._process.stdout as stream:
                for line in stream:
                    self._answers.put(line)
        self._answers.put(None)

    def send(self, command: str) -> None:
        """Sends a command; its answer is fetched by `receive`."""
        stream = self._process.stdin
        # A worker that has died is reported by `receive`, with its reason.
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.write(command + "\n")
                stream.flush()

    def receive(self, timeout: float) -> dict[str, Any]:
        """Waits for the answer to the last command.

        Raises:
            NoAnswerError: nothing came within `timeout` seconds.
            WorkerError: the workload raised or the process died.
        """
        try:
            line = self._wait_for_line(time.monotonic() + timeout)
        except queue.Empty:
            raise NoAnswerError(f"no answer within {timeout:.0f} s") from None
        if line is None:
            raise WorkerError(self._describe_death())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"], answer["traceback"])
        return answer

    def _wait_for_line(self, deadline: float) -> str | None:
        """The next line, or None when there will be none.

        The end of the pipe may never come when the workload left a process that holds it, hence the look at the worker.
        """
        while True:
            remaining = deadline - time.monotonic()
            ended = self._process.poll() is not None
            try:
                return self._answers.get(timeout=max(0.0, min(0.5, remaining)))
            except queue.Empty:
                if ended:
                    return None
                if remaining <= 0:
                    raise

    def ask(self, command: str, timeout: float) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        self.send(command)
        return self.receive(timeout)

    def _describe_death(self) -> str:
        """Why the worker is no more: its exit status and the last it said."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode
        reason = f"killed by {signal.Signals(-status).name}" if status and status < 0 else f"exit status {status}"
        self._stderr.seek(0)
        said = " ".join(self._stderr.read().decode(errors="replace").split())[-_STDERR_TAIL:]
        return f"the worker process ended ({reason})" + (f": {said}" if said else "")

    def close(self) -> None:
        """Ends the process and those it started: first politely, so that the workload cleans up, then by force."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._end_politely()
        finally:
            self._kill_group()
            self._process.wait()
            self._stderr.close()
            end_marked(self._mark, _PATIENCE_AT_END)

    def _end_politely(self) -> None:
        """Lets an idle worker end by itself and interrupts one that is in the middle of a call."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        if self._process.poll() is None and sys.platform != "win32":
            self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE_AT_END)

    def _kill_group(self) -> None:
        """Ends whatever is left of the worker and the processes that it started."""
        if sys.platform == "win32":
            command = ["taskkill", "/F", "/T", "/PID", str(self._process.pid)]
            subprocess.run(command, check=False, capture_output=True)
        else:
            # The group keeps its number as long as one member lives; with none left there is nothing to do.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _environment(scratch: Path, *, isolated: bool) -> dict[str, str]:
    """The environment variables of a worker."""
    variables = dict(os.environ)
    # Packages are compiled when they are installed; without bytecode each import would compile ours again.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables.update({name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")})
    if isolated:
        for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
            variables.pop(name, None)
        variables["PYTHONNOUSERSITE"] = "1"
    return variables


def announce_quick_run() -> None:
    """Tells all workers started from now on that the run is a `--quick` one."""
    os.environ[QUICK_VARIABLE] = "1"
