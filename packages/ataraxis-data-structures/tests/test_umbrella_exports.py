"""The umbrella holds the very objects of the four packages, under its own name and under the paths of the 3.x line."""

import importlib
import subprocess
import sys

import pytest

import ataraxis_data_structures
import ataraxis_logger
import ataraxis_nested
import ataraxis_shm
import ataraxis_yamlconfig

PIECES = (ataraxis_nested, ataraxis_yamlconfig, ataraxis_shm, ataraxis_logger)
MODULES_OF_3X = {
    "data_structures": {"NestedDictionary", "YamlConfig"},
    "data_structures.nested_dictionary": {"NestedDictionary"},
    "data_structures.yaml_config": {"YamlConfig"},
    "shared_memory": {"SharedMemoryArray"},
    "shared_memory.shared_memory_array": {"SharedMemoryArray"},
    "data_loggers": {"DataLogger", "LogPackage", "compress_npy_logs"},
    "data_loggers.serialized_data_logger": {"DataLogger", "LogPackage", "compress_npy_logs"},
}


@pytest.mark.parametrize("name", sorted(set(ataraxis_data_structures.__all__) - {"__version__"}))
def test_each_name_is_the_object_of_exactly_one_piece(name):
    owners = [piece for piece in PIECES if name in piece.__all__]
    assert len(owners) == 1
    assert getattr(ataraxis_data_structures, name) is getattr(owners[0], name)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.__name__)
def test_no_public_name_of_a_piece_is_missing(piece):
    assert set(piece.__all__) <= set(ataraxis_data_structures.__all__)


@pytest.mark.parametrize(("path", "names"), MODULES_OF_3X.items())
def test_the_paths_of_the_3x_line_hold_the_same_objects(path, names):
    module = importlib.import_module(f"ataraxis_data_structures.{path}")
    assert set(module.__all__) == names
    for name in names:
        assert getattr(module, name) is getattr(ataraxis_data_structures, name)


def test_importing_it_warns_of_nothing_and_prints_nothing():
    command = [sys.executable, "-W", "error", "-c", "import ataraxis_data_structures.data_loggers"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout + done.stderr == ""
