"""What is wrong with a file, and where."""

# mypy: disable-error-code="arg-type, type-arg, comparison-overlap"
# Nothing is validated: values of other types than annotated are what these tests are about.

import errno
import re
import time
import warnings
from dataclasses import dataclass, field

import pytest
import yaml

import ataraxis_yamlconfig
from ataraxis_yamlconfig import (
    YamlConfig,
    YamlConfigError,
    YamlDocumentError,
    YamlEncodeError,
    YamlFieldError,
    YamlPathError,
    YamlTypeWarning,
)
from ataraxis_yamlconfig._document import read


@dataclass
class Lens:
    focus: float
    name: str = ""


@dataclass
class Camera(YamlConfig):
    rate: float
    lens: Lens | None = None
    spares: list[Lens] = field(default_factory=list)
    by_name: dict[str, Lens] = field(default_factory=dict)


def load_error(tmp_path, content, kind, **options):
    path = tmp_path / "camera.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(kind) as caught:
        Camera.from_yaml(path, **options)
    assert len(str(caught.value)) < 1500
    return str(caught.value).replace(str(path), "FILE")


DOCUMENT_ERRORS = {
    "empty": ("", "FILE:1:1: expected the fields of Camera as a mapping, found nothing"),
    "comment only": ("# nothing\n", "FILE:1:1: expected the fields of Camera as a mapping, found nothing"),
    "list": ("- 1\n", "FILE:1:1: expected the fields of Camera as a mapping, found one list value"),
    "text": ("hello", "FILE:1:1: expected the fields of Camera as a mapping, found one str value"),
    "syntax": ("rate: 1\nlens: [1\n", "FILE:3:1: "),
    "tab": ("rate:\n\tfocus: 1", "FILE:2:1: "),
    "duplicate key": ("rate: 1\nrate: 2", "FILE:2:1: the key 'rate' stands here for the second time"),
    "two merges": ("<<: {rate: 1}\n<<: {rate: 2}", "FILE:2:1: the key << stands here for the second time"),
    "two documents": ("rate: 1\n---\nrate: 2", "FILE:2:1: a second document starts here"),
    "python tag": ("rate: !!python/object/apply:os.system [id]", "FILE:1:7: the tag !!python/object/apply:os.system"),
    "python name": ("rate: !!python/name:os.system", "FILE:1:7: the tag !!python/name:os.system"),
    "python mapping": ("rate: !!python/object:x.Y {a: 1}", "FILE:1:7: the tag !!python/object:x.Y"),
    "own tag": ("rate: !mine 1", "FILE:1:7: the tag !mine is not read"),
    "no date": ("rate: 2024-13-45", "FILE:1:7: month must be in 1..12"),
    "no bool": ("rate: !!bool maybe", "FILE:1:7: 'maybe' is not of the form bool"),
    "no base64": ("rate: !!binary é", "FILE:1:7: "),
    "no pairs": ("rate: !!omap [1]", "FILE:1:7: every item of an ordered mapping"),
    "no path": ("rate: !!python/object/apply:pathlib.PosixPath [1]", "FILE:1:7: the parts of a path"),
    "merged scalar": ("<<: 1\nrate: 1", "FILE:1:1: << takes a mapping"),
    "unknown alias": ("rate: *x", "FILE:1:7: "),
    "alias inside itself": ("rate: &x [*x]", "FILE:1:11: the alias *x stands inside of what it repeats"),
    "control character": ("rate: 1\nlens: \x07", "FILE:2:7: "),
    "binary": (b"rate: 1\n\xff\xfe\x00", "FILE:2:1: byte 8 is not UTF-8 text"),
    "deep": ("rate: " + "[" * 500, "FILE:1:206: nested deeper than 200 levels"),
}


@pytest.mark.parametrize(("content", "start"), DOCUMENT_ERRORS.values(), ids=DOCUMENT_ERRORS)
def test_every_broken_document_has_its_own_error_with_its_place(tmp_path, content, start):
    message = load_error(tmp_path, content, YamlDocumentError)
    assert message.startswith(start), message


def test_a_missing_field_is_named_with_its_place(tmp_path):
    message = load_error(tmp_path, "rate: 1\nlens:\n  name: a\n", YamlFieldError)
    assert message.startswith("FILE:2:1: $.lens: Lens needs 'focus'")
    message = load_error(tmp_path, "rate: 1\nspares:\n- focus: 1\n- {}\n", YamlFieldError)
    assert message.startswith("FILE:4:3: $.spares[1]: Lens needs 'focus'")
    message = load_error(tmp_path, "rate: 1\nby_name:\n  'a b': {}\n", YamlFieldError)
    assert message.startswith("FILE:3:3: $.by_name['a b']: Lens needs 'focus'")
    message = load_error(tmp_path, "x: 1", YamlFieldError)
    assert message.startswith("FILE:1:1: $: Camera needs 'rate'")


