"""Kill processes on cue: what a test needs to show that data survives SIGKILL at any moment.

A *victim* is a process that runs a function and dies when told to: at a random moment, after so many acknowledgements,
or at the n-th line (or bytecode instruction) that it executes in chosen modules. What it acknowledged before is in a
`Tally`, a number in shared memory, which costs the victim next to nothing and survives it.

Example:
    Kill a producer at every line of ``put``, and look each time at what it left::

        import itertools
        from ataraxis_shm import RingConsumer, RingProducer
        from ataraxis_shm.testing import killed_at


        def put_two(tally, path):
            producer = RingProducer.create(path, 4096)
            for body in (b"one", b"two"):
                producer.put(body)
                tally.add()


        def test_put_survives_a_kill_anywhere(tmp_path):
            for step in itertools.count(1):
                path = tmp_path / f"{step}.ring"
                victim = killed_at(step, "ataraxis_shm._ring_producer", put_two, path)
                ...  # at least victim.tally.value records are in the ring, and at most one more
                if not victim.was_killed:
                    break  # it came to its end
"""

import mmap
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from types import FrameType

StartMethod = Literal["fork", "spawn", "forkserver"]

_POLL_SECONDS: Final = 0.0005

# The exit status of a process that was killed. Windows knows no SIGKILL; any signal of `os.kill` ends a process there.
if sys.platform == "win32":
    _KILLED: Final = -signal.SIGTERM
else:
    _KILLED = -signal.SIGKILL


