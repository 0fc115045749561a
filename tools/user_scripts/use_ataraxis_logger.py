"""A user's script for ataraxis-logger, checked by mypy --strict against the installed wheel and run."""

from pathlib import Path

import numpy as np

from ataraxis_logger import DataLogger, LogArchiveReader, LogPackage, find_log_archive

if __name__ == "__main__":
    with DataLogger(Path("session"), "user_script", storage="journal") as logger:
        source = logger.source(np.uint8(7))
        for number in range(100):
            source.log(number.to_bytes(4, "little"))
        logger.input_queue.put(LogPackage.onset(np.uint8(8)))
    logger.compress_logs(remove_sources=True)
    with LogArchiveReader(find_log_archive(logger.output_directory, 7)) as reader:
        payloads = [int.from_bytes(message.payload.tobytes(), "little") for message in reader]
    if payloads != list(range(100)):
        raise SystemExit(f"read back {payloads}")
