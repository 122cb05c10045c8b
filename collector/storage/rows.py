"""How an observation stands in the table `observations`, and back; one place for the columns and their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from schemas.observation import Observation

TABLE = "observations"
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
Key = tuple[str, str, str, datetime, int, str]  # target, vantage, kind, tick, attempt, span


@dataclass(frozen=True, slots=True)
class StoredRow:
    """An observation with its batch and the instant at which the collector took it in (ms resolution)."""

    observation: Observation
    batch_id: int
    seq: int
    ingested_at: datetime


def key_of(observation: Observation) -> Key:
    """The natural key; tick at the store's resolution of 1 ms."""
    o = observation
    return o.target, o.vantage, o.kind, to_ms(o.tick), o.attempt, o.span


def to_ms(stamp: datetime) -> datetime:
    """*stamp* cut to whole milliseconds, as DateTime64(3) holds it."""
    return stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)


_NAMES_AND_TYPES: tuple[tuple[str, str, Callable[[Observation], Any]], ...] = (
    ("tick", "DateTime64(3, 'UTC')", lambda o: _whole_ms(o.tick)),
    ("provider", "LowCardinality(String)", attrgetter("provider")),
    ("cluster", "LowCardinality(String)", attrgetter("cluster")),
    ("target", "LowCardinality(String)", attrgetter("target")),
    ("region", "LowCardinality(String)", attrgetter("region")),
    ("model", "LowCardinality(String)", attrgetter("model")),
    ("vantage", "LowCardinality(String)", attrgetter("vantage")),
    ("kind", "LowCardinality(String)", attrgetter("kind")),
    ("module", "LowCardinality(String)", attrgetter("module")),
    ("attempt", "UInt8", attrgetter("attempt")),
    ("access_path", "LowCardinality(String)", attrgetter("access_path")),
    ("started_at", "DateTime64(3, 'UTC')", lambda o: _whole_ms(o.started_at)),
    ("finished_at", "DateTime64(3, 'UTC')", lambda o: _whole_ms(o.finished_at)),
    ("outcome", "LowCardinality(String)", attrgetter("outcome.value")),
    ("reason", "LowCardinality(String)", lambda o: o.reason.value if o.reason else ""),
    ("detail", "String", attrgetter("detail")),
    ("http_status", "UInt16", lambda o: o.http_status or 0),
    ("connection", "LowCardinality(String)", attrgetter("instrument.connection.value")),
    ("dns_ms", "Nullable(Float32)", attrgetter("timings.dns_ms")),
    ("connect_ms", "Nullable(Float32)", attrgetter("timings.connect_ms")),
    ("tls_ms", "Nullable(Float32)", attrgetter("timings.tls_ms")),
    ("sent_ms", "Nullable(Float32)", attrgetter("timings.sent_ms")),
    ("first_byte_ms", "Nullable(Float32)", attrgetter("timings.first_byte_ms")),
    ("first_token_ms", "Nullable(Float32)", attrgetter("timings.first_token_ms")),
    ("last_token_ms", "Nullable(Float32)", attrgetter("timings.last_token_ms")),
    ("total_ms", "Nullable(Float32)", attrgetter("timings.total_ms")),
    ("gap_max_ms", "Nullable(Float32)", attrgetter("timings.gap_max_ms")),
    ("arrivals_ms", "Array(Float32)", lambda o: list(o.timings.arrivals_ms)),
    ("billed_in", "Nullable(UInt32)", attrgetter("tokens.billed_in")),
    ("billed_out", "Nullable(UInt32)", attrgetter("tokens.billed_out")),
    ("counted_out", "Nullable(UInt32)", attrgetter("tokens.counted_out")),
    ("counted_by", "LowCardinality(String)", attrgetter("tokens.counted_by")),
    ("chunks", "UInt32", attrgetter("tokens.chunks")),
    ("bytes_in", "UInt32", lambda o: min(o.bytes_in, 2**32 - 1)),
    ("finish_reason", "LowCardinality(String)", attrgetter("finish_reason")),
    ("answer_digest", "String", attrgetter("answer_digest")),
    ("server_request_id", "String", attrgetter("server_request_id")),
    ("stamp", "LowCardinality(String)", attrgetter("instrument.stamp.value")),
    ("loop_lag_ms", "Float32", attrgetter("loop_lag_ms")),
    ("streams_open", "UInt16", lambda o: min(o.streams_open, 65535)),
    ("source", "LowCardinality(String)", attrgetter("source.value")),
    ("simulated", "Bool", attrgetter("simulated")),
    ("agent_version", "LowCardinality(String)", attrgetter("agent_version")),
    ("reasoning_ms", "Nullable(Float32)", attrgetter("timings.reasoning_ms")),
    ("stream_end_ms", "Nullable(Float32)", attrgetter("timings.stream_end_ms")),
    ("chunk_gap_ms", "Nullable(Float32)", attrgetter("timings.chunk_gap_ms")),
    ("token_gap_ms", "Nullable(Float32)", attrgetter("token_gap_ms")),
    ("reads", "UInt32", attrgetter("instrument.reads")),
    ("merged_reads", "UInt32", attrgetter("instrument.merged_reads")),
    ("clock_step_ms", "Float32", attrgetter("instrument.clock_step_ms")),
    ("late_ms", "Float32", attrgetter("late_ms")),
    ("distrust", "LowCardinality(String)", lambda o: o.distrust.value if o.distrust else ""),
    ("figures", "Map(LowCardinality(String), Float64)", lambda o: dict(o.figures)),
    ("span", "String", attrgetter("span")),
    ("account", "LowCardinality(String)", attrgetter("account")),
)

COLUMNS = (*(name for name, _, _ in _NAMES_AND_TYPES), "batch_id", "seq", "ingested_at")
COLUMN_TYPES = (*(kind for _, kind, _ in _NAMES_AND_TYPES), "UInt64", "UInt32", "DateTime64(3, 'UTC')")


def to_columns(rows: Sequence[StoredRow]) -> list[list[Any]]:
    """The values of *rows*, one list for each of COLUMNS."""
    observations = [row.observation for row in rows]
    columns = [list(map(read, observations)) for _, _, read in _NAMES_AND_TYPES]
    return [
        *columns,
        [row.batch_id for row in rows],
        [row.seq % 2**32 for row in rows],
        [_whole_ms(row.ingested_at) for row in rows],
    ]


def _whole_ms(stamp: datetime) -> int:
    """As DateTime64(3) holds it; the driver writes whole numbers far faster than datetimes."""
    return (stamp - _EPOCH) // _MS
