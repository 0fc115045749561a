"""Workloads of the rows on import time: each call imports in a fresh interpreter, which times the import itself."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from bench_model import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

# The public class is named too: a package that imports lazily would else be measured while it does nothing.
_USES: Final = {
    "ataraxis_nested": "from ataraxis_nested import NestedDictionary",
    "ataraxis_yamlconfig": "from ataraxis_yamlconfig import YamlConfig",
    "ataraxis_shm": "from ataraxis_shm import SharedMemoryArray",
    "ataraxis_logger": "from ataraxis_logger import DataLogger, LogPackage",
    "ataraxis_data_structures": (
        "from ataraxis_data_structures import DataLogger, NestedDictionary, SharedMemoryArray, YamlConfig"
    ),
}
_DEPENDENCIES: Final = {
    "ataraxis_nested": (),
    "ataraxis_yamlconfig": ("yaml",),
    "ataraxis_shm": ("numpy",),
    "ataraxis_logger": ("numpy", "tqdm", "ataraxis_shm"),
    "ataraxis_data_structures": ("ataraxis_nested", "ataraxis_yamlconfig", "ataraxis_shm", "ataraxis_logger"),
}


def _time_import(statements: str) -> float:
    """Seconds that the statements take in a fresh interpreter."""
    lines = ["from time import perf_counter", "start = perf_counter()", statements, "print(perf_counter() - start)"]
    return float(_run("\n".join(lines)))


def _run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImportError(done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}")
    return done.stdout


def _loaded_dependencies(package: str) -> list[str]:
    """The dependencies that an import of the package loads.

    The others must not count as the floor: a dependency loaded on demand would pay for our own modules.
    """
    code = f"import sys\n{_USES[package]}\nprint(*[name for name in {_DEPENDENCIES[package]!r} if name in sys.modules])"
    return _run(code).split()


def _import_work(statements: str) -> Iterator[Work]:
    """Imports in one interpreter after the other; the value `import` is what the import alone took, as a median."""
    times: list[float] = []

    def summarise_round() -> dict[str, float]:
        median = statistics.median(times)
        times.clear()
        return {"import": median}

    yield Work(call=lambda: times.append(_time_import(statements)), values=summarise_round)


def _floor(package: str) -> Iterator[Work]:
    """The import of the dependencies alone."""
    names = _loaded_dependencies(package)
    uses = [_USES.get(name, f"import {name}") for name in names]
    yield from _import_work("\n".join(uses) or "pass")


def nested() -> Iterator[Work]:
    """`ataraxis_nested`."""
    yield from _import_work(_USES["ataraxis_nested"])


def nested_floor() -> Iterator[Work]:
    """Nothing: it has no dependencies."""
    yield from _floor("ataraxis_nested")


def yamlconfig() -> Iterator[Work]:
    """`ataraxis_yamlconfig`."""
    yield from _import_work(_USES["ataraxis_yamlconfig"])


def yamlconfig_floor() -> Iterator[Work]:
    """PyYAML."""
    yield from _floor("ataraxis_yamlconfig")


def shm() -> Iterator[Work]:
    """`ataraxis_shm`."""
    yield from _import_work(_USES["ataraxis_shm"])


def shm_floor() -> Iterator[Work]:
    """NumPy."""
    yield from _floor("ataraxis_shm")


def logger() -> Iterator[Work]:
    """`ataraxis_logger`."""
    yield from _import_work(_USES["ataraxis_logger"])


def logger_floor() -> Iterator[Work]:
    """NumPy, tqdm and `ataraxis_shm`, as far as the logger loads them."""
    yield from _floor("ataraxis_logger")


def umbrella() -> Iterator[Work]:
    """`ataraxis_data_structures`."""
    yield from _import_work(_USES["ataraxis_data_structures"])


def umbrella_floor() -> Iterator[Work]:
    """The four packages."""
    yield from _floor("ataraxis_data_structures")
