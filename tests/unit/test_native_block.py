"""A block is byte for byte what ClickHouse's own driver writes; and gaps are those of each row alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.arrival_gaps import largest_gaps_ms, mean_gaps_ms
from collector.storage.native_block import native_block
from collector.storage.packed_rows import NOT_YET, pack, taken_in
from collector.storage.rows import COLUMN_TYPES, COLUMNS, StoredRow, to_columns
from schemas.flat_observation import packed
from schemas.observation import Observation, Timings
from tests.support.observations import TICK, any_observation, fullest, seen


def driven(names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[Any]]) -> bytes:
    """What the driver writes behind its INSERT."""
    context = InsertContext("t", list(names), [get_from_name(kind) for kind in types], columns, column_oriented=True)
    return b"".join(NativeTransform.build_insert(context)).partition(b"FORMAT Native\n")[2]


@given(observations=st.lists(any_observation(), min_size=1, max_size=6))
def test_a_block_of_observations_is_what_the_driver_writes(observations: list[Observation]) -> None:
    """Any of them, with figures and without, with arrivals and without."""
    rows = [StoredRow(one, 2**64 - 1, seq, TICK) for seq, one in enumerate((*observations, fullest(), seen()))]
    columns = to_columns(rows)
    plain = list(columns)
    plain[COLUMNS.index("arrivals_ms")] = [row.observation.timings.arrivals_ms for row in rows]  # type: ignore[union-attr]

    assert native_block(COLUMNS, COLUMN_TYPES, columns) == driven(COLUMNS, COLUMN_TYPES, plain)


@given(observations=st.lists(any_observation(), min_size=1, max_size=6))
def test_rows_that_are_told_later_when_they_were_taken_in_are_the_same(observations: list[Observation]) -> None:
    """Of one day or of several, with samples and without."""
    rows = [StoredRow(one, 7, seq, NOT_YET) for seq, one in enumerate((*observations, fullest()))]
    at = TICK + timedelta(milliseconds=123)

    assert taken_in(pack(rows), at) == pack([row._replace(ingested_at=at) for row in rows])
    assert pack([]) == taken_in(pack([]), at) == ((), ())


def test_words_are_numbered_in_as_many_bytes_as_it_takes() -> None:
    """One byte for 256 of them, two for more."""
    for n, size in ((1, 1), (256, 1), (257, 2), (70_000, 4)):
        words = [f"w{number}" for number in range(n)]
        block = native_block(["w"], ["LowCardinality(String)"], [[*words, words[-1]]])
        assert block.endswith(2 * (n - 1).to_bytes(size, "little"))
        assert n == 256 or block == driven(["w"], ["LowCardinality(String)"], [[*words, words[-1]]])


@given(several=st.lists(st.lists(st.floats(0, 1e9), max_size=5).map(tuple), min_size=1, max_size=8))
def test_gaps_are_those_of_each_row(several: list[tuple[float, ...]]) -> None:
    """None where there are fewer than two arrivals; none from one row to the next."""
    rows = [packed(one) for one in several]

    assert largest_gaps_ms(rows) == [Timings(arrivals_ms=one).gap_max_ms for one in several]
    assert mean_gaps_ms(rows) == [Timings(arrivals_ms=one).chunk_gap_ms for one in several]
