"""A helper: makes files of entries that its writer gives it, and ends with it."""

import errno
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from ataraxis_logger._live.claimed_ring import HELPER_LOCKS
from ataraxis_logger._live.entry_files import EntryFiles
from ataraxis_shm._registry import OpenFile, open_file

HOLD, LET_GO, STORE, SETTLE = range(4)
"""What a writer asks for."""


class Helper:
    """Does what it is asked for.

    Args:
        number: Which of its writer's helpers it is.
        files: Makes the files.
    """

    def __init__(self, number: int, files: EntryFiles) -> None:
        self._lock = HELPER_LOCKS + number
        self._files = files
        self._rings: dict[str, OpenFile] = {}
        self._answers: Final[dict[int, Callable[..., None]]] = {
            HOLD: self._hold,
            LET_GO: self._let_go,
            STORE: files.store,
            SETTLE: files.settle,
        }

    def serve(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        """Answers requests until they end, or until nobody reads the answers."""
        answer: OSError | None = None
        while True:
            try:
                pickle.dump(answer, replies)
                replies.flush()
                kind, *arguments = pickle.load(requests)  # noqa: S301  # what our own writer sends
            except (EOFError, BrokenPipeError, pickle.UnpicklingError):
                return
            answer = self._answer(kind, *arguments)

    def _answer(self, kind: int, *arguments: object) -> OSError | None:
        try:
            self._answers[kind](*arguments)
        except OSError as error:
            return error
        except Exception as error:  # noqa: BLE001  # the writer tells what it was
            return OSError(errno.EIO, f"a helper of the writer failed: {type(error).__name__}: {str(error)[:200]}")
        return None

    def _hold(self, ring: str) -> None:
        file = open_file(ring)
        if not file.try_lock_byte(self._lock):
            file.close()
            raise BlockingIOError(f"a helper of an earlier writer still stores from {ring}")
        try:
            self._files.use_part(str(os.getpid()))
        except OSError:
            file.close()
            raise
        self._rings[ring] = file

    def _let_go(self, ring: str) -> None:
        self._rings.pop(ring).close()


def main(arguments: Sequence[str]) -> None:
    """Runs a helper: its number, identity and path of the log folder, the log's state folder (to tell whose it is)."""
    number, identity, folder = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed must not get between the answers
    files = EntryFiles(folder, identity)
    try:
        Helper(number, files).serve(sys.stdin.buffer, replies)
    finally:
        files.close()
