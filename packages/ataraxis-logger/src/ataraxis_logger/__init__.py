"""Real-time byte logs from many processes: accepted means kept.

Names are imported when they are first used (PEP 562): the keeper and the writers never load NumPy, and importing the
package costs next to nothing.
"""

from typing import TYPE_CHECKING

from ataraxis_logger._version import __version__
from ataraxis_shm._lazy import lazy_names

if TYPE_CHECKING:
    from ataraxis_logger._archive.compress import (
        ArchiveReport,
        assemble_log_archives,
        compress_logs,
        compress_npy_logs,
    )
    from ataraxis_logger._archive.discover import discover_log_archives, find_log_archive, read_archive_message_count
    from ataraxis_logger._archive.manifest import ManifestReport, verify_manifest, write_manifest
    from ataraxis_logger._archive.reader import LogArchiveReader, LogMessage
    from ataraxis_logger._archive.verify import VerifyReport, verify_log
    from ataraxis_logger._errors import (
        ArchiveBusyError,
        ArchiveError,
        DamagedEntryError,
        DamageWarning,
        FlushTimeoutError,
        ForeignFileWarning,
        LogFormatError,
        LogFullError,
        LoggerError,
        LoggerStateError,
        LogNotFoundError,
        LogWarning,
        MissingExtraError,
        OnsetError,
        OnsetWarning,
        PackageTypeError,
        PackageValueError,
        SettingTypeError,
        SettingValueError,
    )
    from ataraxis_logger._live.log_queue import LogQueue
    from ataraxis_logger._live.recovery import RecoveryReport, recover_logs
    from ataraxis_logger._live.statistics import LogStatistics, read_statistics
    from ataraxis_logger._logger import DataLogger
    from ataraxis_logger._package import LogPackage
    from ataraxis_logger._source import LogSource
    from ataraxis_logger.dask_frames import read_sessions as read_sessions
    from ataraxis_logger.parquet import export_parquet as export_parquet
    from ataraxis_logger.plot import plot_log as plot_log

_HOMES = {
    "ArchiveBusyError": "_errors",
    "ArchiveError": "_errors",
    "ArchiveReport": "_archive.compress",
    "DamageWarning": "_errors",
    "DamagedEntryError": "_errors",
    "DataLogger": "_logger",
    "FlushTimeoutError": "_errors",
    "ForeignFileWarning": "_errors",
    "LogArchiveReader": "_archive.reader",
    "LogFormatError": "_errors",
    "LogFullError": "_errors",
    "LogMessage": "_archive.reader",
    "LogNotFoundError": "_errors",
    "LogPackage": "_package",
    "LogQueue": "_live.log_queue",
    "LogSource": "_source",
    "LogStatistics": "_live.statistics",
    "LogWarning": "_errors",
    "LoggerError": "_errors",
    "LoggerStateError": "_errors",
    "ManifestReport": "_archive.manifest",
    "MissingExtraError": "_errors",
    "OnsetError": "_errors",
    "OnsetWarning": "_errors",
    "PackageTypeError": "_errors",
    "PackageValueError": "_errors",
    "RecoveryReport": "_live.recovery",
    "SettingTypeError": "_errors",
    "SettingValueError": "_errors",
    "VerifyReport": "_archive.verify",
    "assemble_log_archives": "_archive.compress",
    "compress_logs": "_archive.compress",
    "compress_npy_logs": "_archive.compress",
    "discover_log_archives": "_archive.discover",
    "export_parquet": "parquet",
    "find_log_archive": "_archive.discover",
    "plot_log": "plot",
    "read_archive_message_count": "_archive.discover",
    "read_sessions": "dask_frames",
    "read_statistics": "_live.statistics",
    "recover_logs": "_live.recovery",
    "verify_log": "_archive.verify",
    "verify_manifest": "_archive.manifest",
    "write_manifest": "_archive.manifest",
}

# The functions of the extras are left out: a star import must not need what is not installed.
__all__ = [
    "ArchiveBusyError",
    "ArchiveError",
    "ArchiveReport",
    "DamageWarning",
    "DamagedEntryError",
    "DataLogger",
    "FlushTimeoutError",
    "ForeignFileWarning",
    "LogArchiveReader",
    "LogFormatError",
    "LogFullError",
    "LogMessage",
    "LogNotFoundError",
    "LogPackage",
    "LogQueue",
    "LogSource",
    "LogStatistics",
    "LogWarning",
    "LoggerError",
    "LoggerStateError",
    "ManifestReport",
    "MissingExtraError",
    "OnsetError",
    "OnsetWarning",
    "PackageTypeError",
    "PackageValueError",
    "RecoveryReport",
    "SettingTypeError",
    "SettingValueError",
    "VerifyReport",
    "__version__",
    "assemble_log_archives",
    "compress_logs",
    "compress_npy_logs",
    "discover_log_archives",
    "find_log_archive",
    "read_archive_message_count",
    "read_statistics",
    "recover_logs",
    "verify_log",
    "verify_manifest",
    "write_manifest",
]

__getattr__, __dir__ = lazy_names(__name__, globals(), _HOMES)
