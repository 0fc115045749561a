"""The names that only a function knows: what string annotations of the classes inside it refer to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LOCAL_NAMES = "_ataraxis_yamlconfig_local_names_"
"""The attribute of a class that was defined inside a function: the types that its function knew by then."""

_KINDS_OF_TYPES = {"TypeVar", "NewType", "TypeAliasType"}  # by name: the last is new in 3.12


def remember_local_names(cls: type, depth: int) -> None:
    """Keep the types that stand in the functions around a class, for its string annotations.

    Nothing else can find them later: the module does not know them.
    """
    if "<locals>" in cls.__qualname__ and LOCAL_NAMES not in cls.__dict__:
        setattr(cls, LOCAL_NAMES, dict(types_in_frames(sys._getframe(depth + 1), cls.__module__)))  # noqa: SLF001 - documented, no public twin


def types_in_frames(frame: FrameType | None, module: str) -> Iterator[tuple[str, Any]]:
    """Give the types in the local names of callers, outermost first so that inner ones win."""
    frames = []
    global_names = vars(sys.modules.get(module, sys))
    while frame is not None:
        # The globals are not the module's in code that exec runs, such as doctests.
        if frame.f_globals.get("__name__") == module and frame.f_locals is not global_names:
            frames.append(frame)
        frame = frame.f_back
    for found in reversed(frames):
        for name, value in list(found.f_locals.items()):
            if isinstance(value, type) or type(value).__name__ in _KINDS_OF_TYPES or get_origin(value) is not None:
                yield name, value
