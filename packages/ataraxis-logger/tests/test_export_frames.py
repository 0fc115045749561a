"""Exports: every message, byte for byte, in the tools people analyse with."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_helpers import ONSET_US, Entry, npy_bytes, onset, write_journal, write_npy
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.verify import verify_log
from ataraxis_logger._errors import DamagedEntryError, DamageWarning, LogFormatError, LogNotFoundError, OnsetError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from ataraxis_logger import parquet  # noqa: E402  # only where pyarrow is there
from ataraxis_logger.parquet import METADATA_KEY, export_parquet  # noqa: E402

ENTRIES: list[Entry] = [
    onset(1),
    *[(1, time * 7, bytes([time % 256]) * (time % 11)) for time in range(1, 200)],
    (3, 5, b"ticks"),
    (3, 2**64 - 1, b""),
]
MESSAGES = [entry for entry in ENTRIES if entry[1]]


def rows(path: Path) -> list[Entry]:
    table = pq.read_table(path)
    columns = (table[name].to_pylist() for name in ("source_id", "time_stamp", "payload"))
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("write", [write_npy, write_journal])
def test_every_message_is_a_row(write: object, tmp_path: Path) -> None:
    write(tmp_path / "log", ENTRIES)  # type: ignore[operator]
    counted: list[int] = []
    count = export_parquet(tmp_path / "log", str(tmp_path / "log.parquet"), progress=counted.append)
    assert rows(tmp_path / "log.parquet") == MESSAGES
    assert count == sum(counted) == len(MESSAGES)
    table = pq.read_table(tmp_path / "log.parquet")
    times = table["time"].cast(pa.int64()).to_pylist()
    assert times == [ONSET_US + time if source == 1 else None for source, time, _ in MESSAGES]
    facts = json.loads(pq.read_schema(tmp_path / "log.parquet").metadata[METADATA_KEY])
    assert facts["sources"] == {
        "1": {"messages": 199, "onset_us": ONSET_US},
        "3": {"messages": 2, "onset_us": None},
    }
    assert pq.ParquetFile(tmp_path / "log.parquet").metadata.row_group(0).column(3).compression == "ZSTD"


def test_pandas_polars_and_duckdb_read_it(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    write_npy(tmp_path / "log", ENTRIES)
    path = tmp_path / "log.parquet"
    export_parquet(tmp_path / "log", path)
    frame = pandas.read_parquet(path)
    assert list(zip(frame.source_id, frame.time_stamp, frame.payload, strict=True)) == MESSAGES
    assert frame.time[0].value == (ONSET_US + 7) * 1000
    lazy = polars.read_parquet(path)
    assert list(lazy.select("source_id", "time_stamp", "payload").iter_rows()) == MESSAGES
    with duckdb.connect() as connection:
        query = f"select source_id, time_stamp, payload from '{path}'"
        assert connection.execute(query).fetchall() == MESSAGES


def test_typed_payloads_become_columns(tmp_path: Path) -> None:
    dtype = np.dtype([("x", ">f8"), ("flag", "?"), ("code", "S3"), ("vector", "<i2", (4,))])
    values = np.zeros(50, dtype=dtype)
    values["x"], values["flag"], values["code"] = np.arange(50) / 3, np.arange(50) % 2, b"ab"
    values["vector"] = np.arange(200).reshape(50, 4)
    write_npy(tmp_path / "log", [(1, time + 1, values[time].tobytes()) for time in range(50)])
    assert export_parquet(tmp_path / "log", tmp_path / "typed.parquet", dtype=dtype) == 50
    table = pq.read_table(tmp_path / "typed.parquet")
    assert table.column_names == ["source_id", "time_stamp", "time", "x", "flag", "code", "vector"]
    assert table["x"].to_pylist() == (np.arange(50) / 3).tolist()
    assert table["flag"].to_pylist() == [bool(number % 2) for number in range(50)]
    assert table["code"].to_pylist() == [b"ab"] * 50
    assert table["vector"].to_pylist() == values["vector"].tolist()
    export_parquet(tmp_path / "log", tmp_path / "flat.parquet", dtype=("u1", dtype.itemsize))
    assert bytes(pq.read_table(tmp_path / "flat.parquet")["value"].to_pylist()[7]) == values[7].tobytes()


@pytest.mark.parametrize("dtype", ["c16", object, [("time", "u1")], [("nested", [("x", "u1")])], ("u1", (2, 2)), "U2"])
def test_dtypes_without_an_equivalent_are_refused(dtype: object, tmp_path: Path) -> None:
    write_npy(tmp_path / "log", [(1, 5, b"payload!")])
    with pytest.raises(ValueError, match=r"The (dtype has a )?field"):
        export_parquet(tmp_path / "log", tmp_path / "x.parquet", dtype=dtype)  # type: ignore[arg-type]
    assert not (tmp_path / "x.parquet").exists()


def test_a_log_that_cannot_be_exported_leaves_no_file(tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    write_npy(tmp_path / "log", [(1, 5, b"12345678"), (2, 5, b"1")])
    with pytest.raises(LogFormatError, match="has 1 bytes, the dtype has 8"):
        export_parquet(tmp_path / "log", target, dtype="<u8")
    with pytest.raises(LogNotFoundError, match="no source 9"):
        export_parquet(tmp_path / "log", target, source_id=9)
    with pytest.raises(LogNotFoundError, match="no log"):
        export_parquet(tmp_path / "nowhere", target)
    (tmp_path / "log" / f"001_{6:020d}.npy").write_bytes(npy_bytes(1, 6, b"torn")[:-1])
    with pytest.raises(DamagedEntryError):
        export_parquet(tmp_path / "log", target)
    write_npy(tmp_path / "two", [onset(1, 1), onset(1, 2), (1, 5, b"x")])
    with pytest.raises(OnsetError):
        export_parquet(tmp_path / "two", target)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
    assert export_parquet(tmp_path / "two", target, onset_us=1000) == 1
    assert pq.read_table(target)["time"].cast(pa.int64()).to_pylist() == [1005]
    assert export_parquet(tmp_path / "log", target, source_id=2, dtype="u1") == 1


entries_lists = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2**64 - 1), st.binary(max_size=50)), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=entries_lists)
def test_any_entry_goes_through_every_format_and_back(
    entries: list[Entry], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 3)
    folder = tmp_path_factory.mktemp("trip")
    write_journal(folder / "log", entries)
    compress_npy_logs(folder / "log", remove_sources=True)
    export_parquet(folder / "log", folder / "log.parquet")
    assert rows(folder / "log.parquet") == sorted(entries, key=lambda entry: entry[:2])


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_a_million_entries_go_through_every_format_and_back(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    entries = [(1, time, chance.bytes(time % 40)) for time in range(1, 1_000_001)]
    write_journal(tmp_path / "log", entries)
    compress_npy_logs(tmp_path / "log", remove_sources=True)
    export_parquet(tmp_path / "log", tmp_path / "log.parquet")
    assert rows(tmp_path / "log.parquet") == entries


def test_without_pyarrow_the_error_names_the_extra() -> None:
    for module, extra in (("pyarrow", "arrow"), ("dask", "dask"), ("matplotlib", "plot")):
        name = {"arrow": "export_parquet", "dask": "read_sessions", "plot": "plot_log"}[extra]
        script = f"""
