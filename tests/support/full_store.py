"""
A store in which every page of the dashboard has something to show: the small world, and what its pages lack.

Its agents at two vantages have just sent an hour of observations, some not observed; agate's engine told its figures;
clay's claims are contradicted; pages were delivered, late, told instead, and one is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import StoredRow
from schemas.config import Configuration, Store
from schemas.observation import Observation, Outcome, Reason
from tests.support import claims, small_world
from tests.support.observations import seen
from tests.support.stores import on_store

VANTAGES = ("fra", "iad")
VERSION = "0.9.1"
DEAD = "inc-dead00dead00"


def furnish(store: Store, configuration: Configuration, at: datetime) -> None:
    """Put everything into *store*, as it is at *at*."""
    small_world.furnish_now(store, at)
    rows = [StoredRow(one, 1, seq, one.finished_at) for seq, one in enumerate((*last_hour(at), *engine(at)))]
    examined_at = at - timedelta(minutes=20)

    async def rest(house: ClickHouse) -> None:
        await house.insert_observations(rows)
        await house.insert_suspicions([claims.suspected("clay", examined_at)], examined_at, examined_at)
        await house.insert_copies("incident_transitions", transitions(at))
        await house.insert_copies("page_attempts", attempts(at))
        await house.note_configuration(configuration, VERSION, at - timedelta(days=2))
        await house.rollups.advance(at, at)

    on_store(store, rest)


def last_hour(at: datetime) -> Iterator[Observation]:
    """A probe a minute of every cluster from two vantages; one in thirty was not made for want of a network."""
    for minute in range(60):
        tick = at - timedelta(minutes=minute)
        for provider in small_world.PROVIDERS:
            for vantage in VANTAGES:
                gone = (minute + len(provider) + len(vantage)) % 30 == 0 and vantage == "iad"
                plain = small_world.observation(provider, "us-east", tick, 1)
                one = replace(plain, vantage=vantage, late_ms=1.5 + minute % 7, agent_version=VERSION)
                yield (
                    replace(one, outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_NETWORK, detail="")
                    if gone
                    else one
                )


def engine(at: datetime) -> Iterator[Observation]:
    """What agate's engine told every ten minutes of the last six hours."""
    for number in range(36):
        yield seen(
            "agate/us-east/chat", at - timedelta(minutes=10 * number), kind="engine_metrics", module="engine",
            vantage=VANTAGES[0], agent_version=VERSION,
            figures={"requests_waiting": float(number % 4), "kv_cache_share": 0.4 + number / 100},
        )  # fmt: skip


def transitions(at: datetime) -> list[dict[str, Any]]:
    """An incident of beryl, a day and a half ago, of which one destination was never told."""
    failed_at = at - timedelta(hours=37)
    return [
        small_world._transition(DEAD, 1, "opened", "open", "P1", "cluster", "beryl/us-east", failed_at, 6),
        small_world._transition(DEAD, 2, "resolved", "resolved", "P1", "cluster", "beryl/us-east", failed_at, 400),
    ]


def attempts(at: datetime) -> list[dict[str, Any]]:
    """One dead page, its backup that was told instead and late, and a resolve in time."""
    failed_at = at - timedelta(hours=37)
    return [
        _attempt("sms", 1, 1, "pending", 0, "no answer within 10 s", failed_at, 16),
        _attempt("sms", 1, 2, "dead", 410, "HTTP 410 <b>gone</b>", failed_at, 47),
        _attempt("mail", 1, 1, "delivered", 202, "", failed_at, 90) | {"instead_of": "sms", "late_s": 84.0},
        _attempt("on-call", 1, 1, "delivered", 202, "", failed_at, 8.5),
        _attempt("on-call", 2, 1, "delivered", 202, "", failed_at, 401),
    ]


def _attempt(
    destination: str, seq: int, attempt: int, state: str, status: int, error: str, failed_at: datetime, after_s: float
) -> dict[str, Any]:
    return {
        "incident": DEAD, "seq": seq, "destination": destination, "attempt": attempt, "provider": "beryl",
        "severity": "P1", "change": "opened" if seq == 1 else "resolved", "state": state, "status": status,
        "error": error, "failed_at": failed_at, "at": failed_at + timedelta(seconds=after_s), "instead_of": "",
        "late_s": None, "took_ms": 120.0,
    }  # fmt: skip
