"""`read_data` and `write_data`: every index form, datatype and error class of the 3.x line, as tables.

The tables were made by observing ataraxis-data-structures 3.1.1. Where the result is another one on purpose, a row says
`changed`: NumPy integers are indexes too, ranges hold integers only, (0, 0) is an empty range and not the whole array,
and NumPy integers that do not fit raise as Python ones did.
"""

import datetime as dt
import math
import warnings

import numpy as np
import pytest

from ataraxis_shm import (
    IndexRangeError,
    IntegerRangeError,
    InvalidDataError,
    InvalidIndexError,
    SharedMemoryArray,
    ShmError,
)
from shm_helpers import unique_name

START = [1, 2, 3, 4, 5, 6]
changed = pytest.param
needs_numpy_2 = pytest.mark.skipif(np.__version__ < "2", reason="NumPy 1 wraps floating-point numbers around")


@pytest.fixture
def make():
    made = []

    def make_array(prototype):
        made.append(SharedMemoryArray.create_array(unique_name("table"), prototype))
        return made[-1]

    yield make_array
    for shared in made:
        shared.disconnect()
        shared.destroy()


@pytest.fixture
def numbers(make):
    return make(np.array(START, dtype=np.uint8))


READ = [
    (0, 1),
    (2, 3),
    (5, 6),
    (-1, 6),
    (-6, 1),
    (True, 2),
    changed(np.int64(2), 3),
    changed(np.uint8(5), 6),
    changed(np.int8(-1), 6),
    changed(np.array(2), 3),
    ((1,), [2, 3, 4, 5, 6]),
    ((-3,), [4, 5, 6]),
    ((0, 6), START),
    ((1, 4), [2, 3, 4]),
    ((-3, -1), [4, 5]),
    ((-3, 6), [4, 5, 6]),
    ((2, 2), []),
    ((5, -1), []),
    changed((0, 0), []),
    changed((0, -6), []),
    ((np.int64(1), np.int64(3)), [2, 3]),
    ((True, 3), [2, 3]),
    ((1, 2), 2),
    ((5, 6), 6),
    ((5,), 6),
]

OUT_OF_RANGE = [6, 7, -7, 10**30, -(10**30), (6,), (6, 6), (7,), (-7,), (-7, 3), (0, 7), (0, 100), (0, -7), (0, 10**30)]

MALFORMED = [
    1.0,
    "1",
    None,
    [1, 2],
    slice(1, 3),
    Ellipsis,
    np.array([1, 2]),
    np.float64(1),
    (),
    (1, 2, 3),
    (4, 1),
    (-1, -3),
    (5, 0),
    ("a",),
    changed((1.0, 2)),
    changed((None, 3)),
    changed((1, None)),
    ((1, 2), 3),
    tuple(range(1000)),
    "x" * 100_000,
]


@pytest.mark.parametrize("with_lock", [True, False])
@pytest.mark.parametrize(("index", "expected"), READ)
def test_read(numbers, index, expected, with_lock):
    value = numbers.read_data(index, with_lock=with_lock)
    if isinstance(expected, int):
        assert type(value) is np.uint8
        assert value == expected
    else:
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.uint8
        assert value.tolist() == expected
    converted = numbers.read_data(index, convert_output=True, with_lock=with_lock)
    assert type(converted) is type(expected)
    assert converted == expected


@pytest.mark.parametrize("with_lock", [True, False])
@pytest.mark.parametrize(("index", "_expected"), READ)
def test_write_one_value(numbers, index, _expected, with_lock):
    model = np.array(START)
    if isinstance(index, tuple):
        model[index[0] : index[1] if len(index) == 2 else None] = 9
    else:
        model[int(index)] = 9
    numbers.write_data(index, 9, with_lock=with_lock)
    assert numbers.read_data((0,), convert_output=True) == model.tolist()


@pytest.mark.parametrize("with_lock", [True, False])
@pytest.mark.parametrize("index", OUT_OF_RANGE)
def test_out_of_range_is_an_index_error(numbers, index, with_lock):
    with pytest.raises(IndexRangeError, match="length 6") as caught:
        numbers.read_data(index, with_lock=with_lock)
    assert isinstance(caught.value, IndexError)
    assert isinstance(caught.value, ShmError)
    assert len(str(caught.value)) < 500
    with pytest.raises(IndexRangeError):
        numbers.write_data(index, 9, with_lock=with_lock)
    assert numbers.read_data((0,), convert_output=True) == START


