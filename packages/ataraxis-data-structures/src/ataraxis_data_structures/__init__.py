"""Store, share and log data between Python processes: one import for the four ataraxis packages.

Every public name of a package is here, and is the very object of its own package:
`ataraxis_data_structures.NestedDictionary is ataraxis_nested.NestedDictionary`. The submodules carry the paths under
which libraries written for the 3.x line import.

Example:
    >>> from ataraxis_data_structures import NestedDictionary
    >>> NestedDictionary({"camera": {"fps": 30}}).read_nested_value("camera.fps")
    30
"""

from typing import TYPE_CHECKING

import ataraxis_logger
import ataraxis_nested
import ataraxis_shm
import ataraxis_yamlconfig
from ataraxis_data_structures._version import __version__

_PACKAGES = (ataraxis_nested, ataraxis_yamlconfig, ataraxis_shm, ataraxis_logger)

__all__ = ["__version__"]
__all__ += ataraxis_logger.__all__
__all__ += ataraxis_nested.__all__
__all__ += ataraxis_shm.__all__
__all__ += ataraxis_yamlconfig.__all__

# A list of names here would be a second one to keep. Type checkers read the star imports; at run time a name is fetched
# when it is first used (PEP 562), because a star import would load everything that the packages themselves put off.
if TYPE_CHECKING:
    from ataraxis_logger import *  # noqa: F403
    from ataraxis_nested import *  # noqa: F403
    from ataraxis_shm import *  # noqa: F403
    from ataraxis_yamlconfig import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        for package in _PACKAGES:
            if name in package.__all__:
                value = globals()[name] = getattr(package, name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
