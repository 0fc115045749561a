"""Dataclasses that save to and load from YAML files, exactly and atomically."""

from ataraxis_yamlconfig._config import YamlConfig
from ataraxis_yamlconfig._errors import (
    YamlConfigError,
    YamlDocumentError,
    YamlEncodeError,
    YamlFieldError,
    YamlPathError,
    YamlTypeWarning,
)
from ataraxis_yamlconfig._metadata import YAML_EXCLUDE_METADATA, yaml_metadata
from ataraxis_yamlconfig._version import __version__

__all__ = [
    "YAML_EXCLUDE_METADATA",
    "YamlConfig",
    "YamlConfigError",
    "YamlDocumentError",
    "YamlEncodeError",
    "YamlFieldError",
    "YamlPathError",
    "YamlTypeWarning",
    "__version__",
    "yaml_metadata",
]
