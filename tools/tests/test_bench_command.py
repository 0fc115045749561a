"""The command as people run it, on small rows of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"

pytestmark = pytest.mark.bench

WORK = """
import os, signal, subprocess, sys, tempfile, time
from bench_model import QUICK, Work

def spin(count):
    for _ in range(count):
        pass

def ours():
    yield Work(lambda: spin(2000), items=10, values=lambda: {"answer_count": 42.0})

def floor():
    print("what a workload prints disturbs nothing")
    yield Work(lambda: spin(1000), items=10)

def slow():
    yield Work(lambda: spin(20000), items=10)

def fails_to_prepare():
    raise RuntimeError("no data")
    yield

def fails_its_check():
    yield Work(lambda: spin(10))
    raise AssertionError("2 samples are missing")

def fails_to_import():
    import no_such_module_at_all
    yield Work(spin)

def dies():
    yield Work(lambda: os.kill(os.getpid(), signal.SIGKILL), once=True)

def hangs():
    yield Work(lambda: time.sleep(600), once=True)

def yields_twice():
    yield Work(lambda: spin(10))
    yield Work(lambda: spin(10))

def prepares_each_round():
    folder = tempfile.mkdtemp()
    yield Work(lambda: open(os.path.join(folder, "used up"), "x").close(), once=True)
    os.remove(os.path.join(folder, "used up"))
    os.rmdir(folder)

def leaves_a_process():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(os.environ["BENCH_TEST_PIDS"], "a") as pids:
        pids.write(f"{os.getpid()} {child.pid} ")
    yield Work(lambda: spin(10))

def leaves_a_service():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open(os.environ["BENCH_TEST_PIDS"], "a") as pids:
        pids.write(f"{os.getpid()} {child.pid} ")
    yield Work(lambda: os.kill(os.getpid(), signal.SIGKILL), once=True)

def waits_for_the_signal():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    def call():
        with open(os.environ["BENCH_TEST_PIDS"], "a") as pids:
            pids.write(f"{os.getpid()} {child.pid} ")
        time.sleep(600)
    yield Work(call, once=True)

def peer():
    import benchpeer
    yield Work(benchpeer.work, items=benchpeer.ITEMS)
"""


def bench(folder, *arguments, **variables):
    """Runs the command on the rows and workloads in `folder`."""
    command = [sys.executable, BENCH, "--folder", folder, "--store", folder, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, env={**os.environ, **variables}
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with the workloads above."""
    (tmp_path / "work").mkdir()
    (tmp_path / "rows").mkdir()
    (tmp_path / "work" / "fake_work.py").write_text(WORK)
    return tmp_path


def write_rows(folder, *rows):
    lines = ["from bench_model import *", "ROWS = (", *(f"    {row}," for row in rows), ")"]
    (folder / "rows" / "fake_rows.py").write_text("\n".join(lines))


FAST = (
    "Row('spin', 'fake_work:ours', floor='fake_work:floor', must=AtMost(100), peers=(Peer('slow', 'fake_work:slow'),))"
)
MISSED = "Row('spin', 'fake_work:ours', floor='fake_work:floor', must=AtMost(0.001))"


