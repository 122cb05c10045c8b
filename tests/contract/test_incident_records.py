"""Which incidents a provider is charged with, from the copies in a real store, and that none of it changes later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.judgement.charged_incidents import Charged, IncidentRecord
from collector.judgement.tiers import judge
from collector.storage.clickhouse import ClickHouse
from schemas.config import Store, TierPolicy
from schemas.incident import Level
from schemas.response import SuppressionKind, suppression_id
from tests.support.stores import on_store

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = TierPolicy()
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WINDOW_ID = suppression_id(SuppressionKind.MAINTENANCE, "acme/*", "ops", AT - 9 * DAY)
SILENCE_ID = suppression_id(SuppressionKind.SILENCE, "acme/*", "ops", AT - 9 * DAY)


def steps(id: str, began: datetime, *several: tuple[float, str], **other: Any) -> list[dict[str, Any]]:
    """The copies of an incident's transitions: so many minutes after its first failure, and how it stood then."""
    scope = other.get("scope", "acme/east")
    common = {
        "signal": "hard_down", "severity": "P1", "level": "cluster", "scope": scope, "provider": "acme",
        "reason": "connect_refused", "cause": "", "parent": "", "simulated": False, "suppressed_by": "", "blind": False,
    }  # fmt: skip
    return [
        common | other | {
            "incident": id, "seq": seq, "change": "opened" if seq == 1 else state, "state": state,
            "failed_at": began, "opened_at": began + MINUTE * several[0][0], "at": began + MINUTE * after,
        }
        for seq, (after, state) in enumerate(several, start=1)
    ]  # fmt: skip


def told(id: str, what: str) -> dict[str, Any]:
    """That somebody planned a window, or silenced."""
    return {
        "at": AT - 9 * DAY, "id": id, "what": what, "subject": id, "scope": "acme/*", "by": "ops", "via": "cli",
        "why": "", "refused": "", "simulated": False,
    }  # fmt: skip


async def judged(house: ClickHouse, *instants: datetime) -> None:
    """Store a verdict on acme of each of *instants*."""
    await house.insert_verdicts([judge("acme", None, POLICY, at, None) for at in instants])


async def known(house: ClickHouse, at: datetime = AT) -> IncidentRecord:
    """What is known of acme at *at*."""
    return (await house.incident_records(at, POLICY))["acme"]


async def charged(house: ClickHouse, *rows: list[dict[str, Any]], at: datetime = AT) -> dict[str, float]:
    """For how many minutes acme is charged, by the id of the incident."""
    await judged(house, AT - DAY)
    await house.insert_copies("incident_transitions", [row for several in rows for row in several])
    return {one.id: one.down_s / 60 for one in (await known(house, at)).incidents}


def over(id: str, days_ago: float, minutes: float = 10, **other: Any) -> list[dict[str, Any]]:
    """One that is over for so many days."""
    return steps(id, AT - DAY * days_ago - MINUTE * minutes, (0.1, "open"), (minutes, "resolved"), **other)


OURS_OR_NOBODYS = {
    "a vantage of ours": over("x", 1, level="observer", scope="tokyo", provider=""),
    "nothing came": over("x", 1, signal="no_data", level="observer", scope="tokyo", provider=""),
    "slow": over("x", 1, signal="latency_burn"),
    "a ticket": over("x", 1, signal="slow_burn", severity="P3"),
    "a drill": over("x", 1, signal="drill", level="observer", scope="drill", provider="", severity="P0"),
    "a deadline": over("x", 1, signal="claim_due", level="contract", scope="2026-10/uptime/acme", severity="P1"),
    "one target": over("x", 1, severity="P2", level="target", scope="acme/east/m"),
    "our key": over("x", 1, reason="auth_failed"),
    "our quota": over("x", 1, reason="rate_limited"),
    "part of a wider one": steps("x", AT - DAY, (0.1, "open"), (0.2, "child"), parent="inc-2"),
    "longer ago than the window": over("x", 31),
    "somebody else's": over("x", 1, provider="bolt", scope="bolt/east"),
}


@pytest.mark.parametrize("what", OURS_OR_NOBODYS)
def test_it_is_not_charged_with_what_is_not_its_fault(store: Store, what: str) -> None:
    """Nor with what pages nobody, nor with what is another's."""
    mine = over("mine", 2)
    assert on_store(store, lambda house: charged(house, mine, OURS_OR_NOBODYS[what])) == {"mine": 10.0}


def test_a_planned_window_is_not_charged_and_a_silence_is(store: Store) -> None:
    """Who mutes a pager says nothing of the provider; what outlasts its window is charged from then on."""
    planned = over("planned", 3, suppressed_by=WINDOW_ID)
    silenced = over("silenced", 3, suppressed_by=SILENCE_ID)
    late = steps("late", AT - DAY, (0.1, "open"), (0.1, "open"), (20, "open"), (50, "resolved"))
    late[1]["suppressed_by"] = WINDOW_ID

    async def found(house: ClickHouse) -> dict[str, float]:
        await house.insert_copies("responses", [told(WINDOW_ID, "maintenance"), told(SILENCE_ID, "silence")])
        return await charged(house, planned, silenced, late)

    assert on_store(store, found) == {"silenced": 10.0, "late": 30.0}


def test_raised_and_widened_it_is_one(store: Store) -> None:
    """As the last says, from the first failure on; what still lasts is charged up to the instant."""
    rows = steps("inc", AT - MINUTE * 90, (0.1, "open"), (2, "open"))
    rows[0]["severity"] = "P2"
    rows[1] |= {"change": "promoted", "severity": "P0", "level": "provider", "scope": "acme"}

    async def found(house: ClickHouse) -> tuple[Charged, ...]:
        await charged(house, rows)
        return (await known(house)).incidents

    assert on_store(store, found) == (Charged("inc", Level.PROVIDER, "acme", None, 5400.0),)


def test_what_is_said_later_changes_nothing(store: Store) -> None:
    """Not the recovery, nor what was decided within the last minute; a later instant has both."""
    lasting = steps("inc", AT - MINUTE * 30, (0.1, "open"))
    recovered = steps("inc", AT - MINUTE * 30, (0.1, "open"), (29.5, "resolved"))[1:]

    async def both(house: ClickHouse) -> tuple[IncidentRecord, IncidentRecord, IncidentRecord]:
        await charged(house, lasting)
        before = await known(house)
        await house.insert_copies("incident_transitions", recovered)
        await judged(house, AT + MINUTE)
        return before, await known(house), await known(house, AT + 2 * MINUTE)

    before, again, later = on_store(store, both)

    assert again == before
    assert before.incidents[0].ended is None
    assert (later.incidents[0].ended, later.incidents[0].down_s) == (AT - MINUTE / 2, 29.5 * 60)


def test_it_was_looked_out_for_where_verdicts_were_given(store: Store) -> None:
    """By blocks of the window; since when, two windows back; nothing of a provider that was never judged."""
    first = AT - timedelta(days=45)

    async def found(house: ClickHouse) -> dict[str, IncidentRecord]:
        await judged(house, AT - timedelta(days=70), first, AT - DAY, AT - DAY + MINUTE, AT - MINUTE, AT)
        return await house.incident_records(AT, POLICY)

    record = on_store(store, found)

    assert set(record) == {"acme"}
    assert record["acme"].since == first
    assert record["acme"].judged == {AT - DAY}
