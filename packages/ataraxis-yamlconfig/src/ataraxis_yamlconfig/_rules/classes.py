"""Dataclasses: one compiled plan per class, with a line per field."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any

from ataraxis_yamlconfig._codec import NATIVE_SCALARS, RANK_CLASS, Codec, Run
from ataraxis_yamlconfig._document.write import Section
from ataraxis_yamlconfig._errors import shortened
from ataraxis_yamlconfig._rules.dynamic import encode_any, encode_misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMED_IN_MESSAGES = 10


@dataclass(slots=True, frozen=True)
class FieldPlan:
    """What is known of one field, or of one InitVar.

    Attributes:
        name: Its name, also in the file.
        codec: Of its annotation.
        is_written: False for excluded ones.
        is_variable: Whether it is an InitVar, which the instance does not keep.
        is_argument: Whether ``__init__`` takes it.
        is_required: Whether ``__init__`` takes it and it has no default.
        comment: Lines above it in the file.
        encode_hook: From ``yaml_metadata(encode=...)``.
        decode_hook: From ``yaml_metadata(decode=...)``.
    """

    name: str
    codec: Codec
    is_written: bool
    is_variable: bool
    is_argument: bool
    is_required: bool
    comment: tuple[str, ...]
    encode_hook: Callable[[Any], Any] | None
    decode_hook: Callable[[Any], Any] | None

    def encode(self, value: Any, run: Run) -> Any:
        """Encode the value of this field."""
        if self.encode_hook is None:
            return self.codec.encode(value, run)
        return None if value is None else encode_any(self.encode_hook(value), run)

    def decode(self, plain: Any, run: Run) -> Any:
        """Decode what the file holds for this field; never called for null."""
        return self.codec.decode(plain, run) if self.decode_hook is None else self.decode_hook(plain)

    @property
    def is_native(self) -> bool:
        """Whether plain scalars need no work."""
        return self.codec.native and self.encode_hook is None and self.decode_hook is None


class ClassCodec(Codec):
    """The codec of a dataclass. It exists before its fields are known, so that a class can refer to itself."""

    __slots__ = ("comments", "fields", "is_generic", "kind", "restore", "written")

    def __init__(self, kind: type, *, is_generic: bool) -> None:
        super().__init__(
            kind.__qualname__, self._encode, self._decode, self._fits, self._accepts, RANK_CLASS, frozenset((dict,))
        )
        self.kind = kind
        self.is_generic = is_generic
        self.fields: dict[str, FieldPlan] = {}
        self.written: list[tuple[str, bool, FieldPlan]] = []
        self.comments: dict[str, tuple[str, ...]] = {}
        self.restore: Callable[[dict[Any, Any], Any], Any] | None = getattr(kind, "restore_excluded_fields", None)

    def complete(self, fields: list[FieldPlan]) -> None:
        """Fill in the fields, in the order in which they are written."""
        self.fields = {field.name: field for field in fields}
        self.written = [(field.name, field.is_native, field) for field in fields if field.is_written]
        self.comments = {field.name: field.comment for field in fields if field.comment}

    def _encode(self, value: Any, run: Run) -> Any:
        if type(value) is not self.kind:
            return encode_misfit(value, run, self._decode, self.name)
        result: dict[Any, Any] = Section(self.comments) if self.comments else {}
        path = run.descend()
        for name, is_native, field in self.written:
            content = _content(value, field) if field.is_variable else getattr(value, name, MISSING)
            if is_native and type(content) in NATIVE_SCALARS:
                result[name] = content
            elif content is not MISSING:
                path[-1] = name
                result[name] = field.encode(content, run)
            elif field.is_variable:
                path[-1] = name
                run.note_lost_variable()
        path.pop()
        return result

    def _decode(self, plain: Any, run: Run) -> Any:
        if type(plain) is not dict:
            return plain
        if run.strict:
            self._refuse_unknown(plain, run)
        if self.restore is not None:
            plain = self._restored(plain, run)
        arguments, later = self._decode_fields(plain, run)
        missing = [name for name, field in self.fields.items() if field.is_required and name not in arguments]
        if missing:
            raise run.field_error(_missing(self, missing))
        instance = self.kind(**arguments)
        for name, value in later.items():
            object.__setattr__(instance, name, value)  # also in frozen classes
        return instance

    def _decode_fields(self, plain: Mapping[Any, Any], run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give what ``__init__`` takes, and what is set afterwards."""
        arguments: dict[str, Any] = {}
        later: dict[str, Any] = {}
        path = run.path
        path.append(None)
        fields = self.fields
        for name, content in plain.items():
            field = fields.get(name)
            if field is None:
                continue
            path[-1] = name
            value = content if content is None or field.is_native else field.decode(content, run)
            (arguments if field.is_argument else later)[name] = value
        path.pop()
        return arguments, later

    def _refuse_unknown(self, plain: Mapping[Any, Any], run: Run) -> None:
        unknown = [key for key in plain if key not in self.fields]
        if unknown:
            raise run.field_error(
                f"{self.name} has no field {_listed(unknown)}; it has {_listed(list(self.fields))}. "
                f"Correct the key, or load without strict=True to ignore it",
                unknown[0],
            )

    def _restored(self, plain: dict[Any, Any], run: Run) -> dict[Any, Any]:
        restored = self.restore(dict(plain), run.file_path)  # type: ignore[misc]  # the caller checked
        if not isinstance(restored, dict):
            raise TypeError(
                f"{self.name}.restore_excluded_fields has to return the dict to build from, not {shortened(restored)}"
            )
        return restored

    def _fits(self, value: Any) -> bool:
        """Compare classes only, unless two of them differ in nothing else (Box[int], Box[str])."""
        if value is None or type(value) is not self.kind:
            return value is None
        return not self.is_generic or all(
            field.codec.fits(getattr(value, name, None)) for name, field in self.fields.items() if not field.is_variable
        )

    def _accepts(self, plain: Any) -> bool:
        if type(plain) is not dict:
            return plain is None
        mismatch = self.mismatch(plain)
        return mismatch is not None and mismatch[:2] == (0, 0)

    def mismatch(self, plain: dict[Any, Any]) -> tuple[int, int, int] | None:
        """Count what speaks against this class: unknown keys, values that do not fit, fields left out.

        None when a field that it needs is missing.
        """
        fields = self.fields
        if any(field.is_required and name not in plain for name, field in fields.items()):
            return None
        known = [(fields[name], content) for name, content in plain.items() if name in fields]
        misfits = sum(content is not None and not _reads(field, content) for field, content in known)
        return len(plain) - len(known), misfits, len(fields) - len(known)


def _reads(field: FieldPlan, plain: Any) -> bool:
    return field.decode_hook is not None or field.codec.accepts(plain)


def _content(instance: Any, field: FieldPlan) -> Any:
    """Give what the instance itself keeps under the name of an InitVar; the class keeps the default there."""
    return getattr(instance, "__dict__", {}).get(field.name, MISSING)


def _missing(codec: ClassCodec, names: list[str]) -> str:
    reasons = []
    if any(codec.fields[name].is_variable for name in names):
        reasons.append("an InitVar is not kept by the instance, so a saved file does not hold it")
    if any(not codec.fields[name].is_written for name in names):
        reasons.append("excluded fields need a default or restore_excluded_fields")
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return (
        f"{codec.name} needs {_listed(names)}, which the file does not hold and for which the class has no "
        f"default{why}; add {'it' if len(names) == 1 else 'them'} to the file or give a default"
    )


def _listed(names: list[Any]) -> str:
    shown = ", ".join(shortened(name) for name in names[:_NAMED_IN_MESSAGES])
    return shown if len(names) <= _NAMED_IN_MESSAGES else f"{shown} and {len(names) - _NAMED_IN_MESSAGES} more"
