"""Read, write, delete and search nested dictionaries by path."""

from ataraxis_nested._version import __version__

__all__ = ["__version__"]
