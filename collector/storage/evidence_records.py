"""Suspicions with their evidence, as they were judged, and what providers replied: stored, and read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from collector.judgement.integrity.suspicion import Reply, Suspicion
from collector.storage.client import Client, of_ms, to_ms
from schemas.evidence import Evidence

_SUSPICION = TypeAdapter(Suspicion)
_FLAT = (
    "subject", "check", "family", "grade", "standing", "reason", "value", "threshold", "unit", "low", "high", "n", "p",
    "e", "days", "vantages",
)  # fmt: skip

# Bodies are read for the newest row of each provider only.
LATEST = """
SELECT toUnixTimestamp64Milli(any(suspicions.at)), any(body) FROM {database}.suspicions WHERE (provider, at) IN
  (SELECT provider, max(at) FROM {database}.suspicions
   WHERE known_at < fromUnixTimestamp64Milli({at:Int64}) AND ({provider:String} = '' OR provider = {provider:String})
   GROUP BY provider)
GROUP BY provider ORDER BY provider"""

# Of each provider the stage that it has come to, without its evidence.
STAGES = "SELECT provider, argMax(stage, at) FROM {database}.suspicions GROUP BY provider ORDER BY provider"

# A reply is weighed by a later row of the same provider; it came when the first of them did.
REPLIES = """
SELECT provider, toUnixTimestamp64Milli(min(at)), argMax(accepted, at) FROM {database}.replies
WHERE at < fromUnixTimestamp64Milli({at:Int64}) GROUP BY provider ORDER BY provider"""


def suspicion_of(body: str) -> Suspicion:
    """The suspicion that is stored as *body*."""
    return _SUSPICION.validate_json(body)


async def insert_suspicions(client: Client, suspicions: Sequence[Suspicion], at: datetime, known_at: datetime) -> None:
    """Store what was found at *at*, for verdicts after *known_at*: evidence first, so that none is without it."""
    flat = [_flat(at, one.provider, evidence) for one in suspicions for evidence in one.evidence]
    if flat:
        await client.insert("evidence", ("at", "provider", *_FLAT), None, flat)
    rows = [
        [
            at,
            one.provider,
            one.stage.value,
            one.route.value,
            one.e,
            one.reached,
            known_at,
            _SUSPICION.dump_json(one).decode(),
        ]
        for one in suspicions
    ]
    names = ("at", "provider", "stage", "route", "e", "reached", "known_at", "body")
    if rows:
        await client.insert("suspicions", names, None, rows)


async def latest_suspicions(client: Client, at: datetime) -> dict[str, Suspicion]:
    """The last suspicion of each provider that was known before *at*."""
    rows = await client.rows(LATEST, at=to_ms(at), provider="")
    return {one.provider: one for one in (suspicion_of(body) for _, body in rows)}


async def insert_reply(
    client: Client, provider: str, at: datetime, *, accepted: bool | None, by: str, said: str
) -> None:
    """Store that *provider* replied, or that its reply was weighed."""
    row = [at, provider, accepted, by, said]
    await client.insert("replies", ("at", "provider", "accepted", "by", "said"), None, [row])


async def replies(client: Client, at: datetime) -> dict[str, Reply]:
    """The reply of each provider, as it stood at *at*."""
    return replies_of(await client.rows(REPLIES, at=to_ms(at)))


def replies_of(rows: Iterable[Sequence[Any]]) -> dict[str, Reply]:
    """Rows of REPLIES."""
    return {provider: Reply(of_ms(ms), None if accepted is None else bool(accepted)) for provider, ms, accepted in rows}


def _flat(at: datetime, provider: str, evidence: Evidence) -> list[Any]:
    values = (getattr(evidence, name) for name in _FLAT)
    return [at, provider, *(value.value if isinstance(value, StrEnum) else value for value in values)]
