"""A user's script for the umbrella, checked by mypy --strict against the installed wheel and run."""

from ataraxis_data_structures import DataLogger, LogPackage, NestedDictionary, SharedMemoryArray, YamlConfig
from ataraxis_data_structures.data_loggers import DataLogger as LoggerOf3x
from ataraxis_data_structures.data_structures import NestedDictionary as DictionaryOf3x
from ataraxis_data_structures.shared_memory import SharedMemoryArray as ArrayOf3x

classes: tuple[type, ...] = (DataLogger, LogPackage, NestedDictionary, SharedMemoryArray, YamlConfig)
if not (LoggerOf3x is DataLogger and DictionaryOf3x is NestedDictionary and ArrayOf3x is SharedMemoryArray):
    raise SystemExit("a module path of the 3.x line holds another object")
if any(not cls.__doc__ for cls in classes):
    raise SystemExit("a public class has no documentation")
