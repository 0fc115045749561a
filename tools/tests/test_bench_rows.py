"""The rows that are there: each workload exists, and every environment can import it."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path[:0] = [str(BENCH), str(BENCH / "work")]

from bench_rows import RowsError, load_rows  # noqa: E402  (tools/bench is not a package)

ROWS = load_rows(BENCH / "rows")
WORK_FILES = sorted((BENCH / "work").glob("*.py"))


def top_imports_of(path):
    """The modules that a file imports on its top level, outside of `if TYPE_CHECKING:`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(("package", "row"), ROWS, ids=[row.name for _, row in ROWS])
def test_every_workload_of_a_row_exists(package, row):
    for work in filter(None, (row.ours, row.floor, *(peer.work for peer in row.peers))):
        module, _, function = work.partition(":")
        # Some modules make their workloads when asked for them, so looking is the only test.
        assert callable(getattr(import_module(module), function)), f"{package}: {row.name}: {work}"


@pytest.mark.parametrize("path", WORK_FILES, ids=lambda path: path.stem)
def test_workloads_import_our_packages_only_inside_functions(path):
    allowed = {*sys.stdlib_module_names, *(file.stem for file in WORK_FILES), "bench_model", "bench_memory"}
    assert set(top_imports_of(path)) <= allowed


def test_rows_are_chosen_by_package_and_name():
    chosen = load_rows(BENCH / "rows", "IMPORT: import of ataraxis_n")
    assert [(package, row.name) for package, row in chosen] == [("import", "import of ataraxis_nested")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 / 0", "a_rows.py: ZeroDivisionError"),
        ("", "a_rows.py: AttributeError"),
        ("ROWS = (1,)", "Row objects only"),
        ("from bench_model import Row\nROWS = (Row('x', 'm:f'), Row('x', 'm:f'))", "two rows are named 'x'"),
    ],
)
def test_a_file_of_rows_that_cannot_be_used_is_named(tmp_path, text, complaint):
    (tmp_path / "a_rows.py").write_text(text)
    with pytest.raises(RowsError, match=complaint):
        load_rows(tmp_path)
