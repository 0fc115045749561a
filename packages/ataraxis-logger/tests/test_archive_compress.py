"""Archiving: nothing lost, nothing doubled, whatever was there before and whoever runs the jobs."""

import os
import random
import subprocess
import sys
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_helpers import Entry, archived, field_loop, in_order, npy_bytes, onset, write_journal, write_npy, write_npz
from ataraxis_logger._archive import compress, jobs, workers
from ataraxis_logger._archive.compress import ArchiveOptions, archive_folder, assemble_log_archives, compress_npy_logs
from ataraxis_logger._archive.lock import archiving
from ataraxis_logger._archive.reader import LogArchiveReader
from ataraxis_logger._errors import ArchiveBusyError, ArchiveError, ForeignFileWarning, LogNotFoundError
from ataraxis_logger._files import appear_whole
from ataraxis_logger._formats.journal_layout import SegmentHeader
from ataraxis_logger._formats.journal_writer import SegmentWriter
from journal_helpers import SALT, FakeRing

Writer = Callable[[Path, Iterable[Entry]], object]
STORAGES = pytest.mark.parametrize("write", [write_npy, write_journal], ids=["npy", "journal"])

ENTRIES: list[Entry] = [
    onset(1),
    *[(1, time * 10, bytes([time]) * (time % 7)) for time in range(1, 60)],
    (1, 30, b"equal time"),
    (1, 30, bytes([3]) * 3),
    onset(2, 5),
    (2, 4, b""),
    (255, 2**64 - 1, b"ticks without an onset"),
]


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@STORAGES
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("remove", [False, True])
def test_every_entry_is_in_the_archive_of_its_source(
    write: Writer, compressed: bool, remove: bool, tmp_path: Path
) -> None:
    write(tmp_path, ENTRIES)
    before = visible(tmp_path)
    report = compress_npy_logs(tmp_path, remove_sources=remove, compress=compressed)
    assert archived(tmp_path) == in_order(ENTRIES)
    assert (report.entries, report.added, report.problems) == (len(ENTRIES), len(ENTRIES), [])
    archives = ["1_log.npz", "255_log.npz", "2_log.npz"]
    assert visible(tmp_path) == (archives if remove else sorted([*archives, *before]))


@STORAGES
def test_the_loop_of_readers_in_the_field_agrees_with_the_reader(write: Writer, tmp_path: Path) -> None:
    write(tmp_path, [(1, 0, b"time zero, accepted before the onset"), *ENTRIES])
    compress_npy_logs(tmp_path)
    onset_us, messages = field_loop(tmp_path / "1_log.npz")
    with LogArchiveReader(tmp_path / "1_log.npz") as reader:
        assert onset_us == reader.onset_timestamp_us
        assert messages == [(int(time) - onset_us, payload.tobytes()) for time, payload in reader]
    assert messages[0] == (0, b"time zero, accepted before the onset")


@STORAGES
def test_archiving_twice_changes_nothing(write: Writer, tmp_path: Path) -> None:
    write(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in tmp_path.glob("*.npz")}
    report = compress_npy_logs(tmp_path, remove_sources=True)
    assert report.added == 0
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in tmp_path.iterdir()} == before


@STORAGES
def test_log_archive_log_archive_keeps_every_entry_once(write: Writer, tmp_path: Path) -> None:
    entries = list(dict.fromkeys(ENTRIES))  # equal entries of two sessions count once, by design
    first, second = entries[:30], entries[30:]
    write(tmp_path, first)
    compress_npy_logs(tmp_path, remove_sources=True)
    write(tmp_path, second)
    report = compress_npy_logs(tmp_path, remove_sources=True)
    assert report.added == len(second)
    assert Counter(archived(tmp_path)) == Counter(entries)
    assert [entry[:2] for entry in archived(tmp_path)] == [entry[:2] for entry in in_order(entries)]


def test_equal_entries_count_as_often_as_in_the_richer_log(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 5, b"x")] * 3)
    compress_npy_logs(tmp_path, remove_sources=True)
    write_npy(tmp_path, [(1, 5, b"x"), (1, 5, b"y")])
    assert compress_npy_logs(tmp_path).added == 1
    write_npy(tmp_path, [(1, 5, b"x")] * 4)
    assert compress_npy_logs(tmp_path).added == 2
    assert Counter(archived(tmp_path)) == Counter({(1, 5, b"x"): 5, (1, 5, b"y"): 1})


def test_files_and_segments_of_one_folder_add_up(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 5, b"x"), (1, 6, b"file")])
    write_journal(tmp_path, [(1, 5, b"x"), (1, 4, b"segment")])
    compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == [(1, 4, b"segment"), (1, 5, b"x"), (1, 5, b"x"), (1, 6, b"file")]


