"""Suspicions with their evidence, as they were judged, and what providers replied: stored, and read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from collector.judgement.integrity.suspicion import Reply, Suspicion
from collector.storage.client import Client, to_ms

_SUSPICION = TypeAdapter(Suspicion)
_FLAT = (
    "subject", "check", "family", "grade", "standing", "reason", "value", "threshold", "unit", "low", "high", "n", "p",
    "e", "days", "vantages",
)  # fmt: skip

LATEST = """
SELECT argMax(body, at) FROM {database}.suspicions
WHERE at < fromUnixTimestamp64Milli({at:Int64}) AND ({provider:String} = '' OR provider = {provider:String})
GROUP BY provider ORDER BY provider"""

# A reply is weighed by a later row of the same provider; it came when the first of them did.
REPLIES = """
SELECT provider, min(at), argMax(accepted, at) FROM {database}.replies
WHERE at < fromUnixTimestamp64Milli({at:Int64}) GROUP BY provider ORDER BY provider"""


def suspicion_of(body: str) -> Suspicion:
    """The suspicion that is stored as *body*."""
    return _SUSPICION.validate_json(body)


async def insert_suspicions(client: Client, suspicions: Sequence[Suspicion], at: datetime) -> None:
    """Store what was found at *at*: the evidence first, so that a suspicion is never without it."""
    flat = [
        [at, one.provider, *(getattr(evidence, name) for name in _FLAT)] for one in suspicions for evidence in one.evidence
    ]
    if flat:
        await client.insert("evidence", ("at", "provider", *_FLAT), None, [list(map(_plain, row)) for row in flat])
    rows = [
        [at, one.provider, one.stage.value, one.route.value, one.e, one.reached, _SUSPICION.dump_json(one).decode()]
        for one in suspicions
    ]
    names = ("at", "provider", "stage", "route", "e", "reached", "body")
    if rows:
        await client.insert("suspicions", names, None, rows)


async def latest_suspicions(client: Client, at: datetime) -> dict[str, Suspicion]:
    """The last suspicion of each provider that was judged before *at*."""
    bodies = await client.rows(LATEST, at=to_ms(at), provider="")
    return {one.provider: one for one in (suspicion_of(body) for (body,) in bodies)}


async def insert_reply(client: Client, provider: str, at: datetime, *, accepted: bool | None, by: str, said: str) -> None:
    """Store that *provider* replied, or that its reply was weighed."""
    await client.insert("replies", ("at", "provider", "accepted", "by", "said"), None, [[at, provider, accepted, by, said]])


async def replies(client: Client, at: datetime) -> dict[str, Reply]:
    """The reply of each provider, as it stood at *at*."""
    return replies_of(await client.rows(REPLIES, at=to_ms(at)))


def replies_of(rows: Iterable[Sequence[Any]]) -> dict[str, Reply]:
    """Rows of REPLIES."""
    return {provider: Reply(at, None if accepted is None else bool(accepted)) for provider, at, accepted in rows}


def _plain(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value
