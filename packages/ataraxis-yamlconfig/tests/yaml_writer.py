"""A process that saves one file again and again until it is killed; started by test_yaml_files."""

import sys
from dataclasses import dataclass, field

from ataraxis_yamlconfig import YamlConfig


@dataclass
class Counted(YamlConfig):
    number: int
    lines: list[str] = field(default_factory=list)


def counted(number):
    """A document whose size and content follow from its number, so that a reader can tell whether it is whole."""
    return Counted(number, [f"line {number}"] * (number % 50))


if __name__ == "__main__":
    target, first = sys.argv[1], int(sys.argv[2])
    counted(first).to_yaml(target)
    print("started", flush=True)  # noqa: T201 - the reader waits for it
    while True:
        first += 1
        counted(first).to_yaml(target)
