"""
The SQL of every provider over a window, side by side: whole days from rollups, the rest from hours and from facts.

Parameters: a, d, h, b (ms; see cover.py). Quantiles are of log buckets, so within 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.judgement.facts import quantile_ms
from collector.storage.cover import union_of
from collector.storage.first_token_sql import ANSWERED, SERVES, bucket_sql
from collector.storage.rollup import OUTCOMES, ROLLED_OUTCOMES, between

# A prompt of 10,000 tokens is meant to take its time.
_SHORT = "kind != 'long_prompt'"


def quantile_sql(histogram: str, share: float) -> str:
    """The *share* quantile, in ms, of the map *histogram* of log buckets; as `facts.quantile_ms`, NaN when empty."""
    keys, values = (
        f"arraySort(mapKeys({histogram}))",
        f"arraySort((v, k) -> k, mapValues({histogram}), mapKeys({histogram}))",
    )
    found = f"arrayFirst((k, c) -> c >= {share} * arraySum(mapValues({histogram})), {keys}, arrayCumSum({values}))"
    return f"if(empty({histogram}), nan, pow(1.02, {found} - 0.5))"


_ROLLED = f"""provider, sum(n) AS asked, {ROLLED_OUTCOMES}, sumMapIf(ttft_hist, {_SHORT}) AS hist"""

_PARTS = {
    ("a", "d"): f"""
  SELECT {_ROLLED} FROM {{database}}.cluster_day FINAL
  WHERE {between("a", "d")}
    AND {SERVES} GROUP BY provider""",
    ("d", "h"): f"""
  SELECT {_ROLLED} FROM {{database}}.cluster_hour FINAL
  WHERE {between("d", "h")}
    AND {SERVES} GROUP BY provider""",
    ("h", "b"): f"""
  SELECT provider, count() AS asked, {OUTCOMES},
         sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED} AND {_SHORT}) AS hist
  FROM {{database}}.observations
  WHERE tick >= fromUnixTimestamp64Milli({{h:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
    AND attempt = 0 AND source = 'active' AND {SERVES} GROUP BY provider""",
}


def scorecards(borders: Mapping[str, int]) -> str:
    """The query of every provider between *borders*."""
    return f"""
SELECT provider, sum(asked), sum(ok), sum(degraded), sum(failed), sum(unknown), sum(unseen), sumMap(hist)
FROM
({union_of(_PARTS, borders)}
)
GROUP BY provider ORDER BY provider"""


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """
    One provider over a window: counts of ticks by outcome, and the time to first token of *answers* answers.

    failed: the provider's fault. unknown: failed, but the caller's fault or nobody's. Percentiles are None without one.
    """

    provider: str
    n: int
    ok: int
    degraded: int
    failed: int
    unknown: int
    not_observed: int
    answers: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @property
    def availability(self) -> tuple[float | None, float | None]:
        """The share that was good: all that is unknown counted bad, and counted good; None, None without a tick."""
        good, unknown = self.ok + self.degraded, self.unknown + self.not_observed
        return (good / self.n, (good + unknown) / self.n) if self.n else (None, None)


def line_of(row: Sequence[Any]) -> ProviderLine:
    """One row of `scorecards`."""
    histogram = row[-1]
    quantiles = (quantile_ms(histogram, share) for share in (0.5, 0.95, 0.99))
    return ProviderLine(*[*row[:-1], sum(histogram.values()), *quantiles])
