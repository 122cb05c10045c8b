"""Statements of contracts, as they were counted: stored, and read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from collector.judgement.sla.statement import Statement
from collector.storage.client import Client

_STATEMENT = TypeAdapter(Statement)
_NAMES = ("at", "provider", "month", "commitment", "unit", "promised", "uptime", "credit", "claim_by", "body")

# The newest of each unit and month, of months that were counted at all after `since` (ms since the epoch).
LATEST = """
SELECT argMax(body, at) FROM {database}.statements
WHERE {provider:String} = '' OR provider = {provider:String}
GROUP BY provider, month, commitment, unit HAVING max(at) >= fromUnixTimestamp64Milli({since:Int64})
ORDER BY provider, month DESC, commitment, unit"""


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
