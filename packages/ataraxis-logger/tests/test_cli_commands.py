"""The command line: facts, exit statuses, and errors that help."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archive_helpers import ONSET_US, Entry, archived, in_order, npy_bytes, onset, write_journal, write_npy

click = pytest.importorskip("click")

from click.testing import CliRunner, Result  # noqa: E402

from ataraxis_logger import DataLogger  # noqa: E402
from ataraxis_logger.cli import commands, main  # noqa: E402  # only where click is there
from ataraxis_logger.cli.facts import utc_text  # noqa: E402
from live_helpers import put_numbered  # noqa: E402

ENTRIES: list[Entry] = [
    onset(1),
    *[(1, 1000 * time, b"%03d" % time) for time in range(1, 101)],
    (1, 1_000_000, b"after a gap"),
    (2, 7, b"ticks"),
    (2, 9, b"ticks"),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "rig_data_log"
    write_npy(folder, ENTRIES)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands.cli, [str(argument) for argument in arguments])


def facts(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict = json.loads(result.stdout)
    return found


def test_info_tells_counts_rates_gaps_sizes_and_onset(log: Path) -> None:
    told = facts("info", log)
    files = told["files"]["npy files"]
    assert (files["files"], files["bytes"]) == (104, sum(path.stat().st_size for path in log.iterdir()))
    assert files["bytes_on_drive"] >= 104 * 512
    first = told["sources"]["1"]
    assert first["messages"] == 101
    assert first["onset_us"] == ONSET_US
    assert first["duration"] == pytest.approx(0.999)
    assert first["rate"] == pytest.approx(100 / 0.999)
    assert first["median_interval"] == pytest.approx(0.001)
    assert (first["longest_interval"], first["gaps"]) == (pytest.approx(0.9), 1)
    assert told["sources"]["2"]["rate"] is None
    assert facts("info", log, "--unit", "ns")["sources"]["2"]["rate"] == pytest.approx(5e8)


def test_info_for_people_explains_itself(log: Path) -> None:
    result = run("info", log)
    assert result.exit_code == 0
    assert "2023-11-14 22:13:20.000000 UTC" in result.output
    assert "--unit us or --unit ns tells it" in result.output
    assert "npy files: 104, " in result.output
    write_npy(log, [onset(1, 5)])
    assert "2 different ones" in run("info", log).output
    (log.parent / "empty").mkdir()
    assert "no entries" in run("info", log.parent / "empty").output
    (log.parent / "one").mkdir()
    write_journal(log.parent / "one", [onset(3), (3, 5, b"x")])
    assert "journal segments: 1, " in run("info", log.parent / "one").output


def test_compress_archives_and_removes(log: Path) -> None:
    result = run("compress", log, "--remove", "--workers", 1)
    assert result.exit_code == 0
    assert "1_log.npz: 102 entries, 102 of them new" in result.output
    assert archived(log) == in_order(ENTRIES)
    assert {path.name for path in log.iterdir()} == {"1_log.npz", "2_log.npz"}
    assert "Nothing to archive" in run("compress", log).output


def test_compress_has_its_facts_as_json(log: Path) -> None:
    told = facts("compress", log, "--store", "--no-verify", "--memory-mapping")
    assert (told["entries"], told["added"]) == (104, 104)
    assert [source["source"] for source in told["sources"]] == [1, 2]


def test_warnings_are_plain_lines(log: Path) -> None:
    (log / "calibration.npy").touch()
    result = run("compress", log)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: 1 file(s)")


def test_verify_names_damage_and_has_status_1(log: Path) -> None:
    assert run("verify", log).exit_code == 0
    assert "104 entries of 2 sources: intact" in run("verify", log).output
    assert facts("verify", log)["intact"] is True
    (log / f"001_{5:020d}.npy").write_bytes(npy_bytes(1, 5, b"torn")[:-1])
    (log / "calibration.npy").touch()
    write_npy(log, [onset(1, 5)])
    result = run("verify", log)
    assert result.exit_code == 1
    assert f"damaged: 001_{5:020d}.npy" in result.output
    assert "foreign: calibration.npy" in result.output
    assert "source 1 has different onsets" in result.output
    assert "DAMAGED" in result.output
    told = json.loads(run("verify", log, "--json").stdout)
    assert told["damaged"][0]["entry"] == f"001_{5:020d}"
    assert told["two_onsets"] == [1]


def test_long_lists_are_cut(log: Path) -> None:
    for number in range(30):
        (log / f"foreign{number}.npy").touch()
    output = run("verify", log).output
    assert output.count("foreign: foreign") == 20
    assert "foreign: 10 more" in output


def test_a_copy_is_checked_against_the_manifest(log: Path, tmp_path: Path) -> None:
    assert run("verify", log, "--manifest").exit_code == 1, "there is none yet"
    assert "Wrote" in run("verify", log, "--write-manifest").output
    copy = tmp_path / "copy"
    shutil.copytree(log, copy)
    assert "whole" in run("verify", copy, "--manifest").output
    (copy / f"002_{7:020d}.npy").unlink()
    (copy / f"002_{9:020d}.npy").write_bytes(b"changed")
    (copy / "new").touch()
    result = run("verify", copy, "--manifest")
    assert result.exit_code == 1
    for line in (f"missing: 002_{7:020d}.npy", f"changed: 002_{9:020d}.npy", "not in the manifest: new", "NOT WHOLE"):
        assert line in result.output
    assert json.loads(run("verify", copy, "--manifest", "--json").stdout)["whole"] is False
    result = run("verify", next(log.glob("*.npy")), "--manifest")
    assert result.exit_code == 2
    assert "belongs to a folder" in result.output


def test_recover_has_status_3_when_something_was_discarded(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "log", ENTRIES)
    result = run("recover", tmp_path / "log")
    assert result.exit_code == 0, result.output
    assert "104 journal records are intact" in result.output
    data = bytearray(path.read_bytes())
    data[data.index(b"050")] ^= 1
    path.write_bytes(data)
    result = run("recover", tmp_path / "log")
    assert result.exit_code == 3
    assert "discarded: " in result.output
    told = json.loads(run("recover", tmp_path / "log", "--json").stdout)
    assert (told["intact"], told["discarded"]) == (103, 1)


@pytest.mark.parametrize(("storage", "intact"), [("npy", ""), ("journal", "3 journal records are intact; ")])
def test_recover_says_what_waits_before_it_stores_it(tmp_path: Path, storage: str, intact: str) -> None:
    logger = DataLogger(tmp_path, storage=storage)
    put_numbered(logger.input_queue, 1, 3)
    result = run("recover", logger.output_directory)
    assert result.stderr == "3 packages wait in memory: storing them …\n"
    assert result.stdout == f"3 packages were recovered; {intact}0 damaged places were discarded\n"


def test_export_writes_parquet(log: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "log.parquet"
    assert "103 rows" in run("export", log, path).output
    assert facts("export", log, path, "--source", 1, "--onset-us", 0)["rows"] == 101
    write_npy(tmp_path / "typed", [(1, 5, bytes(16))])
    assert run("export", tmp_path / "typed", path, "--dtype", "x=<f8,y=<f8").exit_code == 0
    assert pq.read_table(path).column_names[-2:] == ["x", "y"]
    assert run("export", tmp_path / "typed", path, "--dtype", "V16").exit_code == 1
    assert run("export", tmp_path / "typed", path, "--dtype", "<f8").exit_code == 1
    result = run("export", tmp_path / "typed", path, "--dtype", "nonsense")
    assert result.exit_code == 2
    assert "is no NumPy type" in result.output


def test_plot_draws(log: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert "Wrote" in run("plot", log, tmp_path / "log.png", "--unit", "ns").output
    assert (tmp_path / "log.png").exists()


def test_watch_shows_a_running_logger(tmp_path: Path) -> None:
    from ataraxis_logger import DataLogger  # only this test runs one

    with DataLogger(tmp_path, "rig") as logger:
        logger.source(1).log(b"payload")
        logger.flush()
        told = json.loads(run("watch", logger.output_directory, "--count", 1, "--json").stdout)
        assert (told["accepted"], told["written"], told["is_running"]) == (2, 2, True)
        lines = run("watch", logger.output_directory, "--count", 2, "--interval", 0.05).output.splitlines()
        assert len(lines) == 2
        assert "running  accepted 2  stored 2" in lines[1]
    assert "not running" in run("watch", logger.output_directory, "--count", 1).output


def test_errors_are_one_line_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "1_log.npz").write_bytes(b"no archive")
    result = run("export", tmp_path / "1_log.npz", tmp_path / "x.parquet", "--source", 3)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no source 3")
    assert run("info", tmp_path / "nowhere").exit_code == 2


def test_help_names_every_command_and_status() -> None:
    result = run("-h")
    for word in ("info", "compress", "verify", "recover", "export", "plot", "watch", "130 interrupted"):
        assert word in result.output
    for command in commands.cli.commands:
        assert "--help" in run(command, "--help").output


def test_an_onset_beyond_the_calendar_is_shown_as_it_is() -> None:
    assert utc_text(2**63 - 1) == f"{2**63 - 1} us"


def test_the_script_ends_with_the_status(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, status in ((["info", str(log)], 0), (["nonsense"], 2), (["verify", str(log), "--manifest"], 1)):
        monkeypatch.setattr(sys, "argv", ["ataraxis-logger", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == status
    assert "No such command" in capsys.readouterr().err


def test_an_interruption_has_status_130(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "gather_facts", interrupt)
    monkeypatch.setattr(sys, "argv", ["ataraxis-logger", "info", str(log)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130


def test_without_click_one_line_names_the_extra() -> None:
    script = "import sys; sys.modules['click'] = None; from ataraxis_logger.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == 'The command line needs click: pip install "ataraxis-logger[cli]"\n'


def test_the_module_runs(log: Path) -> None:
    command = [sys.executable, "-m", "ataraxis_logger.cli", "verify", str(log), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["intact"] is True
    missing = "import sys; sys.modules['pyarrow'] = None; from ataraxis_logger.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", missing, "export", str(log), "x.parquet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert 'pip install "ataraxis-logger[arrow]"' in done.stderr


def start(*arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "ataraxis_logger.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("arguments", [["info"], ["verify"], ["verify", "--json"], ["compress"]])
def test_a_reader_that_goes_away_ends_the_command_quietly(arguments: list[str], log: Path) -> None:
    process = start(*arguments, log)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate()
    assert (process.returncode, said) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["info"], ["verify"], ["compress", "--json"]])
def test_an_output_that_is_refused_is_one_line_with_status_1(arguments: list[str], log: Path) -> None:
    command = [sys.executable, "-m", "ataraxis_logger.cli", *arguments, str(log)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1


def test_what_compress_left_alone_is_told_once_and_is_in_its_json(log: Path) -> None:
    (log / "calibration.npy").touch()
    (log / f"002_{8:020d}.npy").write_bytes(npy_bytes(2, 8, b"torn")[:-1])
    process = start("compress", log, "--json")
    told, said = process.communicate()
    report = json.loads(told)
    assert {problem["file"] for problem in report["left_alone"]} == {
        str(log / "calibration.npy"),
        str(log / f"002_{8:020d}.npy"),
    }
    assert [problem["entry"] for problem in report["sources"][1]["problems"]] == [f"002_{8:020d}"]
    assert said.count(b"calibration.npy") == 1


def test_info_warns_of_a_damaged_log_and_passes_over_what_is_no_file(log: Path) -> None:
    if sys.platform != "win32":
        (log / f"002_{8:020d}.npy").symlink_to("nothing")
    assert facts("info", log)["files"]["npy files"]["files"] == 104
    (log / "1_log.npz").write_text("no archive")
    result = run("info", log)
    assert result.exit_code == 0
    assert "Warning: Entries of" in result.stderr
    assert "1_log.npz: it has no central directory" in result.stderr


def test_a_file_that_cannot_be_written_is_named_as_the_user_named_it(log: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    result = run("export", log, tmp_path / "nowhere" / "log.parquet")
    assert result.exit_code == 1
    assert result.output == f"Error: [Errno 2] No such file or directory: '{tmp_path / 'nowhere' / 'log.parquet'}'\n"


@pytest.mark.parametrize("command", ["info", "compress", "verify", "recover", "watch"])
def test_the_folder_above_a_log_is_told_from_a_log(command: str, log: Path) -> None:
    result = run(command, log.parent)
    assert result.exit_code == 2
    assert "is not a log, but holds some: name one of rig_data_log." in result.stderr