class Tally:
    """A number that two processes see, kept in a file that both map: what one of them adds survives its death.

    Only one process may add at a time. It pickles, under every start method; whoever made it removes the file by
    `close`.

    Example:
        >>> with Tally() as tally:
        ...     tally.add()
        ...     tally.add(2)
        ...     print(tally.value)
        3
    """

    def __init__(self, path: str | None = None) -> None:
        """Make a tally of zero.

        Args:
            path: Of the file of an existing tally, to share it.
        """
        self._owned = path is None
        if path is None:
            fd, path = tempfile.mkstemp(prefix="ataraxis-tally-")
            os.ftruncate(fd, mmap.PAGESIZE)
        else:
            fd = os.open(path, os.O_RDWR)
        self._path = path
        self._words = memoryview(mmap.mmap(fd, mmap.PAGESIZE)).cast("Q")
        os.close(fd)

    @property
    def value(self) -> int:
        """What was added so far."""
        return self._words[0]

    def add(self, count: int = 1) -> None:
        """Add to the number, by one aligned store."""
        self._words[0] += count

    def wait_for(self, value: int, timeout: float = 60.0) -> None:
        """Wait until another process has added so much.

        Raises:
            TimeoutError: It has not, in so many seconds.
        """
        deadline = time.monotonic() + timeout
        while self.value < value:
            if time.monotonic() > deadline:
                raise TimeoutError(f"The tally stands at {self.value} after {timeout} s: expected {value}.")
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Remove the file, if this is the process that made it; the number stays readable."""
        if self._owned:
            self._owned = False
            Path(self._path).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type["Tally"], tuple[str]]:
        return Tally, (self._path,)


class Cue(NamedTuple):
    """When a victim kills itself: at the ``step``-th line, or instruction, that it executes in some modules.

    Attributes:
        step: From 1 on.
        modules: Names of modules; their lines count in every thread that the target starts, too.
        instructions: Count bytecode instructions instead of lines.
    """

    step: int
    modules: tuple[str, ...]
    instructions: bool = False


class Victim:
    """A process that runs ``target(tally, *arguments)`` until its end or its death. A context manager that kills it.

    Attributes:
        tally: What the target has acknowledged.

    Example:
        >>> with Victim(Tally.add, method="spawn") as victim:
        ...     victim.join()
        0
        >>> victim.tally.value
        1
    """

    def __init__(
        self,
        target: "Callable[..., object]",
        *arguments: object,
        method: StartMethod | None = None,
        cue: Cue | None = None,
    ) -> None:
        """Start the process.

        Args:
            target: Called with a `Tally` and the arguments; must be importable unless the method is ``"fork"``.
            *arguments: Picklable, unless the method is ``"fork"``.
            method: How to start it; None for the system's default.
            cue: When it kills itself, if it should.
        """
        self.tally = Tally()
        context: BaseContext = multiprocessing.get_context(method)
        self._process: BaseProcess = context.Process(  # type: ignore[attr-defined]  # each concrete context has it
            target=_run, args=(target, self.tally, arguments, cue), daemon=True
        )
        with warnings.catch_warnings():
            # The caller chose; that threads and fork do not mix well is what some of the tests are about.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            self._process.start()

    @property
    def pid(self) -> int:
        """Identifier of the process."""
        pid = self._process.pid
        if pid is None:
            raise AssertionError("a victim is started by its constructor")
        return pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def was_killed(self) -> bool:
        """Whether the process is dead because it was killed, and not because its target ended or raised."""
        return self._process.exitcode == _KILLED

    def kill(self) -> None:
        """Kill the process at once and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def kill_after(self, count: int, timeout: float = 60.0) -> None:
        """Kill the process once it has acknowledged so many times.

        Raises:
            TimeoutError: It did not in so many seconds; it is killed all the same.
        """
        try:
            self.tally.wait_for(count, timeout)
        finally:
            self.kill()

    def join(self, timeout: float = 60.0) -> int:
        """Wait for the end of the process.

        Returns:
            Its exit status: 0, 1 when the target raised, or the negative number of the signal that killed it.

        Raises:
            TimeoutError: It still runs after so many seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"The process {self.pid} still runs after {timeout} s.")
        return self._process.exitcode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self.tally.close()


def killed_at(
    step: int,
    modules: "str | Iterable[str]",
    target: "Callable[..., object]",
    *arguments: object,
    method: StartMethod | None = None,
    instructions: bool = False,
) -> Victim:
    """Run a target in a process that kills itself at one line; return the process when it is dead.

    Call it with step 1, 2, 3 … until the result's ``was_killed`` is False: then the target came to its end, and each
    line that it executes was the last one once.

    Args:
        step: Which line, counted from 1 in the order of execution.
        modules: Name or names of the modules whose lines count.
        target: Called with a `Tally` and the arguments.
        *arguments: See `Victim`.
        method: How to start the process; None for the system's default.
        instructions: Count bytecode instructions instead of lines.

    Raises:
        RuntimeError: The target raised.
        TimeoutError: It still ran after a minute; it was killed.
    """
    names = (modules,) if isinstance(modules, str) else tuple(modules)
    with Victim(target, *arguments, method=method, cue=Cue(step, names, instructions)) as victim:
        status = victim.join()
    if status not in (0, _KILLED):
        raise RuntimeError(f"The target ended with the exit status {status}: see the output of the process.")
    return victim


def kill_me() -> None:
    """Kill this process at once, as SIGKILL does: nothing is flushed, no handler and no ``finally`` runs."""
    os.kill(os.getpid(), -_KILLED)


def _run(target: "Callable[..., object]", tally: Tally, arguments: tuple[object, ...], cue: Cue | None) -> None:
    if cue is None:
        target(tally, *arguments)
        return
    trace = _tracer(cue)
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        target(tally, *arguments)
    finally:
        sys.settrace(None)


def _tracer(cue: Cue) -> "Callable[[FrameType, str, Any], Any]":
    """Return a trace function that counts what the cue counts, and kills the process when it comes up."""
    wanted = "opcode" if cue.instructions else "line"
    left = cue.step

    def count(frame: "FrameType", event: str, argument: Any) -> Any:  # noqa: ARG001 - what sys.settrace passes
        nonlocal left
        if event == wanted:
            left -= 1
            if left == 0:
                kill_me()
        return count

    def enter(frame: "FrameType", event: str, argument: Any) -> Any:  # noqa: ARG001
        if frame.f_globals.get("__name__") not in cue.modules:
            return None
        frame.f_trace = count  # before the next line: Python 3.13 counts instructions only in frames that have it
        frame.f_trace_opcodes = cue.instructions
        return count

    return enter
