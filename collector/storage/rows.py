"""How an observation stands in the table `observations`, and back; one place for the columns and their types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.observation import Observation

TABLE = "observations"
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
    ("tick", "DateTime64(3, 'UTC')", lambda o: to_ms(o.tick)),
    ("provider", "LowCardinality(String)", lambda o: o.provider),
    ("cluster", "LowCardinality(String)", lambda o: o.cluster),
    ("target", "LowCardinality(String)", lambda o: o.target),
    ("region", "LowCardinality(String)", lambda o: o.region),
    ("model", "LowCardinality(String)", lambda o: o.model),
    ("vantage", "LowCardinality(String)", lambda o: o.vantage),
    ("kind", "LowCardinality(String)", lambda o: o.kind),
    ("module", "LowCardinality(String)", lambda o: o.module),
    ("attempt", "UInt8", lambda o: o.attempt),
    ("access_path", "LowCardinality(String)", lambda o: o.access_path),
    ("started_at", "DateTime64(3, 'UTC')", lambda o: to_ms(o.started_at)),
    ("finished_at", "DateTime64(3, 'UTC')", lambda o: to_ms(o.finished_at)),
    ("outcome", "LowCardinality(String)", lambda o: o.outcome.value),
    ("reason", "LowCardinality(String)", lambda o: o.reason.value if o.reason else ""),
    ("detail", "String", lambda o: o.detail),
    ("http_status", "UInt16", lambda o: o.http_status or 0),
    ("connection", "LowCardinality(String)", lambda o: o.instrument.connection.value),
    ("dns_ms", "Nullable(Float32)", lambda o: o.timings.dns_ms),
    ("connect_ms", "Nullable(Float32)", lambda o: o.timings.connect_ms),
    ("tls_ms", "Nullable(Float32)", lambda o: o.timings.tls_ms),
    ("sent_ms", "Nullable(Float32)", lambda o: o.timings.sent_ms),
    ("first_byte_ms", "Nullable(Float32)", lambda o: o.timings.first_byte_ms),
    ("first_token_ms", "Nullable(Float32)", lambda o: o.timings.first_token_ms),
    ("last_token_ms", "Nullable(Float32)", lambda o: o.timings.last_token_ms),
    ("total_ms", "Nullable(Float32)", lambda o: o.timings.total_ms),
    ("gap_max_ms", "Nullable(Float32)", lambda o: o.timings.gap_max_ms),
    ("arrivals_ms", "Array(Float32)", lambda o: list(o.timings.arrivals_ms)),
    ("billed_in", "Nullable(UInt32)", lambda o: o.tokens.billed_in),
    ("billed_out", "Nullable(UInt32)", lambda o: o.tokens.billed_out),
    ("counted_out", "Nullable(UInt32)", lambda o: o.tokens.counted_out),
    ("counted_by", "LowCardinality(String)", lambda o: o.tokens.counted_by),
    ("chunks", "UInt32", lambda o: o.tokens.chunks),
    ("bytes_in", "UInt32", lambda o: min(o.bytes_in, 2**32 - 1)),
    ("finish_reason", "LowCardinality(String)", lambda o: o.finish_reason),
    ("answer_digest", "String", lambda o: o.answer_digest),
    ("server_request_id", "String", lambda o: o.server_request_id),
    ("stamp", "LowCardinality(String)", lambda o: o.instrument.stamp.value),
    ("loop_lag_ms", "Float32", lambda o: o.loop_lag_ms),
    ("streams_open", "UInt16", lambda o: min(o.streams_open, 65535)),
    ("source", "LowCardinality(String)", lambda o: o.source.value),
    ("simulated", "Bool", lambda o: o.simulated),
    ("agent_version", "LowCardinality(String)", lambda o: o.agent_version),
    ("reasoning_ms", "Nullable(Float32)", lambda o: o.timings.reasoning_ms),
    ("stream_end_ms", "Nullable(Float32)", lambda o: o.timings.stream_end_ms),
    ("chunk_gap_ms", "Nullable(Float32)", lambda o: o.timings.chunk_gap_ms),
    ("token_gap_ms", "Nullable(Float32)", lambda o: o.token_gap_ms),
    ("reads", "UInt32", lambda o: o.instrument.reads),
    ("merged_reads", "UInt32", lambda o: o.instrument.merged_reads),
    ("clock_step_ms", "Float32", lambda o: o.instrument.clock_step_ms),
    ("late_ms", "Float32", lambda o: o.late_ms),
    ("distrust", "LowCardinality(String)", lambda o: o.distrust.value if o.distrust else ""),
    ("figures", "Map(LowCardinality(String), Float64)", lambda o: dict(o.figures)),
    ("span", "String", lambda o: o.span),
)

COLUMNS = (*(name for name, _, _ in _NAMES_AND_TYPES), "batch_id", "seq", "ingested_at")
COLUMN_TYPES = (*(kind for _, kind, _ in _NAMES_AND_TYPES), "UInt64", "UInt32", "DateTime64(3, 'UTC')")


def to_row(row: StoredRow) -> list[Any]:
    """The values of *row* in the order of COLUMNS."""
    values = [read(row.observation) for _, _, read in _NAMES_AND_TYPES]
    return [*values, row.batch_id, row.seq % 2**32, to_ms(row.ingested_at)]
