"""The index: rows sorted in memory or in runs on disk, the same either way."""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ataraxis_logger._archive import ordering
from ataraxis_logger._archive.ordering import RowSorter, empty_rows
from ataraxis_logger._archive.stems import make_stems, parse_stems, rank_among_equals
from ataraxis_logger._entry import parse_stem, stem_of

KEYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 2)), max_size=60)


def rows_of(keys: list[tuple[int, int, int]]) -> np.ndarray:
    rows = empty_rows(len(keys))
    for number, (source, time, group) in enumerate(keys):
        rows[number] = (source, time, group, number, 0, number, 1)
    return rows


@settings(deadline=None)
@given(KEYS, st.integers(1, 20), st.integers(1, 9), st.booleans())
def test_rows_come_back_sorted_whatever_the_runs(keys: list, run: int, block: int, named: bool) -> None:
    wanted = sorted((source, time, group, number) for number, (source, time, group) in enumerate(keys))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "_MERGE_BUDGET", 7)
        sorter = RowSorter(Path(folder), run=run, named=named)
        rows = rows_of(keys)
        for start in range(0, len(rows), block):
            sorter.add(rows[start : start + block])
        table = sorter.finish()
        found = []
        for source in table.sources:
            part = table.read(source, 0, table.count(source))
            found += [tuple(int(row[field]) for field in ("source", "time", "group", "order")) for row in part]
            alone = table.only(source)
            assert alone.sources == (source,)
            assert np.array_equal(alone.read(source, 0, alone.count(source)), part)
            for time in range(8):
                assert table.find(source, time) == int(np.count_nonzero(part["time"] < time))
                assert table.find(source, time, after=True) == int(np.count_nonzero(part["time"] <= time))
            if named or len(keys) < run:
                again = pickle.loads(pickle.dumps(alone))
                assert np.array_equal(again.read(source, 0, again.count(source)), part)
                again.close()
            if named:
                alone.close()
        assert found == wanted
        table.close()


def test_an_index_without_a_name_does_not_travel(tmp_path: Path) -> None:
    sorter = RowSorter(tmp_path, run=1)
    sorter.add(rows_of([(1, 2, 0), (1, 1, 0)]))
    table = sorter.finish()
    with pytest.raises(TypeError, match="cannot be sent"):
        pickle.dumps(table)
    table.close()


@given(st.integers(0, 255), st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 3))))
def test_many_names_are_made_like_one(source: int, parts: list[tuple[int, int]]) -> None:
    times = np.array([time for time, _ in parts], dtype=np.uint64)
    ranks = np.array([rank for _, rank in parts], dtype=np.int64)
    names = make_stems(source, times, ranks)
    assert [name.decode() for name in names] == [stem_of(source, *part) for part in parts]


@given(
    st.lists(st.integers(0, 255).map(lambda n: f"{n:03d}") | st.text("0123456789_/:a", min_size=3, max_size=3)),
    st.data(),
)
def test_many_names_are_parsed_like_one(sources: list[str], data: st.DataObject) -> None:
    times = st.integers(0, 2**64 - 1).map(lambda n: f"{n:020d}") | st.text("0123456789/:", min_size=20, max_size=20)
    names = [f"{source}{data.draw(st.sampled_from('__-'))}{data.draw(times)}" for source in sources]
    matrix = np.frombuffer("".join(names).encode(), dtype=np.uint8).reshape(len(names), 24)
    found_sources, found_times, good = parse_stems(matrix)
    for number, name in enumerate(names):
        stem = parse_stem(name)
        assert good[number] == (stem is not None)
        if stem is not None:
            assert (found_sources[number], found_times[number]) == (stem.source, stem.time)


@given(st.lists(st.integers(0, 5)), st.integers(0, 3))
def test_ranks_count_equals(times: list[int], before: int) -> None:
    times = sorted(times)
    wanted = [times[:number].count(time) + (before if time == times[0] else 0) for number, time in enumerate(times)]
    assert rank_among_equals(np.array(times, dtype=np.uint64), before).tolist() == wanted
