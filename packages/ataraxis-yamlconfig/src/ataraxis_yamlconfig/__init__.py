"""Dataclasses that save to and load from YAML files, exactly and atomically."""

from ataraxis_yamlconfig._version import __version__

__all__ = ["__version__"]
