"""Hint -> codec: asks the rules, and compiles each dataclass once."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from threading import RLock
from typing import Any, cast, get_args, get_origin

from ataraxis_yamlconfig._codec import RANK_CLASS, Codec, Run
from ataraxis_yamlconfig._hints import alias_value, bare, hints_of, init_variables, may_hold_itself
from ataraxis_yamlconfig._local_names import LOCAL_NAMES
from ataraxis_yamlconfig._metadata import comment_lines, hooks, is_excluded
from ataraxis_yamlconfig._rules.classes import ClassCodec, FieldPlan
from ataraxis_yamlconfig._rules.containers import container_rule
from ataraxis_yamlconfig._rules.dynamic import ANY
from ataraxis_yamlconfig._rules.enums import enum_rule, literal_rule
from ataraxis_yamlconfig._rules.mappings import mapping_rule
from ataraxis_yamlconfig._rules.numpy_types import numpy_rule
from ataraxis_yamlconfig._rules.records import namedtuple_rule, tuple_rule, typeddict_rule
from ataraxis_yamlconfig._rules.scalars import scalar_rule
from ataraxis_yamlconfig._rules.unions import union_rule

_RULES = (
    union_rule,
    literal_rule,
    enum_rule,
    scalar_rule,
    tuple_rule,
    namedtuple_rule,
    typeddict_rule,
    container_rule,
    mapping_rule,
    numpy_rule,
)

# Plans live on their class, not in a table: a WeakKeyDictionary would keep every class alive, because a plan holds its
# class. So they go with classes that were defined inside functions.
_PLANS = "_ataraxis_yamlconfig_plans_"
_lock = RLock()


def _renew_lock() -> None:
    """A forked child must not wait for a thread that exists in its parent only."""
    global _lock  # noqa: PLW0603 - the child has no other thread yet
    _lock = RLock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_renew_lock)


def codec_for(hint: Any) -> Codec:
    """Give the codec of any hint. Thread-safe; a dataclass is compiled the first time it is met."""
    plans = hint.__dict__.get(_PLANS) if isinstance(hint, type) else None
    if plans is not None and () in plans:
        return cast("Codec", plans[()])
    with _lock:
        compiler = _Compiler()
        codec = compiler.codec_for(hint)
        compiler.publish()
    return codec


class _Compiler:
    """One compilation: the classes that it met, none of which anybody else sees until all are complete."""

    def __init__(self) -> None:
        self._classes: dict[tuple[type, Any], ClassCodec] = {}
        self._open: dict[Any, list[Codec]] = {}
        self._known: dict[str, Any] = {}

    def codec_for(self, hint: Any) -> Codec:
        hint = bare(hint)
        if hint is Any:
            return ANY
        if may_hold_itself(hint):
            return self._recursive_codec(hint)
        origin = get_origin(hint) or hint
        if isinstance(origin, type) and is_dataclass(origin) and not issubclass(origin, Enum):
            return self._class_codec(origin, get_args(hint))
        return self._ask_rules(hint)

    def _ask_rules(self, hint: Any) -> Codec:
        for rule in _RULES:
            codec = rule(hint, self.codec_for)
            if codec is not None:
                return codec
        return ANY

    def publish(self) -> None:
        for (kind, arguments), codec in self._classes.items():
            if _PLANS not in kind.__dict__:
                setattr(kind, _PLANS, {})
            kind.__dict__[_PLANS].setdefault(arguments, codec)

    def _class_codec(self, kind: type, arguments: tuple[Any, ...]) -> ClassCodec:
        key = (kind, _hashable(arguments))
        found = self._classes.get(key) or kind.__dict__.get(_PLANS, {}).get(key[1])
        if found is not None:
            return found
        codec = self._classes[key] = ClassCodec(kind, is_generic=bool(arguments))
        outer = self._known
        self._known = {**outer, **getattr(kind, LOCAL_NAMES, {})}
        try:
            codec.complete(self._field_plans(kind, arguments))
        finally:
            self._known = outer
        return codec

    def _field_plans(self, kind: type, arguments: tuple[Any, ...]) -> list[FieldPlan]:
        hints = hints_of(kind, arguments, self._known)
        variables = init_variables(kind, hints)
        real = {field.name: field for field in fields(kind)}
        plans = []
        for name, hint in hints.items():
            field = real.get(name) or kind.__dataclass_fields__[name]  # type: ignore[attr-defined]  # a dataclass
            has_default = field.default is not MISSING or field.default_factory is not MISSING
            encode, decode = hooks(field.metadata)
            plans.append(
                FieldPlan(
                    name=name,
                    codec=self.codec_for(variables.get(name, hint)),
                    is_written=not is_excluded(field.metadata),
                    is_variable=name in variables,
                    is_argument=field.init,
                    is_required=field.init and not has_default,
                    comment=comment_lines(field.metadata),
                    encode_hook=encode,
                    decode_hook=decode,
                )
            )
        return plans

    def _recursive_codec(self, hint: Any) -> Codec:
        """Make the codec of what may hold itself (``type Json = dict[str, Json]``); inside it is looked up late."""
        key = _hashable((hint,))
        if key in self._open:
            return _deferred(str(hint), self._open[key])
        place = self._open[key] = []
        target = alias_value(hint)
        place.append(self._ask_rules(hint) if target is None else self.codec_for(target))
        del self._open[key]
        return place[0]


def _deferred(name: str, place: list[Codec]) -> Codec:
    def encode(value: Any, run: Run) -> Any:
        return place[0].encode(value, run)

    def decode(plain: Any, run: Run) -> Any:
        return place[0].decode(plain, run)

    def fits(value: Any) -> bool:
        return place[0].fits(value)

    def accepts(plain: Any) -> bool:
        return place[0].accepts(plain)

    return Codec(name, encode, decode, fits, accepts, RANK_CLASS)


def _hashable(arguments: tuple[Any, ...]) -> Any:
    """Annotated and Literal arguments may hold what cannot be hashed."""
    try:
        hash(arguments)
    except TypeError:
        return str(arguments)
    return arguments
