"""The path of the 3.x line for NestedDictionary."""

from ataraxis_nested import NestedDictionary

__all__ = ["NestedDictionary"]
