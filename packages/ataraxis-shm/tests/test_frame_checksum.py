"""Whichever CRC-32 is installed, the bytes are the same."""

import importlib
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ataraxis_shm import _checksum


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_the_checksum_is_that_of_zlib(data, start):
    assert _checksum.crc32(data, start) == zlib.crc32(data, start)
    assert _checksum.crc32(memoryview(data)) == zlib.crc32(data)


def test_the_faster_one_is_taken_where_it_is_installed():
    isal = pytest.importorskip("isal.isal_zlib")
    assert _checksum.crc32 is isal.crc32


def test_the_standard_library_does_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    try:
        assert importlib.reload(_checksum).crc32 is zlib.crc32
    finally:
        monkeypatch.undo()
        importlib.reload(_checksum)


def test_a_ring_needs_no_numpy():
    code = (
        "import sys, ataraxis_shm; ataraxis_shm.RingProducer; ataraxis_shm.RingConsumer; ataraxis_shm.scan_frames;"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
