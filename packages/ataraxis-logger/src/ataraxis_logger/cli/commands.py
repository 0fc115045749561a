"""The commands."""

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np

import ataraxis_logger
from ataraxis_logger._log_folder import logs_in, name_one_of
from ataraxis_logger.cli.facts import LogFacts, SourceFacts, gather_facts, utc_text
from ataraxis_logger.cli.output import (
    INTERRUPTED_STATUS,
    human_size,
    plain_messages,
    print_json,
    print_table,
    problem_facts,
    progress,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ataraxis_logger import LogStatistics

_DISCARDED_STATUS: Final = 3
_SHOWN: Final = 20


class _LogPath(click.Path):
    """A log that exists, and not the folder above it, which would look like a log with nothing in it."""

    def convert(
        self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        logs = logs_in(path)
        if logs:
            self.fail(name_one_of(path, logs), param, ctx)
        return path


_LOG = _LogPath(exists=True)
_FOLDER = _LogPath(exists=True, file_okay=False)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)

_json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line of JSON.")
_unit_option = click.option(
    "--unit", type=click.Choice(["us", "ns"]), help="The unit of time stamps where the log has no onset."
)
_onset_option = click.option(
    "--onset-us", type=click.IntRange(0), help="What times count from, UTC microseconds; overrides the log's onset."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(ataraxis_logger.__version__, prog_name="ataraxis-logger")
def cli() -> None:
    """Look at, archive, check, recover, export and watch the logs of ataraxis-logger.

    LOG is a log folder (it ends in _data_log) or an archive (<source>_log.npz).

    Exit status: 0 done; 1 the log is damaged or the work failed; 2 wrong command line, or a missing extra; 3 recover
    had to discard something; 130 interrupted.
    """


def run() -> None:
    """Runs the command line and ends the process with its status."""
    try:
        status = cli(prog_name="ataraxis-logger", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED_STATUS)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        # The output itself is refused (a full disk); what is still in its buffer would be tried again at the exit.
        click.echo(f"Error: The output cannot be written: {error}", err=True)
        os._exit(1)
    # Without standalone mode, click gives back the status of an Exit, and otherwise what the command returned.
    sys.exit(status if isinstance(status, int) else 0)


@cli.command()
@click.argument("log", type=_LOG)
@_unit_option
@_json_option
def info(log: Path, unit: str | None, as_json: bool) -> None:
    """Show sources, counts, rates, gaps, sizes and onsets of LOG."""
    with plain_messages():
        facts = gather_facts(log, unit)
    if as_json:
        print_json(facts)
    else:
        _show_facts(facts)


def _show_facts(facts: LogFacts) -> None:
    click.echo(facts.path)
    for kind, entry in sorted(facts.files.items()):
        sizes = f"{human_size(entry['bytes'])} ({human_size(entry['bytes_on_drive'])} on the drive)"
        click.echo(f"  {kind}: {entry['files']:,}, {sizes}")
    if not facts.sources:
        click.echo("  no entries")
        return
    click.echo()
    header = ["source", "messages", "duration", "rate", "median interval", "longest", "gaps", "onset"]
    print_table(header, [_source_row(source, entry) for source, entry in facts.sources.items()])
    if any(entry.duration is None and entry.messages for entry in facts.sources.values()):
        click.echo("\nWithout an onset the unit of time is unknown; --unit us or --unit ns tells it.")


def _source_row(source: str, facts: SourceFacts) -> list[str]:
    onset = "none" if facts.onset_us is None else utc_text(facts.onset_us)
    return [
        source,
        f"{facts.messages:,}",
        _or_dash(facts.duration, "{:,.3f} s"),
        _or_dash(facts.rate, "{:,.1f} /s"),
        _milliseconds(facts.median_interval),
        _milliseconds(facts.longest_interval),
        _or_dash(facts.gaps, "{:,}"),
        f"{facts.onsets} different ones" if facts.onsets > 1 else onset,
    ]


def _or_dash(value: float | None, template: str) -> str:
    return "-" if value is None else template.format(value)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:,.3f} ms"


@cli.command()
@click.argument("folder", type=_FOLDER)
@click.option("--remove", is_flag=True, help="Remove what was archived, after comparing it byte for byte.")
@click.option("--store", is_flag=True, help="Do not compress: larger archives, made faster.")
@click.option("--no-verify", is_flag=True, help="Do not read the archives back (removal always does).")
@click.option("--memory-mapping", is_flag=True, help="Map .npy files; pays for payloads above a megabyte.")
@click.option("--workers", type=click.IntRange(1), help="The most worker processes; by default one per core.")
@_json_option
def compress(folder: Path, workers: int | None, as_json: bool, **choices: bool) -> None:
    """Archive FOLDER into one .npz per source."""
    with plain_messages():
        report = ataraxis_logger.compress_npy_logs(
            folder,
            remove_sources=choices["remove"],
            memory_mapping=choices["memory_mapping"],
            verbose=sys.stderr.isatty(),
            compress=not choices["store"],
            verify_integrity=not choices["no_verify"],
            max_workers=workers,
        )
    if as_json:
        sources = [{**vars(source), "problems": [*map(problem_facts, source.problems)]} for source in report.sources]
        problems = [*map(problem_facts, report.problems)]
        print_json({"entries": report.entries, "added": report.added, "sources": sources, "left_alone": problems})
        return
    for source in report.sources:
        size = human_size(source.path.stat().st_size)
        click.echo(f"{source.path.name}: {source.entries:,} entries, {source.added:,} of them new, {size}")
    if not report.sources:
        click.echo("Nothing to archive.")


@cli.command()
@click.argument("log", type=_LOG)
@click.option("--manifest", is_flag=True, help="Compare the folder with its manifest.json instead of reading the log.")
@click.option("--write-manifest", is_flag=True, help="After an intact log: write manifest.json, to check copies with.")
@_json_option
@click.pass_context
def verify(context: click.Context, log: Path, manifest: bool, write_manifest: bool, as_json: bool) -> None:
    """Read all of LOG and name what is damaged; status 1 when something is."""
    if (manifest or write_manifest) and not log.is_dir():
        raise click.UsageError("A manifest belongs to a folder; LOG is a file.")
    with plain_messages():
        intact = _verify_copy(log, as_json) if manifest else _verify_log(log, as_json)
        if intact and write_manifest:
            with progress("Writing the manifest", "B") as advance:
                path = ataraxis_logger.write_manifest(log, advance)
            click.echo(f"Wrote {path}", err=as_json)
    if not intact:
        context.exit(1)


def _verify_copy(folder: Path, as_json: bool) -> bool:
    with progress("Comparing", "B") as advance:
        report = ataraxis_logger.verify_manifest(folder, advance)
    if as_json:
        print_json({**asdict(report), "whole": report.whole})
        return report.whole
    _list_some("missing", report.missing)
    _list_some("changed", report.changed)
    _list_some("not in the manifest", report.added)
    click.echo(f"{report.intact:,} files are as they were: " + ("whole" if report.whole else "NOT WHOLE"))
    return report.whole


def _verify_log(log: Path, as_json: bool) -> bool:
    with progress("Verifying", " entries") as advance:
        report = ataraxis_logger.verify_log(log, advance)
    if as_json:
        problems = {kind: [*map(problem_facts, getattr(report, kind))] for kind in ("damaged", "foreign")}
        sources = {str(source): count for source, count in report.entries.items()}
        print_json({"intact": report.intact, "entries": sources, **problems, "two_onsets": report.ambiguous})
        return report.intact
    _list_some("damaged", report.damaged)
    _list_some("foreign", report.foreign)
    for source in report.ambiguous:
        click.echo(f"source {source} has different onsets: readers need onset_us")
    total = sum(report.entries.values())
    click.echo(f"{total:,} entries of {len(report.entries)} sources: " + ("intact" if report.intact else "DAMAGED"))
    return report.intact


def _list_some(label: str, things: "Sequence[object]") -> None:
    for thing in things[:_SHOWN]:
        click.echo(f"{label}: {thing}")
    if len(things) > _SHOWN:
        click.echo(f"{label}: {len(things) - _SHOWN} more")


@cli.command()
@click.argument("folder", type=_FOLDER)
@_json_option
@click.pass_context
def recover(context: click.Context, folder: Path, as_json: bool) -> None:
    """Store what a killed session left behind; status 3 when something had to be discarded."""
    with plain_messages():
        waiting = ataraxis_logger.read_statistics(folder).backlog
        if waiting:
            click.echo(f"{waiting:,} packages wait in memory: storing them …", err=True)
        report = ataraxis_logger.recover_logs(folder)
    if as_json:
        print_json(report)
    else:
        _list_some("discarded", report.problems)
        journal = f"{report.intact:,} journal records are intact; " if report.intact else ""
        click.echo(
            f"{report.recovered:,} packages were recovered; {journal}{report.discarded:,} damaged places were discarded"
        )
    if report.discarded:
        context.exit(_DISCARDED_STATUS)


@cli.command()
@click.argument("log", type=_LOG)
@click.argument("output", type=_NEW_FILE)
@click.option("--source", type=click.IntRange(0, 255), help="Export this source alone.")
@click.option("--dtype", help="What a payload is: a NumPy type ('<f8'), or fields ('x=<f8,y=<f8').")
@_onset_option
@_json_option
def export(  # noqa: PLR0913  # one for each option
    log: Path, output: Path, *, source: int | None, dtype: str | None, onset_us: int | None, as_json: bool
) -> None:
    """Write the messages of LOG to the Parquet file OUTPUT."""
    payload = None if dtype is None else _parse_dtype(dtype)
    with plain_messages(), progress("Exporting", " messages") as advance:
        rows = ataraxis_logger.export_parquet(
            log, output, source_id=source, dtype=payload, onset_us=onset_us, progress=advance
        )
    if as_json:
        print_json({"rows": rows, "path": output, "bytes": output.stat().st_size})
    else:
        click.echo(f"{output}: {rows:,} rows, {human_size(output.stat().st_size)}")


def _parse_dtype(text: str) -> "np.dtype[Any]":
    try:
        if "=" not in text.lstrip("="):
            return np.dtype(text)
        return np.dtype([(name, kind) for name, _, kind in (part.partition("=") for part in text.split(","))])
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"{text!r} is no NumPy type ({error}).", param_hint="--dtype") from None


