"""The storages by name."""

from pathlib import Path

from ataraxis_logger._live.claimed_ring import Store
from ataraxis_logger._live.journal_store import JournalStore
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.session_page import SessionPage


def open_store(folder: Path, page: SessionPage) -> Store:
    """Opens the storage that the session page names, in the log folder.

    Raises:
        OSError: The folder is not there, is not the one the session began with, or refuses to be written to.
    """
    return NpyStore(folder, page) if page.storage == "npy" else JournalStore(folder, page)


def is_parallel(page: SessionPage) -> bool:
    """Tells whether several threads, each with a store and rings of its own, gain anything."""
    # Files are made in the kernel, without the interpreter's lock; a journal is one system call for a thousand records.
    return page.storage == "npy"
