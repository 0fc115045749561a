"""LogPackage: refused where it is made, equal by value, the same after a pickle."""

import copy
import dataclasses
import pickle
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ataraxis_logger._errors import LoggerError, PackageTypeError, PackageValueError
from ataraxis_logger._package import LogPackage

payloads = hnp.arrays(np.uint8, st.integers(0, 64))
packages = st.builds(LogPackage, st.integers(0, 255), st.integers(0, 2**64 - 1), payloads)
EMPTY = np.zeros(0, dtype=np.uint8)


@given(packages)
def test_a_package_equals_its_copies_and_hashes_like_them(package: LogPackage) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        restored = pickle.loads(pickle.dumps(package, protocol))
        assert restored == package
        assert hash(restored) == hash(package)
        assert type(restored.source_id) is np.uint8
        assert type(restored.time_stamp) is np.uint64
        assert restored.serialized_data.flags.writeable
    assert copy.deepcopy(package) == package


@given(packages, packages)
def test_packages_are_equal_exactly_when_their_bytes_are(left: LogPackage, right: LogPackage) -> None:
    same = left.get_data()[0] == right.get_data()[0] and left.get_data()[1].tobytes() == right.get_data()[1].tobytes()
    assert (left == right) is same
    assert len({left, right}) == (1 if same else 2)


@given(packages)
def test_get_data_is_source_then_time_then_payload(package: LogPackage) -> None:
    name, data = package.get_data()
    assert name == f"{package.source_id:03d}_{package.time_stamp:020d}.npy"
    assert data.dtype == np.uint8
    assert data[0] == package.source_id
    assert data[1:9].view("<u8")[0] == package.time_stamp
    assert np.array_equal(data[9:], package.serialized_data)


@pytest.mark.parametrize("source", [7, np.int64(7), np.uint8(7), np.array(7), np.int16(7)])
def test_integers_of_any_type_that_fit_are_accepted(source: object) -> None:
    package = LogPackage(source, np.int32(9), EMPTY)  # type: ignore[arg-type]
    assert (package.source_id, package.time_stamp) == (7, 9)
    assert type(package.source_id) is np.uint8
    assert type(package.time_stamp) is np.uint64


@pytest.mark.parametrize(
    ("source", "stamp", "payload", "error"),
    [
        (256, 0, EMPTY, PackageValueError),
        (-1, 0, EMPTY, PackageValueError),
        (10**4000, 0, EMPTY, PackageValueError),
        (1.0, 0, EMPTY, PackageTypeError),
        ("1", 0, EMPTY, PackageTypeError),
        (None, 0, EMPTY, PackageTypeError),
        (1, -1, EMPTY, PackageValueError),
        (1, 2**64, EMPTY, PackageValueError),
        (1, 0.5, EMPTY, PackageTypeError),
        (1, np.float64(3), EMPTY, PackageTypeError),
        (1, 0, b"bytes", PackageTypeError),
        (1, 0, [1, 2], PackageTypeError),
        (1, 0, np.zeros(3, dtype=np.int8), PackageTypeError),
        (1, 0, np.zeros(3, dtype=np.uint16), PackageTypeError),
        (1, 0, np.zeros((2, 2), dtype=np.uint8), PackageValueError),
        (1, 0, np.uint8(3), PackageTypeError),
        (1, 0, np.array(3, dtype=np.uint8), PackageValueError),
        (1, 0, np.zeros(3, dtype=[(f"field{number}", "u1") for number in range(200)]), PackageTypeError),
    ],
)
def test_a_bad_package_is_refused_at_construction(source: object, stamp: object, payload: object, error: type) -> None:
    with pytest.raises(error) as caught:
        LogPackage(source, stamp, payload)  # type: ignore[arg-type]
    assert isinstance(caught.value, LoggerError)
    assert isinstance(caught.value, TypeError if error is PackageTypeError else ValueError)
    assert len(str(caught.value)) < 300


def test_a_package_is_frozen_and_has_no_other_attributes() -> None:
    package = LogPackage(1, 2, EMPTY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        package.time_stamp = np.uint64(3)  # type: ignore[misc]
    assert not hasattr(package, "__dict__")
    assert [field.name for field in dataclasses.fields(package)] == ["source_id", "time_stamp", "serialized_data"]
    assert dataclasses.replace(package, time_stamp=np.uint64(9)) == LogPackage(1, 9, EMPTY)


def test_a_package_is_unequal_to_other_things() -> None:
    assert LogPackage(1, 2, EMPTY) != (1, 2, b"")


def test_views_subclasses_and_strided_payloads_are_taken_as_they_are(tmp_path: object) -> None:
    strided = np.arange(10, dtype=np.uint8)[::2]
    mapped = np.memmap(f"{tmp_path}/payload", dtype=np.uint8, mode="w+", shape=5)
    mapped[:] = strided
    assert LogPackage(1, 2, strided) == LogPackage(1, 2, mapped)
    assert pickle.loads(pickle.dumps(LogPackage(1, 2, strided))) == LogPackage(1, 2, mapped)


def test_the_onset_holds_the_present_utc_in_microseconds() -> None:
    before = time.time_ns() // 1000
    package = LogPackage.onset(9)
    after = time.time_ns() // 1000
    assert (package.source_id, package.time_stamp) == (9, 0)
    assert before <= int(package.serialized_data.view("<i8")[0]) <= after


def test_the_representation_is_bounded() -> None:
    assert len(repr(LogPackage(255, 2**64 - 1, np.zeros(10**6, dtype=np.uint8)))) < 200
    assert repr(LogPackage(1, 2, EMPTY)) == "LogPackage(source_id=1, time_stamp=2, serialized_data=0 bytes)"