def test_a_field_from_an_alias_or_a_merge_is_placed_where_the_text_has_it(tmp_path):
    message = load_error(tmp_path, "base: &b\n  lens: {}\n<<: *b\nrate: 1\n", YamlFieldError)
    assert message.startswith("FILE:1:1: $.lens: ")
    message = load_error(tmp_path, "rate: &r {}\nlens: *r\n", YamlFieldError)
    assert message.startswith("FILE:2:1: $.lens: ")


def test_unknown_keys_are_ignored_unless_strict(tmp_path):
    assert Camera.from_yaml_string("rate: 1\nspeed: 2") == Camera(1)
    message = load_error(tmp_path, "rate: 1\nspeed: 2\n1: 3", YamlFieldError, strict=True)
    assert message.startswith("FILE:2:1: $.speed: Camera has no field 'speed', 1; it has 'rate', 'lens'")
    message = load_error(tmp_path, "rate: 1\n!!str 2024-13-45: 2", YamlFieldError, strict=True)
    assert message.startswith("FILE:2:1: $['2024-13-45']: Camera has no field '2024-13-45'")
    message = load_error(tmp_path, "rate: 1\nlens: {focus: 1, zoom: 2}", YamlFieldError, strict=True)
    assert message.startswith("FILE:2:18: $.lens.zoom: Lens has no field 'zoom'")


def test_messages_are_bounded_whatever_the_data(tmp_path):
    many = "\n".join(f"{'k' * 500}{index}: 1" for index in range(50))
    message = load_error(tmp_path, f"rate: 1\n{many}", YamlFieldError, strict=True)
    assert "and 40 more" in message
    load_error(tmp_path, f"rate: 1\n{'k' * 500}: 1\n{'k' * 500}: 1", YamlDocumentError)
    load_error(tmp_path, f"rate: !{'t' * 5000} 1", YamlDocumentError)


def test_paths(tmp_path):
    for wrong in ("a.txt", "a", "a.yaml.bak", ".yaml", tmp_path / "b.json"):
        with pytest.raises(YamlPathError, match="does not end in"):
            Camera(1).to_yaml(wrong)
        with pytest.raises(ValueError, match="does not end in"):
            Camera.from_yaml(wrong)
    for wrong in (None, 3, b"a.yaml"):
        with pytest.raises(TypeError):
            Camera(1).to_yaml(wrong)
    with pytest.raises(TypeError, match="takes a str"):
        Camera.from_yaml_string(b"rate: 1")


def test_a_missing_file_and_a_folder_have_their_own_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="save one first") as caught:
        Camera.from_yaml(tmp_path / "none.yaml")
    assert caught.value.filename == str(tmp_path / "none.yaml")
    assert caught.value.errno == errno.ENOENT
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        Camera.from_yaml(tmp_path / "folder.yaml")
    with pytest.raises(IsADirectoryError, match="folder"):
        Camera(1).to_yaml(tmp_path / "folder.yaml")


def test_every_error_has_one_root_and_the_builtin_that_fits():
    kinds = (YamlPathError, YamlDocumentError, YamlFieldError, YamlEncodeError)
    assert all(issubclass(kind, YamlConfigError) and issubclass(kind, ValueError) for kind in kinds)
    assert issubclass(YamlEncodeError, TypeError)
    assert issubclass(YamlDocumentError, yaml.YAMLError)
    assert issubclass(YamlTypeWarning, UserWarning)
    assert set(ataraxis_yamlconfig.__all__) >= {kind.__name__ for kind in (*kinds, YamlConfigError, YamlTypeWarning)}


def test_encodings_with_a_byte_order_mark_load(tmp_path):
    path = tmp_path / "a.yaml"
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le"):
        path.write_bytes(("\ufeff" * (encoding == "utf-16-le") + "rate: 1\nby_name: {é: null}").encode(encoding))
        assert Camera.from_yaml(path).by_name == {"é": None}


def bomb(levels, width):
    lines = [f"k0: &a0 [{', '.join('x' * width)}]"]
    lines += [f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["lists", "mappings", "merges", "nested"])
