"""What the demo rig records, as a nested dataclass that is kept as YAML beside the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ataraxis_data_structures import YamlConfig, yaml_metadata

Storage = Literal["npy", "journal"]


@dataclass
class SourceConfig:
    """One producer process."""

    name: str = ""
    source_id: int = 0
    rate_hz: float = field(default=1000.0, metadata=yaml_metadata(comment="samples a second"))
    signal: str = field(default="", metadata=yaml_metadata(comment="what is sampled, see signals.py"))


@dataclass
class RigConfig(YamlConfig):
    """The whole rig."""

    duration_s: float = field(default=5.0, metadata=yaml_metadata(comment="Ctrl-C ends it earlier"))
    storage: Storage = field(default="npy", metadata=yaml_metadata(comment="npy or journal"))
    sources: list[SourceConfig] = field(default_factory=list)


def default_rig(duration_s: float, rate_hz: float, storage: Storage) -> RigConfig:
    """Three live signals of this machine; the wake-up clock runs at twice the rate of the counters."""
    sources = [
        SourceConfig("processor", 1, rate_hz, "processor"),
        SourceConfig("disk_and_network", 2, rate_hz, "disk_and_network"),
        SourceConfig("wake_up", 3, 2 * rate_hz, "wake_up"),
    ]
    return RigConfig(duration_s, storage, sources)
