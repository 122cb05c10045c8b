"""
Ninety days of the reference fleet, made in SQL: 90 clusters, an observation of each every 10 s, 70 million in all.

Nothing is random: every value is a hash of cluster and tick. One in six is a chat with 16 tokens, the others ask for
one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

CLUSTERS, CLUSTERS_OF_ONE, EVERY_S = 90, 5, 10
PER_DAY = 86_400 // EVERY_S
ROWS_A_DAY = CLUSTERS * PER_DAY

# Parameter day: its midnight, in seconds since the epoch. A column that is not named takes its default.
DAY = f"""
INSERT INTO {{database}}.observations
  (tick, provider, cluster, target, region, model, vantage, kind, module, started_at, finished_at, outcome, reason,
   connection, http_status, connect_ms, tls_ms, sent_ms, first_byte_ms, first_token_ms, last_token_ms, total_ms,
   gap_max_ms, token_gap_ms, arrivals_ms, billed_in, billed_out, counted_out, counted_by, chunks, bytes_in,
   finish_reason, stamp, loop_lag_ms, streams_open, source, agent_version, reads, late_ms, batch_id, seq, ingested_at)
WITH
  intDiv(number, {PER_DAY}) AS c, number % {PER_DAY} AS slot, intDiv(c, {CLUSTERS_OF_ONE}) AS p,
  toDateTime64({{day:UInt32}}, 3, 'UTC') + toIntervalSecond(slot * {EVERY_S}) + toIntervalMillisecond(c * 97) AS at,
  cityHash64({{day:UInt32}}, number) AS h1, cityHash64(h1) AS h2,
  (h1 % 1000000 + 1) / 1000001 AS u, (h2 % 1000000 + 1) / 1000001 AS v,
  intDiv(slot, 360) AS hour, cityHash64({{day:UInt32}}, c, hour) AS luck, if(p >= 15, 60, 400) AS rarity,
  luck % rarity = 0 AND slot % 360 >= 60 AND slot % 360 < 60 + intDiv(luck, rarity) % 240 AND u > 0.05 AS out,
  h2 % 100000 < 20 + 10 * p AS hiccup, intDiv(h2, 100000) % 10000 < 3 AS blind,
  slot % 6 = 0 AS chat, NOT (out OR hiccup OR blind) AS answered,
  toFloat32((150 + 40 * p) * exp(0.35 * sqrt(-2 * log(u)) * cos(2 * pi() * v))) AS ttft,
  if(chat, arrayMap(i -> toFloat32(ttft + i * 20 + cityHash64(h1, i) % 500 / 100), range(16)), []) AS arrivals
SELECT at, format('cloud-{{}}', leftPad(toString(p), 2, '0')) AS provider,
  format('{{}}/c{{}}', provider, toString(c % {CLUSTERS_OF_ONE})) AS cluster, format('{{}}/chat', cluster),
  format('region-{{}}', toString(c % 7)), 'ours-70b', 'here', if(chat, 'chat_stream', 'completion_stream'),
  if(chat, 'chat', 'beat'), at + toIntervalMillisecond(h1 % 5) AS started_at,
  started_at + toIntervalMillisecond(600),
  multiIf(blind, 'not_observed', NOT answered, 'failed', ttft > 4 * (150 + 40 * p), 'degraded', 'ok') AS outcome,
  multiIf(blind, 'observer_overloaded', out, 'connect_refused', hiccup, 'ttft_timeout',
          outcome = 'degraded', 'slow', ''),
  if(slot % 2 = 0, 'cold', 'warm'), if(answered, 200, 0), if(slot % 2 = 0, 5 + u, NULL), if(slot % 2 = 0, 12 + v, NULL),
  1 + u, if(answered, ttft - 1, NULL), if(answered, ttft, NULL),
  if(answered, if(chat, arrivals[-1], ttft), NULL) AS last_token_ms, if(answered, last_token_ms + 2, 5000),
  if(chat AND answered, 21, NULL), if(chat AND answered, (last_token_ms - ttft) / 15, NULL),
  if(answered, arrivals, []) AS arrivals_ms, if(answered, 60, NULL),
  if(answered, length(arrivals) + NOT chat, NULL) AS billed_out, billed_out, if(answered, 'chunks', ''),
  length(arrivals_ms), 900 + h1 % 100, if(answered, 'stop', ''), 'kernel', toFloat32(v), h1 % 40, 'active', '0.1.0',
  length(arrivals_ms) + 2, toFloat32(u * 4), {{day:UInt32}}, number, at + toIntervalMillisecond(1500 + h1 % 1000)
FROM numbers({ROWS_A_DAY})"""


def midnights(end: datetime, days: int) -> list[datetime]:
    """The *days* whole days before the midnight *end*."""
    return [end - timedelta(days=days - n) for n in range(days)]
