"""Store, share and log data between Python processes: the umbrella over ataraxis-nested, -yamlconfig, -shm and -logger."""

from ataraxis_data_structures._version import __version__

__all__ = ["__version__"]
