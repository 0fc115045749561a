"""The public names of a package, imported when they are first used (PEP 562)."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module


def lazy_names(
    package: str, namespace: dict[str, object], homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], Iterable[str]]]:
    """Returns the `__getattr__` and `__dir__` of a package whose public names lie in its private modules.

    Args:
        package: The package's name.
        namespace: Its globals, which keep what was imported; `__all__` is read from there.
        homes: The module, within the package, of each name.
    """

    def get(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(f"{package}.{home}"), name)
        return value

    def list_names() -> Iterable[str]:
        return sorted({*namespace, *homes})

    return get, list_names
