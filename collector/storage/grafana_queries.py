"""
The SQL of the Grafana dashboard, with the macros of Grafana's own ClickHouse data source.

`{database}` is the store's; `provider` is the dashboard's variable, several at once. Every query has the range of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.storage.fact_queries import UNKNOWN
from collector.storage.first_token_sql import ANSWERED, SERVES

_PROBES = f"""FROM {{database}}.observations
WHERE $__timeFilter_ms(tick) AND attempt = 0 AND source = 'active' AND {SERVES}
  AND provider IN (${{provider:singlequote}})"""
_FAILED = f"countIf(outcome = 'failed' AND reason NOT IN {UNKNOWN})"
_GOOD = "countIf(outcome IN ('ok', 'degraded'))"
_TIME = "SELECT $__timeInterval(tick) AS time"

PROVIDERS = "SELECT DISTINCT provider FROM {database}.verdicts ORDER BY provider"
QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "tiers": """SELECT provider, argMax(tier, verdicts.at) AS tier, max(verdicts.at) AS judged
FROM {database}.verdicts WHERE $__timeFilter_ms(at) AND provider IN (${provider:singlequote})
GROUP BY provider ORDER BY provider""",
        "open_incidents": """SELECT incident, argMax(severity, seq) AS severity, argMax(scope, seq) AS scope,
  argMax(reason, seq) AS reason, argMax(failed_at, seq) AS since
FROM {database}.incident_transitions FINAL WHERE at <= $__toTime AND provider IN (${provider:singlequote})
GROUP BY incident HAVING argMax(state, seq) IN ('open', 'acked', 'recovering') ORDER BY severity, since""",
        "availability": f"""{_TIME}, provider,
  if({_GOOD} + {_FAILED} = 0, NULL, {_GOOD} / ({_GOOD} + {_FAILED})) AS availability
{_PROBES} GROUP BY time, provider ORDER BY time, provider""",
        "n": f"{_TIME}, provider, count() AS probes\n{_PROBES} GROUP BY time, provider ORDER BY time, provider",
        "unknown": f"""{_TIME}, provider,
  (countIf(outcome = 'not_observed') + countIf(outcome = 'failed' AND reason IN {UNKNOWN})) / count() AS unknown
{_PROBES} GROUP BY time, provider ORDER BY time, provider""",
        "first_token_p50": f"""{_TIME}, provider, quantile(0.5)(first_token_ms) AS p50
{_PROBES} AND {ANSWERED} GROUP BY time, provider ORDER BY time, provider""",
        "first_token_p95": f"""{_TIME}, provider, quantile(0.95)(first_token_ms) AS p95
{_PROBES} AND {ANSWERED} GROUP BY time, provider ORDER BY time, provider""",
        "reasons": f"""{_TIME}, toString(reason) AS why, count() AS n
{_PROBES} AND reason != '' GROUP BY time, why ORDER BY time, why""",
    }
)
