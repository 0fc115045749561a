"""The path of the 3.x line for the two in-process structures."""

from ataraxis_nested import NestedDictionary
from ataraxis_yamlconfig import YamlConfig

__all__ = ["NestedDictionary", "YamlConfig"]
