"""Numbers as people read them."""

from __future__ import annotations

from typing import Final

from bench_model import TIME

_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_FEW: Final = 10
_MANY: Final = 100


def format_number(number: float) -> str:
    """Three significant digits, no exponent, commas in large numbers."""
    size = abs(number)
    if size >= _MANY:
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= _FEW else f"{number:.2f}"


def format_seconds(seconds: float) -> str:
    """A time in the unit that suits it."""
    factor, unit = next(((factor, unit) for factor, unit in _SECONDS if abs(seconds) >= factor), _SECONDS[-1])
    return f"{format_number(seconds / factor)} {unit}"


def format_value(name: str, value: float) -> str:
    """A named value in the unit that its name carries; seconds without one."""
    if name == TIME:
        return format_seconds(value)
    if name.endswith("_MiB"):
        return f"{format_number(value)} MiB"
    if name.endswith("_bytes"):
        return f"{format_number(value)} B"
    if name.endswith("_per_s"):
        return f"{format_number(value)}/s"
    return format_number(value) if name.endswith("_count") else format_seconds(value)


def format_measured(kind: str, value: str, versus: str | None, measured: float) -> str:
    """The measured number of a check, or its bound: a ratio, a difference, or the value itself."""
    if versus is None:
        return format_value(value, measured)
    if kind == "AddsAtMost":
        return f"{'+' if measured >= 0 else '-'}{format_value(value, abs(measured))}"
    return f"{format_number(measured)}x"


def format_bound(kind: str, value: str, versus: str | None, bound: float | None) -> str:
    """A bound with its direction."""
    if bound is None:
        return ""
    return ("≥ " if kind == "AtLeast" else "≤ ") + format_measured(kind, value, versus, bound)


def format_percent(fraction: float | None) -> str:
    """A fraction as a percentage, empty when there is none."""
    return "" if fraction is None else f"{fraction * 100:.0f} %"
