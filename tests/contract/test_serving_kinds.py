"""Which kinds count: what no user's request asks is stored, shown and paged, and lowers nobody's availability."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from collector.storage.clickhouse import ClickHouse
from collector.storage.queries import Reader
from probes.catalog import KINDS
from schemas.config import Store, TierPolicy
from schemas.observation import Observation, Outcome, Reason
from schemas.probe_kinds import SERVING, SERVING_KINDS
from tests.support.observations import seen
from tests.support.stores import on_store, put

AT = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 3600 * 3600, UTC)
MIDNIGHT = AT.replace(hour=0)
DAY = timedelta(days=1)


def test_every_kind_of_the_catalogue_is_decided_on() -> None:
    """A new one must say whether it asks what a user asks."""
    assert set(SERVING) == set(KINDS)


def chats() -> list[Observation]:
    """Three days of a chat every ten minutes; every fiftieth fails."""
    return [
        seen(
            tick=AT - timedelta(minutes=10 * number),
            outcome=Outcome.FAILED if number % 50 == 0 else Outcome.OK,
            reason=Reason.HTTP_5XX if number % 50 == 0 else None,
        )
        for number in range(1, 3 * 144)
    ]


def failures(kinds: frozenset[str]) -> list[Observation]:
    """A failure of each of *kinds*, an hour ago and two days ago."""
    return [
        seen(tick=AT - ago, kind=kind, module=kind, outcome=Outcome.FAILED, reason=Reason.CONNECT_REFUSED)
        for kind in sorted(kinds)
        for ago in (timedelta(hours=1), 2 * DAY)
    ]


def looked_at(store: Store, observations: list[Observation]) -> dict[str, Any]:
    """What is counted of a provider once *observations* have been stored as well."""

    async def work(house: ClickHouse) -> Any:
        await house.rollups.recompute(AT - 5 * DAY, AT)
        return await house.facts(AT + DAY, TierPolicy())

    put(store, observations)
    facts = on_store(store, work)
    with Reader.open(store) as reader:
        return {
            "facts": facts,
            "bars": reader.daily_bars(7),
            "compared": reader.compare(MIDNIGHT - 4 * DAY, MIDNIGHT + DAY),
            "card": reader.provider_summary("acme", AT - 4 * DAY, AT + DAY),
            "errors": sum(point.n for point in reader.error_series("acme", AT - 4 * DAY, AT + DAY)),
        }


def test_what_no_user_asks_lowers_no_availability_and_is_shown(store: Store) -> None:
    """From facts and from rollups alike; errors by reason show every kind."""
    other = frozenset(KINDS) - SERVING_KINDS
    before = looked_at(store, chats())
    after = looked_at(store, failures(other))
    errors = after.pop("errors") - before.pop("errors")

    assert after == before
    assert errors == 2 * len(other) > 0


def test_every_serving_kind_counts(store: Store) -> None:
    """A failure of each lowers it."""
    looked_at(store, chats())
    facts = looked_at(store, failures(SERVING_KINDS))["facts"]["acme"]

    assert sum(block.n_failed for block in facts.blocks) == 8 + 2 * len(SERVING_KINDS)


def test_a_provider_that_is_asked_by_no_serving_kind_has_no_evidence(store: Store) -> None:
    """Unknown, not bad."""
    found = looked_at(store, failures(frozenset(KINDS) - SERVING_KINDS))

    assert (found["facts"], found["bars"], found["compared"]) == ({}, (), ())