def test_an_alias_bomb_is_refused_quickly_in_bounded_memory(tmp_path, kind):
    import tracemalloc

    text = {
        "lists": bomb(12, 9),
        "mappings": "k0: &a0 {x: 1, y: 2}\n"
        + "\n".join(f"k{n}: &a{n} {{{', '.join(f'x{i}: *a{n - 1}' for i in range(9))}}}" for n in range(1, 12)),
        "merges": "k0: &a0 {x: [1, 2, 3]}\n"
        + "\n".join(f"k{n}: &a{n} {{<<: *a{n - 1}, y{n}: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 25)),
        "nested": "k0: &a0 [1]\n" + "\n".join(f"k{n}: &a{n} [[[[[[[[[*a{n - 1}]]]]]]]]]" for n in range(1, 60)),
    }[kind]
    tracemalloc.start()
    start = time.process_time()
    message = load_error(tmp_path, text, YamlDocumentError)
    assert re.search("aliases repeat more than 100000 values|nested deeper than 200 levels", message)
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
    assert time.process_time() - start < 20  # seconds; without the bound it would never end


def test_an_alias_of_a_scalar_stands_for_its_value():
    assert Camera.from_yaml_string("rate: &r 7\nlens: {focus: *r}").lens == Lens(7)


def test_aliases_below_the_bound_are_independent_copies():
    config = Camera.from_yaml_string("rate: 1\nspares: &s [{focus: 1}]\nby_name: {a: &f {focus: 2}, b: *f}\nx: *s")
    assert config.by_name["a"] == config.by_name["b"] == Lens(2)
    assert config.by_name["a"] is not config.by_name["b"]

    @dataclass
    class Loose(YamlConfig):
        a: list
        b: list
        c: set
        d: tuple

    loose = Loose.from_yaml_string("a: &a [1, {k: [2]}]\nb: *a\nc: &c !!set {1}\nd: [*c, !!python/tuple [*a]]")
    loose.a[1]["k"].append(3)
    loose.c.add(5)
    assert loose.b == [1, {"k": [2]}]
    assert loose.d == ({1}, ([1, {"k": [2]}],))


def test_merge_keys():
    text = "base: &b {rate: 1, lens: {focus: 1}}\nother: &o {rate: 5, by_name: {}}\n<<: [*b, *o]\nlens: null"
    assert Camera.from_yaml_string(text) == Camera(1, None)


def test_the_parser_in_python_gives_the_same(monkeypatch):
    text = "rate: 1\nlens: {focus: 2.5, name: 'yes'}\nspares:\n- focus: 1\n  name: |\n    a\n"
    expected = Camera.from_yaml_string(text)
    monkeypatch.setattr(read, "PARSER", yaml.SafeLoader)
    assert Camera.from_yaml_string(text) == expected
    for content, start in DOCUMENT_ERRORS.values():
        if isinstance(content, str):
            with pytest.raises(YamlDocumentError) as caught:
                Camera.from_yaml_string(content)
            place = start.split(": ", 1)[0]
            if start not in {"FILE:2:7: ", "FILE:3:1: ", "FILE:2:1: "}:  # where the two parsers see it differs a little
                assert str(caught.value).startswith(place.replace("FILE", "<string>"))


def test_saving_what_is_no_dataclass_is_refused():
    class Bare(YamlConfig):
        x: int = 1

    with pytest.raises(TypeError, match="decorate it with @dataclass"):
        Bare().to_yaml_string()
    with pytest.raises(TypeError, match="decorate it with @dataclass"):
        Bare.from_yaml_string("x: 1")


def test_errors_of_the_users_own_class_pass_with_a_note(tmp_path):
    @dataclass
    class Checked:
        x: int

        def __post_init__(self):
            if self.x < 0:
                raise RuntimeError("negative")

    @dataclass
    class Outer(YamlConfig):
        inner: list[Checked]

    path = tmp_path / "a.yaml"
    path.write_text("inner:\n- x: 1\n- x: -1\n")
    with pytest.raises(RuntimeError, match="negative") as caught:
        Outer.from_yaml(path)
    assert caught.value.__notes__ == [f"while building $.inner[1] from {path}:3:3"]


def test_a_warning_names_the_line_of_the_caller(tmp_path):
    @dataclass
    class Loose(YamlConfig):
        x: object

    for call in (lambda: Loose((1,)).to_yaml_string(), lambda: Loose((1,)).to_yaml(tmp_path / "a.yaml")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [item.filename for item in caught] == [__file__]


def test_a_lone_surrogate_in_a_text_is_no_character():
    with pytest.raises(YamlDocumentError, match=r"^<string>:2:7: a lone surrogate"):
        Camera.from_yaml_string("rate: 1\nlens: \udcff")


def test_a_value_whose_type_pretends_to_be_a_list_is_still_reported():
    def fail(_):
        raise RuntimeError

    pretender = type("list", (), {"__len__": fail, "__repr__": fail})
    with pytest.raises(YamlEncodeError, match=r"\$\.rate: <.*list whose repr fails> of type"):
        Camera(pretender()).to_yaml_string()


def test_ordered_pairs_of_yaml_load_as_pairs():
    assert Camera.from_yaml_string("rate: !!omap [a: 1, b: 2]").rate == [("a", 1), ("b", 2)]
    assert Camera.from_yaml_string("rate: !!pairs [a: 1, a: 2]").rate == [("a", 1), ("a", 2)]
    assert Camera.from_yaml_string("rate: !!str 12").rate == "12"
    assert Camera.from_yaml_string("rate: !!seq [1]").rate == [1]
    assert Camera.from_yaml_string("rate: !!map {a: !!str 1}").rate == {"a": "1"}