@pytest.mark.parametrize("index", MALFORMED)
def test_malformed_is_a_value_error(numbers, index):
    with pytest.raises(InvalidIndexError, match="Unable to use") as caught:
        numbers.read_data(index)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 500
    with pytest.raises(InvalidIndexError):
        numbers.write_data(index, 9)
    assert numbers.read_data((0,), convert_output=True) == START


WRITE = [
    ((1, 3), [7, 8], [7, 8]),
    ((1, 3), (7, 8), [7, 8]),
    ((1, 3), [7], [7, 7]),
    ((1, 3), 7, [7, 7]),
    ((1, 3), np.array([7, 8]), [7, 8]),
    ((1, 3), np.array([7, 8], dtype=np.uint8), [7, 8]),
    ((1, 3), np.array([7.9, 8.1]), [7, 8]),
    ((1, 3), [1.5, 2.7], [1, 2]),
    ((1, 3), range(2), [0, 1]),
    ((1, 3), [[1, 2]], [1, 2]),
    ((1, 3), "78", [78, 78]),
    ((1, 3), [True, False], [1, 0]),
    ((1, 3), [np.int64(7), 8], [7, 8]),
    ((1, 2), [5], [5, 3]),
    ((1, 1), [], [2, 3]),
    (1, 7, [7, 3]),
    (1, 1.7, [1, 3]),
    (1, np.float64(2.9), [2, 3]),
    (1, np.uint8(255), [255, 3]),
    (1, np.int64(7), [7, 3]),
    (1, True, [1, 3]),
    (1, "7", [7, 3]),
    (1, b"7", [7, 3]),
    (1, [5], [5, 3]),
    (1, np.array(5), [5, 3]),
    (1, np.array([5]), [5, 3]),
]


@pytest.mark.parametrize(("index", "data", "expected"), WRITE)
def test_write_converts(numbers, index, data, expected):
    numbers.write_data(index, data)
    assert numbers.read_data((1, 3), convert_output=True) == expected


INTEGERS_OUT_OF_RANGE = [
    (1, -1),
    (1, 256),
    (1, 10**30),
    (1, "300"),
    (1, "-1"),
    pytest.param(1, 1e10, marks=needs_numpy_2),
    (1, float("inf")),
    ((1, 3), [7, 300]),
    ((1, 3), [10**30, 1]),
    ((1, 3), [1.5, 300]),
    ((1, 3), [1.5, np.int64(300)]),
    changed(1, np.int64(300)),
    changed(1, np.int64(-1)),
    changed((1, 3), np.array([7, 300])),
    changed((1, 3), [np.int64(300), 7]),
    changed((1, 3), np.array([np.int64(300), 7], dtype=object)),
]

NOT_CONVERTIBLE = [
    (1, "a", ValueError),
    (1, float("nan"), ValueError),
    (1, [5, 6], ValueError),
    ((1, 3), [7, 8, 9], ValueError),
    ((1, 3), b"\x01\x02", ValueError),
    ((1, 3), [], ValueError),
    ((1, 3), [[1], [2, 3]], ValueError),
    (1, None, TypeError),
    (1, 1j, TypeError),
    (1, {}, TypeError),
    ((1, 3), None, TypeError),
    ((1, 3), {1, 2}, TypeError),
]


@pytest.mark.parametrize(("index", "data"), INTEGERS_OUT_OF_RANGE)
def test_an_integer_that_does_not_fit_is_a_value_error_and_an_overflow_error(numbers, index, data):
    with pytest.raises(IntegerRangeError, match="0 to 255") as caught:
        numbers.write_data(index, data)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, OverflowError)
    assert numbers.read_data((0,), convert_output=True) == START


@pytest.mark.parametrize(("index", "data", "error"), NOT_CONVERTIBLE)
def test_data_that_cannot_be_converted_writes_nothing(numbers, index, data, error):
    with pytest.raises(error) as caught:
        numbers.write_data(index, data)
    assert isinstance(caught.value, TypeError if error is TypeError else InvalidDataError)
    assert numbers.read_data((0,), convert_output=True) == START


