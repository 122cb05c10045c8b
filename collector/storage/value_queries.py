"""
What models at providers were worth: counts and tokens by target and block of time, times by model.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve. Whole hours come from rollups;
what is newer, or came late, and the ends of the window from facts (see cover.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from collector.judgement.value.facts import COUNTS, ModelFacts, TargetBlocks
from collector.storage.at_once import at_once
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


# One row of each target, with its blocks as arrays: tens of thousands of rows took longer to read than to make.
_OF = "provider, model, target, cluster"
_SUMMED = ("ok", "degraded", "failed", "unknown", "unseen", "paid_in", "paid_out", "good")
BLOCKS = f"""
SELECT {_OF}, groupArray(start), {", ".join(f"groupArray({name})" for name in _SUMMED)}
FROM
(
  SELECT {_OF}, start, {", ".join(f"sum({name}) AS {name}" for name in _SUMMED)}
  FROM
  (
    SELECT {_OF}, {start_of("t", "block")}, n_ok AS ok, n_degraded AS degraded, n_failed AS failed,
           n_unknown AS unknown, n_not_observed AS unseen, billed_in AS paid_in, billed_out AS paid_out,
           good_out AS good
    FROM {{database}}.model_hour {_HOURS}
    UNION ALL
    SELECT {_OF}, {start_of("tick", "block")}, {WORTH}
    FROM {_FACTS} AND {OF_A_MODEL} GROUP BY {_OF}, start
  )
  GROUP BY {_OF}, start
)
GROUP BY {_OF} ORDER BY {_OF}"""

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
    return model_facts_of(*at_once(lambda: query(BLOCKS, **window, block=block_s), lambda: query(TIMES, **window)))


def model_facts_of(blocks: Iterable[Sequence[Any]], times: Iterable[Sequence[Any]]) -> tuple[ModelFacts, ...]:
    """Rows of BLOCKS and TIMES, by provider and model."""
    found: dict[tuple[str, str], list[TargetBlocks]] = defaultdict(list)
    for provider, model, target, cluster, *columns in blocks:
        table = np.array(columns, dtype=np.int64)
        starts, *sums = table[:, table[0].argsort()]
        counts = np.column_stack(sums[:COUNTS])
        found[provider, model].append(TargetBlocks(cluster, target, starts, counts, *sums[COUNTS:]))
    measured = {(provider, model): of for provider, model, *of in times}
    return tuple(ModelFacts(*key, tuple(found[key]), *measured.get(key, ({}, {}, 0))) for key in sorted(found))
