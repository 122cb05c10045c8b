"""
The way in: 20,000 rows from a spool through OTLP into the store, beside the driver's own insert of the same rows.

Ours are two processes and a wire: the agent's shipper reads its spool and sends, a whole collector decodes, validates,
looks for duplicates, stores and decides; timed until the last row is acknowledged. The peer is `client.insert` of rows
that lie ready as Python lists; the limit is an insert of bytes in ClickHouse's own Native format, ready too. All run
interleaved against one store process, from batches of as many rows, which a collector that has a backlog stores four
at a time; the store's CPU is counted apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
from opentelemetry.sdk.resources import Resource

from bench.results import Figure
from bench.spread import spread
from bench.store.own_collector import own_collector
from bench.store.own_store import memory_mb
from collector.otlp_reading import Times, read_body
from collector.storage.connection import arguments
from collector.storage.migrations import migrate
from collector.storage.native_block import native_block
from collector.storage.rows import COLUMN_TYPES, COLUMNS, StoredRow, key_of, to_columns
from probes.ship import encoded
from probes.span_bytes import span_bytes
from probes.spool import Batch, Spool
from probes.spool_bounds import Bounds
from schemas.config import Store
from schemas.observation import Observation, Outcome, Reason, Timings, Tokens

ROWS = 20_000
BATCH_ROWS = 500
TARGETS = 90
CHUNKS = 30
RESOURCE = Resource({"service.name": "bench"})
PEER = "row lists"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Measured:
    """Seconds of each run, by what was run; *stages*: CPU microseconds of a row."""

    wall_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    store_cpu_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stages_us: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: int = ROWS
    collector_mb: float = 0.0  # at most


def measure(store: Store, pid: int, folder: Path, *, rows: int, rounds: int, say: Callable[[str], None]) -> Measured:
    """Each way in once a round, in turn; *pid* is the store's process."""
    migrate(store)
    measured = Measured(rows=rows)
    targets = sorted({one.target for one in _observations(0, TARGETS)})
    with (
        own_collector(store, folder, targets) as (url, collector),
        closing(clickhouse_connect.get_client(**arguments(store))) as client,
    ):
        for number in range(rounds):
            observations = _observations(number, rows)
            _ours(url, collector, observations, folder / f"spool-{number}.db", measured, pid)
            _peer(client, store, observations, measured, pid)
            _limit(client, store, observations, measured, pid)
            _stages(observations, measured)
            say(f"ingest, round {number + 1} of {rounds}: {measured.wall_s['ours'][-1]:.1f} s for {rows:,} rows")
        measured.collector_mb = memory_mb(collector, "VmHWM")
        stored = client.command(f"SELECT count() FROM {store.database}.observations WHERE vantage = 'bench'")
        assert stored == rows * rounds, f"{stored} rows are stored of {rows * rounds}"
    return measured


def figures(measured: Measured) -> dict[str, Figure]:
    """Rows a second, CPU of a row, and where ours goes."""
    found = {}
    for name, kind, runs in (
        ("ingest_rows_per_s", "rows/s", {k: [measured.rows / s for s in v] for k, v in measured.wall_s.items()}),
        ("ingest_cpu_us_per_row", "us CPU", {k: _per_row(v, measured.rows) for k, v in measured.cpu_s.items()}),
        ("ingest_store_cpu_us", "us CPU", {k: _per_row(v, measured.rows) for k, v in measured.store_cpu_s.items()}),
    ):
        ours, peer, limit = (spread(runs[way]) for way in ("ours", "peer", "limit"))
        assert ours is not None and peer is not None and limit is not None
        found[name] = Figure(ours.median, kind, peer.median, PEER, limit.median, ours.n, ours.low, ours.high)
    rows_per_s = found["ingest_rows_per_s"]
    assert rows_per_s.ours is not None and rows_per_s.limit is not None
    found["ingest_share_of_raw"] = Figure(rows_per_s.ours / rows_per_s.limit, "of Native", n=rows_per_s.n)
    found["collector_memory_mb"] = Figure(measured.collector_mb, "MB resident at most", n=1)
    for stage, runs_us in measured.stages_us.items():
        one = spread(runs_us)
        assert one is not None
        found[f"ingest_stage_{stage}_us"] = Figure(one.median, "us CPU", n=one.n, low=one.low, high=one.high)
    return found


def _per_row(runs_s: Sequence[float], rows: int) -> list[float]:
    return [seconds / rows * 1e6 for seconds in runs_s]


def _ours(
    url: str, collector: int, observations: Sequence[Observation], file: Path, measured: Measured, pid: int
) -> None:
    """From the spool to the last acknowledgement, by the shipper's process and the collector's."""
    with closing(Spool(file, Bounds(10**7))) as spool:
        for first in range(0, len(observations), BATCH_ROWS):
            spool.put([(one.target, one) for one in observations[first : first + BATCH_ROWS]])
    before, stores = _cpu_s(collector), _cpu_s(pid)
    words = [sys.executable, "-m", "bench.store.shipping", str(file), url]
    shipped = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    measured.wall_s["ours"].append(shipped["wall_s"])
    measured.cpu_s["ours"].append(shipped["cpu_s"] + _cpu_s(collector) - before)
    measured.store_cpu_s["ours"].append(_cpu_s(pid) - stores)
    measured.stages_us["agent"].append(shipped["cpu_s"] / measured.rows * 1e6)
    measured.stages_us["collector"].append((_cpu_s(collector) - before) / measured.rows * 1e6)


