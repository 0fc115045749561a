"""Export to Parquet, which pandas, polars, DuckDB, Dask and Spark read. Needs the extra `[arrow]`."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ataraxis_logger._archive.discover import refuse_log_file
from ataraxis_logger._archive.reader import LogArchiveReader
from ataraxis_logger._archive.typed import typed_payloads
from ataraxis_logger._errors import MissingExtraError
from ataraxis_logger._files import appear_whole
from ataraxis_logger._version import __version__

try:
    import pyarrow as pa
    from pyarrow import parquet as pq
except ImportError as error:
    raise MissingExtraError('Parquet needs pyarrow: pip install "ataraxis-logger[arrow]"') from error

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

METADATA_KEY: Final = b"ataraxis_logger"
_GROUP_ROWS: Final = 1 << 16
_GROUP_BYTES: Final = 16 << 20
_LARGEST_TIME: Final = 2**63 - 1
_FIXED_COLUMNS: Final = ("source_id", "time_stamp", "time")


def export_parquet(  # noqa: PLR0913  # the keyword-only ones are independent choices
    log: Path | str,
    path: Path | str,
    *,
    source_id: int | None = None,
    dtype: "DTypeLike | None" = None,
    onset_us: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Writes the messages of a log into one Parquet file, compressed with zstd.

    The columns are `source_id` (uint8), `time_stamp` (uint64, as it was logged), `time` (timestamp in microseconds,
    UTC; null where the onset is unknown) and `payload` (binary), or instead of the payload the fields of a dtype. Rows
    are ordered by source, then time. Onsets are not rows; they stand with the number of messages of each source as JSON
    under the key `ataraxis_logger` of the file's metadata. Messages are streamed, so memory is bounded; the file
    appears when it is whole.

    Args:
        log: an archive or a log folder.
        path: the file to write; an existing one is replaced.
        source_id: export this source alone; needed with a dtype when the log has several.
        dtype: what a payload is, when all have the same size: a structured dtype becomes one column per field, any
            other the column `value`.
        onset_us: what the times count from, in UTC microseconds; overrides what the log says.
        progress: called with the number of messages written since the last call.

    Returns:
        The number of messages written.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no log at the path, or the source is not in it.
        LogFormatError: (ValueError) a payload does not have the size of the dtype.
        DamagedEntryError: (ValueError) an entry is damaged; it is named, and nothing is exported.
        OnsetError: (ValueError) a source has different onsets and `onset_us` was not given.
        ValueError: the dtype has no equivalent in Parquet, or the file to write is part of a log.
        MissingExtraError: (ImportError) pyarrow is not installed.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> import pyarrow.parquet
        >>> from ataraxis_logger import LogPackage, export_parquet
        >>> with TemporaryDirectory() as folder:
        ...     name, data = LogPackage(1, 10, np.array([1.5, 2.5]).view(np.uint8)).get_data()
        ...     np.save(Path(folder) / name, data)
        ...     rows = export_parquet(folder, Path(folder) / "log.parquet", dtype=[("x", "<f8"), ("y", "<f8")])
        ...     pyarrow.parquet.read_table(Path(folder) / "log.parquet").drop_columns("time").to_pylist()
        [{'source_id': 1, 'time_stamp': 10, 'x': 1.5, 'y': 2.5}]
    """
    refuse_log_file(Path(path), Path(log))
    payload_type = None if dtype is None else _column_type(np.dtype(dtype))
    if source_id is None:
        readers = LogArchiveReader.open_all(log, onset_us)
    else:
        readers = {int(source_id): LogArchiveReader(log, onset_us, source_id=source_id)}
    with ExitStack() as stack:
        for reader in readers.values():
            stack.callback(reader.close)
        schema = _schema(payload_type).with_metadata({METADATA_KEY: _facts(Path(log), readers)})
        file = stack.enter_context(appear_whole(Path(path)))
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            return _write(writer, schema, readers, payload_type, progress)


def _write(
    writer: Any,
    schema: Any,
    readers: dict[int, LogArchiveReader],
    payload_type: "np.dtype[Any] | None",
    progress: Callable[[int], None] | None,
) -> int:
    rows = 0
    for source, reader in readers.items():
        for times, payloads in _groups(reader):
            columns = _columns(source, reader, times, payloads, payload_type)
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            rows += len(payloads)
            if progress is not None:
                progress(len(payloads))
    return rows


