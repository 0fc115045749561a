"""One scalar -> its YAML text: plain where that reads back the same, else quoted.

The text is made here and not by libyaml's emitter, which needs an event object per node, folds long lines, cannot place
comments, and takes longer.
"""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import date, datetime
from functools import lru_cache
from math import isinf, isnan
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._document.plain import stays_text
from ataraxis_yamlconfig._document.tags import SURROGATES_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

# Asked about texts for which str.isprintable() holds, so that the only white space is the blank. What Python calls
# printable is less than what YAML does, and costs no table of 65,536 characters when this module is imported.
_PLAIN = re.compile(
    r"""(?!--)(?:-(?=[^ ])|[^\-?:,\[\]{}#&*!|>'"%@` ])   # starts with no indicator
        (?::(?=[^ ])|[^: ]|[ ]+(?=[^ #]))*             # holds no ": " and no " #"
    """,
    re.VERBOSE,
)
_BARE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MAY_NEED_ESCAPE = re.compile(r'["\\]|[^ -~]')
_SHORT_ESCAPES = {"\0": "\\0", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WIDEST_DECIMAL = 10**4000  # Python refuses decimal texts of more than 4300 digits, hexadecimal ones it always takes


def text_of(value: str) -> str:
    r"""Write a string on one line.

    Examples:
        >>> text_of("plain text"), text_of("yes"), text_of("tab\there")
        ('plain text', "'yes'", '"tab\\there"')
    """
    if value.isprintable() and _PLAIN.fullmatch(value) and stays_text(value):
        return value
    return quoted(value)


def quoted(value: str) -> str:
    """Write a string in quotes: single ones, unless it holds what has to be escaped."""
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates
        return f"{SURROGATES_TAG} {quoted(value.encode('unicode_escape').decode('ascii'))}"
    return f'"{_MAY_NEED_ESCAPE.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character.isprintable():
        return f"\\{character}" if character in '"\\' else character
    if code <= 0xFF:  # noqa: PLR2004 - the widths of YAML's three numeric escapes
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 - see above


def literal_lines(value: str) -> tuple[str, list[str]] | None:
    """Give the header and the lines of a literal block for a text of several lines; None where that is not exact."""
    lines = value.split("\n")
    if lines[0][:1] in {"", " ", "\t"} or not all(map(_is_literal, lines)):
        return None
    body = value.rstrip("\n")
    breaks = len(value) - len(body)
    header = "|-" if breaks == 0 else "|" if breaks == 1 else "|+"
    return header, lines if breaks == 0 else lines[:-1]


def _is_literal(line: str) -> bool:
    """Whether a line needs no escapes; one of blanks alone could be taken for indentation."""
    return not line or (line.replace("\t", " ").isprintable() and not line.isspace())


@lru_cache(maxsize=4096)
def key_text(key: str) -> str:
    """Write a string that stands as a key; remembered, since the same few names are written again and again."""
    return key if _BARE_WORD.fullmatch(key) and stays_text(key) else text_of(key)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _int(value: int) -> str:
    return str(value) if -_WIDEST_DECIMAL < value < _WIDEST_DECIMAL else hex(value)


def _float(value: float) -> str:
    if isnan(value):
        return ".nan"
    if isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # YAML 1.1 wants a point in every float.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _bytes(value: bytes) -> str:
    return f'!!binary "{b64encode(value).decode("ascii")}"'


def _datetime(value: datetime) -> str:
    return value.isoformat(" ")


SCALAR_TEXT: dict[type, Callable[[Any], str]] = {
    str: text_of,
    int: _int,
    float: _float,
    bool: _bool,
    type(None): lambda _: "null",
    bytes: _bytes,
    datetime: _datetime,
    date: date.isoformat,
}
"""The text of every scalar that a plain tree may hold, by its exact type."""
