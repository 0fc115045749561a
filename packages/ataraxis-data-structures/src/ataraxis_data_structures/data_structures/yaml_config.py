"""The path of the 3.x line for YamlConfig."""

from ataraxis_yamlconfig import YamlConfig

__all__ = ["YamlConfig"]