LIMITS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("integer", LIMITS)
def test_integer_limits(make, integer, order):
    shared = make(np.zeros(2, dtype=np.dtype(integer).newbyteorder(order)))
    limits = np.iinfo(integer)
    for value in (int(limits.min), int(limits.max)):
        shared.write_data(0, value)
        assert shared.read_data(0, convert_output=True) == value
        shared.write_data((0, 2), [value, value])
        assert shared.read_data((0,), convert_output=True) == [value, value]
    for value in (int(limits.min) - 1, int(limits.max) + 1):
        for data in (value, [0, value]):
            with pytest.raises(IntegerRangeError):
                shared.write_data((0, 2), data)
    shared.write_data((0, 2), [int(limits.max), 0.5])
    assert shared.read_data((0,), convert_output=True) == [int(limits.max), 0], "no rounding through floats"


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, float])
@pytest.mark.parametrize("bad", [-1.0, 256.0, 1e4, math.inf, -math.inf, math.nan])
def test_floats_that_do_not_fit_into_integers_raise_and_write_nothing(numbers, kind, bad):
    """NumPy's own conversion stores 44 for 300.0."""
    expected = InvalidDataError if math.isnan(bad) else IntegerRangeError
    for index, data in ((1, kind(bad)), ((1, 3), np.array([1.5, bad], kind)), ((1, 3), [kind(1.5), kind(bad)])):
        with pytest.raises(expected):
            numbers.write_data(index, data)
        with pytest.raises(expected):
            numbers[slice(*index) if isinstance(index, tuple) else index] = data
    assert numbers.read_data((0,), convert_output=True) == START
    numbers.write_data((1, 3), np.array([-0.9, 255.9], kind if kind is not np.float16 else np.float32))
    assert numbers.read_data((1, 3), convert_output=True) == [0, 255]


@pytest.mark.parametrize("integer", [np.int64, np.uint64])
def test_floats_at_the_limits_of_the_largest_integers(make, integer):
    shared = make(np.zeros(2, dtype=integer))
    limits = np.iinfo(integer)
    with pytest.raises(IntegerRangeError):
        shared.write_data(0, np.float64(limits.max))  # rounded up to the next power of two
    below = np.nextafter(np.float64(limits.max), 0)
    shared.write_data((0,), np.array([float(limits.min), below]))
    assert shared.read_data((0,), convert_output=True) == [int(limits.min), int(below)]


@pytest.mark.parametrize(("datatype", "largest"), [(np.float16, 65504), (np.float32, 2**127), (np.float64, 2**1023)])
def test_integers_that_would_become_infinite_do_not_fit_either(make, datatype, largest):
    shared = make(np.zeros(2, dtype=datatype))
    shared.write_data(0, largest)
    assert shared.read_data(0, convert_output=True) == largest
    for data in (4 * largest, [4 * largest, 1], -4 * largest, 10**400):
        with pytest.raises(IntegerRangeError):
            shared.write_data((0,), data)
    shared.write_data(1, float("inf"))
    assert shared.read_data(1) == np.inf


def test_an_array_of_integers_that_would_become_infinite_does_not_fit(make):
    shared = make(np.zeros(2, dtype=np.float16))
    with pytest.raises(IntegerRangeError):
        shared.write_data((0,), np.array([1, 70_000]))


DATATYPES = [
    (np.array([True, False]), False, np.bool_, bool),
    (np.array([1.5, 2.5], dtype=np.float16), 2.5, np.float16, float),
    (np.array([1.5, 2.5], dtype=np.float32), 2.5, np.float32, float),
    (np.array([1.5, 2.5]), -0.0, np.float64, float),
    (np.array([1, 2], dtype=np.longdouble), 3.0, np.longdouble, np.longdouble),
    (np.array([1j, 2j]), 3 + 4j, np.complex128, complex),
    (np.array([1j, 2j], dtype=np.complex64), 2.5, np.complex64, complex),
    (np.array(["ab", "c"]), "ü", np.str_, str),
    (np.array([b"ab", b"c"]), b"z", np.bytes_, bytes),
    (np.array([1, 2], dtype=">i4"), 77, np.int32, int),
    (np.array([1, 2], dtype=">f8"), 7.5, np.float64, float),
    (np.array(["2020", "2021"], dtype="M8[s]"), np.datetime64("2022"), np.datetime64, dt.datetime),
    (np.array([1, 2], dtype="m8[us]"), np.timedelta64(5, "us"), np.timedelta64, dt.timedelta),
    (np.array([b"ab", b"cd"], dtype="V2"), np.void(b"xy"), np.void, bytes),
]