def rows_of(path):
    return {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(processes):
    deadline = time.monotonic() + 20
    while living := [process for process in processes if is_alive(process)]:
        assert time.monotonic() < deadline, f"still alive: {living}"
        time.sleep(0.05)


def test_a_row_is_measured_compared_and_kept(folder):
    write_rows(folder, FAST)
    done = bench(folder, "--quick", "--rounds", "3", "--json", folder / "result.json")
    assert done.returncode == 0, done.stderr
    assert "must met" in done.stdout
    assert "answer_count 42" in done.stdout
    row = rows_of(folder / "result.json")["spin"]
    ours, floor, slow = row["participants"]
    assert [side["label"] for side in row["participants"]] == ["ours", "floor", "slow"]
    assert all(len(side["rounds"]) == 3 and not side["error"] for side in (ours, floor, slow))
    assert ours["rounds"][0]["answer_count"] == 42
    assert ours["items"] == 10
    assert ours["repetitions"] > 1
    assert row["checks"][0]["measured"] > 0
    assert list(folder.glob("tmp/*")) == []


def test_nothing_is_said_of_the_host_or_its_folders(folder):
    write_rows(folder, FAST)
    bench(folder, "--quick", "--rounds", "1", "--json", folder / "result.json")
    machine = json.loads((folder / "result.json").read_text())["machine"]
    assert machine.keys() == {"processor", "cores", "memory_GiB", "system", "python", "file_system", "load_before"}
    assert os.uname().nodename not in json.dumps(machine)
    assert machine["processor"]
    assert machine["memory_GiB"] > 0


def test_failures_stand_in_their_row_and_the_rest_goes_on(folder):
    names = ["fails_to_prepare", "fails_its_check", "fails_to_import", "dies", "hangs", "yields_twice", "missing"]
    peers = ", ".join(f"Peer({name!r}, 'fake_work:{name}')" for name in names)
    write_rows(folder, f"Row('peers', 'fake_work:ours', peers=({peers}))", "Row('bad', 'fake_work:dies')", FAST)
    done = bench(folder, "--rounds", "1", "--timeout", "2", "--json", folder / "result.json")
    assert done.returncode == 0, done.stderr
    rows = rows_of(folder / "result.json")
    errors = {side["label"]: side["error"] for side in rows["peers"]["participants"]}
    assert errors == {
        "ours": "",
        "fails_to_prepare": "prepare: RuntimeError: no data",
        "fails_its_check": "check: AssertionError: 2 samples are missing",
        "fails_to_import": "prepare: ModuleNotFoundError: No module named 'no_such_module_at_all'",
        "dies": "the worker process ended (killed by SIGKILL)",
        "hangs": "no answer within 2 s",
        "yields_twice": "check: RuntimeError: a workload yields one Work, this one yielded again",
        "missing": "import: AttributeError: module 'fake_work' has no attribute 'missing'",
    }
    assert all(error in done.stdout for error in errors.values())
    assert not rows["spin"]["participants"][0]["error"]
    assert "1 FAILED" in done.stdout


def test_a_long_call_is_prepared_and_checked_anew_each_round(folder):
    write_rows(folder, "Row('once', 'fake_work:prepares_each_round')")
    bench(folder, "--rounds", "4", "--json", folder / "result.json")
    ours = rows_of(folder / "result.json")["once"]["participants"][0]
    assert ours["error"] == ""
    assert len(ours["rounds"]) == 4
    assert ours["repetitions"] == 1


@pytest.mark.parametrize(("rows", "status"), [((FAST,), 0), ((MISSED,), 1), (("Row('bad', 'fake_work:dies')",), 1)])
def test_strict_turns_a_missed_must_into_the_exit_status(folder, rows, status):
    write_rows(folder, *rows)
    assert bench(folder, "--quick", "--rounds", "1", "--strict").returncode == status


def test_list_only_and_no_peers(folder):
    write_rows(folder, FAST, "Row('other', 'fake_work:ours', peers=(Peer('bad', 'fake_work:dies'),))")
    assert bench(folder, "--list").stdout == "fake: spin\nfake: other\n"
    assert bench(folder, "--list", "--only", "SPIN").stdout == "fake: spin\n"
    done = bench(folder, "--quick", "--only", "other", "--no-peers", "--rounds", "1")
    assert "other" in done.stdout
    assert "spin" not in done.stdout
    assert "bad" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rounds", "0"),
        ("--rounds", "many"),
        ("--timeout", "-1"),
        ("--only", "no such row"),
        ("--json", "no/such/folder/result.json"),
        ("--folder", "no/such/folder"),
        ("--compare", "one.json"),
        ("--compare", "one.json", "two.json"),
        ("--write-docs", "missing.json"),
        ("--write-docs", "--only", "spin"),
        ("--nonsense",),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_line_and_status_2(folder, arguments):
    write_rows(folder, FAST)
    done = bench(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tools/bench: ")
    assert done.stdout == ""


def test_two_results_are_compared_by_ratio(folder):
    write_rows(folder, FAST, "Row('old only', 'fake_work:ours')")
    bench(folder, "--quick", "--rounds", "2", "--json", folder / "old.json")
    old = json.loads((folder / "old.json").read_text())
    for entry in old["rows"][0]["participants"][0]["rounds"]:
        entry["time"] = 3.0
    old["rows"][0]["participants"][1]["rounds"] = [{"time": 1.0}] * 2
    (folder / "old.json").write_text(json.dumps(old))
    old["rows"][0]["participants"][0]["rounds"] = [{"time": 6.0}] * 2
    del old["rows"][1]
    (folder / "new.json").write_text(json.dumps(old))
    done = bench(folder, "--compare", folder / "old.json", folder / "new.json")
    assert done.returncode == 0
    cells = next(line for line in done.stdout.splitlines() if line.startswith("spin")).split()
    assert cells == ["spin", "3.00", "s", "6.00", "s", "2.00x", "3.00x", "6.00x", "2.00x", "slower"]
    assert "only in old: old only" in done.stdout


def test_rows_are_measured_again_into_an_earlier_result(folder):
    write_rows(folder, FAST, "Row('bad', 'fake_work:fails_to_prepare')")
    bench(folder, "--quick", "--rounds", "2", "--json", folder / "result.json")
    before = rows_of(folder / "result.json")
    again = ("--quick", "--rounds", "3", "--only", "spin", "--into", folder / "result.json")
    assert bench(folder, *again, "--json", folder / "result.json").returncode == 0
    after = rows_of(folder / "result.json")
    assert list(after) == list(before)
    assert after["bad"] == before["bad"]
    assert [len(rows["spin"]["participants"][0]["rounds"]) for rows in (before, after)] == [2, 3]


def test_a_file_that_is_no_result_is_refused(folder):
    for text, complaint in [
        ("{", "not JSON"),
        ("{}", "not a result"),
        ('{"format": 1}', "damaged"),
        ("[]", "not a result"),
    ]:
        (folder / "bad.json").write_text(text)
        done = bench(folder, "--write-docs", folder / "bad.json")
        assert done.returncode == 2
        assert complaint in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_documentation_is_written_from_a_result(folder):
    write_rows(folder, FAST, "Row('bad', 'fake_work:fails_to_prepare', note='It is | bad.')")
    bench(folder, "--quick", "--rounds", "2", "--json", folder / "result.json")
    docs = folder / "docs"
    docs.mkdir()
    done = bench(folder, "--write-docs", folder / "result.json", "--docs", docs)
    assert done.returncode == 0, done.stderr
    page = (docs / "performance_table.md").read_text(encoding="utf-8")
    assert "| spin |" in page
    assert "| spin | slow |" in page
    assert "It is | bad." in page
    assert "FAILED" in page
    assert str(folder) not in page + (docs / "performance_table.json").read_text()
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.count("|") in {4, 5, 9} for line in tables)
    # The same result gives the same files again.
    before = {path.name: path.read_bytes() for path in docs.iterdir()}
    bench(folder, "--write-docs", docs / "performance_table.json", "--docs", docs)
    assert before == {path.name: path.read_bytes() for path in docs.iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("workload", ["leaves_a_process", "leaves_a_service"])
def test_what_a_workload_left_running_is_ended(folder, workload):
    write_rows(folder, f"Row('litter', 'fake_work:{workload}')")
    pids = folder / "pids"
    done = bench(folder, "--quick", "--rounds", "1", BENCH_TEST_PIDS=str(pids))
    assert done.returncode == 0, done.stderr
    wait_until_dead(pids.read_text().split())


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_prints_what_was_measured_and_leaves_no_process(folder, number):
    write_rows(folder, FAST, "Row('waits', 'fake_work:waits_for_the_signal')")
    pids = folder / "pids"
    command = [
        sys.executable,
        BENCH,
        "--folder",
        folder,
        "--store",
        folder,
        "--rounds",
        "1",
        "--json",
        folder / "r.json",
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BENCH_TEST_PIDS": str(pids)},
        process_group=0,
    ) as running:
        while running.poll() is None and not (pids.exists() and pids.read_text().endswith(" ")):
            time.sleep(0.02)
        running.send_signal(number)
        printed, complaints = running.communicate(timeout=60)
    assert running.returncode == 130, complaints
    assert "spin" in printed
    assert "The run was not finished." in printed
    assert "Traceback" not in complaints
    assert list(rows_of(folder / "r.json")) == ["spin"]
    wait_until_dead(pids.read_text().split())
    assert list(folder.glob("tmp/*")) == []


def make_wheel(folder, version, python):
    """A wheel of the package `benchpeer`."""
    info = f"benchpeer-{version}.dist-info"
    code = f"ITEMS = 5\nVERSION = {version!r}\ndef work():\n    return sum(range(1000))\n"
    metadata = f"Metadata-Version: 2.1\nName: benchpeer\nVersion: {version}\nRequires-Python: {python}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"benchpeer-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("benchpeer.py", code)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")


def test_a_peer_gets_an_environment_of_its_own_and_one_that_cannot_be_had_is_named(folder):
    make_wheel(folder, "1.0", ">=3.11")
    make_wheel(folder, "2.0", ">=3.99")
    newest = "Peer('newest', 'fake_work:peer', requires=('benchpeer',), newest=True)"
    second = "Peer('second', 'fake_work:peer', requires=('benchpeer==2.0',), otherwise=('benchpeer==1.0',))"
    nowhere = "Peer('nowhere', 'fake_work:peer', requires=('benchpeer==2.0',))"
    write_rows(folder, f"Row('with peers', 'fake_work:ours', peers=({newest}, {second}, {nowhere}))")
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
    # Only the interpreter of the tests is found, so that the test takes as long on every machine.
    settings |= {"PYENV_ROOT": str(folder), "XDG_DATA_HOME": str(folder), "PATH": str(folder)}
    done = bench(folder, "--rounds", "1", "--json", folder / "result.json", **settings)
    assert done.returncode == 0, done.stderr
    sides = {side["label"]: side for side in rows_of(folder / "result.json")["with peers"]["participants"]}
    assert [sides[label]["version"] for label in ("newest", "second")] == ["1.0", "1.0"]
    assert [sides[label]["items"] for label in ("newest", "second")] == [5, 5]
    assert not sides["newest"]["error"] + sides["second"]["error"]
    assert sides["nowhere"]["absent"].startswith("cannot be had: ")
    assert "3.99" in sides["nowhere"]["absent"]
    assert str(folder) not in sides["nowhere"]["absent"]
    made = sorted(folder.glob("peers/*/bench-environment.json"))
    stamps = [path.stat().st_mtime_ns for path in made]
    assert len(made) == 2
    # The next run finds them again.
    write_rows(folder, f"Row('with peers', 'fake_work:ours', peers=({newest}, {second}))")
    done = bench(folder, "--prepare", **settings)
    assert done.stderr.count("benchpeer: 1.0 on Python 3.") == 1
    assert done.stderr.count("benchpeer==1.0: 1.0 on Python 3.") == 1
    assert [path.stat().st_mtime_ns for path in made] == stamps
