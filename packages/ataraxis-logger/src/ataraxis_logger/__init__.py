"""Real-time byte logs from many processes: accepted means kept.

Names are imported when they are first used (PEP 562): the keeper and the writers never load NumPy, and importing the
package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ataraxis_logger._version import __version__

if TYPE_CHECKING:
    from ataraxis_logger._live.log_queue import LogQueue
    from ataraxis_logger._live.statistics import LogStatistics, read_statistics
    from ataraxis_logger._logger import DataLogger
    from ataraxis_logger._package import LogPackage
    from ataraxis_logger._source import LogSource

_HOMES = {
    "DataLogger": "_logger",
    "LogPackage": "_package",
    "LogQueue": "_live.log_queue",
    "LogSource": "_source",
    "LogStatistics": "_live.statistics",
    "read_statistics": "_live.statistics",
}

__all__ = [
    "DataLogger",
    "LogPackage",
    "LogQueue",
    "LogSource",
    "LogStatistics",
    "__version__",
    "read_statistics",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
