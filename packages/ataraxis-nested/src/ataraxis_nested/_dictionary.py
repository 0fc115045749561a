"""NestedDictionary: one nested dictionary and the methods that work on it by path."""

from __future__ import annotations

from reprlib import recursive_repr

from ataraxis_nested import _tree
from ataraxis_nested._core import ABSENT, PathCore, make_notation
from ataraxis_nested._errors import NestedTypeError, NestedValueError, short, type_name
from ataraxis_nested._paths import key_text, plain_key
from ataraxis_nested._trail import require_hashable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal, Self, TypeAlias, overload

    from ataraxis_nested._paths import Path

    SearchMode: TypeAlias = Literal["terminal_only", "intermediate_only", "all"]

_SEARCH_MODES = ("terminal_only", "intermediate_only", "all")
_REPR_LENGTH = 1000


class NestedDictionary(PathCore):
    r"""A dictionary of dictionaries whose values are read, written, deleted and found by path.

    A path is a list, tuple or one-dimensional NumPy array of keys, or a string in which a delimiter stands between the
    keys. Keys are taken exactly: `1`, `True`, `1.0` and `"1"` are four keys. The keys of a NumPy array become Python
    objects. A string is possible while all keys of the dictionary have one type out of str, int, float, bool and
    None, to which its parts are converted. A delimiter that is part of a key is escaped by a backslash (`a\.b` is one
    key). A section is a dictionary inside the dictionary; everything else is a value.

    The sections of the seed are copied into plain dicts, its values are shared. NumPy scalars among its keys become
    Python objects, as in paths. All methods work in place unless they are told otherwise by
    `modify_class_dictionary=False`, and none uses recursion: depth is limited by memory alone. A call that raises has
    changed nothing. Not thread-safe, like any dict: use a lock where several threads write.

    Args:
        seed_dictionary: The dictionary to start from; an empty one by default. It is never changed.
        path_delimiter: What separates keys in string paths. When empty, every string is one key.

    Raises:
        NestedTypeError: An argument has a wrong type (also a TypeError).
        NestedValueError: The seed contains itself, or a NumPy key beside the Python object that it stands for (also a
            ValueError).

    Complexity: O(number of keys).

    Example:
        >>> from ataraxis_nested import NestedDictionary
        >>> settings = NestedDictionary({"camera": {"fps": 30}})
        >>> settings.write_nested_value("camera.exposure.us", 500)
        >>> settings.read_nested_value(("camera", "exposure", "us"))
        500
        >>> settings["camera.fps"]
        30
        >>> settings.extract_nested_variable_paths()
        ('camera.fps', 'camera.exposure.us')
    """

    def __init__(self, seed_dictionary: dict[Any, Any] | None = None, path_delimiter: str = ".") -> None:
        seed = {} if seed_dictionary is None else seed_dictionary
        if not isinstance(seed, dict):
            raise NestedTypeError(
                f"The seed_dictionary has to be a dict or None, but {short(seed)} is of type {type_name(seed)}."
            )
        super().__init__(seed, make_notation(path_delimiter, "path_delimiter"))

    @property
    def key_datatypes(self) -> tuple[str, ...]:
        """The names of the types of all keys, sorted; `("str",)` when there are no keys.

        Sections that were changed by hand are counted again when a string path does not fit or a count does not add up.

        Complexity: O(number of types).
        """
        return self._types.names

    @property
    def path_delimiter(self) -> str:
        """What separates the keys in string paths."""
        return self._notation.delimiter

    def set_path_delimiter(self, new_delimiter: str) -> None:
        """Sets what separates the keys in string paths from now on.

        Args:
            new_delimiter: Any string; when empty, every string path is one key.

        Raises:
            NestedTypeError: It is not a string.
        """
        self._notation = make_notation(new_delimiter, "new_delimiter")

    def read_nested_value(self, variable_path: Path) -> Any:
        """Returns the value or section at a path.

        Args:
            variable_path: The path; the empty path stands for the whole dictionary.

        Returns:
            The object itself, not a copy. A section is live: changing it by hand changes this dictionary.

        Raises:
            NestedKeyError: The path leads nowhere (also a KeyError).
            NestedTypeError: The path is not a path, or one of its keys is not hashable.
            NestedValueError: The path is a string that cannot be used, or an array with more than one dimension.

        Complexity: O(number of keys in the path).

        Example:
            >>> NestedDictionary({1: {"a": {True: "found"}}}).read_nested_value([1, "a", True])
            'found'
        """
        # The loop of _look_up once more: calling it would make every read a fifth slower.
        keys = variable_path if type(variable_path) is tuple else self._keys(variable_path)
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
        value = self._look_up(variable_path)
        if value is ABSENT:
            raise self._trail(variable_path).missing_error()
        return value

    def get(self, path: Path, default: Any = None) -> Any:
        """Returns what `read_nested_value` returns, or a default if the path leads nowhere.

        Raises:
            NestedTypeError: As `read_nested_value`.
            NestedValueError: As `read_nested_value`.
        """
        value = self._look_up(path)
        return default if value is ABSENT else value

    if TYPE_CHECKING:

        @overload
        def write_nested_value(
            self,
            variable_path: Path,
            value: Any,
            *,
            modify_class_dictionary: Literal[True] = ...,
            allow_terminal_overwrite: bool = ...,
            allow_intermediate_overwrite: bool = ...,
        ) -> None: ...
        @overload
        def write_nested_value(
            self,
            variable_path: Path,
            value: Any,
            *,
            modify_class_dictionary: Literal[False],
            allow_terminal_overwrite: bool = ...,
            allow_intermediate_overwrite: bool = ...,
        ) -> Self: ...
        @overload
        def write_nested_value(
            self,
            variable_path: Path,
            value: Any,
            *,
            modify_class_dictionary: bool,
            allow_terminal_overwrite: bool = ...,
            allow_intermediate_overwrite: bool = ...,
        ) -> Self | None: ...

    def write_nested_value(
        self,
        variable_path: Path,
        value: Any,
        *,
        modify_class_dictionary: bool = True,
        allow_terminal_overwrite: bool = True,
        allow_intermediate_overwrite: bool = False,
    ) -> Self | None:
        """Writes a value or a whole section at a path; sections that the path lacks are made.

        Args:
            variable_path: The path, of at least one key.
            value: What to write. If it is a dictionary, its sections are copied; values are shared.
            modify_class_dictionary: False leaves this instance as it is and returns a changed copy.
            allow_terminal_overwrite: Whether what is at the end of the path, value or section, may be replaced.
            allow_intermediate_overwrite: Whether a value on the way may be replaced by a section.

        Returns:
            None, or the changed copy with `modify_class_dictionary=False`.

        Raises:
            NestedKeyError: Something may not be overwritten, or a section holds an equal key of another type.
            NestedTypeError: The path is not a path, or one of its keys is not hashable.
            NestedValueError: The path is empty or cannot be used, or the value contains itself.

        Complexity: O(number of keys in the path, in the value and in what is overwritten); with
        `modify_class_dictionary=False` O(number of all keys).

        Example:
            >>> data = NestedDictionary({"a": {"b": 1}})
            >>> data.write_nested_value("a.c", {"d": 2})
            >>> data.to_dict()
            {'a': {'b': 1, 'c': {'d': 2}}}
            >>> data.write_nested_value("a.b", 3, allow_terminal_overwrite=False)
            Traceback (most recent call last):
            ataraxis_nested._errors.NestedKeyError: The path ('a', 'b') cannot be written: ...
        """
        if not modify_class_dictionary:
            twin = self.copy()
            twin.write_nested_value(
                variable_path,
                value,
                allow_terminal_overwrite=allow_terminal_overwrite,
                allow_intermediate_overwrite=allow_intermediate_overwrite,
            )
            return twin
        if not (allow_terminal_overwrite and self._write_leaf(variable_path, value)):
            self._write(variable_path, value, allow_terminal_overwrite, allow_intermediate_overwrite)
        return None

    if TYPE_CHECKING:

        @overload
        def delete_nested_value(
            self,
            variable_path: Path,
            *,
            modify_class_dictionary: Literal[True] = ...,
            delete_empty_sections: bool = ...,
            allow_missing: bool = ...,
        ) -> None: ...
        @overload
        def delete_nested_value(
            self,
            variable_path: Path,
            *,
            modify_class_dictionary: Literal[False],
            delete_empty_sections: bool = ...,
            allow_missing: bool = ...,
        ) -> Self: ...
        @overload
        def delete_nested_value(
            self,
            variable_path: Path,
            *,
            modify_class_dictionary: bool,
            delete_empty_sections: bool = ...,
            allow_missing: bool = ...,
        ) -> Self | None: ...

    def delete_nested_value(
        self,
        variable_path: Path,
        *,
        modify_class_dictionary: bool = True,
        delete_empty_sections: bool = True,
        allow_missing: bool = False,
    ) -> Self | None:
        """Deletes the value or section at a path.

        Args:
            variable_path: The path, of at least one key.
            modify_class_dictionary: False leaves this instance as it is and returns a changed copy.
            delete_empty_sections: Whether sections that this deletion empties are deleted too. Those that were empty
                before stay.
            allow_missing: Whether a path that leads nowhere is accepted, and nothing done.

        Returns:
            None, or the changed copy with `modify_class_dictionary=False`.

        Raises:
            NestedKeyError: The path leads nowhere (also a KeyError).
            NestedTypeError: The path is not a path, or one of its keys is not hashable.
            NestedValueError: The path is empty or cannot be used.

        Complexity: O(number of keys in the path and in what is deleted); with `modify_class_dictionary=False` O(number
        of all keys).

        Example:
            >>> data = NestedDictionary({"a": {"b": {"c": 1}}, "d": 2})
            >>> data.delete_nested_value("a.b.c")
            >>> data.to_dict()
            {'d': 2}
            >>> data.delete_nested_value("a.b.c", allow_missing=True)
        """
        if not modify_class_dictionary:
            twin = self.copy()
            twin.delete_nested_value(
                variable_path, delete_empty_sections=delete_empty_sections, allow_missing=allow_missing
            )
            return twin
        if not self._delete_leaf(variable_path, delete_empty_sections):
            self._delete(variable_path, delete_empty_sections, allow_missing)
        return None

    if TYPE_CHECKING:

        @overload
        def extract_nested_variable_paths(self, *, return_raw: Literal[False] = ...) -> tuple[str, ...]: ...
        @overload
        def extract_nested_variable_paths(self, *, return_raw: Literal[True]) -> tuple[tuple[Any, ...], ...]: ...
        @overload
        def extract_nested_variable_paths(self, *, return_raw: bool) -> tuple[Any, ...]: ...

    def extract_nested_variable_paths(self, *, return_raw: bool = False) -> tuple[Any, ...]:
        r"""Returns the paths of all values and empty sections, in insertion order, depth first.

        Args:
            return_raw: Whether paths are tuples of keys instead of strings.

        Returns:
            A tuple of paths. Tuples of keys can always be read back; strings can while all keys have one type out of
            str, int, float, bool and None (a section with several nan keys excepted).

        Raises:
            NestedValueError: Strings of several keys are wanted while the delimiter is empty, or of a key that has no
                text (as an int of more than 4,300 digits).

        Complexity: O(number of keys), and the length of what is returned.

        Example:
            >>> data = NestedDictionary({"a": {"b.c": 1}, "d": {}})
            >>> data.extract_nested_variable_paths(return_raw=True)
            (('a', 'b.c'), ('d',))
            >>> print(*data.extract_nested_variable_paths())
            a.b\.c d
        """
        if return_raw:
            return _tree.terminal_paths(self._root)
        return _tree.terminal_texts(self._root, self._notation)

    def find_nested_variable_path(
        self, target_key: Any, search_mode: SearchMode = "terminal_only", *, return_raw: bool = False
    ) -> tuple[Any, ...] | str | None:
        """Returns the paths that end in a key, in insertion order, depth first.

        Args:
            target_key: The key, which has to match in value and type: `1` does not find `True` or `1.0`. A nan finds
                every nan.
            search_mode: `"terminal_only"` looks among the keys of values and empty sections, `"intermediate_only"`
                among those of other sections, `"all"` among both.
            return_raw: Whether paths are tuples of keys instead of strings.

        Returns:
            None if there is no such key, the path if there is one, a tuple of the paths if there are several. (One raw
            path ends in the key itself, several end in a path.)

        Raises:
            NestedTypeError: The key is not hashable.
            NestedValueError: The search mode is unknown, or strings of several keys are wanted while the delimiter is
                empty.

        Complexity: O(number of keys).

        Example:
            >>> data = NestedDictionary({"left": {"gain": 1}, "right": {"gain": 2}, "rate": 3})
            >>> data.find_nested_variable_path("rate")
            'rate'
            >>> data.find_nested_variable_path("gain", return_raw=True)
            (('left', 'gain'), ('right', 'gain'))
            >>> data.find_nested_variable_path("right", "intermediate_only")
            'right'
        """
        if search_mode not in _SEARCH_MODES:
            raise NestedValueError(
                f"The search_mode {short(search_mode)} is unknown. Use one of: {', '.join(map(repr, _SEARCH_MODES))}."
            )
        target = plain_key(target_key)
        require_hashable((target,))
        paths: list[Any] = _tree.find(
            self._root,
            target,
            in_terminals=search_mode != "intermediate_only",
            in_sections=search_mode != "terminal_only",
        )
        if not return_raw:
            paths = [self._notation.text(path) for path in paths]
        if not paths:
            return None
        only: tuple[Any, ...] | str = paths[0]
        return only if len(paths) == 1 else tuple(paths)

    if TYPE_CHECKING:

        @overload
        def convert_all_keys_to_datatype(
            self, datatype: Literal["str", "int"], *, modify_class_dictionary: Literal[True] = ...
        ) -> None: ...
        @overload
        def convert_all_keys_to_datatype(
            self, datatype: Literal["str", "int"], *, modify_class_dictionary: Literal[False]
        ) -> Self: ...
        @overload
        def convert_all_keys_to_datatype(
            self, datatype: Literal["str", "int"], *, modify_class_dictionary: bool
        ) -> Self | None: ...

    def convert_all_keys_to_datatype(
        self, datatype: Literal["str", "int"], *, modify_class_dictionary: bool = True
    ) -> Self | None:
        """Converts every key by `str()` or `int()`, so that string paths can be used.

        As `int()` does, this makes 1 of `True` and of `1.7`. The sections are new ones: one that was read before is no
        longer live.

        Args:
            datatype: `"str"` or `"int"`.
            modify_class_dictionary: False leaves this instance as it is and returns a changed copy.

        Returns:
            None, or the changed copy with `modify_class_dictionary=False`.

        Raises:
            NestedConversionError: A key cannot be converted, or two keys of a section become one (also a RuntimeError).
            NestedValueError: The datatype is unknown.

        Complexity: O(number of keys).

        Example:
            >>> data = NestedDictionary({11: {"12": {True: "here"}}})
            >>> data.convert_all_keys_to_datatype("int")
            >>> data.read_nested_value("11.12.1")
            'here'
        """
        if datatype not in ("str", "int"):
            raise NestedValueError(f"The datatype {short(datatype)} is unknown. Use 'str' or 'int'.")
        root, types = _tree.copy_with_keys(self._root, key_text if datatype == "str" else int)
        if not modify_class_dictionary:
            return self._twin(root, types)
        self._root, self._types = root, types
        return None

    def items(self) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yields every value and empty section with its path as a key tuple, in the order of `extract`.

        Complexity: O(number of keys) for all. Adding or deleting keys meanwhile raises RuntimeError, as for a dict.

        Example:
            >>> list(NestedDictionary({"a": {"b": 1}, "c": 2}).items())
            [(('a', 'b'), 1), (('c',), 2)]
        """
        return _tree.terminals(self._root)

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """Yields what iteration yields, the paths of `items()`; so `dict(nested)` is a flat dict from path to value."""
        return iter(self)

    def values(self) -> Iterator[Any]:
        """Yields the values of `items()`."""
        return (value for _, value in _tree.terminals(self._root))

    def to_dict(self) -> dict[Any, Any]:
        """Returns the content as plain nested dicts, independent of this instance; values are shared.

        Complexity: O(number of keys).
        """
        return _tree.copy_sections(self._root)[0]

    def copy(self) -> Self:
        """Returns an independent copy: sections of its own, the same values.

        `copy.copy` does the same, `copy.deepcopy` copies the values too. Complexity: O(number of keys).
        """
        return self._twin(*_tree.copy_sections(self._root))

    __copy__ = copy

    def __contains__(self, path: Path) -> bool:
        return self._look_up(path) is not ABSENT

    def __getitem__(self, path: Path) -> Any:
        return self.read_nested_value(path)

    def __setitem__(self, path: Path, value: Any) -> None:
        self.write_nested_value(path, value)

    def __delitem__(self, path: Path) -> None:
        self.delete_nested_value(path)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yields the paths of all values and empty sections as key tuples, in the order of `extract`."""
        return (path for path, _ in _tree.terminals(self._root))

    def __len__(self) -> int:
        """Returns the number of values and empty sections. Complexity: O(number of keys)."""
        return _tree.count_terminals(self._root)

    def __bool__(self) -> bool:
        """Whether there is anything; unlike `len`, without counting it."""
        return bool(self._root)

    __reversed__ = None  # else reversed() would take this for a sequence
    __hash__ = None  # type: ignore[assignment]  # equal by content, which changes

    def __eq__(self, other: object) -> bool:
        """Compares content, also with a dict, as dicts do: regardless of order, and not the delimiter.

        Array values are equal when their shapes and all of their elements are.
        """
        if isinstance(other, NestedDictionary):
            return _tree.equal(self._root, other._root)
        return _tree.equal(self._root, other) if isinstance(other, dict) else NotImplemented

    @recursive_repr("NestedDictionary(...)")  # as a value of itself
    def __repr__(self) -> str:
        """Returns type, key types, delimiter and as much of the data as fits into about 1,000 characters."""
        return (
            f"{type(self).__name__}(key_datatypes={', '.join(self.key_datatypes):.200}, "
            f"path_delimiter={short(self.path_delimiter)}, data={_tree.render(self._root, _REPR_LENGTH)})"
        )
