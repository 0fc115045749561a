"""Finds archives, and counts what is in one."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from ataraxis_logger._archive.npz_log import NpzLog
from ataraxis_logger._archive.onset import count_messages
from ataraxis_logger._entry import MAX_SOURCE
from ataraxis_logger._errors import LogFormatError, LogNotFoundError

ARCHIVE_SUFFIX: Final = "_log.npz"
_LOG_SUFFIXES: Final = frozenset({".npy", ".axj", ".npz"})


def archive_path(folder: Path, source: int) -> Path:
    """Returns where the archive of a source is, or will be."""
    return folder / f"{source}{ARCHIVE_SUFFIX}"


def archives_in(folder: Path) -> list[tuple[int, Path]]:
    """Returns source and path of the archives directly in a folder, by source."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            source = _source_of(entry.name)
            if source is not None:
                found.append((source, folder / entry.name))
    return sorted(found)


def discover_log_archives(log_directory: Path | str) -> dict[str, Path]:
    """Finds all archives in a folder and below.

    Args:
        log_directory: where to look.

    Returns:
        The archives by source id (as text), in the order of the ids.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such folder.
        LogFormatError: (ValueError) a source has archives in several places; look in one log folder at a time.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ataraxis_logger import discover_log_archives
        >>> with TemporaryDirectory() as folder:
        ...     discover_log_archives(folder)
        {}
    """
    found: dict[int, Path] = {}
    for source, path in _archives_below(Path(log_directory)):
        if source in found:
            raise LogFormatError(
                f"Source {source} has two archives, {found[source]} and {path}. Look in one log folder at a time.", path
            )
        found[source] = path
    return {str(source): found[source] for source in sorted(found)}


def find_log_archive(log_directory: Path | str, source_id: str | int) -> Path:
    """Finds the archive of a source in a folder or below.

    Args:
        log_directory: where to look.
        source_id: the source, 0 to 255.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such folder, or no such archive in it.
        LogFormatError: (ValueError) there are several.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import find_log_archive
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "1_log.npz")
        ...     find_log_archive(folder, 1).name
        '1_log.npz'
    """
    folder = Path(log_directory)
    found = [path for source, path in _archives_below(folder) if str(source) == str(source_id)]
    if not found:
        name = f"{str(source_id)[:20]}{ARCHIVE_SUFFIX}"
        raise LogNotFoundError(f"There is no archive {name} in {folder} or below. Archive the log first.")
    if len(found) > 1:
        raise LogFormatError(
            f"Source {source_id} has {len(found)} archives in {folder}, among them {found[0]} and {found[1]}. "
            "Look in one log folder at a time.",
            folder,
        )
    return found[0]


def read_archive_message_count(archive_path: Path | str) -> int:
    """Returns how many messages an archive holds, onsets not counted, without reading them.

    Args:
        archive_path: the archive.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such file.
        LogFormatError: (ValueError) it is not an archive of log entries.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage, compress_npy_logs, find_log_archive, read_archive_message_count
        >>> with TemporaryDirectory() as folder:
        ...     for package in (LogPackage.onset(1), LogPackage(1, 10, np.zeros(3, dtype=np.uint8))):
        ...         name, data = package.get_data()
        ...         np.save(Path(folder) / name, data)
        ...     _ = compress_npy_logs(folder)
        ...     read_archive_message_count(find_log_archive(folder, 1))
        1
    """
    path = Path(archive_path)
    if not path.is_file():
        raise LogNotFoundError(f"There is no archive {path}.")
    with closing(NpzLog(path)) as log:
        if not log.sources() and log.problems:
            raise LogFormatError(f"{path} is not an archive of log entries: {log.problems[0].reason}.", path)
        return sum(count_messages(log, source) for source in log.sources())


def refuse_log_file(path: Path, log: Path) -> None:
    """Raises ValueError when a file that is to be written would take the place of a log, or of a part of one."""
    if path.exists() and (path.suffix in _LOG_SUFFIXES or path.samefile(log)):
        raise ValueError(f"{path} is part of a log and would be replaced; choose another name for the new file.")


def _archives_below(folder: Path) -> Iterator[tuple[int, Path]]:
    if not folder.is_dir():
        raise LogNotFoundError(f"There is no folder {folder}.")
    for path in sorted(folder.rglob(f"*{ARCHIVE_SUFFIX}")):
        if (source := _source_of(path.name)) is not None and path.is_file():
            yield source, path


def _source_of(name: str) -> int | None:
    digits = name.removesuffix(ARCHIVE_SUFFIX)
    if digits == name or not (digits.isascii() and digits.isdigit()) or str(int(digits)) != digits:
        return None
    return int(digits) if int(digits) <= MAX_SOURCE else None
