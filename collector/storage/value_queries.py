"""
What models at providers were worth: counts and tokens by target and block of time, times by model.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve. Whole hours come from rollups;
what is newer, or came late, and the ends of the window from facts (see cover.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from collector.judgement.facts import Block
from collector.judgement.value.facts import ModelFacts, TargetBlock
from collector.storage.client import to_ms
from collector.storage.comparison_rollups import OF_A_MODEL, SHORT, TIMED, WORTH
from collector.storage.cover import BESIDE_DAYS, BEYOND_HOURS, HOUR_S, IN_HOURS, Cover, Rows
from collector.storage.fact_queries import known_before, start_of
from collector.storage.rollup import between
from collector.storage.rollup_sql import COMPARISON

_HOURS = f"FINAL WHERE {IN_HOURS}"
_FACTS = f"""{{database}}.observations
  WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
    AND {BEYOND_HOURS}
    AND {known_before("at")}"""


BLOCKS = f"""
SELECT provider, model, target, cluster, start, sum(ok), sum(degraded), sum(failed), sum(unknown), sum(unseen),
       sum(paid_in), sum(paid_out), sum(good)
FROM
(
  SELECT provider, model, target, cluster, {start_of("t", "block")}, sum(n_ok) AS ok, sum(n_degraded) AS degraded,
         sum(n_failed) AS failed, sum(n_unknown) AS unknown, sum(n_not_observed) AS unseen, sum(billed_in) AS paid_in,
         sum(billed_out) AS paid_out, sum(good_out) AS good
  FROM {{database}}.model_hour {_HOURS} GROUP BY provider, model, target, cluster, start
  UNION ALL
  SELECT provider, model, target, cluster, {start_of("tick", "block")}, {WORTH}
  FROM {_FACTS} AND {OF_A_MODEL} GROUP BY provider, model, target, cluster, start
)
GROUP BY provider, model, target, cluster, start ORDER BY provider, model, target, start"""

_MEASURED = "provider, model, ttft_hist AS first_tokens, gap_hist AS gaps, n_gaps_billed AS as_billed"
TIMES = f"""
SELECT provider, model, sumMap(first_tokens), sumMap(gaps), sum(as_billed)
FROM
(
  SELECT {_MEASURED} FROM {{database}}.model_times {_HOURS} AND {BESIDE_DAYS}
  UNION ALL
  SELECT {_MEASURED} FROM {{database}}.model_times_day FINAL WHERE {between("p", "d")}
  UNION ALL
  SELECT provider, model, {TIMED} FROM {_FACTS} AND {SHORT} GROUP BY provider, model
)
GROUP BY provider, model ORDER BY provider, model"""


def model_facts(query: Rows, start: datetime, at: datetime, block_s: int) -> tuple[ModelFacts, ...]:
    """Every model at every provider over [start, at), as known at *at*, in blocks of *block_s*."""
    whole = block_s % HOUR_S == 0  # else an hour would lie in two blocks
    cover = Cover.read(query, start, at, at=at, marks=(COMPARISON,)) if whole else Cover()
    window = cover.within(start, at) | {"at": to_ms(at)}
    return model_facts_of(query(BLOCKS, **window, block=block_s), query(TIMES, **window))


def model_facts_of(blocks: Iterable[Sequence[Any]], times: Iterable[Sequence[Any]]) -> tuple[ModelFacts, ...]:
    """Rows of BLOCKS and TIMES, by provider and model."""
    found: dict[tuple[str, str], list[TargetBlock]] = defaultdict(list)
    begins = cache(partial(datetime.fromtimestamp, tz=UTC))  # of tens of thousands of blocks, a few hundred differ
    for provider, model, target, cluster, start, *counts, billed_in, billed_out, good_out in blocks:
        block = Block(cluster, begins(start), *counts)
        found[provider, model].append(TargetBlock(target, block, billed_in, billed_out, good_out))
    measured = {(provider, model): of for provider, model, *of in times}
    return tuple(ModelFacts(*key, tuple(found[key]), *measured.get(key, ({}, {}, 0))) for key in sorted(found))