import sys
sys.modules[{module!r}] = None
import ataraxis_logger
try:
    ataraxis_logger.{name}
except ImportError as error:
    assert isinstance(error, ataraxis_logger.MissingExtraError)
    assert 'pip install "ataraxis-logger[{extra}]"' in str(error), error
else:
    raise SystemExit("no error")
"""
        subprocess.run([sys.executable, "-c", script], check=True)


# Dask.


def test_many_sessions_are_one_dask_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = pytest.importorskip("ataraxis_logger.dask_frames")
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 50)
    for number, name in enumerate(("monday", "tuesday")):
        write_npy(tmp_path / name, [onset(1), *[(1, t, bytes(t % 5)) for t in range(1, 100 + 10 * number)]])
        export_parquet(tmp_path / name, tmp_path / f"{name}.parquet")
    for sessions in (tmp_path, sorted(tmp_path.glob("*.parquet")), str(tmp_path)):
        frame = frames.read_sessions(sessions)
        counts = frame.groupby("session", observed=True).size().compute(scheduler="sync")
        assert dict(counts) == {"monday": 99, "tuesday": 109}
    named = frames.read_sessions({"m": tmp_path / "monday.parquet"}, columns=["time_stamp"])
    computed = named.compute(scheduler="sync")
    assert list(computed.columns) == ["time_stamp", "session"]
    assert computed.time_stamp.tolist() == list(range(1, 100))
    assert frames.read_sessions(tmp_path).npartitions >= 2


def test_sessions_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    frames = pytest.importorskip("ataraxis_logger.dask_frames")
    write_npy(tmp_path / "log", [(1, 5, b"12345678")])
    (tmp_path / "other").mkdir()
    for path, dtype in (("a.parquet", None), ("b.parquet", "<f8"), ("other/a.parquet", None)):
        export_parquet(tmp_path / "log", tmp_path / path, dtype=dtype)
    with pytest.raises(ValueError, match="has other columns"):
        frames.read_sessions(tmp_path)
    with pytest.raises(ValueError, match="the same name"):
        frames.read_sessions([tmp_path / "a.parquet", tmp_path / "other" / "a.parquet"])
    for nothing in (tmp_path / "log", [tmp_path / "nowhere.parquet"]):
        with pytest.raises(LogNotFoundError, match="There is no Parquet file"):
            frames.read_sessions(nothing)
    write_npy(tmp_path / "empty", [onset(1)])
    export_parquet(tmp_path / "empty", tmp_path / "empty.parquet")
    assert len(frames.read_sessions([tmp_path / "empty.parquet"]).compute(scheduler="sync")) == 0


@pytest.mark.filterwarnings("ignore:Port .* is already in use:UserWarning")
def test_a_dask_cluster_archives_verifies_and_exports(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    frames = pytest.importorskip("ataraxis_logger.dask_frames")
    folders = [tmp_path / name for name in ("monday", "tuesday")]
    for folder in folders:
        write_journal(folder, ENTRIES)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path / "dask")
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        for folder in folders:
            report = compress_npy_logs(folder, remove_sources=True, executor=executor)
            assert report.entries == len(ENTRIES)
        reports = list(executor.map(verify_log, folders))
        assert all(report.intact and sum(report.entries.values()) == len(ENTRIES) for report in reports)
        exports = [executor.submit(export_parquet, folder, tmp_path / f"{folder.name}.parquet") for folder in folders]
        assert [export.result() for export in exports] == [len(MESSAGES)] * 2
        sizes = frames.read_sessions(tmp_path).groupby("source_id").size().compute()
        assert dict(sizes) == {1: 398, 3: 4}
        executor.shutdown()


# Plots.


def test_a_log_is_drawn_as_a_png(tmp_path: Path) -> None:
    plot = pytest.importorskip("ataraxis_logger.plot")
    write_npy(tmp_path / "log", [*ENTRIES, (3, 5, b"equal time"), (4, 9, b"alone")])
    path = plot.plot_log(tmp_path / "log", tmp_path / "log.png", unit="ns", onset_us=0)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="The unit must be one of us, ns"):
        plot.plot_log(tmp_path / "log", tmp_path / "other.png", unit="s")
    write_npy(tmp_path / "empty", [onset(1)])
    with pytest.raises(LogFormatError, match="no messages to plot"):
        plot.plot_log(tmp_path / "empty", tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()


def test_intervals_of_a_microsecond_are_drawn_as_such(tmp_path: Path) -> None:
    """As seconds since 1970, times have steps of a quarter of a microsecond."""
    plot = pytest.importorskip("ataraxis_logger.plot")
    write_npy(tmp_path, [onset(1), *((1, time, b"") for time in range(1, 200)), onset(2, ONSET_US - 5), (2, 3, b"")])
    times = plot._seconds(tmp_path, "us", None)
    assert np.allclose(np.diff(times[1]), 1e-6, rtol=1e-6)
    assert times[2] - times[1][0] == pytest.approx(-3e-6)


@pytest.mark.parametrize("name", ["1_log.npz", "segment_00000001.axj", f"001_{7:020d}.npy", "renamed"])
def test_no_output_takes_the_place_of_a_log(name: str, tmp_path: Path) -> None:
    plot = pytest.importorskip("ataraxis_logger.plot")
    write_npy(tmp_path, ENTRIES)
    write_journal(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path)
    log = (tmp_path / "1_log.npz").rename(tmp_path / "renamed") if name == "renamed" else tmp_path
    before = (tmp_path / name).read_bytes()
    for write in (export_parquet, plot.plot_log):
        with pytest.raises(ValueError, match="is part of a log"):
            write(log, tmp_path / name)
    assert (tmp_path / name).read_bytes() == before


def test_one_source_is_exported_although_another_is_ambiguous(tmp_path: Path) -> None:
    write_npy(tmp_path / "log", [*ENTRIES, onset(2), onset(2, 5), (2, 1, b"x")])
    with pytest.raises(OnsetError):
        export_parquet(tmp_path / "log", tmp_path / "all.parquet")
    count = sum(entry[0] == 1 for entry in MESSAGES)
    assert export_parquet(tmp_path / "log", tmp_path / "one.parquet", source_id=1) == count
    assert rows(tmp_path / "one.parquet") == [entry for entry in MESSAGES if entry[0] == 1]


@pytest.mark.parametrize("dtype", ["M8", "M8[M]", "M8[25us]", "m8[ps]", "m8[D]"])
def test_units_of_time_that_parquet_lacks_are_refused(dtype: str, tmp_path: Path) -> None:
    write_npy(tmp_path / "log", [(1, 5, bytes(8))])
    with pytest.raises(ValueError, match="in s, ms, us or ns"):
        export_parquet(tmp_path / "log", tmp_path / "log.parquet", dtype=dtype)


@pytest.mark.parametrize("dtype", ["M8[D]", ">M8[us]", "<m8[ns]", "M8[s]"])
def test_units_of_time_that_parquet_has_keep_their_values(dtype: str, tmp_path: Path) -> None:
    moment = np.array([12345], dtype=dtype)
    write_npy(tmp_path / "log", [(1, 5, moment.tobytes())])
    export_parquet(tmp_path / "log", tmp_path / "log.parquet", dtype=dtype)
    value = pq.read_table(tmp_path / "log.parquet")["value"].to_numpy()
    assert value[0] == moment[0]


def test_a_damaged_archive_is_exported_with_a_warning(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True)
    path = tmp_path / "1_log.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(DamageWarning, match=r"1_log.npz may be missing: .*no central directory"):
        assert export_parquet(path, tmp_path / "log.parquet") == 199
