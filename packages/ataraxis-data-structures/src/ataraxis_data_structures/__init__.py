"""Store, share and log data between Python processes: one import for the four ataraxis packages.

Every public name of a package is here, and is the very object of its own package:
`ataraxis_data_structures.NestedDictionary is ataraxis_nested.NestedDictionary`. The submodules carry the paths under
which libraries written for the 3.x line import.

Example:
    >>> from ataraxis_data_structures import NestedDictionary
    >>> NestedDictionary({"camera": {"fps": 30}}).read_nested_value("camera.fps")
    30
"""

# Star imports are the point of an umbrella: a list of names here would be a second one to keep.
import ataraxis_logger
import ataraxis_nested
import ataraxis_shm
import ataraxis_yamlconfig
from ataraxis_logger import *  # noqa: F403
from ataraxis_nested import *  # noqa: F403
from ataraxis_shm import *  # noqa: F403
from ataraxis_yamlconfig import *  # noqa: F403

# Last: each package has a version of its own.
from ataraxis_data_structures._version import __version__  # isort: skip

__all__ = ["__version__"]
__all__ += ataraxis_logger.__all__
__all__ += ataraxis_nested.__all__
__all__ += ataraxis_shm.__all__
__all__ += ataraxis_yamlconfig.__all__
