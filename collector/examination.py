"""What integrity checks amount to at an instant, from what was known then: evidence, then suspicions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from collector.judgement.integrity.catalog import examined
from collector.judgement.integrity.subject import Examinee
from collector.judgement.integrity.suspicion import Reply, Rule, Suspicion, suspicions
from schemas.config import Configuration
from schemas.evidence import Evidence


class Examined(Protocol):
    """What the examination needs of ClickHouse."""

    async def subjects(self, configuration: Configuration, at: datetime) -> Sequence[Examinee]:
        """Every target and every provider of the fleet, as it was known at *at*."""
        ...

    async def replies(self, at: datetime) -> Mapping[str, Reply]:
        """What providers had replied by then."""
        ...

    async def suspicions(self, at: datetime) -> Mapping[str, Suspicion]:
        """The last suspicions before."""
        ...


async def suspicions_at(store: Examined, configuration: Configuration, at: datetime) -> dict[str, Suspicion]:
    """The suspicion on every provider at *at*; when one reached the line is kept from the one before."""
    evidence: dict[str, list[Evidence]] = {}
    for subject in await store.subjects(configuration, at):
        evidence.setdefault(subject.provider, []).extend(await asyncio.to_thread(examined, subject))
    before = await store.suspicions(at)
    reached = {provider: one.reached for provider, one in before.items() if one.reached is not None}
    rule = Rule(reply_days=configuration.settings.integrity.reply_days)
    return suspicions(evidence, at, reached=reached, replies=await store.replies(at), rule=rule)
