"""
A small world that tests know by heart: thirty days of three providers, two clusters each, a probe every 15 minutes.

`agate` never fails: gold. `beryl` fails 4 of 1000 probes, evenly: reliable. `clay` is down for two hours of every
day: suspect. Clay has one open P0 incident; beryl a resolved P1. Probes go over cold and warm connections in turn.
Beryl also has a week of real traffic, which it treats worse: one request in sixteen fails, and the first token comes
1.6 times later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.judgement.tiers import judge
from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import StoredRow
from schemas.config import Store, TierPolicy
from schemas.observation import (
    Connection,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Timings,
    Tokens,
)
from schemas.verdict import Verdict
from touchstone.system_clock import SystemClock

PROVIDERS = ("agate", "beryl", "clay")
CLUSTERS = ("us-east", "eu-west")
DAYS = 30
EVERY = timedelta(minutes=15)
POLICY = TierPolicy()
# The bounds of clay's availability as they are shown. How the first and the last block of six hours are cut depends on
# the time of day at which the world is judged, and with them the design effect: these are all that a day brings.
CLAY_LOWER, CLAY_UPPER = ("89.19", "89.20", "89.21", "89.22"), ("93.60", "93.61", "93.62")


def observations(at: datetime) -> Iterator[Observation]:
    """Everything that was observed over the DAYS before *at*."""
    for provider in PROVIDERS:
        for cluster in CLUSTERS:
            for number in range(DAYS * 96):
                yield observation(provider, cluster, at - EVERY * (number + 1), number)


def traffic(at: datetime) -> Iterator[Observation]:
    """Beryl's real traffic of the last week: beside every probe two requests, seven minutes before and after it."""
    for cluster in CLUSTERS:
        for number in range(7 * 96):
            tick = at - EVERY * (number + 1)
            beside = observation("beryl", cluster, tick, 1)
            for minutes in (-7, 7):
                failed = (2 * number + (minutes > 0)) % 16 == 3
                yield replace(
                    beside,
                    kind="passive_chat",
                    module="passive",
                    vantage="checkout",
                    source=Source.PASSIVE,
                    span=f"{2 * number + (minutes > 0) + 1:016x}",
                    tick=tick + timedelta(minutes=minutes),
                    started_at=tick + timedelta(minutes=minutes),
                    finished_at=tick + timedelta(minutes=minutes, seconds=2),
                    outcome=Outcome.FAILED if failed else Outcome.OK,
                    reason=Reason.HTTP_5XX if failed else None,
                    instrument=Instrument(Connection.UNKNOWN),
                    timings=Timings() if failed else Timings(first_token_ms=1440.0 + number % 97, total_ms=2000),
                    answer_digest="",
                )


def observation(provider: str, cluster: str, tick: datetime, number: int) -> Observation:
    """The observation of one tick; *number* counts back from the newest."""
    reason = _reason(provider, tick, number)
    ttft_ms = {"agate": 240.0, "beryl": 900.0, "clay": 1400.0}[provider] + number % 97
    failed = reason is not None
    return Observation(
        target=f"{provider}/{cluster}/chat",
        vantage="local",
        kind="chat_stream",
        tick=tick,
        provider=provider,
        cluster=f"{provider}/{cluster}",
        region=cluster,
        model="ours-70b",
        module="chat-short",
        started_at=tick,
        finished_at=tick + timedelta(seconds=2),
        outcome=Outcome.FAILED if failed else Outcome.OK,
        reason=reason,
        detail="<img src=x onerror=alert(1)> refused by 10.0.0.1 & co" if failed else "",
        http_status=None if failed else 200,
        timings=Timings() if failed else Timings(first_token_ms=ttft_ms, last_token_ms=ttft_ms + 900, total_ms=2000),
        instrument=Instrument(Connection.WARM if number % 2 else Connection.COLD),
        tokens=Tokens() if failed else Tokens(billed_in=40, billed_out=32, counted_out=32, counted_by="chunks"),
        answer_digest="" if failed else f"{number:016x}",
    )


