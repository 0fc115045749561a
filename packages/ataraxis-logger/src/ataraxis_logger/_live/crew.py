"""A few threads that make files: most of that is done in the kernel, without the interpreter's lock."""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Crew:
    """Runs jobs in threads of its own, or at once when it has none.

    Args:
        size: How many threads work, the caller's included when it waits: 1 means no other thread.
    """

    def __init__(self, size: int) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._open = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(size if size > 1 else 0)]
        for thread in self._threads:
            thread.start()

    @property
    def size(self) -> int:
        """In how many parts work is best split."""
        return max(1, len(self._threads))

    def submit(self, job: Callable[[], None]) -> None:
        """Has a job done, until the next `wait` at the latest.

        Raises:
            Whatever the job raises, when there are no other threads.
        """
        if self._threads:
            self._open += 1
            self._jobs.put(job)
        else:
            job()

    def wait(self) -> None:
        """Returns when all jobs are done.

        Raises:
            The first error that a job raised; the others are done all the same.
        """
        errors = [self._done.get() for _ in range(self._open)]
        self._open = 0
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """Ends the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException as error:  # noqa: BLE001  # it is raised where the work is waited for
                self._done.put(error)
            else:
                self._done.put(None)
