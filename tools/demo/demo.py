"""The demo: a small acquisition rig on live signals of this machine, from configuration to verified archive.

    python tools/demo [--duration S] [--rate HZ] [--storage npy|journal] [--output FOLDER]

Exit status: 0 when every sample came back unaltered and once, 1 when one did not or a producer died, 2 for a wrong
option or a folder that cannot be written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from recording import RecordingError, Sent, interrupt_flag, record
from report import SessionReport, session_report, table
from rig_config import RigConfig, default_rig
from verification import SourceResult, verify_source

from ataraxis_data_structures import DataLogger, compress_logs

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
MAX_DURATION_S = 24 * 3600.0
MAX_RATE_HZ = 20_000.0


class OneLineParser(argparse.ArgumentParser):
    """Errors in one line, without the usage text above them."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(2, f"demo: {message}\n")


def bounded(name: str, highest: float) -> Callable[[str], float]:
    """A parser of numbers above 0 and up to `highest`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 < value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name} above 0 and up to {highest:g}")
        return value

    return parse


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = OneLineParser(prog="demo", description="A small acquisition rig on live signals of this machine.")
    parser.add_argument("--duration", type=bounded("duration in seconds", MAX_DURATION_S), default=5.0, metavar="S")
    parser.add_argument("--rate", type=bounded("rate in samples a second", MAX_RATE_HZ), default=1000.0, metavar="HZ")
    parser.add_argument("--storage", choices=("npy", "journal"), default="npy", help="how the logger stores")
    parser.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="default: demo_output/<time> here")
    chosen = parser.parse_args(arguments)
    chosen.output = chosen.output or ROOT / "demo_output" / datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=chosen.output).close()
    except OSError as error:
        parser.error(f"cannot write to {chosen.output}: {error.strerror}; give another folder with --output")
    if any(chosen.output.glob("rig_data_log/*")):
        parser.error(f"{chosen.output} holds a recording already; give another folder with --output")
    return chosen


def main(arguments: list[str] | None = None, *, after_logging: Callable[[Path], None] | None = None) -> int:
    """Run the demo.

    Args:
        arguments: Command line, without the program's name.
        after_logging: Called with the log folder between the end of the recording and archiving; tests damage the
            data there to see the damage reported.

    Returns:
        The exit status.
    """
    chosen = options(arguments)
    path = chosen.output / "rig_config.yaml"
    default_rig(chosen.duration, chosen.rate, chosen.storage).to_yaml(path)
    config = RigConfig.from_yaml(path)
    with interrupt_flag() as interrupted:
        try:
            sent, log_folder = acquire(config, chosen.output, interrupted)
        except RecordingError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        if after_logging:
            after_logging(log_folder)
        results = archive_and_verify(config, sent, log_folder)
        return publish(results, chosen.output)


def acquire(config: RigConfig, output: Path, interrupted: threading.Event) -> tuple[list[Sent], Path]:
    """Record into a logger below `output`; what was sent, and the folder it is in."""
    rates = ", ".join(f"{source.name} {source.rate_hz:g} Hz" for source in config.sources)
    print(f"Recording {config.duration_s:g} s of live signals ({rates}) to {config.storage} …", flush=True)
    with DataLogger(output, "rig", storage=config.storage) as logger:
        return record(config, logger, interrupted), logger.output_directory


def archive_and_verify(config: RigConfig, sent: list[Sent], log_folder: Path) -> list[SourceResult]:
    """Compress the log into one archive a source and read every sample back."""
    compress_logs(log_folder, remove_sources=True, verbose=sys.stderr.isatty())
    return [verify_source(log_folder, source, one) for source, one in zip(config.sources, sent, strict=True)]


def publish(results: list[SourceResult], output: Path) -> int:
    """Print the table, leave report and figure, and judge."""
    print(table(results))
    SessionReport(session_report(results).to_dict()).to_yaml(output / "session_report.yaml")
    from figure import draw  # noqa: PLC0415  # spawned producers import this module too, and need no matplotlib

    draw(results, output / "session.png")
    print(f"Left in {output}: rig_config.yaml, session_report.yaml, session.png and the archives in rig_data_log/")
    damaged = [result for result in results if result.lost or result.doubled or not result.intact]
    for result in damaged:
        trouble = f"{result.lost} lost, {result.doubled} doubled, bytes {'equal' if result.intact else 'differ'}"
        print(f"demo: {result.config.name}: {trouble}", file=sys.stderr)
    return int(bool(damaged))
