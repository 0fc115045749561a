"""What a rule makes for a type, and what one call of save or load carries along."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._document.read import MAX_DEPTH
from ataraxis_yamlconfig._errors import (
    YamlEncodeError,
    YamlFieldError,
    YamlTypeWarning,
    field_path,
    shortened,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NATIVE_SCALARS = frozenset((type(None), bool, int, float, str))
"""The types that YAML keeps by itself, so that containers of them cost nothing."""

MAX_WRITTEN_DEPTH = MAX_DEPTH - 50
"""Values may nest so deep; what a value itself becomes (an array in lists) has the rest of what is read."""

_MOST_WARNINGS = 20

# Where several members of a union can read a value, the lowest rank does.
RANK_ENUM, RANK_NATIVE, RANK_CLASS, RANK_STRUCTURE, RANK_PARSED, RANK_ANY = range(6)


@dataclass(slots=True)
class Run:
    """One call of save or load: where it is, and what it noticed.

    Attributes:
        codec_for: Gives the codec of a type, for values that are known only now.
        path: The keys and indexes that lead to the value at hand. Containers keep it current; after an exception it
            still points at the culprit.
        strict: Whether unknown keys are an error.
        where: Gives the place of a path in the file, as file:line:column; reads the file again, so only for errors.
        file_path: What the hook ``restore_excluded_fields`` is given.
        inexact: For every value that will not read back as it was: where it stands and what becomes of it.
        codecs: Those found by the type of a value.
    """

    codec_for: Callable[[Any], Codec]
    path: list[Any] = field(default_factory=list)
    strict: bool = False
    where: Callable[[list[Any]], str] = field(default=lambda _: "<tree>")
    file_path: Any = None
    inexact: dict[str, str] = field(default_factory=dict)
    codecs: dict[type, Codec] = field(default_factory=dict)

    def descend(self) -> list[Any]:
        """Enter a container: give the path with a place for the key or the index at its end."""
        path = self.path
        if len(path) >= MAX_WRITTEN_DEPTH:
            raise YamlEncodeError(
                f"{field_path(path)}: nested deeper than {MAX_WRITTEN_DEPTH} levels, or a container that holds itself; "
                f"YAML text that deep could not be read back"
            )
        path.append(None)
        return path

    def codec_of(self, kind: type) -> Codec:
        """Give the codec of a type that only a value names; looked up once per run."""
        codec = self.codecs.get(kind)
        if codec is None:
            codec = self.codecs[kind] = self.codec_for(kind)
        return codec

    def aside(self) -> Run:
        """Make a run at the same place whose notes do not count."""
        return Run(self.codec_for, path=list(self.path), codecs=self.codecs)

    def note_inexact(self, value: Any, expected: str) -> None:
        """Remember that the value at hand will not read back as it was."""
        self._note(
            f"{shortened(value)} of type {type_name(value)} is written as its nearest YAML value, because the "
            f"annotation ({expected[:200]}) cannot restore that type; annotate the field with the exact type to keep it"
        )

    def note_lost_variable(self) -> None:
        """Remember that an InitVar had a value which nobody kept."""
        self._note(
            "the value of an InitVar is not kept by the instance, so the file does not hold it and loading takes its "
            "default; keep it in a field, or set it as an attribute in __post_init__"
        )

    def _note(self, message: str) -> None:
        """Keep one message per place, the first."""
        self.inexact.setdefault(field_path(self.path), message)

    def field_error(self, message: str, *more: Any) -> YamlFieldError:
        """Make the error for a field that is missing or unknown; ``more`` leads on from the path at hand."""
        path = [*self.path, *more]
        return YamlFieldError(f"{self.where(path)}: {field_path(path)}: {message}")

    def warn(self, stacklevel: int) -> None:
        """Give one warning per value, up to a bound, at the line of the caller."""
        for place, message in islice(self.inexact.items(), _MOST_WARNINGS):
            warnings.warn(f"{place}: {message}", YamlTypeWarning, stacklevel=stacklevel + 1)
        more = len(self.inexact) - _MOST_WARNINGS
        if more > 0:
            warnings.warn(f"$: and {more} more values like these", YamlTypeWarning, stacklevel=stacklevel + 1)

    def no_equivalent(self, value: Any, reason: str = "") -> YamlEncodeError:
        """Make the error for a value that YAML cannot hold."""
        return YamlEncodeError(
            f"{field_path(self.path)}: {shortened(value)} of type {type_name(value)} has no equivalent in YAML"
            f"{reason and ': ' + reason}; exclude the field with YAML_EXCLUDE_METADATA or give it "
            f"yaml_metadata(encode=..., decode=...)"
        )


@dataclass(slots=True, eq=False)
class Codec:
    """How the values of one type become plain trees and back.

    Attributes:
        name: The type, as messages call it.
        encode: Value -> tree. Handles every value, also one that is not of the type (``encode_misfit``).
        decode: Tree -> value. A tree that is not of the type comes back as it is.
        fits: Whether a value is of the type, exactly and at every depth.
        accepts: Whether a tree looks like one that ``encode`` makes; never calls code of the user.
        rank: Which member of a union goes first.
        shapes: The containers among the trees that it reads, for the members of a union when none of them accepts.
        native: Whether a value in ``NATIVE_SCALARS`` is its own tree and every tree its own value.
    """

    name: str
    encode: Callable[[Any, Run], Any]
    decode: Callable[[Any, Run], Any]
    fits: Callable[[Any], bool]
    accepts: Callable[[Any], bool]
    rank: int = RANK_PARSED
    shapes: frozenset[type] = frozenset()
    native: bool = False


def _no_parts(hint: Any) -> Codec:
    raise AssertionError(f"a value without parts asks for no codec, least of all for that of {hint}")


NO_RUN = Run(_no_parts)
"""For decoders of types without parts, where there is no run to pass."""