def _reason(provider: str, tick: datetime, number: int) -> Reason | None:
    if provider == "beryl" and number % 500 == 250:
        return Reason.HTTP_5XX
    if provider == "clay" and tick.hour in {3, 4}:
        return Reason.CONNECT_REFUSED
    return None


def whole_minute(now: datetime) -> datetime:
    """The instant at which the small world is judged: *now*, cut to the minute."""
    return now.astimezone(UTC).replace(second=0, microsecond=0)


async def furnish(store: Store, at: datetime) -> tuple[Verdict, ...]:
    """Put the small world into *store* and judge it at *at*; the verdicts."""
    house = await ClickHouse.connect(store, clock=SystemClock())
    try:
        rows = [
            StoredRow(observation, batch_id=1, seq=seq, ingested_at=observation.finished_at)
            for seq, observation in enumerate((*observations(at), *traffic(at)))
        ]
        await house.insert_observations(rows)
        facts = await house.facts(at, POLICY)
        earlier = [judge(name, facts[name], POLICY, at - timedelta(minutes=1), None) for name in PROVIDERS]
        verdicts = tuple(judge(name, facts[name], POLICY, at, None) for name in PROVIDERS)
        await house.insert_verdicts([*earlier, *verdicts])
        await house.insert_copies("incident_transitions", transitions(at))
        await house.insert_copies("page_attempts", pages(at))
    finally:
        await house.close()
    return verdicts


def furnish_now(store: Store, at: datetime) -> tuple[Verdict, ...]:
    """`furnish`, for tests without a loop."""
    return asyncio.run(furnish(store, at))


def transitions(at: datetime) -> list[dict[str, Any]]:
    """Clay's P0, promoted from one cluster and still open; beryl's P1, over for a day."""
    clay, beryl = at - timedelta(minutes=12), at - timedelta(days=1)
    return [
        _transition("inc-c1a4c1a4c1a4", 1, "opened", "open", "P1", "cluster", "clay/us-east", clay, 4),
        _transition("inc-c1a4c1a4c1a4", 2, "promoted", "open", "P0", "provider", "clay", clay, 5),
        _transition("inc-be41be41be41", 1, "opened", "open", "P1", "cluster", "beryl/eu-west", beryl, 6),
        _transition("inc-be41be41be41", 2, "recovering", "recovering", "P1", "cluster", "beryl/eu-west", beryl, 300),
        _transition("inc-be41be41be41", 3, "resolved", "resolved", "P1", "cluster", "beryl/eu-west", beryl, 315),
    ]


def _transition(
    id: str, seq: int, change: str, state: str, severity: str, level: str, scope: str, failed_at: datetime, after_s: int
) -> dict[str, Any]:
    opening = 4 if scope.startswith("clay") else 6
    return {
        "incident": id,
        "seq": seq,
        "change": change,
        "state": state,
        "severity": severity,
        "level": level,
        "scope": scope,
        "provider": scope.split("/")[0],
        "reason": "connect_refused",
        "cause": f"3 failures in a row on {scope} <b>&</b>",
        "parent": "",
        "failed_at": failed_at,
        "opened_at": failed_at + timedelta(seconds=opening),
        "at": failed_at + timedelta(seconds=after_s),
        "simulated": False,
    }


def pages(at: datetime) -> list[dict[str, Any]]:
    """Clay's page: refused once by the first destination, then delivered."""
    failed_at = at - timedelta(minutes=12)
    return [
        _page("on-call", 1, "failed", 503, "HTTP 503", failed_at, 6.0),
        _page("on-call", 2, "delivered", 202, "", failed_at, 8.5),
    ]


def _page(
    destination: str, attempt: int, state: str, status: int, error: str, failed_at: datetime, after_s: float
) -> dict[str, Any]:
    return {
        "incident": "inc-c1a4c1a4c1a4",
        "seq": 2,
        "destination": destination,
        "attempt": attempt,
        "provider": "clay",
        "severity": "P0",
        "change": "opened",
        "state": state,
        "status": status,
        "error": error,
        "failed_at": failed_at,
        "at": failed_at + timedelta(seconds=after_s),
    }
