"""Real-time byte logs from many processes: accepted means kept."""

from ataraxis_logger._version import __version__

__all__ = ["__version__"]
