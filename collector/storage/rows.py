"""How an observation stands in the table `observations`, and back; one place for the columns and their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from collector.storage.arrival_gaps import largest_gaps_ms, mean_gaps_ms
from schemas.flat_observation import DOUBLE_BYTES, AnyObservation, FlatObservation, flat
from schemas.observation import token_gap_ms, tokens_out

TABLE = "observations"
INSTANT_BYTES = 8
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
Key = tuple[str, str, str, datetime, int, str]  # target, vantage, kind, tick, attempt, span


class StoredRow(NamedTuple):
    """An observation with its batch and the instant at which the collector took it in (ms resolution)."""

    observation: AnyObservation
    batch_id: int
    seq: int
    ingested_at: datetime


def key_of(observation: AnyObservation) -> Key:
    """The natural key; tick at the store's resolution of 1 ms."""
    o = observation
    return o.target, o.vantage, o.kind, to_ms(o.tick), o.attempt, o.span


def to_ms(stamp: datetime) -> datetime:
    """*stamp* cut to whole milliseconds, as DateTime64(3) holds it."""
    over = stamp.microsecond % 1000
    return stamp - timedelta(microseconds=over) if over else stamp


def instants(stamps: Sequence[datetime]) -> list[int]:
    """As DateTime64(3) holds them, in INSTANT_BYTES each."""
    return [(stamp - _EPOCH) // _MS for stamp in stamps]


def _words(words: Sequence[StrEnum | None]) -> list[str]:
    return [word.value if word else "" for word in words]


def _or_zero(numbers: Sequence[int | None]) -> list[int]:
    return [number or 0 for number in numbers]


def _at_most(most: int) -> Callable[[Sequence[int]], list[int]]:
    return lambda numbers: [min(number, most) for number in numbers]


def _token_gaps(
    billed: Sequence[int | None], counted: Sequence[int | None], by: Sequence[str], *moments: Sequence[Any]
) -> list[float | None]:
    *stamps, arrivals = moments
    numbers = [len(one) // DOUBLE_BYTES for one in arrivals]
    return list(map(token_gap_ms, map(tokens_out, billed, counted, by), *stamps, numbers))


_GAP_FIELDS = (
    "billed_out", "counted_out", "counted_by", "reasoning_ms", "first_token_ms", "last_token_ms", "arrivals_ms",
)  # fmt: skip

# Of each column its name and type; what is made of the field of that name, and of which other fields it is made.
_MADE: tuple[tuple[str, str, Callable[..., Sequence[Any]] | None, tuple[str, ...]], ...] = (
    ("tick", "DateTime64(3, 'UTC')", instants, ()),
    ("provider", "LowCardinality(String)", None, ()),
    ("cluster", "LowCardinality(String)", None, ()),
    ("target", "LowCardinality(String)", None, ()),
    ("region", "LowCardinality(String)", None, ()),
    ("model", "LowCardinality(String)", None, ()),
    ("vantage", "LowCardinality(String)", None, ()),
    ("kind", "LowCardinality(String)", None, ()),
    ("module", "LowCardinality(String)", None, ()),
    ("attempt", "UInt8", None, ()),
    ("access_path", "LowCardinality(String)", None, ()),
    ("started_at", "DateTime64(3, 'UTC')", instants, ()),
    ("finished_at", "DateTime64(3, 'UTC')", instants, ()),
    ("outcome", "LowCardinality(String)", _words, ()),
    ("reason", "LowCardinality(String)", _words, ()),
    ("detail", "String", None, ()),
    ("http_status", "UInt16", _or_zero, ()),
    ("connection", "LowCardinality(String)", _words, ()),
    ("dns_ms", "Nullable(Float32)", None, ()),
    ("connect_ms", "Nullable(Float32)", None, ()),
    ("tls_ms", "Nullable(Float32)", None, ()),
    ("sent_ms", "Nullable(Float32)", None, ()),
    ("first_byte_ms", "Nullable(Float32)", None, ()),
    ("first_token_ms", "Nullable(Float32)", None, ()),
    ("last_token_ms", "Nullable(Float32)", None, ()),
    ("total_ms", "Nullable(Float32)", None, ()),
    ("gap_max_ms", "Nullable(Float32)", largest_gaps_ms, ("arrivals_ms",)),
    ("arrivals_ms", "Array(Float32)", None, ()),
    ("billed_in", "Nullable(UInt32)", None, ()),
    ("billed_out", "Nullable(UInt32)", None, ()),
    ("counted_out", "Nullable(UInt32)", None, ()),
    ("counted_by", "LowCardinality(String)", None, ()),
    ("chunks", "UInt32", None, ()),
    ("bytes_in", "UInt32", _at_most(2**32 - 1), ()),
    ("finish_reason", "LowCardinality(String)", None, ()),
    ("answer_digest", "String", None, ()),
    ("server_request_id", "String", None, ()),
    ("stamp", "LowCardinality(String)", _words, ()),
    ("loop_lag_ms", "Float32", None, ()),
    ("streams_open", "UInt16", _at_most(65535), ()),
    ("source", "LowCardinality(String)", _words, ()),
    ("simulated", "Bool", None, ()),
    ("agent_version", "LowCardinality(String)", None, ()),
    ("reasoning_ms", "Nullable(Float32)", None, ()),
    ("stream_end_ms", "Nullable(Float32)", None, ()),
    ("chunk_gap_ms", "Nullable(Float32)", mean_gaps_ms, ("arrivals_ms",)),
    ("token_gap_ms", "Nullable(Float32)", _token_gaps, _GAP_FIELDS),
    ("reads", "UInt32", None, ()),
    ("merged_reads", "UInt32", None, ()),
    ("clock_step_ms", "Float32", None, ()),
    ("late_ms", "Float32", None, ()),
    ("distrust", "LowCardinality(String)", _words, ()),
    ("figures", "Map(LowCardinality(String), Float64)", None, ()),
    ("span", "String", None, ()),
    ("account", "LowCardinality(String)", None, ()),
)

COLUMNS = (*(name for name, *_ in _MADE), "batch_id", "seq", "ingested_at")
COLUMN_TYPES = (*(kind for _, kind, *_ in _MADE), "UInt64", "UInt32", "DateTime64(3, 'UTC')")


def to_columns(rows: Sequence[StoredRow]) -> list[Sequence[Any]]:
    """The values of *rows*, one sequence for each of COLUMNS; arrivals packed, instants in ms."""
    observations, batches, numbers, ingested = zip(*rows, strict=True)
    fields = dict(zip(FlatObservation._fields, zip(*map(flat, observations), strict=True), strict=True))
    columns = list[Sequence[Any]]()
    for name, _, make, others in _MADE:
        columns.append(make(*[fields[other] for other in others or (name,)]) if make else fields[name])
    return [*columns, batches, [number % 2**32 for number in numbers], instants(ingested)]
