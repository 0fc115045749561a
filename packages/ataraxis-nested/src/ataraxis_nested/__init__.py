"""Read, write, delete and search nested dictionaries by path."""

from ataraxis_nested._dictionary import NestedDictionary
from ataraxis_nested._errors import (
    NestedConversionError,
    NestedDictionaryError,
    NestedKeyError,
    NestedTypeError,
    NestedValueError,
)
from ataraxis_nested._version import __version__

__all__ = [
    "NestedConversionError",
    "NestedDictionary",
    "NestedDictionaryError",
    "NestedKeyError",
    "NestedTypeError",
    "NestedValueError",
    "__version__",
]
