"""The public face of the five packages, written by hand from the design before the code.

A change here is a change of a promise: it needs a major version, or a deprecation first.
"""

import dataclasses
import importlib
import inspect
import queue
import re

import pytest

NESTED_SIGNATURES = {
    "__init__": "(self, seed_dictionary=None, path_delimiter='.')",
    "set_path_delimiter": "(self, new_delimiter)",
    "read_nested_value": "(self, variable_path)",
    "write_nested_value": "(self, variable_path, value, *, modify_class_dictionary=True, "
    "allow_terminal_overwrite=True, allow_intermediate_overwrite=False)",
    "delete_nested_value": "(self, variable_path, *, modify_class_dictionary=True, "
    "delete_empty_sections=True, allow_missing=False)",
    "extract_nested_variable_paths": "(self, *, return_raw=False)",
    "find_nested_variable_path": "(self, target_key, search_mode='terminal_only', *, return_raw=False)",
    "convert_all_keys_to_datatype": "(self, datatype, *, modify_class_dictionary=True)",
    "get": "(self, path, default=None)",
    "items": "(self)",
    "to_dict": "(self)",
    "copy": "(self)",
}
YAML_SIGNATURES = {
    "to_yaml": "(self, file_path)",
    "from_yaml": "(file_path, *, strict=False)",
    "to_yaml_string": "(self)",
    "from_yaml_string": "(text, *, strict=False)",
    "restore_excluded_fields": "(data, file_path)",
}
SHM_SIGNATURES = {
    "create_array": "(name, prototype, exist_ok=False)",
    "attach": "(name)",
    "connect": "(self)",
    "disconnect": "(self)",
    "destroy": "(self)",
    "read_data": "(self, index, *, convert_output=False, with_lock=True)",
    "write_data": "(self, index, data, with_lock=True)",
    "array": "(self, *, with_lock=True)",
}
LOGGER_SIGNATURES = {
    "__init__": "(self, output_directory, instance_name='data_logger', process_count=1, thread_count=5, "
    "sleep_timer=5000, exist_ok=False, *, storage='npy', buffer_size=16777216, sync_interval=None)",
    "start": "(self)",
    "stop": "(self)",
    "flush": "(self, timeout=None)",
    "source": "(self, source_id)",
}
COMPRESS_OPTIONS = (
    "remove_sources=False, memory_mapping=False, verbose=False, compress=True, "
    "verify_integrity=True, max_workers=None, *, executor=None)"
)
READER_SIGNATURES = {
    "__init__": "(self, archive_path, onset_us=None, *, source_id=None)",
    "get_batches": "(self, workers=-1, batch_multiplier=4)",
    "iter_messages": "(self, keys=None)",
    "read_all_messages": "(self)",
    "between": "(self, start_us, stop_us)",
    "to_numpy": "(self, dtype)",
}
CLASS_SIGNATURES = [
    *(("ataraxis_nested", "NestedDictionary", *item) for item in NESTED_SIGNATURES.items()),
    *(("ataraxis_yamlconfig", "YamlConfig", *item) for item in YAML_SIGNATURES.items()),
    *(("ataraxis_shm", "SharedMemoryArray", *item) for item in SHM_SIGNATURES.items()),
    *(("ataraxis_logger", "DataLogger", *item) for item in LOGGER_SIGNATURES.items()),
    ("ataraxis_logger", "DataLogger", "compress_logs", f"(self, {COMPRESS_OPTIONS}"),
    ("ataraxis_logger", "LogPackage", "get_data", "(self)"),
    ("ataraxis_logger", "LogPackage", "onset", "(source_id)"),
    ("ataraxis_logger", "LogQueue", "put", "(self, package, block=True, timeout=None)"),
    ("ataraxis_logger", "LogQueue", "put_nowait", "(self, package)"),
    ("ataraxis_logger", "LogQueue", "put_many", "(self, packages)"),
    ("ataraxis_logger", "LogQueue", "qsize", "(self)"),
    ("ataraxis_logger", "LogQueue", "empty", "(self)"),
    ("ataraxis_logger", "LogQueue", "full", "(self)"),
    ("ataraxis_logger", "LogSource", "log", "(self, data, time_us=None)"),
    *(("ataraxis_logger", "LogArchiveReader", *item) for item in READER_SIGNATURES.items()),
]
FUNCTION_SIGNATURES = [
    ("ataraxis_yamlconfig", "yaml_metadata", "(*, exclude=False, comment=None, encode=None, decode=None)"),
    ("ataraxis_logger", "recover_logs", "(log_directory)"),
    ("ataraxis_logger", "compress_npy_logs", f"(log_directory, {COMPRESS_OPTIONS}"),
    ("ataraxis_logger", "compress_logs", f"(log_directory, {COMPRESS_OPTIONS}"),
    (
        "ataraxis_logger",
        "assemble_log_archives",
        (
            "(log_directory, max_workers=None, *, remove_sources=True, memory_mapping=True, "
            "verbose=False, verify_integrity=False)"
        ),
    ),
    ("ataraxis_logger", "find_log_archive", "(log_directory, source_id)"),
    ("ataraxis_logger", "discover_log_archives", "(log_directory)"),
    ("ataraxis_logger", "read_archive_message_count", "(archive_path)"),
]
PROPERTIES = {
    ("ataraxis_nested", "NestedDictionary"): {"key_datatypes", "path_delimiter"},
    ("ataraxis_shm", "SharedMemoryArray"): {"name", "shape", "datatype", "is_connected"},
    ("ataraxis_logger", "DataLogger"): {
        "input_queue",
        "name",
        "started",
        "output_directory",
        "processes",
        "statistics",
    },
    ("ataraxis_logger", "LogArchiveReader"): {"onset_timestamp_us", "message_count"},
}
OPERATORS = {
    ("ataraxis_nested", "NestedDictionary"): {
        "__contains__",
        "__getitem__",
        "__eq__",
        "__len__",
        "__iter__",
        "__repr__",
    },
    ("ataraxis_shm", "SharedMemoryArray"): {"__getitem__", "__setitem__", "__len__", "__repr__"},
    ("ataraxis_logger", "DataLogger"): {"__enter__", "__exit__"},
    ("ataraxis_logger", "LogArchiveReader"): {"__len__", "__iter__", "__enter__", "__exit__"},
}
PUBLIC_NAMES = {
    "ataraxis_nested": {"NestedDictionary"},
    "ataraxis_yamlconfig": {"YamlConfig", "YamlTypeWarning", "yaml_metadata", "YAML_EXCLUDE_METADATA"},
    "ataraxis_shm": {"SharedMemoryArray", "TornWriteWarning", "RingProducer", "RingConsumer", "Batch"},
    "ataraxis_logger": {
        "DataLogger",
        "LogArchiveReader",
        "LogMessage",
        "LogPackage",
        "LogQueue",
        "LogSource",
        "assemble_log_archives",
        "compress_logs",
        "compress_npy_logs",
        "discover_log_archives",
        "find_log_archive",
        "read_archive_message_count",
        "recover_logs",
    },
}
UMBRELLA_MODULES = {
    "ataraxis_data_structures.data_structures": ("NestedDictionary", "YamlConfig"),
    "ataraxis_data_structures.data_structures.nested_dictionary": ("NestedDictionary",),
    "ataraxis_data_structures.data_structures.yaml_config": ("YamlConfig",),
    "ataraxis_data_structures.shared_memory": ("SharedMemoryArray",),
    "ataraxis_data_structures.shared_memory.shared_memory_array": ("SharedMemoryArray",),
    "ataraxis_data_structures.data_loggers": ("DataLogger", "LogPackage", "compress_npy_logs"),
    "ataraxis_data_structures.data_loggers.serialized_data_logger": ("DataLogger", "LogPackage", "compress_npy_logs"),
}


