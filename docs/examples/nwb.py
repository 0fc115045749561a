"""Put one source of a log into an NWB file, as a time series. Needs pynwb: pip install pynwb

    python docs/examples/nwb.py session_data_log lick.nwb --source 1 --dtype "<f8" --unit volts

The source has to have an onset, and payloads of one size: one number each, or a row of them.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pynwb

from ataraxis_logger import LogArchiveReader


def time_series(reader: LogArchiveReader, name: str, dtype: str, unit: str) -> pynwb.TimeSeries:
    """All messages of a reader, with the seconds since its onset."""
    messages = reader.to_numpy(dtype)
    seconds = (messages["timestamp_us"] - reader.onset_timestamp_us) / 1e6
    return pynwb.TimeSeries(name=name, data=messages["payload"], unit=unit, timestamps=seconds)


def main() -> None:
    """Read the log, write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="a log folder or an archive")
    parser.add_argument("output", type=Path, help="the NWB file to write")
    parser.add_argument("--source", type=int, required=True)
    parser.add_argument("--dtype", required=True, help="NumPy's name of what a payload is, such as <f8 or (3,)<f4")
    parser.add_argument("--unit", required=True)
    parser.add_argument("--description", default="recorded with ataraxis-logger")
    options = parser.parse_args()
    with LogArchiveReader(options.log, source_id=options.source) as reader:
        series = time_series(reader, f"source_{options.source}", options.dtype, options.unit)
        start = datetime.fromtimestamp(int(reader.onset_timestamp_us) / 1e6, UTC)
    session = pynwb.NWBFile(
        session_description=options.description, identifier=options.log.name, session_start_time=start
    )
    session.add_acquisition(series)
    with pynwb.NWBHDF5IO(options.output, "w") as file:
        file.write(session)
    print(f"{options.output}: {len(series.data)} samples from {start:%Y-%m-%d %H:%M:%S} UTC on")


if __name__ == "__main__":
    main()
