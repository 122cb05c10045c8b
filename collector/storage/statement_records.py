"""Statements of contracts, as they were counted: stored, and read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


# By provider: months that ended in [since, at), those of them in which any unit was below its promise, and when the
# last such ended. Only what was counted an hour before: whoever counts at an instant has stored it long before that.
CONDUCT = """
SELECT provider, uniqExact(name), uniqExactIf(name, broken), toUnixTimestamp64Milli(maxIf(ended, broken)) FROM
  (SELECT provider, name, max(kept = 0) AS broken, max(ends) AS ended FROM
    (SELECT provider, month AS name,
            argMax(if(uptime IS NULL, 2, uptime >= promised), at) AS kept,
            parseDateTime64BestEffort(JSONExtractString(argMax(body, at), 'month', 'ends'), 3, 'UTC') AS ends,
            parseDateTime64BestEffort(JSONExtractString(argMax(body, at), 'until'), 3, 'UTC') AS counted
     FROM {database}.statements
     WHERE at < fromUnixTimestamp64Milli({at:Int64}) - INTERVAL 1 HOUR
     GROUP BY provider, month, commitment, unit
     HAVING counted >= ends AND ends >= fromUnixTimestamp64Milli({since:Int64}) AND kept != 2)
   GROUP BY provider, name)
GROUP BY provider ORDER BY provider"""


def conduct_of(rows: Iterable[Sequence[Any]]) -> dict[str, Conduct]:
    """Rows of CONDUCT by provider."""
    return {
        provider: Conduct(int(months), int(broken), of_ms(last_ms) if broken else None)
        for provider, months, broken, last_ms in rows
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
