"""Annotations -> types: strings, generics, inheritance, names that only a function knows."""

from __future__ import annotations

import sys
import typing
import warnings
from dataclasses import InitVar, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NewType, TypeVar, Union, get_args, get_origin

from ataraxis_yamlconfig._errors import YamlTypeWarning, shortened
from ataraxis_yamlconfig._local_names import LOCAL_NAMES, types_in_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIAS_KINDS: tuple[type, ...] = tuple(
    kind for kind in (getattr(typing, "TypeAliasType", None),) if isinstance(kind, type)
)
_QUALIFIERS = tuple(
    getattr(typing, name) for name in ("Final", "Required", "NotRequired", "ReadOnly") if hasattr(typing, name)
)


def hints_of(cls: type, arguments: tuple[Any, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve the annotation of every field of a dataclass, also of its InitVars.

    Args:
        cls: A dataclass.
        arguments: What stands in brackets behind a generic class.
        known: Names of the class that refers to this one, for classes inside functions.

    Returns:
        Hints by field name. A name that cannot be resolved anywhere becomes Any, with a YamlTypeWarning.
    """
    substitutions = _substitutions(cls, arguments)
    hints = {}
    for name, field in cls.__dataclass_fields__.items():  # type: ignore[attr-defined]  # callers pass dataclasses
        owner = _owner(cls, name, field)
        hint = _resolved(owner, name, field.type, known)
        if get_origin(hint) is ClassVar or hint is ClassVar:
            continue
        hints[name] = _substituted(hint, substitutions.get(owner, {}))
    return hints


def record_hints(cls: type, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Resolve the annotations of a NamedTuple or TypedDict class, bases of TypedDicts included."""
    annotations = getattr(cls, "__annotations__", {})
    mapping = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    return {name: _substituted(_resolved(cls, name, hint, {}), mapping) for name, hint in annotations.items()}


def init_variables(cls: type, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the InitVars among the hints of a dataclass, without the InitVar around them."""
    real = {field.name for field in fields(cls)}
    return {name: hint.type if isinstance(hint, InitVar) else Any for name, hint in hints.items() if name not in real}


def _owner(cls: type, name: str, field: Any) -> type:
    """Find the class whose body holds a field: its module resolves the annotation."""
    return next(
        base for base in reversed(cls.__mro__) if base.__dict__.get("__dataclass_fields__", {}).get(name) is field
    )


def _resolved(owner: type, name: str, annotation: Any, known: Mapping[str, Any]) -> Any:
    module = sys.modules.get(owner.__module__)
    global_names = dict(vars(module)) if module is not None else {}
    local_names = {
        **known,
        **getattr(owner, LOCAL_NAMES, {}),
        **{parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())},
        owner.__name__: owner,
    }
    try:
        return _evaluated(name, annotation, global_names, local_names)
    except NameError:
        # A class inside a function, used there: its frames are still alive.
        callers = dict(types_in_frames(sys._getframe(), owner.__module__))  # noqa: SLF001 - see above
        try:
            return _evaluated(name, annotation, global_names, {**callers, **local_names})
        except Exception as error:  # noqa: BLE001 - an annotation is code of the user
            return _unresolved(owner, name, annotation, error)
    except Exception as error:  # noqa: BLE001 - see above
        return _unresolved(owner, name, annotation, error)


def _evaluated(name: str, annotation: Any, global_names: dict[str, Any], local_names: dict[str, Any]) -> Any:
    """Let typing evaluate one annotation, wherever in it the strings are."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation
    holder = type("Holder", (), {"__annotations__": {name: annotation}})
    return typing.get_type_hints(holder, global_names, local_names, include_extras=True)[name]


def _unresolved(owner: type, name: str, annotation: Any, error: Exception) -> Any:
    warnings.warn(
        f"the annotation {shortened(annotation)} of {owner.__qualname__}.{name} cannot be resolved "
        f"({type(error).__name__}: {shortened(str(error))}), so the field is read as if annotated with Any; make the "
        f"name importable where the class is defined",
        YamlTypeWarning,
        stacklevel=2,
    )
    return Any


def _substitutions(cls: type, arguments: tuple[Any, ...]) -> dict[type, dict[Any, Any]]:
    """Map the type variables of a class and of all its generic bases to what they stand for."""
    found: dict[type, dict[Any, Any]] = {}
    parameters = getattr(cls, "__parameters__", ())
    # Fewer arguments than parameters: the rest falls back to defaults and bounds.
    found[cls] = dict(zip(parameters, arguments, strict=False))
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin is not object:
            base_arguments = tuple(_substituted(argument, found[cls]) for argument in get_args(base))
            for owner, mapping in _substitutions(origin, base_arguments).items():
                found.setdefault(owner, mapping)
    return found


def _substituted(hint: Any, mapping: Mapping[Any, Any]) -> Any:
    """Replace type variables, at any depth of the hint."""
    if isinstance(hint, TypeVar):
        return mapping.get(hint, hint)
    if isinstance(hint, InitVar):
        return InitVar(_substituted(hint.type, mapping))
    parameters = getattr(hint, "__parameters__", ())
    if not mapping or not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(_substituted(parameter, mapping) for parameter in parameters)]


def bare(hint: Any) -> Any:
    """Strip what says nothing about the value: Annotated, Final, NewType, a variable without a meaning."""
    while True:
        origin = get_origin(hint)
        if origin is Annotated or origin in _QUALIFIERS:
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, TypeVar):
            hint = _meaning(hint)
        elif hint is None:
            return type(None)
        else:
            return Any if hint is Final or hint is object else hint


def _meaning(variable: TypeVar) -> Any:
    """Give what an unbound type variable may be."""
    if getattr(variable, "has_default", bool)():
        return variable.__default__  # type: ignore[attr-defined]  # typeshed knows it from 3.13 on
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007 - built from a tuple
    return Any if variable.__bound__ is None else variable.__bound__


def alias_value(hint: Any) -> Any:
    """Give what a ``type X = ...`` alias stands for; None when the hint is no such alias."""
    if isinstance(hint, _ALIAS_KINDS):
        return hint.__value__  # type: ignore[attr-defined]  # the kind exists from 3.12 on
    origin = get_origin(hint)
    if isinstance(origin, _ALIAS_KINDS):
        mapping = dict(zip(origin.__type_params__, get_args(hint), strict=False))  # type: ignore[attr-defined]
        return _substituted(origin.__value__, mapping)  # type: ignore[attr-defined]
    return None


def may_hold_itself(hint: Any) -> bool:
    """Whether a hint can refer to itself: aliases, NamedTuples, TypedDicts; not dataclasses, see _plan."""
    origin = get_origin(hint) or hint
    return isinstance(origin, _ALIAS_KINDS) or is_namedtuple(origin) or typing.is_typeddict(origin)


def is_namedtuple(kind: Any) -> bool:
    """Whether a hint is a class made by NamedTuple or namedtuple."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")