def bare_signature(function) -> str:
    """The signature without annotations: names, kinds, order and defaults."""
    signature = inspect.signature(function)
    empty = inspect.Parameter.empty
    parameters = [parameter.replace(annotation=empty) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    # A string in an annotation-free default prints as ' = '; a default that is an enum member of str prints its value.
    return re.sub(r" = ", "=", text)


@pytest.mark.parametrize(("module", "owner", "method", "expected"), CLASS_SIGNATURES)
def test_method_signature_is_the_designs(module, owner, method, expected):
    assert bare_signature(getattr(getattr(importlib.import_module(module), owner), method)) == expected


@pytest.mark.parametrize(("module", "function", "expected"), FUNCTION_SIGNATURES)
def test_function_signature_is_the_designs(module, function, expected):
    assert bare_signature(getattr(importlib.import_module(module), function)) == expected


@pytest.mark.parametrize(("owner", "names"), PROPERTIES.items(), ids=lambda value: getattr(value, "__name__", None))
def test_properties_are_read_only(owner, names):
    cls = getattr(importlib.import_module(owner[0]), owner[1])
    for name in names:
        attribute = inspect.getattr_static(cls, name)
        assert isinstance(attribute, property), name
        assert attribute.fset is None, name


@pytest.mark.parametrize(("owner", "names"), OPERATORS.items())
def test_operators_are_defined_by_the_class(owner, names):
    cls = getattr(importlib.import_module(owner[0]), owner[1])
    for name in names:
        assert getattr(cls, name) is not getattr(object, name, None), name


def test_lock_timeout_can_be_set():
    from ataraxis_shm import SharedMemoryArray

    assert hasattr(SharedMemoryArray, "lock_timeout") or "lock_timeout" in SharedMemoryArray.__annotations__


@pytest.mark.parametrize(("module", "names"), PUBLIC_NAMES.items())
def test_public_names_are_exported(module, names):
    package = importlib.import_module(module)
    assert names <= set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("module", [*PUBLIC_NAMES, "ataraxis_data_structures"])
def test_version_is_the_distributions(module):
    from importlib.metadata import version

    assert importlib.import_module(module).__version__ == version(module.replace("_", "-"))


def test_package_fields_are_the_designs():
    from ataraxis_logger import LogMessage, LogPackage

    assert [field.name for field in dataclasses.fields(LogPackage)] == ["source_id", "time_stamp", "serialized_data"]
    assert list(inspect.signature(LogPackage).parameters) == ["source_id", "time_stamp", "serialized_data"]
    assert list(inspect.signature(LogMessage).parameters) == ["timestamp_us", "payload"]


def test_yaml_exclusion_constant_is_the_functions_result():
    from ataraxis_yamlconfig import YAML_EXCLUDE_METADATA, yaml_metadata

    assert dict(YAML_EXCLUDE_METADATA) == dict(yaml_metadata(exclude=True))


@pytest.mark.parametrize(("module", "names"), PUBLIC_NAMES.items())
def test_umbrella_exports_the_very_same_objects(module, names):
    umbrella = importlib.import_module("ataraxis_data_structures")
    piece = importlib.import_module(module)
    for name in names:
        assert getattr(umbrella, name) is getattr(piece, name)


@pytest.mark.parametrize(("path", "names"), UMBRELLA_MODULES.items())
def test_module_paths_of_the_3x_line_hold_the_same_objects(path, names):
    umbrella = importlib.import_module("ataraxis_data_structures")
    module = importlib.import_module(path)
    for name in names:
        assert getattr(module, name) is getattr(umbrella, name)


def error_classes():
    """Every exception that a package exports, warnings left out."""
    for name in PUBLIC_NAMES:
        package = importlib.import_module(name)
        for public in package.__all__:
            member = getattr(package, public)
            if isinstance(member, type) and issubclass(member, Exception) and not issubclass(member, Warning):
                yield name, member


def test_each_package_has_one_error_root():
    by_package: dict[str, set[type]] = {}
    for package, error in error_classes():
        by_package.setdefault(package, set()).add(error)
    assert set(by_package) == set(PUBLIC_NAMES)
    for package, errors in by_package.items():
        roots = {error for error in errors if errors.isdisjoint(error.__mro__[1:])}
        assert len(roots) == 1, (package, roots)
        builtins = (ImportError, KeyError, OSError, IndexError, RuntimeError, TypeError, ValueError, queue.Full)
        for error in errors - roots:
            assert issubclass(error, builtins), (package, error)