@pytest.mark.parametrize(("prototype", "new", "scalar", "python"), DATATYPES)
def test_every_datatype(make, prototype, new, scalar, python):
    shared = make(prototype)
    assert shared.datatype == prototype.dtype
    again = SharedMemoryArray.attach(shared.name)
    assert again.datatype == prototype.dtype
    assert np.array_equal(again.read_data((0, 2)), prototype)
    assert type(again.read_data(0)) is scalar
    assert type(again.read_data(0, convert_output=True)) is python
    assert [type(item) for item in again.read_data((0,), convert_output=True)] == [python, python]
    again.write_data(1, new)
    assert shared.read_data(1) == new
    shared[0] = new
    assert again[0] == new
    with pytest.raises(IndexError):
        again.read_data(2)


RECORD = np.dtype({"names": ["count", "where"], "formats": ["u1", ("f4", 2)], "offsets": [0, 8], "itemsize": 24})


def test_structured_elements(make):
    shared = make(np.zeros(3, dtype=RECORD))
    again = SharedMemoryArray.attach(shared.name)
    assert again.datatype == RECORD
    again.write_data(1, (7, (1.5, 2.5)))
    assert shared.read_data(1)["where"].tolist() == [1.5, 2.5]
    assert shared.read_data(1, convert_output=True)[0] == 7
    element = shared.read_data(1)
    element["count"] = 99
    assert shared.read_data(1)["count"] == 7, "what is read is a copy"
    again.write_data((0, 2), [(1, (0, 0)), (2, (0, 0))])
    assert shared["count"].tolist() == [1, 2, 0]
    shared["count"] = [4, 5, 6]
    assert shared.read_data((0,))["count"].tolist() == [4, 5, 6]
    shared[["count"]] = np.zeros(3, dtype=[("count", "u1")])
    assert shared["count"].tolist() == [0, 0, 0]
    with pytest.raises(IntegerRangeError):
        shared["count"] = 256


