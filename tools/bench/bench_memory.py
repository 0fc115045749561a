"""How much memory a process has used at most."""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def peak_memory(process: int | None = None) -> float:
    """The largest resident size, in bytes, that this process (or, on Linux, another one) has had; nan if unknown.

    On Linux it is `VmHWM` of proc(5): `ru_maxrss` would not do, since a process inherits it from the one it comes from.

    Raises:
        OSError: `process` has ended.
    """
    if platform.system() == "Linux":
        status = Path(f"/proc/{process or 'self'}/status")
        return _high_water_mark(status.read_text(encoding="ascii", errors="replace"))
    return _largest_resident_size() if process is None else float("nan")


def _largest_resident_size() -> float:
    """What getrusage(2) says of this process, in bytes."""
    size = float("nan")
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  # not on Windows

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if platform.system() == "Darwin" else 1024.0)
    return size


def _high_water_mark(status: str) -> float:
    """The line `VmHWM:   12345 kB` of a status file, in bytes (a zombie has none)."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024
    return float("nan")
