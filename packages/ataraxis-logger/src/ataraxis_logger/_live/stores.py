"""The storages by name."""

from pathlib import Path

from ataraxis_logger._live.claimed_ring import Store
from ataraxis_logger._live.journal_store import JournalStore
from ataraxis_logger._live.npy_store import NpyStore
from ataraxis_logger._live.session_page import SessionPage


def open_store(folder: Path, page: SessionPage, processes: int) -> Store:
    """Opens the storage that the session page names, in the log folder.

    Args:
        folder: The log folder.
        page: The session page.
        processes: How many may make files while many packages wait; a journal needs no help, it is one system call for
            a thousand records.

    Raises:
        OSError: The folder is not there, is not the one the session began with, or refuses to be written to.
    """
    return NpyStore(folder, page, processes) if page.storage == "npy" else JournalStore(folder, page)
