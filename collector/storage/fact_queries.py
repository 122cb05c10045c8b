"""
The SQL that the judge's facts come from: only rows taken in before `at`, so the same `at` always gives the same facts.

Parameters: a, at (ms since the epoch), block (s).
"""

from __future__ import annotations

from collector.storage.first_token_sql import ANSWERED, SERVES, bucket_sql
from schemas.observation import BLAME, Blame

_UNKNOWN = sorted(reason.value for reason, blame in BLAME.items() if blame in {Blame.CALLER, Blame.UNKNOWN})
UNKNOWN = "(" + ", ".join(f"'{reason}'" for reason in _UNKNOWN) + ")"  # failed, but not by the provider's fault


def known_before(parameter: str) -> str:
    """
    Rows taken in before *parameter* (ms since the epoch).

    Past the index of ingested_at, which is for finding what is new: looking it up in every part takes 50 ms, and nearly
    every row is older.
    """
    return f"identity(ingested_at) < fromUnixTimestamp64Milli({{{parameter}:Int64}})"


# attempt 0 only: confirmation re-probes page, they never count.
_ROWS = f"""tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active'"""
_SERVED = f"{_ROWS} AND {SERVES}"

BLOCKS = f"""
SELECT provider, cluster, intDiv(toUnixTimestamp(tick), {{block:UInt32}}) * {{block:UInt32}} AS start,
       countIf(outcome = 'ok'), countIf(outcome = 'degraded'),
       countIf(outcome = 'failed' AND reason NOT IN {UNKNOWN}),
       countIf(outcome = 'failed' AND reason IN {UNKNOWN}),
       countIf(outcome = 'not_observed'),
       toUnixTimestamp64Milli(min(tick)), toUnixTimestamp64Milli(max(tick))
FROM {{database}}.observations WHERE {_SERVED}
GROUP BY provider, cluster, start ORDER BY provider, cluster, start"""

REASONS = f"""
SELECT provider, reason, count() FROM {{database}}.observations WHERE {_SERVED} AND reason != ''
GROUP BY provider, reason ORDER BY provider, reason"""

# A prompt of 10,000 tokens is meant to take its time: the gate is of short ones.
LATENCY = f"""
SELECT provider, connection, {bucket_sql("first_token_ms")} AS bucket, count()
FROM {{database}}.observations WHERE {_SERVED} AND {ANSWERED} AND kind != 'long_prompt'
GROUP BY provider, connection, bucket ORDER BY provider, connection, bucket"""

PREVIOUS = """
SELECT provider, argMax(tier, at) FROM {database}.verdicts WHERE at < fromUnixTimestamp64Milli({at:Int64})
GROUP BY provider ORDER BY provider"""