def _peer(client: Any, store: Store, observations: Sequence[Observation], measured: Measured, pid: int) -> None:
    table = _empty_table(client, store)
    rows = list(zip(*_columns(observations), strict=True))
    with _timed("peer", measured, pid):
        for first in range(0, len(rows), BATCH_ROWS):
            client.insert(
                table, rows[first : first + BATCH_ROWS], column_names=list(COLUMNS),
                column_type_names=list(COLUMN_TYPES), database=store.database, settings={"async_insert": 0},
            )  # fmt: skip


def _limit(client: Any, store: Store, observations: Sequence[Observation], measured: Measured, pid: int) -> None:
    """The same rows as Native bytes: nothing is left to do but to store them."""
    source = _empty_table(client, store, "bench_source")
    client.insert(
        source, _columns(observations), column_names=list(COLUMNS), column_type_names=list(COLUMN_TYPES),
        column_oriented=True, database=store.database, settings={"async_insert": 0},
    )  # fmt: skip
    names = ", ".join(COLUMNS)
    blocks = [
        client.raw_query(
            f"SELECT {names} FROM {store.database}.{source} ORDER BY seq LIMIT {BATCH_ROWS} OFFSET {first}",
            fmt="Native",
        )
        for first in range(0, len(observations), BATCH_ROWS)
    ]
    table = _empty_table(client, store)
    with _timed("limit", measured, pid):
        for block in blocks:
            client.raw_insert(
                f"{store.database}.{table}", list(COLUMNS), block, fmt="Native", settings={"async_insert": 0}
            )


def _stages(observations: Sequence[Observation], measured: Measured) -> None:
    """CPU of each piece of our way alone."""
    with _stage("span", measured):
        spans = [span_bytes(one) for one in observations]
    batch = Batch(1, tuple(enumerate(spans, 1)))
    with _stage("request", measured):
        body = encoded(batch, RESOURCE)
    with _stage("decode", measured):
        reading = read_body(body, spans_max=len(spans), times=Times.around(datetime.now(UTC)))
    with _stage("keys", measured):
        assert len({key_of(one.flat): one for one in reading.received}) == len(spans)
    with _stage("columns", measured):
        rows = to_columns([StoredRow(one.flat, 1, one.seq, datetime.now(UTC)) for one in reading.received])
    with _stage("block", measured):
        native_block(COLUMNS, COLUMN_TYPES, rows)


@contextmanager
def _stage(name: str, measured: Measured) -> Iterator[None]:
    began = time.process_time()
    yield
    measured.stages_us[name].append((time.process_time() - began) / measured.rows * 1e6)


@contextmanager
def _timed(name: str, measured: Measured, pid: int) -> Iterator[None]:
    wall, cpu, stores = time.monotonic(), time.process_time(), _cpu_s(pid)
    yield
    measured.wall_s[name].append(time.monotonic() - wall)
    measured.cpu_s[name].append(time.process_time() - cpu)
    measured.store_cpu_s[name].append(_cpu_s(pid) - stores)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _columns(observations: Sequence[Observation]) -> list[list[Any]]:
    now = datetime.now(UTC)
    columns = to_columns([StoredRow(one, 1, seq, now) for seq, one in enumerate(observations)])
    columns[COLUMNS.index("arrivals_ms")] = [one.timings.arrivals_ms for one in observations]
    return columns


def _empty_table(client: Any, store: Store, name: str = "bench_in") -> str:
    """A table like `observations`, with nothing in it."""
    client.command(f"DROP TABLE IF EXISTS {store.database}.{name} SYNC")
    client.command(f"CREATE TABLE {store.database}.{name} AS {store.database}.observations")
    return name


def _observations(number: int, rows: int) -> list[Observation]:
    """Short streams of ninety targets, a minute apart; other ones each round."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=number + 1)
    return [_observation(n, start + timedelta(minutes=n // TARGETS)) for n in range(rows)]


def _observation(number: int, tick: datetime) -> Observation:
    provider, cluster = f"provider-{number % 18}", f"provider-{number % 18}/c{number % TARGETS}"
    first_ms = 40.0 + number % 977
    failed = number % 50 == 0
    return Observation(
        target=f"{cluster}/chat", vantage="bench", kind="chat_stream", module="chat-short", tick=tick,
        provider=provider, cluster=cluster, region="eu", model="llama-3.1-70b", started_at=tick,
        finished_at=tick + timedelta(milliseconds=700), outcome=Outcome.FAILED if failed else Outcome.OK,
        reason=Reason.TTFT_TIMEOUT if failed else None, http_status=200, agent_version="0.1.0", bytes_in=4096,
        timings=Timings(
            dns_ms=0.3, connect_ms=12.5, tls_ms=24.0, sent_ms=37.25, first_byte_ms=first_ms - 2.0,
            first_token_ms=first_ms, last_token_ms=first_ms + 600.0, stream_end_ms=first_ms + 601.0,
            total_ms=first_ms + 640.0, arrivals_ms=tuple(first_ms + 20.0 * chunk for chunk in range(CHUNKS)),
        ),
        tokens=Tokens(60, 32, 32, "words", CHUNKS), finish_reason="stop", answer_digest=f"{number:016x}",
        loop_lag_ms=0.125, streams_open=3, late_ms=1.5,
    )  # fmt: skip
