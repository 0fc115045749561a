"""One entry as an .npy file: NumPy reads ours, we read NumPy's, and nothing torn passes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ataraxis_logger._formats.npy import HEADER_SIZE, NpyLayout, entry_span, npy_header, parse_npy


@given(st.binary(max_size=300))
def test_numpy_reads_what_we_write(entry: bytes) -> None:
    assert np.load(io.BytesIO(npy_header(len(entry)) + entry)).tobytes() == entry


@given(st.binary(max_size=300), st.sampled_from([(1, 0), (2, 0), (3, 0)]))
def test_we_read_what_numpy_writes(entry: bytes, version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.frombuffer(entry, dtype=np.uint8), version=version)
    data = file.getvalue()
    span = entry_span(data)
    assert data[span.offset : span.offset + span.size] == entry


@pytest.mark.parametrize("size", [0, 1, 10**6, 2**40, 2**63 - 1])
def test_the_header_has_one_size_for_entries_of_any_length(size: int) -> None:
    assert len(npy_header(size)) == HEADER_SIZE
    assert parse_npy(npy_header(size)) == NpyLayout(HEADER_SIZE, size)


def test_a_file_cut_at_any_byte_is_refused() -> None:
    whole = npy_header(20) + bytes(range(20))
    for length in range(len(whole)):
        with pytest.raises(ValueError):
            entry_span(whole[:length])
    with pytest.raises(ValueError, match="21 bytes of data where its header promises 20"):
        entry_span(whole + b"\0")


@given(st.integers(0, 8 * HEADER_SIZE - 1))
def test_a_flipped_bit_in_the_header_is_refused_or_harmless(bit: int) -> None:
    damaged = bytearray(npy_header(20) + bytes(range(20)))
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        span = entry_span(bytes(damaged))
    except ValueError:
        return
    assert span == NpyLayout(HEADER_SIZE, 20)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3, dtype=np.int8), np.zeros((2, 2), dtype=np.uint8), np.uint8(3), np.zeros(2, dtype="u1,u1")],
    ids=["int8", "two dimensions", "scalar", "structured"],
)
def test_arrays_of_another_kind_are_refused(array: np.ndarray) -> None:
    file = io.BytesIO()
    np.save(file, array)
    with pytest.raises(ValueError, match="not one-dimensional uint8"):
        entry_span(file.getvalue())


@pytest.mark.parametrize(
    "description",
    [b"[1, 2]", b"{'descr': '|u1'}", b"((((", b"x" * 20, b"{'descr':'|u1','fortran_order':False,'shape':(-1,)}"],
)
def test_a_header_that_numpy_would_not_write_is_refused(description: bytes) -> None:
    with pytest.raises(ValueError):
        parse_npy(b"\x93NUMPY\x01\x00" + len(description).to_bytes(2, "little") + description)


def test_an_unknown_format_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        parse_npy(b"\x93NUMPY\x09\x00" + bytes(20))


def test_a_header_too_long_for_pythons_parser_is_refused() -> None:
    description = b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + b"-" * 1_000_000 + b"1,)}"
    data = b"\x93NUMPY\x02\x00" + len(description).to_bytes(4, "little") + description + b"x"
    with pytest.raises(ValueError, match="is too long for an array of bytes"):
        parse_npy(data)
