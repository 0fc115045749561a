"""What a plain scalar means: the one place that knows YAML 1.1 as PyYAML reads it."""

from __future__ import annotations

import re
from typing import Any

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

_WORDS: dict[str, Any] = {"": None, "~": None}
for _value, _texts in ((None, "null"), (True, "true yes on"), (False, "false no off")):
    for _text in _texts.split():
        _WORDS |= dict.fromkeys((_text, _text.capitalize(), _text.upper()), _value)

# Only a scalar that starts like this can be anything but a word or a string.
_STARTS_A_NUMBER = frozenset("+-.0123456789")
_DECIMAL_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?", re.ASCII)

# Numbers to the base of sixty (1:30:00) and times are far shorter; PyYAML reads longer ones in quadratic time.
_LONGEST_WITH_COLONS = 100

_resolver: Any = Resolver()
_constructor = SafeConstructor()
_STRING_TAG = "tag:yaml.org,2002:str"


def plain_value(text: str) -> Any:
    """Give the value of an unquoted scalar.

    The two common forms of numbers are read here; everything else that may be a number or a date (``0b1``, ``1_000``,
    ``1:30``, ``2024-01-01``) is left to PyYAML, so that its every quirk is kept.

    Raises:
        ValueError: The text looks like a number or a date and is none, such as ``2024-13-45``.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS_A_NUMBER:
        return text
    if _DECIMAL_INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL_FLOAT.fullmatch(text):
        return float(text)
    if ":" in text and len(text) > _LONGEST_WITH_COLONS:
        return text
    tag = _resolver.resolve(ScalarNode, text, (True, False))
    return text if tag == _STRING_TAG else tagged_scalar(tag, text)


def tagged_scalar(tag: str, text: str) -> Any:
    """Give the value of a scalar whose standard tag is known.

    Raises:
        ValueError: The text is not of the form that the tag asks for.
    """
    try:
        return _constructor.construct_object(ScalarNode(tag, text), deep=True)
    except ConstructorError as error:
        raise ValueError(error.problem) from None
    except (KeyError, IndexError, AttributeError, OverflowError) as error:  # !!bool maybe, !!int "", !!timestamp x
        raise ValueError(f"{text[:40]!r} is not of the form {tag.rpartition(':')[2]}") from error


def stays_text(text: str) -> bool:
    """Whether the text, written without quotes, is read back as the very same string."""
    try:
        return plain_value(text) is text and text not in _SPECIAL and not _NUMBER_OF_YAML_1_2.fullmatch(text)
    except ValueError:
        return False


_SPECIAL = frozenset(("<<", "="))  # the merge key, and what YAML 1.1 calls the default value
# Strings to us, numbers to readers that follow YAML 1.2: quoted, so that all agree.
_NUMBER_OF_YAML_1_2 = re.compile(r"0o[0-7]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
