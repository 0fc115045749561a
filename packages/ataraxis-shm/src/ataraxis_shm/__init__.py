"""A NumPy array shared by processes, and a single-producer single-consumer ring buffer."""

from ataraxis_shm._version import __version__

__all__ = ["__version__"]
