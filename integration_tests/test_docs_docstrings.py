"""Every example in every docstring of the packages runs and prints what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).resolve().parent.parent / "packages").glob("*/src"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
EXTRAS = {"click", "pyarrow", "dask", "distributed", "matplotlib", "isal"}


def module_names() -> list[str]:
    """All modules of all packages that hold an example."""
    names = []
    for source in SOURCES:
        for file in sorted(source.rglob("*.py")):
            if ">>>" in file.read_text(encoding="utf-8"):
                parts = file.relative_to(source).with_suffix("").parts
                names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


@pytest.mark.parametrize("name", module_names())
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if not any(extra in str(error) for extra in EXTRAS):
            raise
        pytest.skip(f"needs an extra: {error}")
    failed, attempted = doctest.testmod(module, optionflags=FLAGS)
    assert attempted
    assert not failed, f"{failed} of {attempted} examples failed, their output is above"
    # A child that is killed while its coverage is measured leaves the file of that measurement.
    left = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".coverage.")]
    assert not left, "an example leaves files behind"