def test_more_dimensions(make):
    shared = make(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    assert (shared.shape, len(shared)) == ((2, 3, 4), 2)
    assert shared.read_data(1).tolist() == np.arange(12, 24).reshape(3, 4).tolist()
    assert shared.read_data((0, 1)).shape == (1, 3, 4)
    shared.write_data(0, 5)
    shared.write_data((1, 2), np.ones((3, 4)))
    shared[1, 2, 3] = -7
    assert shared.read_data((0,), convert_output=True) == [[[5] * 4] * 3, [[1] * 4, [1] * 4, [1, 1, 1, -7]]]
    assert type(shared[1, 2, 3]) is np.int16
    with pytest.raises(InvalidDataError, match=r"shape \(2,\).*\(3, 4\)"):
        shared.write_data(0, [1, 2])


def test_one_element_is_a_scalar_in_any_number_of_dimensions(make):
    shared = make(np.zeros((2, 1), dtype=np.int8))
    assert type(shared.read_data(0)) is np.int8
    assert type(shared.read_data((0, 1))) is np.int8
    assert shared.read_data((0,), convert_output=True) == [[0], [0]]


def test_a_fortran_ordered_prototype_keeps_its_values(make):
    prototype = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert make(prototype)[...].tolist() == prototype.tolist()


def test_what_is_read_is_a_copy(numbers):
    for index in ((0,), (1, 3)):
        part = numbers.read_data(index)
        part[:] = 99
    for key in (slice(None), slice(1, 3), Ellipsis, (), None, [0, 1], np.array(START) > 2, 2):
        part = numbers[key]
        if isinstance(part, np.ndarray):
            part[...] = 99
    assert numbers[:].tolist() == START


def test_indexing_is_that_of_numpy(numbers):
    model = np.array(START, dtype=np.uint8)
    for key in (0, -1, slice(None, None, -2), [5, 0], model > 3, Ellipsis, np.int8(3)):
        assert np.array_equal(numbers[key], model[key])
        numbers[key] = 8
        model[key] = 8
        assert np.array_equal(numbers[...], model)
    numbers[1:3] = [10, 11]
    numbers[0] += 1
    assert numbers[:3].tolist() == [9, 10, 11]
    for key in (6, [6], "field"):
        with pytest.raises(IndexError):
            numbers[key]
        with pytest.raises(IndexError):
            numbers[key] = 1
    for value in (256, np.int64(-1), [1, 300]):
        with pytest.raises(IntegerRangeError):
            numbers[0:2] = value
    with pytest.raises(ValueError, match="broadcast"):
        numbers[0:2] = [1, 2, 3]


def test_it_is_iterable_and_convertible(numbers):
    assert list(numbers) == [*numbers[:2], 3, 4, 5, 6]
    assert np.asarray(numbers).tolist() == START
    assert np.asarray(numbers, dtype=float).dtype == float
    assert (3 in numbers, 9 in numbers) == (True, False)
    with pytest.raises(ValueError, match=r"array\(\)"):
        numbers.__array__(copy=False)


def test_conversion_happens_before_the_lock_is_taken(numbers):
    class Slow:
        def __array__(self, dtype=None, copy=None):
            assert not numbers._connection.mutex.held
            return np.array([1, 2], dtype=dtype)

    numbers.write_data((0, 2), Slow())
    numbers[2:4] = Slow()
    assert numbers[:4].tolist() == [1, 2, 1, 2]


def test_a_cast_that_numpy_warns_about_warns_here_too(make):
    shared = make(np.zeros(2, dtype=np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            shared.write_data(0, np.float64(1e300))
    assert not shared._connection.mutex.held
    shared.write_data(0, 1.0)


NESTED = [("small", "u1"), ("pair", "i2", (2,)), ("inner", [("x", "i1"), ("y", "f8")])]
WIDE = [("first", "i8"), ("second", "i8", (2,)), ("third", [("p", "i8"), ("q", "f8")])]


@pytest.mark.parametrize(
    "data",
    [
        (np.int64(256), (0, 0), (0, 0)),
        (0, np.array([0, 70_000]), (0, 0)),
        (0, [0, np.int64(70_000)], (0, 0)),
        (0, 70_000, (0, 0)),
        (0, (0, 0), (np.int16(128), 0)),
        np.array((256, (0, 0), (0, 0)), dtype=WIDE),
        np.array((0, (0, 0), (128, 0)), dtype=WIDE)[()],
        [(0, (0, 0), (0, 0)), (0, np.array([0, -40_000]), (0, 0))],
        np.array([(0, np.array([0, -40_000]), (0, 0)), None], dtype=object)[:1],
        np.int64(200),
    ],
)
def test_integers_that_do_not_fit_a_field_of_a_record_raise_and_write_nothing(data, make):
    records = make(np.zeros(2, dtype=NESTED))
    with pytest.raises(IntegerRangeError):
        records.write_data((0, 2), data)
    with pytest.raises(IntegerRangeError):
        records[...] = data
    assert records[...].tobytes() == bytes(records.datatype.itemsize * 2)


def test_integers_that_fit_the_fields_of_a_record_are_written(make):
    records = make(np.zeros(2, dtype=NESTED))
    for data in (
        (np.int64(255), np.array([-1, 32_767]), (np.int64(-128), 10**9)),
        np.array((255, (-1, 32_767), (-128, 10**9)), dtype=WIDE),
    ):
        records.write_data(0, data)
        assert records.read_data(0, convert_output=True)[0] == 255
        assert records[0]["pair"].tolist() == [-1, 32_767]
        assert records[0]["inner"].tolist() == (-128, 1e9)
        records.write_data(0, (0, 0, 0))
    pairs = make(np.zeros(1, dtype=[("pairs", [("x", "u1"), ("y", "i8")], (2,))]))
    pairs.write_data(0, ([(1, 300), (2, 400)],))
    assert pairs[0]["pairs"].tolist() == [(1, 300), (2, 400)]
