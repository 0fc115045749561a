"""A state machine: every method and option against plain nested dicts, with keys of every kind."""

from __future__ import annotations

import copy
import pickle
import secrets
from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ataraxis_nested import NestedConversionError, NestedDictionary, NestedKeyError
from nested_helpers import check, leaves, mixed_keys, sections_of, snapshot, terminals, trees

NUMBERS = (bool, int, float)


class RefusedError(Exception):
    """The model's word for a KeyError."""


def exact(section: dict[Any, Any], key: Any) -> bool:
    """Whether the section has this very key; raises if it has an equal one of another type."""
    for other in section:
        if other == key:
            if type(other) is not type(key) and {type(other), type(key)} <= set(NUMBERS):
                raise RefusedError
            return True
    return False


def model_read(root: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        if not isinstance(root, dict) or not exact(root, key):
            raise RefusedError
        root = root[key]
    return root


def model_write(root: dict[Any, Any], path: tuple[Any, ...], value: Any, *, terminal: bool, intermediate: bool) -> None:
    *sections, last = path
    for key in sections:
        if exact(root, key) and not isinstance(root[key], dict):
            if not intermediate:
                raise RefusedError
            root[key] = {}
        root = root.setdefault(key, {})
    if exact(root, last) and not terminal:
        raise RefusedError
    root[last] = copy.deepcopy(value)


def model_delete(root: dict[Any, Any], path: tuple[Any, ...], *, prune: bool) -> None:
    passed = [root]
    for key in path[:-1]:
        passed.append(model_read(passed[-1], (key,)))
    model_read(passed[-1], path[-1:])
    for section, key in zip(reversed(passed), reversed(path), strict=True):
        del section[key]
        if section or not prune:
            break


class Machine(RuleBasedStateMachine):
    """Keeps a NestedDictionary beside the plain dict that it should equal."""

    @initialize(start=trees(mixed_keys), delimiter=st.sampled_from([".", "/", "::", ""]))
    def begin(self, start, delimiter):
        before = snapshot(start)
        self.nested = NestedDictionary(start, delimiter)
        assert snapshot(start) == before
        self.start, self.start_before = start, before
        self.model = copy.deepcopy(start)

    def draw_path(self, data) -> tuple[Any, ...]:
        """A path that often leads somewhere, sometimes further, sometimes nowhere."""
        path: list[Any] = []
        section: Any = self.model
        while isinstance(section, dict) and section and data.draw(st.integers(0, 3)):
            path.append(data.draw(st.sampled_from(list(section))))
            section = section[path[-1]]
        if not path or data.draw(st.booleans()):
            path += data.draw(st.lists(mixed_keys, min_size=not path, max_size=2))
        return tuple(path)

    def draw_form(self, data, path):
        """The path as a tuple, a list or, where that works, a string."""
        forms = [path, list(path)]
        only_text = self.nested.key_datatypes == ("str",) and all(type(key) is str for key in path)
        if only_text and (self.nested.path_delimiter or len(path) == 1):
            forms.append(self.nested._notation.text(path))
        return data.draw(st.sampled_from(forms))

    def apply(self, data, call, model_call, options):
        """Runs a change on the model and, in place or on a copy, on the instance; both fail or neither."""
        in_place = data.draw(st.booleans())
        changed = copy.deepcopy(self.model)
        before = snapshot(self.nested._root)
        try:
            model_call(changed)
        except RefusedError:
            with pytest.raises(NestedKeyError):
                call(modify_class_dictionary=in_place, **options)
            assert snapshot(self.nested._root) == before
            return
        result = call(modify_class_dictionary=in_place, **options)
        if in_place:
            assert result is None
            self.model = changed
            return
        assert snapshot(self.nested._root) == before
        assert result.path_delimiter == self.nested.path_delimiter
        check(result)
        assert_same(result, changed)
        mine, theirs = (set(map(id, sections_of(each._root))) for each in (self.nested, result))
        assert not mine & theirs
        if data.draw(st.booleans()):
            self.nested, self.model = result, changed

    @rule(data=st.data(), value=leaves | trees(mixed_keys, 4), terminal=st.booleans(), intermediate=st.booleans())
    def write(self, data, value, terminal, intermediate):
        path = self.draw_path(data)
        form = self.draw_form(data, path)
        before = snapshot(value) if isinstance(value, dict) else None
        self.apply(
            data,
            lambda **options: self.nested.write_nested_value(form, value, **options),
            lambda model: model_write(model, path, value, terminal=terminal, intermediate=intermediate),
            {"allow_terminal_overwrite": terminal, "allow_intermediate_overwrite": intermediate},
        )
        if before is not None:
            assert snapshot(value) == before
            assert not set(map(id, sections_of(value))) & set(map(id, sections_of(self.nested._root)))

    @rule(data=st.data(), prune=st.booleans(), missing=st.booleans())
    def delete(self, data, prune, missing):
        path = self.draw_path(data)
        form = self.draw_form(data, path)

        def model_call(model):
            try:
                model_delete(model, path, prune=prune)
            except RefusedError:
                if not missing:
                    raise

        options = {"delete_empty_sections": prune, "allow_missing": missing}
        self.apply(data, lambda **rest: self.nested.delete_nested_value(form, **rest), model_call, options)

    @rule(data=st.data())
    def read(self, data):
        path = self.draw_path(data)
        form = self.draw_form(data, path)
        try:
            expected = model_read(self.model, path)
        except RefusedError:
            assert form not in self.nested
            assert self.nested.get(form, self) is self
            with pytest.raises(NestedKeyError) as caught:
                self.nested[form]
            assert caught.value.path == path
            assert caught.value.key == path[caught.value.depth]
            return
        assert form in self.nested
        assert self.nested[form] == self.nested.get(form) == self.nested.read_nested_value(form) == expected

    @rule(data=st.data(), kind=st.sampled_from(["str", "int"]))
    def convert(self, data, kind):
        def converted(section):
            new = {}
            for key, value in section.items():
                try:
                    new_key = (str if kind == "str" else int)(key)
                except (TypeError, ValueError, OverflowError):
                    raise RefusedError from None
                if new_key in new:
                    raise RefusedError
                new[new_key] = converted(value) if isinstance(value, dict) else value
            return new

        in_place = data.draw(st.booleans())
        before = snapshot(self.nested._root)
        try:
            expected = converted(self.model)
        except RefusedError:
            with pytest.raises(NestedConversionError):
                self.nested.convert_all_keys_to_datatype(kind, modify_class_dictionary=in_place)
            assert snapshot(self.nested._root) == before
            return
        result = self.nested.convert_all_keys_to_datatype(kind, modify_class_dictionary=in_place)
        if not in_place:
            assert snapshot(self.nested._root) == before
            check(result)
            assert_same(result, expected)
            result, expected = self.nested, self.model
        self.model = expected

    @rule(way=st.sampled_from(["copy", "copy.copy", "deepcopy", "pickle", "to_dict"]))
    def duplicate(self, way):
        ways = {
            "copy": self.nested.copy,
            "copy.copy": lambda: copy.copy(self.nested),
            "deepcopy": lambda: copy.deepcopy(self.nested),
            "pickle": lambda: pickle.loads(pickle.dumps(self.nested)),
            "to_dict": lambda: NestedDictionary(self.nested.to_dict(), self.nested.path_delimiter),
        }
        twin = ways[way]()
        assert twin == self.nested
        assert twin.path_delimiter == self.nested.path_delimiter
        mine, theirs = (set(map(id, sections_of(each._root))) for each in (self.nested, twin))
        assert not mine & theirs
        self.nested = twin

    @rule(delimiter=st.sampled_from([".", "/", "::", "\\", ""]))
    def set_delimiter(self, delimiter):
        self.nested.set_path_delimiter(delimiter)
        assert self.nested.path_delimiter == delimiter

    @invariant()
    def holds(self):
        if hasattr(self, "nested"):
            check(self.nested)
            assert_same(self.nested, self.model)
            assert snapshot(self.start) == self.start_before
            assert len(repr(self.nested)) < 4000


def assert_same(nested: NestedDictionary, model: dict[Any, Any]) -> None:
    """Asserts equal content, order and key types."""
    assert nested == model
    assert [(path, tuple(map(type, path)), value) for path, value in nested.items()] == [
        (path, tuple(map(type, path)), value) for path, value in terminals(model)
    ]


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_the_machine_at_length():
    number = secrets.randbits(32)
    print(f"seed {number}")  # noqa: T201 - to run it again
    at_length = settings(max_examples=1500, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(seed(number)(Machine), settings=at_length)
