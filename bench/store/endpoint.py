"""
What the embedded store's HTTP endpoint costs a query, beside the engine in process: the same client, the same rows.

`python -m bench.store.endpoint`; `endpoint_figures` is for the whole of `make bench-store`. The two take turns, query
by query: a store process with a folder of its own, and clickhouse-connect's `chdb://` in this process with another.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import clickhouse_connect
from rich.console import Console

from bench.results import Figure, figure, figures_table
from bench.spread import spread
from bench.store.own_store import own_store
from collector.storage.connection import arguments

PEER = "in process"
ROWS = 200_000
ROUNDS, QUICK_ROUNDS, WARM_UP = 200, 40, 5
Work = Callable[[Any], object]

_TABLE = """
CREATE TABLE facts (at DateTime('UTC'), provider LowCardinality(String), cluster LowCardinality(String), ms Float64)
ENGINE = MergeTree ORDER BY (provider, at)"""
_FILL = f"""
INSERT INTO facts SELECT toDateTime('2026-01-01 00:00:00', 'UTC') + number, concat('p', toString(number % 18)),
concat('c', toString(number % 90)), number % 977 FROM numbers({ROWS})"""
_BATCH = [[f"2026-11-24 12:00:{n % 60:02}", "p1", "c1", float(n)] for n in range(1000)]
QUERIES: Mapping[str, Work] = {
    "select_1": lambda client: client.query("SELECT 1").result_rows,
    "group_by": lambda client: client.query(
        "SELECT provider, count(), quantilesExact(0.5, 0.95, 0.99)(ms) FROM facts GROUP BY provider"
    ).result_rows,
    "series": lambda client: client.query(
        "SELECT toStartOfInterval(at, INTERVAL 90 SECOND) AS t, count(), avg(ms), max(ms) FROM facts GROUP BY t"
        " ORDER BY t LIMIT 2160"
    ).result_rows,
    "arrow": lambda client: client.query_arrow("SELECT * FROM facts LIMIT 100000"),
    "insert": lambda client: client.insert(
        "scratch", _BATCH, column_names=["at", "provider", "cluster", "ms"],
        column_type_names=["String"] * 3 + ["Float64"], settings={"async_insert": 0},
    ),
}  # fmt: skip


def endpoint_figures(*, rounds: int = ROUNDS) -> dict[str, Figure]:
    """Milliseconds of each query over HTTP (ours) and in process (the peer), and the difference of each pair."""
    with (
        TemporaryDirectory(prefix="touchstone-bench-") as folder,
        own_store(Path(folder) / "http") as (store, _),
        clickhouse_connect.get_client(**arguments(store)) as ours,
        clickhouse_connect.get_client(dsn=f"chdb://{Path(folder) / 'peer'}") as peer,
    ):
        return _figures(_measured(ours, peer, rounds))


def _measured(ours: Any, peer: Any, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Pairs of milliseconds for each query, ours and the peer's, one after the other."""
    for client in (ours, peer):
        client.command("CREATE DATABASE IF NOT EXISTS bench")
        client.database = "bench"
        client.command(_TABLE)
        client.command(_FILL)
        client.command("CREATE TABLE scratch (at String, provider String, cluster String, ms Float64) ENGINE = Null")
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in range(-WARM_UP, rounds):
        for name, work in QUERIES.items():
            first, second = (ours, peer) if turn % 2 else (peer, ours)
            took = {id(client): _took_ms(work, client) for client in (first, second)}
            if turn >= 0:
                pairs[name].append((took[id(ours)], took[id(peer)]))
    return pairs


def _figures(pairs: Mapping[str, list[tuple[float, float]]]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for name, both in pairs.items():
        in_process = spread([theirs for _, theirs in both])
        assert in_process is not None
        figures[f"endpoint_{name}_ms"] = figure(spread([mine for mine, _ in both]), "ms", peers={PEER: in_process})
        overhead = spread([mine - theirs for mine, theirs in both])
        figures[f"endpoint_{name}_overhead_ms"] = figure(overhead, "ms more than in process", peers={})
    return figures


def _took_ms(work: Work, client: Any) -> float:
    begin = time.perf_counter()
    work(client)
    return (time.perf_counter() - begin) * 1000


def main() -> int:
    """The figures as a table."""
    figures = endpoint_figures(rounds=QUICK_ROUNDS if "--quick" in sys.argv[1:] else ROUNDS)
    Console().print(figures_table("bench-store: the endpoint of the embedded store", figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
