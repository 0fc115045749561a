"""The base class."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._errors import YamlPathError, shortened, type_name
from ataraxis_yamlconfig._local_names import remember_local_names

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_SUFFIXES = (".yaml", ".yml")
_TEXT_SOURCE = "<string>"


class YamlConfig:
    """A base for dataclasses that save to and load from YAML files.

    Subclasses are decorated with ``@dataclass``, with any of its options; they may be generic. Whatever is written
    reads back equal in value and type. Nothing is validated: a value that does not fit its annotation loads as it is,
    and null loads as None. The README lists the supported types.

    Examples:
        >>> from dataclasses import dataclass
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> @dataclass
        ... class Session(YamlConfig):
        ...     animal: str = "mouse_1"
        ...     folder: Path = Path("data")
        >>> with TemporaryDirectory() as folder:
        ...     Session("mouse_7").to_yaml(f"{folder}/session.yaml")
        ...     Session.from_yaml(f"{folder}/session.yaml").animal
        'mouse_7'
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        remember_local_names(cls, 1)

    def to_yaml(self, file_path: str | os.PathLike[str]) -> None:
        """Save this instance to a file, atomically.

        A reader sees the old file or the new one, also when this process is killed. Missing parent folders are made,
        symbolic links are followed, an existing file keeps its mode and owner.

        Args:
            file_path: Ends in ``.yaml`` or ``.yml``.

        Raises:
            YamlPathError: Another suffix (a ValueError).
            YamlEncodeError: A value has no equivalent in YAML (a TypeError and a ValueError). Names the field; the
                file is untouched.
            TypeError: The class is no dataclass, or the path no path.
            OSError: The system refuses to write. The file is untouched.

        Warns:
            YamlTypeWarning: A value will not read back as the type it has. The file is complete all the same.
        """
        from ataraxis_yamlconfig import _conversion  # noqa: PLC0415 - most of the import time, so with the first use

        run = _conversion.saved(self, _checked_path(file_path))
        run.warn(stacklevel=2)

    @classmethod
    def from_yaml(cls, file_path: str | os.PathLike[str], *, strict: bool = False) -> Self:
        """Load an instance from a file.

        Args:
            file_path: Ends in ``.yaml`` or ``.yml``.
            strict: Refuse keys that are no fields instead of ignoring them.

        Raises:
            YamlPathError: Another suffix (a ValueError).
            OSError: The file cannot be read: FileNotFoundError, IsADirectoryError, PermissionError.
            YamlDocumentError: The file is not a YAML mapping (a ValueError and a yaml.YAMLError).
            YamlFieldError: A field without default is missing, or under ``strict`` a key is unknown (a ValueError).
            TypeError: The class is no dataclass, or the path no path.
        """
        from ataraxis_yamlconfig import _conversion  # noqa: PLC0415 - most of the import time, so with the first use

        return _conversion.loaded_file(cls, _checked_path(file_path), strict=strict)

    def to_yaml_string(self) -> str:
        """Give the text that :meth:`to_yaml` would write.

        Raises:
            YamlEncodeError: A value has no equivalent in YAML.
            TypeError: The class is no dataclass.

        Warns:
            YamlTypeWarning: A value will not read back as the type it has.
        """
        from ataraxis_yamlconfig import _conversion  # noqa: PLC0415 - most of the import time, so with the first use

        text, run = _conversion.written(self)
        run.warn(stacklevel=2)
        return text

    @classmethod
    def from_yaml_string(cls, text: str, *, strict: bool = False) -> Self:
        """Make an instance from a text as :meth:`from_yaml` does from a file; errors call it ``<string>``.

        Raises:
            YamlDocumentError: The text is not a YAML mapping.
            YamlFieldError: A field without default is missing, or under ``strict`` a key is unknown.
            TypeError: The class is no dataclass, or the text no str.
        """
        if not isinstance(text, str):
            raise TypeError(f"from_yaml_string takes a str, not {type_name(text)}; for a file use from_yaml")
        from ataraxis_yamlconfig import _conversion  # noqa: PLC0415 - most of the import time, so with the first use

        return _conversion.loaded(cls, text, _TEXT_SOURCE, None, strict=strict)

    @classmethod
    def restore_excluded_fields(cls, data: dict[Any, Any], file_path: Path | None) -> dict[Any, Any]:  # noqa: ARG003 - for overrides
        """Complete the mapping that an instance is built from; override it to give excluded fields their values.

        Called on every load, for nested classes too, before anything is converted.

        Args:
            data: What the file holds, as plain values. It may be changed.
            file_path: The file; None when loading from a string.

        Returns:
            The mapping to build from. Values that already have their final type are taken as they are.

        Examples:
            >>> from dataclasses import dataclass, field
            >>> from ataraxis_yamlconfig import YAML_EXCLUDE_METADATA
            >>> @dataclass
            ... class Session(YamlConfig):
            ...     name: str
            ...     folder: str = field(metadata=YAML_EXCLUDE_METADATA)
            ...
            ...     @classmethod
            ...     def restore_excluded_fields(cls, data, file_path):
            ...         return {**data, "folder": "here"}
            >>> Session.from_yaml_string("name: a")
            Session(name='a', folder='here')
        """
        return data


def _checked_path(file_path: Any) -> str:
    path = os.fspath(file_path)
    if not isinstance(path, str):
        raise TypeError(f"the path has to be a str or a path of strings, not {type_name(path)}")
    if os.path.splitext(path)[1] not in _SUFFIXES:  # noqa: PTH122 - pathlib costs import time
        raise YamlPathError(f"{shortened(path)} does not end in .yaml or .yml; configurations are kept only there")
    return path