@cli.command()
@click.argument("log", type=_LOG)
@click.argument("output", type=_NEW_FILE)
@_unit_option
@_onset_option
def plot(log: Path, output: Path, unit: str | None, onset_us: int | None) -> None:
    """Draw rate over time and intervals of every source of LOG into the PNG OUTPUT."""
    with plain_messages():
        path = ataraxis_logger.plot_log(log, output, unit=unit or "us", onset_us=onset_us)
    click.echo(f"Wrote {path}")


@cli.command()
@click.argument("folder", type=_FOLDER)
@click.option("--interval", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Seconds between looks.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many looks; by default Ctrl-C stops.")
@_json_option
def watch(folder: Path, interval: float, count: int | None, as_json: bool) -> None:
    """Show the counters of a running logger, from another terminal."""
    last_time, last_written, looks = 0.0, 0, 0
    while True:
        with plain_messages():
            statistics = ataraxis_logger.read_statistics(folder)
        now = time.monotonic()
        # Since the last look here; the first look has the average since the start.
        rate = max(0, statistics.written - last_written) / (now - last_time) if looks else statistics.rate
        last_time, last_written, looks = now, statistics.written, looks + 1
        if as_json:
            print_json({**asdict(statistics), "rate": rate})
        else:
            click.echo(_watch_line(statistics, rate))
        if looks == count:
            return
        time.sleep(interval)


def _watch_line(statistics: "LogStatistics", rate: float) -> str:
    state = "running" if statistics.is_running else "not running"
    if statistics.is_refused:
        state = "DISK REFUSES"
    line = (
        f"{time.strftime('%H:%M:%S')}  {state}  accepted {statistics.accepted:,}  stored {statistics.written:,}  "
        f"{rate:,.0f} /s  backlog {statistics.backlog:,} ({human_size(statistics.backlog_bytes)})  "
        f"restarts {statistics.restarts}"
    )
    return f"{line}  last error: {statistics.last_error}" if statistics.last_error else line
