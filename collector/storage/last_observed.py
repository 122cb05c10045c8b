"""
When each provider was observed last, as it was known at the end of a window: the newest hour from rollups, its last
tick from facts.

Whoever was observed since the hours that rollups serve (see cover.py) needs no hour.
"""

from __future__ import annotations

from datetime import datetime

from collector.storage.client import to_ms
from collector.storage.cover import HOUR_S, IN_HOURS, Cover, Rows
from collector.storage.fact_queries import known_before

_SEEN = f"""{known_before("at")} AND attempt = 0 AND source = 'active' AND outcome != 'not_observed'"""

_IN_FACTS = f"""
SELECT provider, max(tick) FROM {{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
  AND ({{provider:String}} = '' OR provider = {{provider:String}}) AND {_SEEN}
GROUP BY provider"""

# Without FINAL: an hour that was rolled up anew has more of what was observed, never less.
_IN_HOURS = f"""
SELECT provider, toUnixTimestamp(max(t)) FROM {{database}}.cluster_hour
WHERE {IN_HOURS} AND n > n_not_observed
GROUP BY provider"""


def last_observed(query: Rows, start: datetime, end: datetime) -> dict[str, datetime]:
    """The last tick in [start, end) of which something is known, by provider; from rows taken in before *end*."""
    borders = Cover.read(query, start, end, at=end).within(start, end)

    def seen(low_ms: int, high_ms: int, provider: str = "") -> dict[str, datetime]:
        rows = query(_IN_FACTS, a=low_ms, b=high_ms, at=to_ms(end), provider=provider)
        return {row[0]: row[1] for row in rows}

    found = seen(borders["h"], borders["b"])
    for provider, hour in query(_IN_HOURS, f=borders["f"], h=borders["h"]):
        if provider not in found:
            found |= seen(hour * 1000, (hour + HOUR_S) * 1000, provider)
    if borders["a"] < borders["f"]:
        found = seen(borders["a"], borders["f"]) | found
    return dict(sorted(found.items()))
