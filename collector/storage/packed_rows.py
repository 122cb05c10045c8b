"""Rows as the blocks of their insert: made before their turn has come, and only told then when they were taken in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from collector.storage.native_block import native_block
from collector.storage.rows import COLUMN_TYPES, COLUMNS, INSTANT_BYTES, StoredRow, instants, to_columns

NOT_YET = datetime(1970, 1, 1, tzinfo=UTC)  # stands for when rows were taken in, until that is known


class Day(NamedTuple):
    """The rows of one UTC day of tick, as a block of COLUMNS in Native format."""

    rows: int
    block: bytes


class PackedRows(NamedTuple):
    """By day, the earliest first; and those that have samples, as they were."""

    days: tuple[Day, ...]
    sampled: tuple[StoredRow, ...]


def pack(rows: Sequence[StoredRow]) -> PackedRows:
    """*rows*, packed."""
    in_order = sorted(rows, key=lambda row: row.observation.tick)
    days = [list(day) for _, day in groupby(in_order, key=lambda row: row.observation.tick.date())]
    return PackedRows(tuple(map(_packed, days)), tuple(row for row in rows if row.observation.samples))


def _packed(day: Sequence[StoredRow]) -> Day:
    return Day(len(day), native_block(COLUMNS, COLUMN_TYPES, to_columns(day)))


def taken_in(packed: PackedRows, at: datetime) -> PackedRows:
    """The same rows, all taken in *at*: the last of their columns, as many bytes in each row."""
    (at_ms,) = instants([at])
    stamp = at_ms.to_bytes(INSTANT_BYTES, "little")
    return PackedRows(
        tuple(Day(rows, block[: -rows * INSTANT_BYTES] + rows * stamp) for rows, block in packed.days),
        tuple(row._replace(ingested_at=at) for row in packed.sampled),
    )
