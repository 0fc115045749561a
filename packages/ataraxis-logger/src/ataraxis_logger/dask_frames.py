"""Many sessions as one Dask dataframe. Needs the extra `[dask]`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ataraxis_logger._errors import LogNotFoundError, MissingExtraError

try:
    import pyarrow as pa
    from dask import dataframe
    from pyarrow import parquet as pq
except ImportError as error:
    raise MissingExtraError('Dask dataframes need Dask: pip install "ataraxis-logger[dask]"') from error

_SESSION: Final = "session"
_frames: Any = dataframe  # untyped


def read_sessions(
    sessions: Mapping[str, Path | str] | Sequence[Path | str] | Path | str, columns: Sequence[str] | None = None
) -> Any:
    """Returns a Dask dataframe over the Parquet files of many sessions.

    Each row group is a partition, so one long session is spread over a cluster like many short ones. The column
    `session` (categorical) says where a row comes from. Nothing is read yet but the files' footers; workers must reach
    the files under the same paths.

    Args:
        sessions: files that `export_parquet` wrote, by a name of yours; or a list of files, or a folder of `.parquet`
            files, whose stems are the names then.
        columns: read only these columns (and `session`).

    Raises:
        LogNotFoundError: (FileNotFoundError) there are no such files.
        ValueError: two files have the same name, or different columns.
        MissingExtraError: (ImportError) Dask is not installed.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from ataraxis_logger import LogPackage, export_parquet, read_sessions
        >>> with TemporaryDirectory() as folder:
        ...     name, data = LogPackage(1, 10, np.arange(3, dtype=np.uint8)).get_data()
        ...     np.save(Path(folder) / name, data)
        ...     for session in ("monday", "tuesday"):
        ...         _ = export_parquet(folder, Path(folder) / f"{session}.parquet")
        ...     frame = read_sessions(folder)
        ...     counts = frame.groupby("session", observed=True).size().compute(scheduler="sync")
        >>> dict(sorted(counts.items()))
        {'monday': 1, 'tuesday': 1}
    """
    files = _named_files(sessions)
    names = list(files)
    wanted = None if columns is None else [*(name for name in columns if name != _SESSION), _SESSION]
    first = next(iter(files.values()))
    schema = pq.read_schema(first)
    parts = []
    for number, path in enumerate(files.values()):
        file = pq.ParquetFile(path)
        if not file.schema_arrow.equals(schema):
            raise ValueError(f"{path} has other columns than {first}. Read sessions of one kind at a time.")
        parts += [(str(path), number, group) for group in range(file.num_row_groups)]
    meta = _with_session(schema.empty_table(), 0, names, wanted)
    if not parts:
        return _frames.from_pandas(meta, npartitions=1)
    return _frames.from_map(_read_part, parts, columns=wanted, names=names, meta=meta)


def _named_files(sessions: Mapping[str, Path | str] | Sequence[Path | str] | Path | str) -> dict[str, Path]:
    if isinstance(sessions, Mapping):
        files = {name: Path(path) for name, path in sessions.items()}
    else:
        paths = sorted(Path(sessions).glob("*.parquet")) if isinstance(sessions, str | Path) else map(Path, sessions)
        files = {}
        for path in paths:
            if path.stem in files:
                raise ValueError(f"{files[path.stem]} and {path} have the same name. Pass a mapping of names to files.")
            files[path.stem] = path
    missing = [path for path in files.values() if not path.is_file()]
    if missing or not files:
        raise LogNotFoundError(f"There is no Parquet file {missing[0] if missing else f'in {sessions}'}.")
    return files


def _read_part(part: tuple[str, int, int], names: list[str], columns: list[str] | None = None) -> Any:
    """Returns a row group as a pandas frame. Dask narrows `columns` to those that a computation uses."""
    path, number, group = part
    stored = None if columns is None else [name for name in columns if name != _SESSION]
    table = pq.ParquetFile(path).read_row_group(group, columns=stored)
    return _with_session(table, number, names, columns)


def _with_session(table: Any, number: int, names: list[str], columns: list[str] | None) -> Any:
    """Returns an Arrow table as a pandas frame with the column `session`, and of the others only those wanted."""
    session = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(number, pa.int32()), table.num_rows), names)
    whole = table.append_column(_SESSION, session)
    return (whole if columns is None else whole.select(columns)).to_pandas()
