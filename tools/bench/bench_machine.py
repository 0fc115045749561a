"""What the numbers were measured on: enough to judge them, nothing that names a host, a user or a folder."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_GIBIBYTE: Final = 2**30


def describe_machine(scratch: Path) -> dict[str, Any]:
    """Processor, memory, system, Python and the file system under `scratch`, each a short text or number."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_GiB": round(_memory() / _GIBIBYTE, 1),
        "system": _system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "file_system": _file_system(scratch),
        "load_before": round(load_average(), 2),
    }


def load_average() -> float:
    """How many processes wanted a core during the last minute; nan where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _processor() -> str:
    """The model of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    """Bytes of main memory, 0 when unknown."""
    if sys.platform == "win32":
        kibibytes = ctypes.c_ulonglong()
        ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kibibytes))
        size = kibibytes.value * 1024
    else:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return size


def _system() -> str:
    """Name and release of the system, without what somebody may have built into the name of a kernel."""
    if platform.system() == "Linux":
        kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
        with contextlib.suppress(OSError):
            return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {kernel}"
        return f"Linux {kernel}"
    return f"{platform.system()} {platform.release()}"


def _file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, "unknown" where the system does not tell."""
    if platform.system() != "Linux":
        return "unknown"
    resolved = folder.resolve()
    best = ("", "unknown")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            mount, kind = line.split()[1:3]
            if resolved.is_relative_to(mount) and len(mount) >= len(best[0]):
                best = (mount, kind)
    return best[1]
