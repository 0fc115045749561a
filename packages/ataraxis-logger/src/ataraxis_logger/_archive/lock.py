"""One archiver a folder, and what killed ones leave behind is swept.

The folder `.archiving` exists while somebody archives: it holds a lock file and the archiver's own scratch folder. Byte
`_ARCHIVER` of the lock file is held by the archiver, one byte for each source by whoever writes that source's archive,
perhaps on another machine. So a worker that outlives its killed archiver is noticed, and cannot put an old archive in
the place of a new one: it holds its byte, or it finds its scratch folder gone and gives up.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from ataraxis_logger._errors import ArchiveBusyError
from ataraxis_logger._files import is_at, remove_partials
from ataraxis_shm._registry import OpenFile, open_file

_FOLDER: Final = ".archiving"
_LOCK: Final = "lock"
_ARCHIVER: Final = 0
_FIRST_SOURCE: Final = 1
_SOURCES: Final = 256
_PATIENCE: Final = 10.0
_MODE: Final = 0o666  # the umask takes what the user does not want


@contextmanager
def archiving(folder: Path) -> Iterator[Path]:
    """Makes the caller the only archiver of a log folder, and gives it a scratch folder there.

    Raises:
        ArchiveBusyError: somebody else is archiving the folder.
        OSError: the folder cannot be written to.
    """
    place = folder / _FOLDER
    with _locked(place) as lock:
        for entry in place.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        _wait_for_workers(lock, folder)
        remove_partials(folder)
        scratch = Path(mkdtemp(dir=place, prefix="run-"))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            # Under the lock, so that nobody else can be in there; who waits for the lock notices that it is gone.
            with suppress(OSError):
                lock.path.unlink()
                place.rmdir()


@contextmanager
def writing_archive(scratch: Path, source: int) -> Iterator[None]:
    """Holds the right to replace the archive of a source, on behalf of the archiver that owns the scratch folder.

    Raises:
        ArchiveBusyError: that archiver is gone, or somebody else writes this archive.
    """
    with open_file(scratch.parent / _LOCK) as lock:
        if not lock.try_lock_byte(_FIRST_SOURCE + source) or not scratch.is_dir():
            raise ArchiveBusyError(
                f"The archive of source {source} in {scratch.parent.parent} is not this process's to write any more."
            )
        yield


@contextmanager
def _locked(place: Path) -> Iterator[OpenFile]:
    while True:
        place.mkdir(exist_ok=True)
        path = place / _LOCK
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, _MODE))
            lock = open_file(path)
        except FileNotFoundError:
            continue  # the previous archiver removed the folder between two steps
        with lock:
            if not lock.try_lock_byte(_ARCHIVER):
                raise ArchiveBusyError(f"Another process is archiving {place.parent}; wait for it, or end it.")
            if is_at(path, lock.fd):
                yield lock
                return


def _wait_for_workers(lock: OpenFile, folder: Path) -> None:
    """Waits until the workers of a killed archiver have noticed, which they do at once when they are ours."""
    limit = time.monotonic() + _PATIENCE
    while any(lock.byte_is_locked(_FIRST_SOURCE + source) for source in range(_SOURCES)):
        if time.monotonic() > limit:
            raise ArchiveBusyError(f"A worker of an earlier archiver still writes to {folder}; wait for it, or end it.")
        time.sleep(0.01)
