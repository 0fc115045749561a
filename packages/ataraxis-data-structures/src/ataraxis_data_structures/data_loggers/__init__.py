"""The path of the 3.x line for the logger."""

from ataraxis_logger import DataLogger, LogPackage, compress_npy_logs

__all__ = ["DataLogger", "LogPackage", "compress_npy_logs"]
