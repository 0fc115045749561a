"""The module path of the 3.x line for SharedMemoryArray."""

from ataraxis_shm import SharedMemoryArray

__all__ = ["SharedMemoryArray"]
