"""Between text and instance: the plans, with files and errors around them."""

from __future__ import annotations

import codecs
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ataraxis_yamlconfig._atomic import replace_text
from ataraxis_yamlconfig._codec import Run
from ataraxis_yamlconfig._document.positions import position_of
from ataraxis_yamlconfig._document.read import position_at, read_document
from ataraxis_yamlconfig._document.write import write_document
from ataraxis_yamlconfig._errors import YamlConfigError, YamlDocumentError, field_path
from ataraxis_yamlconfig._plan import codec_for

if TYPE_CHECKING:
    from ataraxis_yamlconfig._codec import Codec
    from ataraxis_yamlconfig._config import YamlConfig

_Config = TypeVar("_Config")


def _class_codec(cls: type) -> Codec:
    if not hasattr(cls, "__dataclass_fields__"):
        raise TypeError(f"{cls.__qualname__} is no dataclass; decorate it with @dataclass")
    return codec_for(cls)


def written(config: YamlConfig) -> tuple[str, Run]:
    """Give the text of a configuration, and the run that made it with what it noticed."""
    run = Run(codec_for)
    codec = _class_codec(type(config))
    try:
        tree = codec.encode(config, run)
    except YamlConfigError:
        raise
    except Exception as error:  # of the user's own encode hook or property
        error.add_note(f"while saving {field_path(run.path)} of {type(config).__qualname__}")
        raise
    return write_document(tree), run


def saved(config: YamlConfig, path: str) -> Run:
    """Write a configuration to a file, and give the run that made its text."""
    text, run = written(config)
    replace_text(path, text)
    return run


def loaded_file(cls: type[_Config], path: str, *, strict: bool) -> _Config:
    """Read a file and build an instance of ``cls`` from it."""
    return loaded(cls, _read_text(path), path, Path(path), strict=strict)


def _read_text(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - see above
            data = file.read()
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "There is no such configuration file; save one first", path) from None
    except IsADirectoryError:
        raise IsADirectoryError(errno.EISDIR, "This is a folder, not a configuration file", path) from None
    encoding = "utf-16" if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        place = position_at(path, before, len(before))
        raise YamlDocumentError(
            f"{place}: byte {error.start} is not UTF-8 text ({error.reason}); this looks like a binary file, or like "
            f"one saved in another encoding"
        ) from None


def loaded(cls: type[_Config], text: str, source: str, file_path: Path | None, *, strict: bool) -> _Config:
    """Build an instance of ``cls`` from a text; ``source`` is what messages call it."""
    codec = _class_codec(cls)
    tree = read_document(text, source)
    if type(tree) is not dict:
        found = "nothing" if tree is None else f"one {type(tree).__name__} value"
        raise YamlDocumentError(f"{source}:1:1: expected the fields of {cls.__qualname__} as a mapping, found {found}")

    def where(path: list[Any]) -> str:
        return position_of(text, source, path)

    run = Run(codec_for, strict=strict, where=where, file_path=file_path)
    try:
        return cast("_Config", codec.decode(tree, run))
    except YamlConfigError:
        raise
    except Exception as error:  # of the user's own class or hooks
        error.add_note(f"while building {field_path(run.path)} from {where(run.path)}")
        raise
