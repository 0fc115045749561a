"""Record from several processes, archive, read back: the whole life of a log in one script.

Each device is a process of its own that logs through a source; one of them is killed on the way, which costs nothing
that was accepted.

    python docs/examples/logger.py [--folder FOLDER] [--packages 2000] [--storage npy]
"""

import argparse
import multiprocessing
import os
import signal
import struct
import tempfile
from pathlib import Path

import numpy as np

from ataraxis_logger import DataLogger, LogArchiveReader, LogSource, discover_log_archives

CAMERA, WHEEL = 1, 2
POSITION = struct.Struct("<d")


def camera(source: LogSource, packages: int) -> None:
    """Log frames of 1 KiB, each beginning with its number."""
    for number in range(packages):
        source.log(number.to_bytes(4, "little") + bytes(1020))


def wheel(source: LogSource, packages: int) -> None:
    """Log positions, and die without a word after the last one."""
    for number in range(packages):
        source.log(POSITION.pack(number / 100))
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def record(folder: Path, storage: str, packages: int) -> DataLogger:
    """Log from two processes until both are done."""
    with DataLogger(folder, "example", storage=storage) as logger:
        devices = [
            multiprocessing.Process(target=camera, args=(logger.source(CAMERA), packages)),
            multiprocessing.Process(target=wheel, args=(logger.source(WHEEL), packages)),
        ]
        for device in devices:
            device.start()
        for device in devices:
            device.join()
    return logger


def report(folder: Path) -> None:
    """Print what every archive of the folder holds."""
    for path in discover_log_archives(folder).values():
        with LogArchiveReader(path) as reader:
            times, _ = reader.read_all_messages()
            span = (int(times[-1]) - int(times[0])) / 1e6
            print(f"{path.name}: {reader.message_count} messages in {span:.3f} s since {reader.onset_timestamp_us} µs")


def main() -> None:
    """Record, archive, read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to log; a temporary folder unless given")
    parser.add_argument("--packages", type=int, default=2000, help="packages per device")
    parser.add_argument("--storage", choices=("npy", "journal"), default="journal")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        logger = record(options.folder or Path(temporary), options.storage, options.packages)
        logger.compress_logs(remove_sources=True)
        report(logger.output_directory)

        with LogArchiveReader(logger.output_directory, source_id=WHEEL) as reader:
            positions = reader.to_numpy("<f8")["payload"]
        assert np.array_equal(positions, np.arange(options.packages) / 100), "a package is missing"
        print(f"the wheel was killed after position {positions[-1]}, and it is there")


if __name__ == "__main__":
    main()
