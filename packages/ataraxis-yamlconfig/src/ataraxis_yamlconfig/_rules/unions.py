"""Unions: the member is found by what stands in the file, and checked when it is written."""

from __future__ import annotations

from dataclasses import replace
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from ataraxis_yamlconfig._codec import RANK_CLASS, Codec, Run
from ataraxis_yamlconfig._rules.classes import ClassCodec
from ataraxis_yamlconfig._rules.dynamic import encode_misfit, restores

if TYPE_CHECKING:
    from collections.abc import Callable


def union_rule(hint: Any, codec_for: Callable[[Any], Codec]) -> Codec | None:
    """Make the codec of a Union or Optional."""
    if get_origin(hint) not in {Union, UnionType}:
        return None
    members = [codec_for(member) for member in get_args(hint) if member is not NoneType]
    # Where nothing has to be told apart, the one member does the work.
    codec = members[0] if len(members) == 1 else _union_codec(members)
    return codec if NoneType not in get_args(hint) else _optional(codec)


def _optional(codec: Codec) -> Codec:
    """None is written and read everywhere; here it also fits."""
    if isinstance(codec, ClassCodec):
        return codec  # it is still being built, perhaps; and it takes None as fitting anyway
    fits, accepts = codec.fits, codec.accepts
    return replace(
        codec,
        fits=lambda value: value is None or fits(value),
        accepts=lambda plain: plain is None or accepts(plain),
    )


def _union_codec(members: list[Codec]) -> Codec:
    """Make the codec of several members.

    A tree goes to the first member that accepts it: Enums and Literals before plain types, plain types before
    dataclasses, those before other containers, and types that are parsed from a string (``Path``) last. Among
    dataclasses the one whose fields match the keys best wins. What a value is written as is read on the spot, because
    two members may look alike in the file.
    """
    ordered = sorted(members, key=lambda member: member.rank)
    name = " | ".join(member.name for member in members)
    is_native = all(member.native for member in members)

    def decode(plain: Any, run: Run) -> Any:
        member = _member_of(plain, ordered)
        return plain if member is None else member.decode(plain, run)

    def encode(value: Any, run: Run) -> Any:
        if value is None or (is_native and fits(value)):
            return value
        written = []
        for member in ordered:
            if member.fits(value):
                attempt = run.aside()
                written.append((member.encode(value, attempt), attempt))
                if restores(written[-1][0], value, decode, run):
                    return _settled(*written[-1], run)
        if not written:
            return encode_misfit(value, run, decode, name)
        run.note_inexact(value, name)
        return written[0][0]

    def fits(value: Any) -> bool:
        return any(member.fits(value) for member in members)

    def accepts(plain: Any) -> bool:
        return any(member.accepts(plain) for member in members)

    rank = min(member.rank for member in members)
    return Codec(name, encode, decode, fits, accepts, rank, native=is_native)


def _settled(plain: Any, attempt: Run, run: Run) -> Any:
    run.inexact |= attempt.inexact
    return plain


def _member_of(plain: Any, ordered: list[Codec]) -> Codec | None:
    """Choose who reads a tree; None when nobody knows it."""
    best = _best_class(plain, ordered) if type(plain) is dict else None
    for member in ordered:
        if isinstance(member, ClassCodec):
            if member is best and member.accepts(plain):
                return member
        elif member.accepts(plain):
            return member
    if best is not None:
        return best
    # No member matches at every depth: take one that reads such a container, so that the parts that fit are read.
    return next((member for member in ordered if type(plain) in member.shapes and member.rank > RANK_CLASS), None)


def _best_class(plain: dict[Any, Any], members: list[Codec]) -> ClassCodec | None:
    """Choose the dataclass whose fields match the keys best; None when each lacks a field it needs."""
    classes = [(member.mismatch(plain), member) for member in members if isinstance(member, ClassCodec)]
    possible = [(mismatch, member) for mismatch, member in classes if mismatch is not None]
    return min(possible, key=lambda pair: pair[0])[1] if possible else None