def test_an_archive_of_numpys_is_added_to(tmp_path: Path) -> None:
    write_npz(tmp_path / "1_log.npz", [(1, 9, b"late"), (1, 2, b"early")])
    write_npy(tmp_path, [(1, 5, b"new"), (1, 9, b"late")])
    assert compress_npy_logs(tmp_path).added == 1
    assert archived(tmp_path) == [(1, 2, b"early"), (1, 5, b"new"), (1, 9, b"late")]


def test_seventy_thousand_entries_load_in_numpy(tmp_path: Path) -> None:
    entries = [(1, time // 2, time.to_bytes(4, "little")) for time in range(70_000)]
    write_journal(tmp_path, entries)
    compress_npy_logs(tmp_path, compress=False, verify_integrity=False)
    with np.load(tmp_path / "1_log.npz") as archive:
        assert len(archive.files) == 70_000
        for number in (0, 65_535, 65_536, 69_999):
            assert archive[archive.files[number]][9:].tobytes() == entries[number][2]
    with LogArchiveReader(tmp_path / "1_log.npz") as reader:
        assert len(reader) == 70_000


def test_a_large_payload_is_written_from_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("_archive.write", "_formats.zip_writer"):
        monkeypatch.setattr(f"ataraxis_logger.{module}.LARGE", 1000)
    monkeypatch.setattr("ataraxis_logger._archive.npy_log._MAPPED_FROM", 1000)
    monkeypatch.setattr("ataraxis_logger._archive.npz_log._VIEWED_FROM", 1000)
    monkeypatch.setattr("ataraxis_logger._archive.journal_log._VIEWED_FROM", 1000)
    entries = [(1, time, random.Random(time).randbytes(70_000 * (time % 3))) for time in range(1, 9)]
    for name, write in (("npy", write_npy), ("journal", write_journal)):
        for compressed in (False, True):
            folder = tmp_path / f"{name}{compressed}"
            write(folder, entries)
            compress_npy_logs(folder, compress=compressed, remove_sources=True)
            assert archived(folder) == entries
            assert compress_npy_logs(folder).added == 0


def test_an_empty_folder_gives_an_empty_report(tmp_path: Path) -> None:
    report = compress_npy_logs(str(tmp_path), remove_sources=True)
    assert (report.sources, report.entries) == ([], 0)
    assert visible(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError, match=r"There is no log folder .*nowhere"):
        compress_npy_logs(tmp_path / "nowhere")


def test_the_folder_above_logs_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"rig{number}_data_log").mkdir()
    with pytest.raises(LogNotFoundError, match=r"is not a log, but holds some: name one of rig0_data_log.* and 2 more"):
        compress_npy_logs(tmp_path)
    write_npy(tmp_path, [(1, 5, b"5")])  # a log of another name, in which others lie
    assert compress_npy_logs(tmp_path).entries == 1


def test_assembling_stores_and_removes_by_default(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    assemble_log_archives(tmp_path)
    assert visible(tmp_path) == ["1_log.npz", "255_log.npz", "2_log.npz"]
    assert archived(tmp_path) == in_order(ENTRIES)


def test_progress_is_shown_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, verbose=True)
    assert f"{len(ENTRIES)}/{len(ENTRIES)}" in capsys.readouterr().err
    compress_npy_logs(tmp_path)
    assert capsys.readouterr().err == ""


# Foreign and damaged files.


def test_foreign_and_torn_files_are_reported_and_left(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    foreign = {
        "calibration.npy": b"not mine",
        "999_00000000000000000001.npy": b"",
        "readme.txt": b"text",
        "001_00000000000000000777.npy": npy_bytes(1, 777, b"torn")[:-2],
        "001_00000000000000000778.npy": npy_bytes(2, 778, b"wrong source"),
        "001_00000000000000000779.npy": b"",
        "\u00b5.npy": b"not ASCII",
    }
    for name, data in foreign.items():
        (tmp_path / name).write_bytes(data)
    with pytest.warns(ForeignFileWarning, match=r"6 file\(s\).*calibration.npy: its name is not an entry's"):
        report = compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == in_order(ENTRIES)
    assert {problem.path.name for problem in report.problems} == foreign.keys() - {"readme.txt"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".npz"} == foreign


def test_a_source_of_torn_files_only_gets_no_archive(tmp_path: Path) -> None:
    write_npy(tmp_path, [(2, 1, b"good")])
    (tmp_path / "001_00000000000000000777.npy").write_bytes(b"torn")
    with pytest.warns(ForeignFileWarning), pytest.raises(ArchiveError, match="Source 1: None of its entries"):
        compress_npy_logs(tmp_path, remove_sources=True)
    assert visible(tmp_path) == ["001_00000000000000000777.npy", "2_log.npz"]


def test_a_damaged_segment_is_archived_as_far_as_it_goes_and_left(tmp_path: Path) -> None:
    path = write_journal(tmp_path, ENTRIES)
    data = bytearray(path.read_bytes())
    data[data.index(ENTRIES[6][2])] ^= 1
    path.write_bytes(data)
    write_journal(tmp_path, [(3, 1, b"other")], ring_id=9)
    with pytest.warns(ForeignFileWarning, match="hold no intact record"):
        compress_npy_logs(tmp_path, remove_sources=True)
    spared = [entry for entry in ENTRIES if entry != ENTRIES[6]]
    assert Counter(archived(tmp_path)) == Counter([*spared, (3, 1, b"other")])
    assert [name for name in visible(tmp_path) if name.endswith(".axj")] == [path.name]


def test_a_record_cut_off_by_a_kill_and_stored_again_is_no_damage(tmp_path: Path) -> None:
    ring = FakeRing(7)
    frames = [ring.frame(*entry) for entry in ENTRIES]
    first = SegmentWriter(tmp_path, SegmentHeader(SALT))
    first.append_frames([memoryview(b"".join(frames[:20]))], 20)
    first.abandon()
    with first.path.open("ab") as file:
        file.write(frames[20][:40])
    second = SegmentWriter(tmp_path, SegmentHeader(SALT))
    second.append_frames([memoryview(b"".join(frames[15:]))], len(frames) - 15)
    second.close()
    report = compress_npy_logs(tmp_path, remove_sources=True)
    assert report.problems == []
    assert Counter(archived(tmp_path)) == Counter(ENTRIES)
    assert visible(tmp_path) == ["1_log.npz", "255_log.npz", "2_log.npz"]


def test_a_damaged_archive_is_never_replaced(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True, compress=False)
    path = tmp_path / "1_log.npz"
    whole = path.read_bytes()
    write_npy(tmp_path, [(1, 5, b"later"), (2, 6, b"later")])
    flipped = bytearray(whole)
    flipped[whole.index(b"equal time")] ^= 1
    for damaged in (whole[:-100], bytes(flipped), b"", b"no archive"):
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError, match="Source 1: The existing archive"):
            compress_npy_logs(tmp_path, remove_sources=True)
        assert path.read_bytes() == damaged
        assert "001_00000000000000000005.npy" in visible(tmp_path)
    assert "002_00000000000000000006.npy" not in visible(tmp_path), "the other source was archived"


def test_an_archive_with_other_sources_in_it_is_never_replaced(tmp_path: Path) -> None:
    write_npz(tmp_path / "1_log.npz", [(1, 5, b"mine"), (7, 5, b"not mine")])
    write_npy(tmp_path, [(1, 6, b"later")])
    with pytest.raises(ArchiveError, match="entries of other sources"):
        compress_npy_logs(tmp_path, remove_sources=True)
    assert Counter(archived(tmp_path)) == Counter([(1, 5, b"mine"), (7, 5, b"not mine")])


def test_removal_verifies_even_when_told_not_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npy(tmp_path, ENTRIES)
    before = visible(tmp_path)
    spoil = jobs.EntryWriter.add

    def lose_one(self: jobs.EntryWriter, times: np.ndarray, payloads: list[bytes]) -> None:
        lost = max(1, len(payloads) - 1)
        spoil(self, times[:lost], [b"spoilt", *payloads[1:lost]])

    monkeypatch.setattr(jobs.EntryWriter, "add", lose_one)
    with pytest.raises(ArchiveError, match="differs from its log at entry"):
        compress_npy_logs(tmp_path, remove_sources=True, verify_integrity=False)
    with pytest.raises(ArchiveError, match="differs from its log at entry"):
        compress_npy_logs(tmp_path, verify_integrity=True)
    assert visible(tmp_path) == before
    compress_npy_logs(tmp_path, verify_integrity=False)
    assert (1, 0, b"spoilt") in archived(tmp_path)


def test_a_full_drive_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npy(tmp_path, ENTRIES)
    before = visible(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jobs.EntryWriter, "add", refuse)
    with pytest.raises(ArchiveError, match=r"3 of 3 sources.*No space left"):
        compress_npy_logs(tmp_path, remove_sources=True)
    assert visible(tmp_path) == before


# A running logger.


def test_a_segment_that_is_still_written_waits_for_the_next_time(tmp_path: Path) -> None:
    ring = FakeRing(7)
    writer = SegmentWriter(tmp_path, SegmentHeader(SALT))
    writer.append_frames([memoryview(ring.frame(1, 2, b"growing"))], 1)
    write_journal(tmp_path, [(1, 1, b"closed")], ring_id=9)
    compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == [(1, 1, b"closed")]
    writer.append_frames([memoryview(ring.frame(1, 3, b"grown"))], 1)
    writer.close()
    compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == [(1, 1, b"closed"), (1, 2, b"growing"), (1, 3, b"grown")]
    assert visible(tmp_path) == ["1_log.npz"]


def test_what_appears_after_the_listing_waits_for_the_next_time(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 1, b"listed")])

    def flush() -> None:
        write_npy(tmp_path, [(1, 1, b"flushed"), (1, 2, b"flushed")])

    archive_folder(tmp_path, ArchiveOptions(remove_sources=True), flush)
    assert archived(tmp_path) == [(1, 1, b"listed")]
    compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == [(1, 1, b"listed"), (1, 1, b"flushed"), (1, 2, b"flushed")]


