"""
The SQL of what models at providers were worth: counts and tokens by target and block of time, times by model.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve. Parameters: a, at (ms since the
epoch), block (s).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from collector.judgement.facts import Block
from collector.judgement.value.facts import ModelFacts, TargetBlock
from collector.storage.fact_queries import UNKNOWN, known_before
from collector.storage.first_token_sql import ANSWERED, SERVES, TRUSTED, bucket_sql

_ROWS = f"""{{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active' AND {SERVES} AND model != ''"""

# Counted by us where that is exact: who bills more than it answers sells fewer tokens for the money.
_TOKENS = "ifNull(if(counted_by IN ('', 'chunks'), billed_out, ifNull(counted_out, billed_out)), 0)"

BLOCKS = f"""
SELECT provider, model, target, cluster, intDiv(toUnixTimestamp(tick), {{block:UInt32}}) * {{block:UInt32}} AS start,
       countIf(outcome = 'ok'), countIf(outcome = 'degraded'),
       countIf(outcome = 'failed' AND reason NOT IN {UNKNOWN}), countIf(outcome = 'failed' AND reason IN {UNKNOWN}),
       countIf(outcome = 'not_observed'),
       sum(ifNull(billed_in, 0)), sum(ifNull(billed_out, 0)), sumIf({_TOKENS}, outcome = 'ok')
FROM {_ROWS}
GROUP BY provider, model, target, cluster, start ORDER BY provider, model, target, start"""

# A prompt of 10,000 tokens is meant to take its time.
_PACED = f"{TRUSTED} AND outcome IN ('ok', 'degraded') AND ifNull(token_gap_ms, 0) > 0"
TIMES = f"""
SELECT provider, model, sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED}),
       sumMapIf(map({bucket_sql("ifNull(token_gap_ms, 0)")}, 1::UInt64), {_PACED})
FROM {_ROWS} AND kind != 'long_prompt'
GROUP BY provider, model ORDER BY provider, model"""


def model_facts_of(blocks: Iterable[Sequence[Any]], times: Iterable[Sequence[Any]]) -> tuple[ModelFacts, ...]:
    """Rows of BLOCKS and TIMES, by provider and model."""
    found: dict[tuple[str, str], list[TargetBlock]] = defaultdict(list)
    for provider, model, target, cluster, start, *counts, billed_in, billed_out, good_out in blocks:
        block = Block(cluster, datetime.fromtimestamp(start, UTC), *counts)
        found[provider, model].append(TargetBlock(target, block, billed_in, billed_out, good_out))
    histograms = {(provider, model): (ttft, gaps) for provider, model, ttft, gaps in times}
    return tuple(ModelFacts(*key, tuple(found[key]), *histograms.get(key, ({}, {}))) for key in sorted(found))
