"""The command line, `ataraxis-logger`. Needs the extra `[cli]`."""

import sys
from typing import Final

USAGE_STATUS: Final = 2


def main() -> None:
    """Runs the command line; what the installed script `ataraxis-logger` calls.

    Exit statuses: 0, done; 1, the log is damaged or incomplete, or the work failed; 2, the command line is wrong or an
    extra is missing; 3, `recover` had to discard something; 130, interrupted.
    """
    try:
        import click  # noqa: F401, PLC0415  # the extra may be missing, which is worth one clear line
    except ImportError:
        print('The command line needs click: pip install "ataraxis-logger[cli]"', file=sys.stderr)  # noqa: T201  # as above
        raise SystemExit(USAGE_STATUS) from None
    from ataraxis_logger.cli.commands import run  # noqa: PLC0415  # imports click

    run()


__all__ = ["main"]