def test_a_file_that_the_logger_still_holds_is_archived_and_left(tmp_path: Path) -> None:
    write_npy(tmp_path, [(1, 1, b"pending"), (1, 2, b"done")])
    (tmp_path / ".pending").mkdir()
    name = "001_00000000000000000001.npy"
    (tmp_path / ".pending" / "7.0").hardlink_to(tmp_path / name)
    with pytest.warns(ForeignFileWarning, match="the logger still holds it"):
        compress_npy_logs(tmp_path, remove_sources=True)
    assert archived(tmp_path) == [(1, 1, b"pending"), (1, 2, b"done")]
    assert visible(tmp_path) == [".pending", name, "1_log.npz"]
    (tmp_path / ".pending" / "7.0").unlink()
    assert compress_npy_logs(tmp_path, remove_sources=True).added == 0
    assert visible(tmp_path) == [".pending", "1_log.npz"]


# Workers and executors.


@pytest.mark.parametrize("write", [write_npy, write_journal])
@pytest.mark.parametrize("max_workers", [1, 2, 0])
def test_workers_give_the_same_archives(write: Writer, max_workers: int, tmp_path: Path) -> None:
    write(tmp_path / "one", ENTRIES)
    write(tmp_path / "two", ENTRIES)
    compress_npy_logs(tmp_path / "one")
    compress_npy_logs(tmp_path / "two", remove_sources=True, max_workers=max_workers, verbose=True)
    # Not the bytes of the files: isal does not always deflate the same data to the same stream.
    assert archived(tmp_path / "one") == archived(tmp_path / "two") == in_order(ENTRIES)


