"""What NestedDictionary is made of: looking up, writing and deleting by path, and keeping count of the key types."""

from __future__ import annotations

from ataraxis_nested import _tree
from ataraxis_nested._errors import NestedTypeError, NestedValueError, short, type_name
from ataraxis_nested._key_types import KeyTypes
from ataraxis_nested._paths import FROM_TEXT, Notation, array_keys, is_nan, plain_key
from ataraxis_nested._trail import End, Trail, stored_key, with_stored_nans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, TypeAlias

    from ataraxis_nested._paths import Path

    Keys: TypeAlias = list[Any] | tuple[Any, ...]

ABSENT: Any = object()


class PathCore:
    """A nested dictionary, the types of its keys, and the notation of its paths.

    Most calls are simple: a short path of plain keys that is there. So looking up, writing and deleting each come as a
    tight loop that settles these, and a careful version for whatever the loop leaves.
    """

    def __init__(self, root: _tree.Section, notation: Notation) -> None:
        self._root, self._types = _tree.copy_sections(root)
        self._notation = notation

    def _look_up(self, path: Path) -> Any:
        """Returns what a path leads to, or `ABSENT`. The loop settles nearly all cases, a trail the others."""
        keys = path if type(path) is tuple else self._keys(path)
        value: Any = self._root
        try:
            for key in keys:
                if type(value) is not dict:
                    break
                value = value[key]
            else:
                if not self._types.confusable or self._types.rules_out_confusion(keys):
                    return value
        except (KeyError, TypeError):
            pass
        trail = self._trail(path)
        return trail.value if trail.end == End.FOUND else ABSENT

    def _write_leaf(self, path: Path, value: Any) -> bool:
        """Writes a leaf over a leaf, or beside others, if that can be done without further ado."""
        types = self._types
        keys = path if type(path) is tuple else self._keys(path)
        if isinstance(value, dict) or not keys or (types.confusable and not types.rules_out_confusion(keys)):
            return False
        section: Any = self._root
        last = keys[-1]
        try:
            for key in keys[:-1]:
                if type(section) is not dict:
                    return False
                section = section[key]
            if type(section) is not dict or isinstance(section.get(last), dict):
                return False
        except (KeyError, TypeError):
            return False
        if last not in section:
            kind = type(last)
            if kind not in FROM_TEXT or (isinstance(path, str) and not self._fits(section)):
                return False
            types.add(kind)
        section[last] = value
        return True

    def _write(self, path: Path, value: Any, terminal: bool, intermediate: bool) -> None:
        trail = self._trail(path)
        if not trail.keys:
            raise _empty_path_error("written")
        if trail.end == End.RIVAL:
            raise trail.rival_error()
        if trail.end == End.FOUND and not terminal:
            raise trail.overwrite_error(trail.depth - 1, "allow_terminal_overwrite")
        if trail.end == End.LEAF and not intermediate:
            raise trail.overwrite_error(trail.depth - 1, "allow_intermediate_overwrite")
        written = KeyTypes()
        if isinstance(value, dict):
            value, written = _tree.copy_sections(value)
        new_keys = [plain_key(key) for key in trail.keys[trail.depth :]]
        written.add_keys(new_keys)
        section, *inner = [*trail.keys[: trail.depth], *new_keys][len(trail.sections) - 1 :]
        for key in reversed(inner):
            value = {key: value}
        self._replace(trail.sections[-1], section, value, written)

    def _replace(self, section: dict[Any, Any], key: Any, value: Any, written: KeyTypes) -> None:
        """Makes the one assignment of a write, once nothing can fail any more, and counts what it changed."""
        old = section.get(key)
        lost = _tree.count_keys(old) if isinstance(old, dict) else KeyTypes()
        self._prepare_to_lose(lost)
        section[key] = value
        self._types.merge(written)
        self._types.subtract(lost)

    def _prepare_to_lose(self, lost: KeyTypes) -> None:
        """Counts the keys again if more are about to go than are counted: then sections were changed by hand."""
        if not self._types.cover(lost):
            self._recount()

    def _delete_leaf(self, path: Path, prune: bool) -> bool:
        """Deletes a leaf whose section stays, if that can be done without further ado."""
        types = self._types
        keys = path if type(path) is tuple else self._keys(path)
        if not keys or (types.confusable and not types.rules_out_confusion(keys)):
            return False
        section: Any = self._root
        last = keys[-1]
        try:
            for key in keys[:-1]:
                if type(section) is not dict:
                    return False
                section = section[key]
            if type(section) is not dict or isinstance(section[last], dict):
                return False
        except (KeyError, TypeError):
            return False
        # Only a key of the single type is sure to have the type under which the stored one was counted. That it was not
        # counted at all is the work of hands.
        kind = type(last)
        if kind is not types.single or kind not in types.counts or (prune and len(section) == 1 and len(keys) > 1):
            return False
        del section[last]
        types.discard(kind)
        return True

    def _delete(self, path: Path, prune: bool, allow_missing: bool) -> None:
        trail = self._trail(path)
        if not trail.keys:
            raise _empty_path_error("deleted")
        if trail.end != End.FOUND:
            if allow_missing:
                return
            raise trail.missing_error()
        top = len(trail.keys) - 1
        while prune and top and len(trail.sections[top]) == 1:
            top -= 1
        lost = _tree.count_keys(trail.value) if isinstance(trail.value, dict) else KeyTypes()
        lost.add_keys(map(stored_key, trail.sections[top:], trail.keys[top:]))
        self._prepare_to_lose(lost)
        del trail.sections[top][trail.keys[top]]
        self._types.subtract(lost)

    def _trail(self, path: Path) -> Trail:
        """Follows a path carefully; a string that was read with outdated key types, a second time with current ones."""
        trail = Trail(self._root, self._keys(path))
        outdated = isinstance(path, str) and trail.end == End.MISSING and not self._fits(trail.sections[-1])
        return Trail(self._root, self._keys(path)) if outdated and self._recount() else trail

    def _fits(self, section: dict[Any, Any]) -> bool:
        """Whether the types of a section's first and last key are counted: a look for changes by hand, in O(1)."""
        counts = self._types.counts
        return not section or (type(next(iter(section))) in counts and type(next(reversed(section))) in counts)

    def _recount(self) -> bool:
        """Counts the key types again; returns whether there are others than before."""
        before = self._types.counts.keys()
        self._types = _tree.count_keys(self._root)
        return self._types.counts.keys() != before

    def _keys(self, path: Path) -> Keys:
        """Returns the keys of a path given in any form."""
        if isinstance(path, str):
            keys = self._notation.split(path)
            return keys if self._types.single is str else self._typed_keys(path, keys)
        return path if isinstance(path, (list, tuple)) else array_keys(path)

    def _typed_keys(self, path: str, texts: list[str]) -> Keys:
        """Converts the parts of a string path to the one type of all keys."""
        if not texts:
            return texts
        convert = FROM_TEXT.get(self._types.single)
        if convert is None:
            return self._reread(path, "string paths need all keys to be of one type out of str, int, float, bool, None")
        try:
            keys = [convert(text) for text in texts]
        except ValueError:
            return self._reread(path, "its parts cannot be converted to that type")
        return with_stored_nans(self._root, keys) if any(map(is_nan, keys)) else keys

    def _reread(self, path: str, reason: str) -> Keys:
        """Returns the keys of a string path that does not fit the key types, if it fits once they are counted again."""
        if self._recount():
            return self._keys(path)
        raise NestedValueError(
            f"The string path {short(path)} cannot be used with keys of type {', '.join(self._types.names):.200}: "
            f"{reason}. Give the path as a list or tuple of keys."
        )

    def _twin(self, root: _tree.Section, types: KeyTypes) -> Self:
        """Returns an instance with another content; all else, also what a subclass added, is as in this one."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update({**self.__dict__, "_root": root, "_types": types})
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Returns the attributes without nesting, which pickle and deepcopy would follow by recursion."""
        state = self.__dict__.copy()
        del state["_types"], state["_notation"]
        return {**state, "_root": _tree.flatten(self._root), "_delimiter": self._notation.delimiter}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        self._notation = Notation(state.pop("_delimiter"))
        self._root = _tree.unflatten(state.pop("_root"))
        self._types = _tree.count_keys(self._root)
        self.__dict__.update(state)


def make_notation(delimiter: str, argument: str) -> Notation:
    """Returns the notation for a delimiter, given the name of the argument it came from."""
    if not isinstance(delimiter, str):
        raise NestedTypeError(
            f"The {argument} has to be a string, but {short(delimiter)} is of type {type_name(delimiter)}."
        )
    return Notation(delimiter)


def _empty_path_error(done: str) -> NestedValueError:
    return NestedValueError(f"The empty path stands for the whole dictionary, which cannot be {done}. Give a key.")
