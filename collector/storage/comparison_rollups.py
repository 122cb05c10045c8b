"""
The SQL of the rollups that providers are compared by: what models did and cost, how long they took, who was down when,
how our probes fared beside real traffic, and how full engines were; beside those of cluster_rollups.py.

As in rollup_sql.py: each recomputes whole hours of [a, b) from facts. Which kinds serve, whose fault a reason is and
which tokens count is settled when an hour is rolled up. So their mark bears the digest of what they say: a version that
says something else finds no mark of its own, and rolls up everything anew.
"""

from __future__ import annotations

from dataclasses import replace

from collector.judgement.correlation.buckets import BUCKET_S
from collector.storage import look_sql
from collector.storage.cluster_rollups import TARGETS
from collector.storage.first_token_sql import ANSWERED, MODEL_KINDS, SERVES, TRUSTED, bucket_sql
from collector.storage.rollup import BUCKETS, FACTS, FAILED, N_OUTCOMES, OUTCOMES, Rollup, digest_of

SERVED = f"attempt = 0 AND source = 'active' AND {SERVES}"
OF_A_MODEL = f"{SERVED} AND model != ''"
SHORT = f"{OF_A_MODEL} AND kind != 'long_prompt'"  # a prompt of 10,000 tokens is meant to take its time

# Counted by us where that is exact: who bills more than it answers sells fewer tokens for the money.
_EXACT = "(counted_by NOT IN ('', 'chunks') AND isNotNull(counted_out))"
_TOKENS = f"ifNull(if({_EXACT}, counted_out, billed_out), 0)"
WORTH = f"""{OUTCOMES},
       sum(ifNull(billed_in, 0)) AS paid_in, sum(ifNull(billed_out, 0)) AS paid_out,
       sumIf({_TOKENS}, outcome = 'ok') AS good"""

# token_gap_ms is of the tokens that were billed, where any were.
_GAP_MS = f"""if({_EXACT} AND isNotNull(billed_out),
       if(counted_out > 1, token_gap_ms * (billed_out - 1) / (counted_out - 1), 0), token_gap_ms)"""
_PACED = f"({TRUSTED} AND outcome IN ('ok', 'degraded') AND ifNull({_GAP_MS}, 0) > 0)"
TIMED = f"""sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED}) AS first_tokens,
       sumMapIf(map({bucket_sql(f"ifNull({_GAP_MS}, 0)")}, 1::UInt64), {_PACED}) AS gaps,
       countIf({_PACED} AND NOT {_EXACT}) AS as_billed"""

# Down where at least half of what one cluster was asked failed by the provider's fault.
ASKED = f"countIf({FAILED}) AS failed, failed + countIf(outcome IN ('ok', 'degraded')) AS known"
DOWN = "2 * failed >= known"
_BIT = f"bitShiftLeft(toUInt16(1), intDiv(toUnixTimestamp(tick) % 3600, {BUCKET_S}))"

# From the start of the request on both sides; prompts of 1-3, 4-15, 16-63, ... tokens are one class each. One whose
# length is not known is in the first, and no time to first token is taken of it.
ASKED_A_MODEL = f"(source = 'passive' OR kind IN {MODEL_KINDS})"
SIZE = "intDiv(toUInt8(floor(log2(greatest(ifNull(billed_in, 1), 1)))), 2)"
_TIMED_BY_SIZE = f"({ANSWERED} AND billed_in > 0)"
_LOG = """log(greatest(toFloat64(ifNull(first_token_ms, 0))
           + if(source = 'active', toFloat64(ifNull(sent_ms, 0)), 0), 0.01))"""
_LN = f"toDecimal128({_LOG}, 9)"
_KNOWN = f"outcome IN ('ok', 'degraded') OR {FAILED}"
TREATED = f"""countIf({_KNOWN}) AS known, countIf({FAILED}) AS failed, countIf({_TIMED_BY_SIZE}) AS timed,
       sumIf({_LN}, {_TIMED_BY_SIZE}) AS logs, sumIf({_LN} * {_LN}, {_TIMED_BY_SIZE}) AS squares"""


MODELS = Rollup(
    "model_hour",
    ("provider", "model", "cluster", "target"),
    (*N_OUTCOMES, "billed_in", "billed_out", "good_out"),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, model, cluster, target, {WORTH}
  FROM {FACTS} AND {OF_A_MODEL} GROUP BY t, provider, model, cluster, target""",
)
TIMES = Rollup(
    "model_times",
    ("provider", "model"),
    ("ttft_hist", "gap_hist", "n_gaps_billed"),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, model, {TIMED}
  FROM {FACTS} AND {SHORT} GROUP BY t, provider, model""",
)
TIMES_BY_DAY = replace(
    TIMES,
    table="model_times_day",
    facts=f"""
  SELECT toStartOfDay(t) AS day, provider, model, sumMap(ttft_hist), sumMap(gap_hist), sum(n_gaps_billed)
  FROM {{database}}.{TIMES.table} FINAL WHERE {BUCKETS} GROUP BY day, provider, model""",
)
SIGHTS = Rollup(
    "sights",
    ("provider", "vantage"),
    ("seen", "down"),
    f"""
  SELECT t, provider, vantage, groupBitOr(bit), groupBitOr(if({DOWN}, bit, 0)) FROM
  (
    SELECT toStartOfHour(tick) AS t, provider, vantage, cluster, {_BIT} AS bit, {ASKED}
    FROM {FACTS} AND {SERVED} GROUP BY t, provider, vantage, cluster, bit HAVING known > 0
  )
  GROUP BY t, provider, vantage""",
)
TREATMENT = Rollup(
    "treatment_hour",
    ("provider", "cluster", "target", "source", "size"),
    ("n_known", "n_failed", "n_timed", "ln", "ln_squares"),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, cluster, target, source, {SIZE} AS size, {TREATED}
  FROM {FACTS} AND attempt = 0 AND {ASKED_A_MODEL}
  GROUP BY t, provider, cluster, target, source, size HAVING known > 0""",
)
TRAFFIC = Rollup(
    "traffic_hour",
    ("provider", "cluster", "connection"),
    (*N_OUTCOMES, "ttft_hist"),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, cluster, connection, {OUTCOMES},
         sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED})
  FROM {FACTS} AND attempt = 0 AND source = 'passive' GROUP BY t, provider, cluster, connection""",
)
CAPACITY = Rollup(
    "capacity_hour",
    ("provider", "cluster", "target"),
    (*look_sql.COUNTS, *look_sql.HISTOGRAMS),
    f"""
  SELECT toStartOfHour(tick) AS t, provider, cluster, target, {look_sql.COUNTED}, {look_sql.TOLD}
  FROM (SELECT provider, cluster, target, tick, outcome, {look_sql.FIGURES}
        FROM {FACTS} AND attempt = 0 AND source = 'active' AND {look_sql.IS_LOOK})
  GROUP BY t, provider, cluster, target""",
)

ROLLUPS = (TARGETS, MODELS, TIMES, SIGHTS, TREATMENT, TRAFFIC, CAPACITY)
BY_HOUR = tuple(one.sql for one in ROLLUPS)
MARK_NAME = f"comparison {digest_of((*BY_HOUR, TIMES_BY_DAY.sql))}"