def test_any_executor_runs_the_jobs(tmp_path: Path) -> None:
    for number, executor in enumerate(
        (ThreadPoolExecutor(2), ProcessPoolExecutor(2, mp_context=get_context("forkserver")))
    ):
        folder = tmp_path / str(number)
        write_npy(folder, ENTRIES)
        with executor:
            compress_npy_logs(folder, remove_sources=True, executor=executor)
        assert archived(folder) == in_order(ENTRIES)


def test_an_executor_that_fails_is_an_archive_error_and_nothing_is_removed(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    before = sorted(path.name for path in tmp_path.iterdir())
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ArchiveError, match="The executor failed: RuntimeError: cannot schedule new futures"):
        compress_npy_logs(tmp_path, remove_sources=True, executor=executor)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_large_indexes_reach_the_workers_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_journal(tmp_path, ENTRIES)
    sorter = compress.RowSorter
    monkeypatch.setattr(compress, "RowSorter", lambda folder, *, named: sorter(folder, named=named, run=10))
    compress_npy_logs(tmp_path, remove_sources=True, max_workers=2)
    assert archived(tmp_path) == in_order(ENTRIES)
    assert visible(tmp_path) == ["1_log.npz", "255_log.npz", "2_log.npz"]


def test_a_script_without_a_main_guard_can_use_workers(tmp_path: Path) -> None:
    write_npy(tmp_path / "log", ENTRIES)
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            print("started")
            from ataraxis_logger import compress_npy_logs
            print(compress_npy_logs({str(tmp_path / "log")!r}, max_workers=3).entries)
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["started", str(len(ENTRIES))]
    assert done.stderr == ""


def test_a_worker_that_dies_is_reported() -> None:
    with pytest.raises(ArchiveError, match="A worker process failed"):
        list(workers.run_on_workers(os._exit, [3, 3], 2))
    with pytest.raises(ArchiveError, match="invalid literal"):
        list(workers.run_on_workers(int, ["no number"], 1))
    assert sorted(workers.run_on_workers(int, ["1", "2", "3"], 2)) == [1, 2, 3]


