"""What a log folder is called, and not taking the folder above it for one."""

from pathlib import Path
from typing import Final

from ataraxis_logger._errors import LogNotFoundError

FOLDER_ENDING: Final = "_data_log"
"""A `DataLogger` adds this to its name."""

_FILE_ENDINGS: Final = (".npy", ".npz", ".axj")
_SHOWN: Final = 3


def logs_in(folder: Path) -> list[str]:
    """Returns the names of the log folders in a folder that is none itself."""
    if folder.name.endswith(FOLDER_ENDING):
        return []
    return sorted(log.name for log in folder.glob(f"*{FOLDER_ENDING}") if log.is_dir())


def name_one_of(folder: Path, logs: list[str]) -> str:
    """Returns what to tell somebody who has passed the folder above log folders."""
    more = f" and {len(logs) - _SHOWN} more" if len(logs) > _SHOWN else ""
    return f"{folder} is not a log, but holds some: name one of {', '.join(logs[:_SHOWN])}{more}."


def require_log_folder(folder: Path) -> None:
    """Makes sure that a folder can be a log: otherwise it would look like a log in which nothing is.

    A folder of any name is one when it holds entries, segments or archives.

    Raises:
        LogNotFoundError: It is not there, or is the folder above log folders.
    """
    if not folder.is_dir():
        raise LogNotFoundError(f"There is no log folder {folder}. Pass the folder that ends in {FOLDER_ENDING}.")
    logs = logs_in(folder)
    if logs and not any(path.suffix in _FILE_ENDINGS for path in folder.iterdir()):
        raise LogNotFoundError(name_one_of(folder, logs))
