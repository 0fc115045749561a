"""The memory of archiving, reading back and exporting does not grow with the number of entries."""

import subprocess
import sys
from pathlib import Path

import pytest

from ataraxis_logger._formats.journal_layout import BODY_PREFIX, SegmentHeader
from ataraxis_logger._formats.journal_writer import SegmentWriter
from ataraxis_shm._frame import pack_frame
from journal_helpers import SALT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measured with the resource module")

_PER_SEGMENT = 100_000
_MEASURE = """
import re, resource, sys
from pathlib import Path
from ataraxis_logger._archive import ordering
from ataraxis_logger import compress_npy_logs
folder, run, export = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ordering.RowSorter.__init__.__kwdefaults__["run"] = run
report = compress_npy_logs(folder, compress=False, remove_sources=True, max_workers=1)
if export:  # needs pyarrow, which a package alone does not bring
    from ataraxis_logger import export_parquet
    export_parquet(folder, export)
if sys.platform == "linux":  # ru_maxrss begins with the peak of the process that started this one
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(report.entries, peak)
"""


def write_segments(folder: Path, count: int, size: int) -> None:
    """Writes a journal in which times go back and forth a little, so that runs have to be merged.

    (With times at random all over the log, the system maps up to 128 MiB of it around the 2,048 places of a block; that
    is a bound too, but a test would need a larger log to see it.)
    """
    folder.mkdir()
    position = 0
    for start in range(0, count, _PER_SEGMENT):
        writer = SegmentWriter(folder, SegmentHeader(SALT))
        frames = []
        for number in range(start, min(start + _PER_SEGMENT, count)):
            time = (number ^ 0xFFF) + 1
            frames.append(pack_frame(7, position, BODY_PREFIX.pack(1, 0, time), bytes(size), salt=SALT))
            position += len(frames[-1])
        writer.append_frames([memoryview(b"".join(frames))], len(frames))
        writer.close()


def peak_of(folder: Path, run: int, export: str = "") -> tuple[int, int]:
    command = [sys.executable, "-c", _MEASURE, str(folder), str(run), export]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    entries, peak = done.stdout.split()
    return int(entries), int(peak)


def test_four_times_the_entries_take_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (60_000, 240_000):  # both beyond what may be mapped at a time
        write_segments(tmp_path / str(count), count, 200)
        entries, peak = peak_of(tmp_path / str(count), run=5000)
        assert entries == count
        peaks.append(peak)
    assert peaks[1] < peaks[0] + (16 << 20), f"{peaks[0]} and {peaks[1]} bytes"


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_archiving_and_exporting_4_gib_of_small_entries_stays_under_300_mib(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    count = (4 << 30) // 112  # a 64-byte payload takes 112 bytes of a segment
    write_segments(tmp_path / "log", count, 64)
    entries, peak = peak_of(tmp_path / "log", run=1 << 18, export=str(tmp_path / "log.parquet"))
    assert entries == count
    print(f"{entries} entries, peak {peak / (1 << 20):.0f} MiB")  # noqa: T201
    assert peak < 300 << 20, f"{peak / (1 << 20):.0f} MiB"
