"""The logger of this package, without the price of importing `logging` before there is something to say."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


def package_logger() -> "Logger":
    """Returns the logger that everything is reported through."""
    import logging  # noqa: PLC0415  # importing the package costs less without it

    return logging.getLogger("ataraxis_logger")
