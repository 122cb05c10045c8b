"""
The SQL of the rollups by cluster, which most of the dashboard reads: all targets and vantages of a cluster together.

Parameters: a, b (ms since the epoch, on borders of the bucket). Hours come from facts, days from hours, which outlive
them. Their mark bears the digest of both statements. A version that finds no mark of its own takes the rollups by
target for a start, which hold the same and outlive facts as well.
"""

from __future__ import annotations

from dataclasses import replace

from collector.storage.fact_queries import UNKNOWN
from collector.storage.first_token_sql import ANSWERED, INTENDED_MS, WAITED, bucket_sql
from collector.storage.rollup import BUCKETS, FACTS, N_OUTCOMES, OUTCOMES, Rollup, digest_of

_GRID = f"{FACTS} AND attempt = 0 AND source = 'active'"
_KEYS = ("provider", "cluster", "kind", "connection")
_KEY = ", ".join(_KEYS)


def counted_in_rollup(reasons: str) -> str:
    """How often one of *reasons*, a list in SQL, stands in the map of reasons of a rollup's row."""
    return f"arraySum((reason, count) -> if(reason IN {reasons}, count, 0), mapKeys(reasons), mapValues(reasons))"


UNKNOWN_IN_ROLLUP = counted_in_rollup(UNKNOWN)  # failed, but the reason is the caller's fault or nobody's


def _reasons(sums: str) -> str:
    return f"CAST({sums}, 'Map(String, UInt32)')"


def _histogram(sums: str) -> str:
    return f"CAST({sums}, 'Map(Int16, UInt32)')"


_SUMS = ", ".join(f"sum({name})" for name in ("n", *N_OUTCOMES))
_MERGED = f"{_reasons('sumMap(reasons)')}, {_histogram('sumMap(ttft_hist)')}, {_histogram('sumMap(intended_hist)')}"

CLUSTERS = Rollup(
    "cluster_hour",
    _KEYS,
    ("n", *N_OUTCOMES, "reasons", "ttft_hist", "intended_hist"),
    f"""
  SELECT toStartOfHour(tick) AS t, {_KEY}, count() AS n, {OUTCOMES},
         {_reasons("sumMapIf(map(toString(reason), 1::UInt32), reason != '')")},
         {_histogram(f"sumMapIf(map({bucket_sql('ifNull(first_token_ms, 0)')}, 1::UInt32), {ANSWERED})")},
         {_histogram(f"sumMapIf(map({bucket_sql(INTENDED_MS)}, 1::UInt32), {ANSWERED} OR {WAITED})")}
  FROM {_GRID} GROUP BY t, {_KEY}""",
)
CLUSTER_DAYS = replace(
    CLUSTERS,
    table="cluster_day",
    facts=f"""
  SELECT toStartOfDay(t) AS day, {_KEY}, {_SUMS}, {_MERGED}
  FROM {{database}}.cluster_hour FINAL WHERE {BUCKETS} GROUP BY day, {_KEY}""",
)
TARGETS = Rollup(
    "target_hour",
    ("provider", "cluster", "target", "kind", "module"),
    ("model", "access_path", *N_OUTCOMES, "last_tick"),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, cluster, target, kind, module, argMax(model, tick),
         argMax(access_path, tick), {OUTCOMES}, max(tick)
  FROM {_GRID} GROUP BY t, provider, cluster, target, kind, module""",
)


def _taken_over(rollup: Rollup, table: str) -> str:
    """The statement that makes *rollup* of the rows of *table*, a rollup by target with the same buckets."""
    known = f"toUInt64(sum(n_failed) - sum({UNKNOWN_IN_ROLLUP})), sum({UNKNOWN_IN_ROLLUP})"
    sums = f"sum(n), sum(n_ok), sum(n_degraded), {known}, sum(n_not_observed)"
    facts = f"""
  SELECT t, {_KEY}, {sums}, {_MERGED}
  FROM {{database}}.{table} FINAL WHERE {BUCKETS} GROUP BY t, {_KEY}"""
    return replace(rollup, facts=facts).sql


HOURS_TAKEN_OVER = _taken_over(CLUSTERS, "rollup_hour")
DAYS_TAKEN_OVER = _taken_over(CLUSTER_DAYS, "rollup_day")
MARK_NAME = f"clusters {digest_of((CLUSTERS.sql, CLUSTER_DAYS.sql))}"
