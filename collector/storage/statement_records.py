"""Statements of contracts, as they were counted: stored, and read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from collector.judgement.sla.conduct import Conduct
from collector.judgement.sla.statement import Statement
from collector.storage.client import Client, of_ms

_STATEMENT = TypeAdapter(Statement)
_NAMES = ("at", "provider", "month", "commitment", "unit", "promised", "uptime", "credit", "claim_by", "body")

# The newest of each unit and month, of months that were counted at all after `since` (ms since the epoch).
# Bodies are read for those rows only: months are counted every hour.
LATEST = """
SELECT any(body) FROM {database}.statements WHERE (provider, month, commitment, unit, at) IN
  (SELECT provider, month, commitment, unit, max(at) FROM {database}.statements
   WHERE {provider:String} = '' OR provider = {provider:String}
   GROUP BY provider, month, commitment, unit HAVING max(at) >= fromUnixTimestamp64Milli({since:Int64}))
GROUP BY provider, month, commitment, unit ORDER BY provider, month DESC, commitment, unit"""


# Of one provider: the newest of each unit and month that has time in [since, at), as it was known an hour before `at`.
KNOWN = """
SELECT argMax(body, at) AS newest FROM {database}.statements
WHERE provider = {provider:String} AND at < fromUnixTimestamp64Milli({at:Int64}) - INTERVAL 1 HOUR
GROUP BY month, commitment, unit
HAVING parseDateTime64BestEffort(JSONExtractString(newest, 'month', 'ends'), 3, 'UTC')
         > fromUnixTimestamp64Milli({since:Int64})
   AND parseDateTime64BestEffort(JSONExtractString(newest, 'month', 'begins'), 3, 'UTC')
         < fromUnixTimestamp64Milli({at:Int64})
ORDER BY month DESC, commitment, unit"""


# By provider, and by each cluster that a unit is about alone: months that ended in [since, at), those of them in which
# any unit was below its promise, and when the last such ended. Only what was counted an hour before: whoever counts at
# an instant has stored it long before that.
CONDUCT = """
SELECT provider, place, uniqExact(name), uniqExactIf(name, broken), toUnixTimestamp64Milli(maxIf(ended, broken)) FROM
  (SELECT provider, arrayJoin(if(length(clusters) = 1, ['', clusters[1]], [''])) AS place, name,
          max(kept = 0) AS broken, max(ends) AS ended FROM
    (SELECT provider, month AS name,
            arrayDistinct(arrayMap(target -> arrayStringConcat(arraySlice(splitByChar('/', target), 1, 2), '/'),
                                   JSONExtract(argMax(body, at), 'targets', 'Array(String)'))) AS clusters,
            argMax(if(uptime IS NULL, 2, uptime >= promised), at) AS kept,
            parseDateTime64BestEffort(JSONExtractString(argMax(body, at), 'month', 'ends'), 3, 'UTC') AS ends,
            parseDateTime64BestEffort(JSONExtractString(argMax(body, at), 'until'), 3, 'UTC') AS counted
     FROM {database}.statements
     WHERE at < fromUnixTimestamp64Milli({at:Int64}) - INTERVAL 1 HOUR
     GROUP BY provider, month, commitment, unit
     HAVING counted >= ends AND ends >= fromUnixTimestamp64Milli({since:Int64}) AND kept != 2)
   GROUP BY provider, place, name)
GROUP BY provider, place ORDER BY provider, place"""


def conduct_of(rows: Iterable[Sequence[Any]]) -> dict[str, Conduct]:
    """Rows of CONDUCT by provider."""
    found: dict[str, dict[str, Conduct]] = {}
    for provider, place, months, broken, last_ms in rows:
        one = Conduct(int(months), int(broken), of_ms(last_ms) if broken else None)
        found.setdefault(provider, {})[place] = one
    return {
        provider: replace(places[""], clusters={place: one for place, one in places.items() if place})
        for provider, places in found.items()
    }


def statement_of(body: str) -> Statement:
    """The statement that is stored as *body*."""
    return _STATEMENT.validate_json(body)


async def insert_statements(client: Client, statements: Sequence[Statement], at: datetime) -> None:
    """Store what was counted at *at*."""
    rows = [
        [
            at,
            one.provider,
            one.month.name,
            one.commitment,
            one.unit,
            float(one.promised),
            float(one.uptime.counted) if one.uptime else None,
            one.credit.amount if one.credit else None,
            one.claim_by,
            _STATEMENT.dump_json(one).decode(),
        ]
        for one in statements
    ]
    if rows:
        await client.insert("statements", _NAMES, None, rows)
