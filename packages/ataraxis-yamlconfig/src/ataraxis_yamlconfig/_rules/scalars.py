"""Scalars: what YAML keeps by itself, and types of the standard library with an exact text."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, get_origin

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, Codec
from ataraxis_yamlconfig._rules.leaves import leaf, native

if TYPE_CHECKING:
    from collections.abc import Callable

# By name, so that none of these modules has to be imported: whoever annotates with such a type has done it.
_STRING_FORMS = {
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "uuid": {"UUID"},
    "ipaddress": {"IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"},
}
_TIMEDELTA = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d)(?:\.(\d{6}))?", re.ASCII)

_WIDEST_DECIMAL_BITS = 13_000  # Python refuses decimal texts of more than 4300 digits, hexadecimal ones it always takes
_WIDEST_EXPONENT = 4000


def scalar_rule(hint: Any, _: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a scalar type."""
    if get_origin(hint) is re.Pattern:
        hint = re.Pattern
    if not isinstance(hint, type):
        return None
    if hint in NATIVE_SCALARS:
        return native(hint)
    if hint in _BUILDERS:
        return _BUILDERS[hint]()
    if hint.__name__ in _STRING_FORMS.get(hint.__module__, ()):
        return _fraction(hint) if hint.__name__ == "Fraction" else leaf(hint, str, hint)
    if hint.__module__.partition(".")[0] in {"pathlib", "os"}:
        return _path(hint)
    return None


def _fraction(hint: Any) -> Codec:
    """Fractions are written as str; in hexadecimal where Python refuses decimal texts for their length."""

    def to_plain(value: Any) -> str:
        if max(abs(value.numerator), value.denominator).bit_length() > _WIDEST_DECIMAL_BITS:
            return f"{value.numerator:#x}/{value.denominator:#x}"
        return str(value)

    def from_plain(text: str) -> Any:
        if "x" in text:
            numerator, _, denominator = text.partition("/")
            return hint(int(numerator, 16), int(denominator, 16))
        exponent = text.lower().partition("e")[2]
        if exponent and abs(int(exponent)) > _WIDEST_EXPONENT:
            raise ValueError("not a fraction")  # 1e999999999 would take all memory to write out
        return hint(text)

    return leaf(hint, to_plain, from_plain)


def _path(hint: type) -> Codec | None:
    """Paths are written as str; ``Path`` means whatever kind this system has."""
    if hint is os.PathLike:
        from pathlib import Path as hint  # noqa: N813, PLC0415 - the ordinary implementation; see _STRING_FORMS
    try:
        return leaf(type(hint()), str, hint)
    except (TypeError, NotImplementedError):  # another class of that module; WindowsPath on POSIX
        return None


def _datetime_to_plain(value: datetime) -> datetime | str:
    """Give a timestamp of YAML where it is exact: it has no seconds in the offset from UTC."""
    offset = value.utcoffset()
    if offset is None or not offset % timedelta(minutes=1):
        return value
    return value.isoformat(" ")


def _datetime_from_plain(plain: Any) -> datetime:
    return plain if type(plain) is datetime else datetime.fromisoformat(plain)


def _timedelta_from_text(text: str) -> timedelta:
    match = _TIMEDELTA.fullmatch(text)
    if match is None:
        raise ValueError("not a timedelta")
    days, hours, minutes, seconds, microseconds = (int(part or 0) for part in match.groups())
    return timedelta(days, seconds, microseconds, minutes=minutes, hours=hours)


def _pattern_to_plain(value: re.Pattern[Any]) -> Any:
    """Write the flags only where the pattern itself does not set them."""
    if re.compile(value.pattern).flags == value.flags:
        return value.pattern
    return {"pattern": value.pattern, "flags": value.flags}


def _pattern_from_plain(plain: Any) -> re.Pattern[Any]:
    if type(plain) is not dict:
        return re.compile(plain)
    if plain.keys() != {"pattern", "flags"}:
        raise ValueError("not a pattern")
    return re.compile(plain["pattern"], plain["flags"])


_BUILDERS: dict[type, Callable[[], Codec]] = {
    bytes: lambda: leaf(bytes, bytes, bytes, (bytes,)),
    bytearray: lambda: leaf(bytearray, bytes, bytearray, (bytes,)),
    date: lambda: leaf(date, _itself, _itself, (date,)),
    datetime: lambda: leaf(datetime, _datetime_to_plain, _datetime_from_plain, (datetime, str)),
    time: lambda: leaf(time, time.isoformat, time.fromisoformat),
    timedelta: lambda: leaf(timedelta, str, _timedelta_from_text),
    complex: lambda: leaf(complex, lambda value: str(value).strip("()"), complex),
    re.Pattern: lambda: leaf(re.Pattern, _pattern_to_plain, _pattern_from_plain, (str, bytes, dict)),
}


def _itself(value: Any) -> Any:
    return value