def _groups(reader: LogArchiveReader) -> Iterator["tuple[NDArray[np.uint64], list[bytes | memoryview]]"]:
    """Yields messages in pieces that make good row groups: large enough to compress, small enough to hold."""
    times: list[NDArray[np.uint64]] = []
    payloads: list[bytes | memoryview] = []
    size = 0
    for block_times, block_payloads in reader.iter_blocks():
        times.append(block_times)
        payloads += block_payloads
        size += sum(map(len, block_payloads))
        if len(payloads) >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield np.concatenate(times), payloads
            times, payloads, size = [], [], 0
    if payloads:
        yield np.concatenate(times), payloads


def _columns(
    source: int,
    reader: LogArchiveReader,
    times: "NDArray[np.uint64]",
    payloads: Sequence[bytes | memoryview],
    payload_type: "np.dtype[Any] | None",
) -> list[Any]:
    onset = _onset_of(reader)
    stamps = times if onset is None else times - np.uint64(onset)
    unknown = np.full(len(times), onset is None) | (times > _LARGEST_TIME)
    moments = pa.array(np.where(unknown, 0, times).astype(np.int64), type=pa.int64(), mask=unknown)
    columns = [
        pa.array(np.full(len(times), source, dtype=np.uint8)),
        pa.array(stamps),
        moments.cast(pa.timestamp("us", tz="UTC")),
    ]
    if payload_type is None:
        return [*columns, _binary(payloads)]
    values = typed_payloads(stamps, payloads, payload_type)
    return [*columns, *(_column(values[name]) for name in payload_type.names or ())]


def _onset_of(reader: LogArchiveReader) -> int | None:
    return int(reader.onset_timestamp_us) if reader.has_onset else None


def _binary(payloads: Sequence[bytes | memoryview]) -> Any:
    """Returns payloads as an Arrow array, without an object for each."""
    offsets = np.zeros(len(payloads) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, payloads), dtype=np.int64, count=len(payloads)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(payloads))]
    return pa.Array.from_buffers(pa.large_binary(), len(payloads), buffers)


def _column_type(dtype: "np.dtype[Any]") -> "np.dtype[Any]":
    """Returns the dtype with one field per column.

    Raises:
        ValueError: a field has no equivalent in Parquet.
    """
    fields = dtype if dtype.names is not None else np.dtype([("value", dtype)])
    for name in fields.names or ():
        if name in _FIXED_COLUMNS:
            raise ValueError(
                f"The dtype has a field {name}, which is the name of a column every export has; rename it."
            )
        base = fields[name].base
        if base.kind not in "biufSmM" or fields[name].ndim > 1 or base == np.longdouble or not _has_known_unit(base):
            raise ValueError(
                f"The field {name[:40]} of type {str(fields[name])[:60]} has no equivalent in Parquet. Fields can be "
                "booleans, numbers of up to 64 bits, byte strings, dates, times and intervals in s, ms, us or ns, "
                "and one-dimensional arrays of these."
            )
    return fields


def _has_known_unit(dtype: "np.dtype[Any]") -> bool:
    """Tells whether Arrow has the unit of datetimes and intervals; NumPy has more, and multiples such as 25 us."""
    if dtype.kind not in "mM":
        return True
    unit, step = np.datetime_data(dtype)
    return step == 1 and (unit in {"s", "ms", "us", "ns"} or dtype == np.dtype("M8[D]"))


def _column(values: "NDArray[Any]") -> Any:
    """Returns one field of all messages as an Arrow array."""
    flat = np.ascontiguousarray(values).reshape(-1)
    array = pa.array(flat.astype(flat.dtype.newbyteorder("="), copy=False))
    if values.ndim == 1:
        return array
    return pa.FixedSizeListArray.from_arrays(array, values.shape[1])


def _schema(payload_type: "np.dtype[Any] | None") -> Any:
    fields = [
        ("source_id", pa.uint8()),
        ("time_stamp", pa.uint64()),
        ("time", pa.timestamp("us", tz="UTC")),
    ]
    if payload_type is None:
        return pa.schema([*fields, ("payload", pa.large_binary())])
    empty = np.zeros(0, dtype=payload_type)
    return pa.schema([*fields, *((name, _column(empty[name]).type) for name in payload_type.names or ())])


def _facts(log: Path, readers: dict[int, LogArchiveReader]) -> bytes:
    facts = {
        "version": __version__,
        "log": log.name,
        "sources": {
            str(source): {"messages": reader.message_count, "onset_us": _onset_of(reader)}
            for source, reader in readers.items()
        },
    }
    return json.dumps(facts).encode()
