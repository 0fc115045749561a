"""The helpers of a writer: processes that make files beside it while there are many to make.

Not threads: an entry is five short system calls, and after each of them a thread has to get the interpreter back from
the other one (two threads took 126 microseconds of processor time for an entry, one thread 86). Not forks of the
writer: those would keep the memory of every ring that it had mapped.

Before it is given entries of a ring a helper takes a lock on the ring's file. When the writer is killed, its helpers
finish what they were given and end, and until then a successor sees that somebody is still storing from that ring.
"""

import errno
import pickle
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ataraxis_logger._live.claimed_ring import MAX_HELPERS
from ataraxis_logger._live.helper import HOLD, LET_GO, SETTLE, STORE
from ataraxis_logger._live.launch import HELPER, command

if TYPE_CHECKING:
    from ataraxis_logger._live.entry_files import Entry
    from ataraxis_logger._live.session_page import SessionPage


class Crew:
    """The helpers of one store. They are started when they are first asked for.

    Args:
        folder: The log folder.
        page: Its session page.
        most: How many helpers there may be.
    """

    def __init__(self, folder: Path, page: "SessionPage", most: int) -> None:
        self._folder = folder
        self._page = page
        # None on Windows, where nobody can ask a pipe whether they have come up.
        self._most = 0 if sys.platform == "win32" else min(most, MAX_HELPERS)
        self._helpers: list[HelperProcess] | None = None

    def ready(self, ring: Path) -> "list[HelperProcess]":
        """Returns the helpers that have come up and may store from a ring, after starting them at the first call.

        Raises:
            OSError: A helper was killed, or one of a writer before this still stores from the ring.
        """
        if self._helpers is None:
            self._helpers = []
            # Without them, the writer does the work alone.
            with suppress(OSError):
                for number in range(self._most):
                    self._helpers.append(HelperProcess(number, self._folder, self._page))
        return [helper for helper in self._helpers if helper.is_ready() and helper.holds(ring)]

    def settle(self, ring_id: int) -> None:
        """Has the helpers remove the pending names of what they stored from a ring."""
        for helper in self._helpers or ():
            helper.settle(ring_id)

    def let_go(self, ring: Path) -> None:
        """Has the helpers forget a ring that is done with."""
        for helper in self._helpers or ():
            helper.let_go(ring)

    def wait(self) -> None:
        """Returns when everything that was asked for is done.

        Raises:
            OSError: The disk refused some of it, or a helper was killed.
        """
        refusals = [refusal for helper in self._helpers or () if (refusal := helper.wait()) is not None]
        if refusals:
            raise refusals[0]

    def close(self) -> None:
        """Ends the helpers when they have done what they were asked for."""
        helpers, self._helpers = self._helpers or [], []
        for helper in helpers:
            helper.close()


class HelperProcess:
    """One helper, as its writer sees it. Every request is answered, in order, by None or by what was refused."""

    def __init__(self, number: int, folder: Path, page: "SessionPage") -> None:
        import subprocess  # noqa: PLC0415  # writers start sooner without it, and few need help

        self._process = subprocess.Popen(  # noqa: S603  # our own command
            # The last one tells people, and tests, whose helper it is.
            command(HELPER, str(number), str(page.folder_identity), folder, page.path.parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin is not None  # noqa: S101  # for mypy: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._is_ready = False
        self._unanswered = 0
        self._rings: set[Path] = set()
        self._unsettled: set[int] = set()

    def is_ready(self) -> bool:
        """Tells whether it has come up; does not wait for it."""
        if not self._is_ready and _is_readable(self._replies):
            self._unanswered += 1  # it says so itself, once
            self._is_ready = self.wait() is None
        return self._is_ready

    def holds(self, ring: Path) -> bool:
        """Tells whether it has its lock of a ring, for which it is asked the first time.

        It has answered before it gets an entry: if its writer is killed in between, it must not begin without the lock.

        Raises:
            OSError: It was killed, one of a writer before this still stores from the ring, or something was refused
                that it was asked for before.
        """
        if ring in self._rings:
            return True
        earlier = self.wait()
        if earlier is not None:
            raise earlier
        self._ask(HOLD, str(ring))
        refusal = self.wait()
        if isinstance(refusal, BlockingIOError | ChildProcessError):
            raise refusal
        if refusal is None:
            self._rings.add(ring)
        return refusal is None  # else the ring's file was removed, or it has no descriptor left: it cannot help

    def store(self, ring_id: int, entries: "list[Entry]") -> None:
        """Asks it to store entries of a ring that it holds."""
        self._ask(STORE, ring_id, [(position, bytes(body)) for position, body in entries])
        self._unsettled.add(ring_id)

    def settle(self, ring_id: int) -> None:
        """Asks it to remove the pending names of what it stored from a ring."""
        if ring_id in self._unsettled:
            self._unsettled.discard(ring_id)
            self._ask(SETTLE, ring_id)

    def let_go(self, ring: Path) -> None:
        """Asks it to let go of a ring."""
        if ring in self._rings:
            self._rings.discard(ring)
            self._ask(LET_GO, str(ring))

    def wait(self) -> OSError | None:
        """Waits for all answers; returns the first refusal."""
        refusals = []
        while self._unanswered:
            self._unanswered -= 1
            try:
                answer = pickle.load(self._replies)  # noqa: S301  # what our own process writes
            except (EOFError, pickle.UnpicklingError):
                self._unanswered = 0
                answer = _gone()
            if answer is not None:
                refusals.append(answer)
        return refusals[0] if refusals else None

    def close(self) -> None:
        """Ends it when it has done what it was asked for."""
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()
        self._replies.close()

    def _ask(self, *request: object) -> None:
        try:
            pickle.dump(request, self._requests)
            self._requests.flush()
        except BrokenPipeError as error:
            raise _gone() from error
        self._unanswered += 1


def _gone() -> OSError:
    return ChildProcessError(errno.ECHILD, "a helper of the writer has ended; another one will finish what it was at")


if sys.platform == "win32":  # pragma: no cover (written and type-checked for, not yet run)

    def _is_readable(_channel: IO[bytes]) -> bool:
        return False  # pipes cannot be asked there: the writer does the work alone

else:
    from select import POLLIN, poll

    def _is_readable(channel: IO[bytes]) -> bool:
        poller = poll()  # select knows no descriptor above 1023, and a writer may have that many rings open
        poller.register(channel, POLLIN)
        return bool(poller.poll(0))
