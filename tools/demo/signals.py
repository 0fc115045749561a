"""The live signals of the machine: each is a function that returns the values of this moment.

Nothing is simulated: processor times and counters come from the operating system through psutil, and how late the
scheduler woke the process comes from the nanosecond clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable


def processor() -> list[float]:
    """Seconds each core has spent in user mode, in the kernel and idle since boot."""
    return [value for core in psutil.cpu_times(percpu=True) for value in (core.user, core.system, core.idle)]


def disk_and_network() -> list[float]:
    """Bytes read, written, sent and received since boot."""
    disk = psutil.disk_io_counters(nowrap=False)  # None in a container without disks
    network = psutil.net_io_counters(nowrap=False)
    disk_bytes = [float(disk.read_bytes), float(disk.write_bytes)] if disk else [0.0, 0.0]
    return [*disk_bytes, float(network.bytes_sent), float(network.bytes_recv)]


def wake_up() -> list[float]:
    """Processor seconds this process has used; its lateness, kept with every sample, is the signal."""
    return [time.process_time()]


SIGNALS: dict[str, Callable[[], list[float]]] = {
    "processor": processor,
    "disk_and_network": disk_and_network,
    "wake_up": wake_up,
}