def test_without_the_extra_everything_works_with_zlib(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    script = f"""
import sys
sys.modules["isal"] = None
from ataraxis_logger import compress_npy_logs
compress_npy_logs({str(tmp_path)!r})
from ataraxis_logger._formats import deflate
assert deflate._isal is None
assert len(b"".join(deflate.deflate_large([memoryview(bytes(3 << 20))]))) < 9000
assert len(deflate.deflate(bytes(100_000))) < 300
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert archived(tmp_path) == in_order(ENTRIES)


# One archiver a folder.


def test_a_second_archiver_is_refused(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    with archiving(tmp_path), pytest.raises(ArchiveBusyError, match="Another process is archiving"):
        compress_npy_logs(tmp_path)
    compress_npy_logs(tmp_path)
    assert archived(tmp_path) == in_order(ENTRIES)


def test_what_a_killed_archiver_left_is_swept(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    (tmp_path / ".archiving" / "run-old").mkdir(parents=True)
    (tmp_path / ".archiving" / "run-old" / "index-x.rows").touch()
    (tmp_path / ".1_log.npz.123.partial").write_bytes(b"half an archive")
    compress_npy_logs(tmp_path, remove_sources=True)
    assert visible(tmp_path) == ["1_log.npz", "255_log.npz", "2_log.npz"]


def test_a_job_whose_archiver_is_gone_gives_up(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    with archiving(tmp_path) as scratch:
        job = jobs.ArchiveJob(tmp_path, 1, [compress.NpyLog(tmp_path).only(1)], False, False, scratch)
    with archiving(tmp_path):
        report = jobs.archive_source(job)
    assert "not this process's to write any more" in report.error
    assert not (tmp_path / "1_log.npz").exists()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="closed"), appear_whole(path) as file:
        file.close()
    assert visible(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"
    with appear_whole(path, durable=False) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


entries_lists = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 5), st.sampled_from([b"", b"a", b"b"])), max_size=12
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(entries_lists, st.booleans(), st.booleans()), min_size=1, max_size=3))
def test_sessions_union_like_multisets(sessions: list[tuple[list[Entry], bool, bool]]) -> None:
    model: Counter[Entry] = Counter()
    files: list[Entry] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number, (entries, as_journal, remove) in enumerate(sessions):
            if as_journal:
                write_journal(folder, entries, ring_id=number + 1)
            else:
                write_npy(folder, entries)
            files += entries
            compress_npy_logs(folder, remove_sources=remove, compress=number % 2 == 0)
            model |= Counter(files)
            assert Counter(archived(folder)) == model
            if remove:
                files = []


@pytest.mark.kill
@STORAGES
@pytest.mark.parametrize("workers_used", [1, 2])
def test_kills_at_random_points_lose_and_double_nothing(write: Writer, workers_used: int, tmp_path: Path) -> None:
    kill_and_finish(write, workers_used, tmp_path, kills=2, seed=1)


@pytest.mark.torture
@pytest.mark.timeout(900)
@STORAGES
@pytest.mark.parametrize("workers_used", [1, 2])
def test_a_hundred_kills_lose_and_double_nothing(write: Writer, workers_used: int, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201  # needed to repeat a failure
    kill_and_finish(write, workers_used, tmp_path, kills=25, seed=seed)


def kill_and_finish(write: Writer, workers_used: int, folder: Path, kills: int, seed: int) -> None:
    """Kills archivers at random moments; after each, no half archive is visible, and all entries are somewhere."""
    chance = random.Random(seed)
    entries = [(source, time, chance.randbytes(chance.randrange(200))) for time in range(700) for source in (1, 2, 3)]
    write(folder, entries)
    script = (
        "from ataraxis_logger import compress_npy_logs; print('ready', flush=True); "
        f"compress_npy_logs({str(folder)!r}, remove_sources=True, max_workers={workers_used})"
    )
    for number in range(kills):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(chance.uniform(0, 0.8))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        process.stdout.close()
        assert set(archived(folder)) <= set(entries), "a visible archive is a whole one"
        if number % 2:
            extra = (1, 1_000_000 + number, b"logged between two attempts")
            if write is write_npy:
                write_npy(folder, [extra])
            else:
                write_journal(folder, [extra], ring_id=100 + number)
            entries.append(extra)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compress_npy_logs(folder, remove_sources=True)
    assert Counter(archived(folder)) == Counter(entries)
    assert visible(folder) == ["1_log.npz", "2_log.npz", "3_log.npz"]
