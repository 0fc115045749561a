"""A user's script for ataraxis-yamlconfig, checked by mypy --strict against the installed wheel and run."""

from dataclasses import dataclass, field
from pathlib import Path

from ataraxis_yamlconfig import YamlConfig, yaml_metadata


@dataclass
class Session(YamlConfig):
    """What one recording was made with."""

    animal: str = "mouse_1"
    folder: Path = Path("data")
    weights_g: list[float] = field(default_factory=list, metadata=yaml_metadata(comment="one per day"))


session = Session(weights_g=[21.5, 22.0])
session.to_yaml("session.yaml")
loaded: Session = Session.from_yaml("session.yaml")
if loaded != session:
    raise SystemExit(f"{loaded} is not {session}")
