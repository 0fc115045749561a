"""verify_log reads everything and names what is damaged."""

from pathlib import Path

import pytest

from archive_helpers import npy_bytes, onset, write_journal, write_npy
from ataraxis_logger._archive.compress import compress_npy_logs
from ataraxis_logger._archive.verify import verify_log
from ataraxis_logger._errors import LogNotFoundError

ENTRIES = [onset(1), *[(1, time, b"payload %d" % time) for time in range(1, 50)], (2, 5, b"x")]


def test_an_intact_log_is_intact(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    write_journal(tmp_path, [(3, 1, b"journal")])
    compress_npy_logs(tmp_path)
    read: list[int] = []
    report = verify_log(str(tmp_path), read.append)
    assert report.intact
    assert report.entries == {1: 50, 2: 1, 3: 1}
    assert (report.foreign, report.ambiguous) == ([], [])
    assert sum(read) == 2 * 52, "files and archives are read, each on its own"
    assert verify_log(tmp_path / "1_log.npz").entries == {1: 50}


def test_a_flipped_bit_in_an_archive_is_named(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True, compress=False)
    path = tmp_path / "1_log.npz"
    data = bytearray(path.read_bytes())
    data[data.index(b"payload 17")] ^= 1
    path.write_bytes(data)
    for target in (path, tmp_path):
        report = verify_log(target)
        assert [(problem.path, problem.key) for problem in report.damaged] == [(path, f"001_{17:020d}")]
        assert "CRC" in str(report.damaged[0])


@pytest.mark.parametrize("compress", [False, True])
def test_a_flipped_bit_in_what_only_other_readers_use_is_named(compress: bool, tmp_path: Path) -> None:
    """The local headers repeat the directory; our reader needs one of them, NumPy compares their names."""
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True, compress=compress)
    path = tmp_path / "1_log.npz"
    whole = path.read_bytes()
    key = f"001_{17:020d}"
    name = whole.index(key.encode())
    # From the version to the last letter of the name, and the name in the directory.
    places = [*range(name - 26, name + len(key) + 4), whole.rindex(key.encode()) + 26]
    for place in places:
        data = bytearray(whole)
        data[place] ^= 0x10
        path.write_bytes(data)
        report = verify_log(path)
        assert [problem.path for problem in report.damaged or report.foreign] == [path], place - name
        assert report.entries == {1: 50}
    path.write_bytes(whole)
    assert verify_log(path).intact


def test_a_truncated_archive_and_its_last_entry_are_named(tmp_path: Path) -> None:
    write_npy(tmp_path, ENTRIES)
    compress_npy_logs(tmp_path, remove_sources=True, compress=False)
    path = tmp_path / "1_log.npz"
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"payload 40") + 3])
    report = verify_log(path)
    assert [problem.key for problem in report.damaged] == [f"001_{40:020d}", ""]
    assert "no central directory" in str(report.damaged[1])
    assert report.entries == {1: 41}


def test_torn_files_damaged_segments_foreign_files_and_two_onsets_are_told_apart(tmp_path: Path) -> None:
    write_npy(tmp_path, [*ENTRIES, onset(1, 5)])
    (tmp_path / "calibration.npy").touch()
    (tmp_path / f"001_{77:020d}.npy").write_bytes(npy_bytes(1, 77, b"torn")[:-1])
    segment = write_journal(tmp_path, [(4, time, b"record") for time in range(5)])
    data = bytearray(segment.read_bytes())
    data[300] ^= 1
    segment.write_bytes(data)
    report = verify_log(tmp_path)
    assert {problem.path.name for problem in report.damaged} == {f"001_{77:020d}.npy", segment.name}
    assert [problem.path.name for problem in report.foreign] == ["calibration.npy"]
    assert report.ambiguous == [1]
    assert report.entries[4] == 4


def test_a_missing_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError):
        verify_log(tmp_path / "nowhere")
