"""Store, share and log data between Python processes: one import for the four ataraxis packages.

Every name is the very object of its own package: `ataraxis_data_structures.NestedDictionary is
ataraxis_nested.NestedDictionary`. The submodules carry the paths under which libraries written for the 3.x line import.

Example:
    >>> from ataraxis_data_structures import NestedDictionary
    >>> NestedDictionary({"camera": {"fps": 30}}).read_nested_value("camera.fps")
    30
"""

from ataraxis_data_structures._version import __version__
from ataraxis_logger import (
    DataLogger,
    LogArchiveReader,
    LogMessage,
    LogPackage,
    LogQueue,
    LogSource,
    assemble_log_archives,
    compress_logs,
    compress_npy_logs,
    discover_log_archives,
    find_log_archive,
    read_archive_message_count,
    recover_logs,
)
from ataraxis_nested import NestedDictionary
from ataraxis_shm import Batch, RingConsumer, RingProducer, SharedMemoryArray, TornWriteWarning
from ataraxis_yamlconfig import YAML_EXCLUDE_METADATA, YamlConfig, YamlTypeWarning, yaml_metadata

__all__ = [
    "YAML_EXCLUDE_METADATA",
    "Batch",
    "DataLogger",
    "LogArchiveReader",
    "LogMessage",
    "LogPackage",
    "LogQueue",
    "LogSource",
    "NestedDictionary",
    "RingConsumer",
    "RingProducer",
    "SharedMemoryArray",
    "TornWriteWarning",
    "YamlConfig",
    "YamlTypeWarning",
    "__version__",
    "assemble_log_archives",
    "compress_logs",
    "compress_npy_logs",
    "discover_log_archives",
    "find_log_archive",
    "read_archive_message_count",
    "recover_logs",
    "yaml_metadata",
]
