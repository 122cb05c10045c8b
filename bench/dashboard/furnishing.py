"""
What months of running leave beside observations, and a load in bulk does not: verdicts, incidents, pages.

A verdict on every provider for each minute and a statement of every unit and month for each hour, copied from the
newest; an incident for each outage that is in the facts, paged to two destinations. Rollups, examinations, the newest
verdicts and statements are the collector's own work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import opened, rows_of
from collector.storage.outage_queries import Outage
from collector.storage.queries import Reader
from schemas.config import Store
from touchstone.system_clock import SystemClock

MINUTES_A_DAY = 1440
CHANGED_EVERY = 6000  # minutes: some twenty changes of a tier in ninety days
ROWS_AT_ONCE, PART_BYTES = 1024, 48 << 20  # a verdict is 6 kB and more, and a query may take 1 GiB
DESTINATIONS = ("webhook", "pagerduty")
DEAD_EVERY, LATE_EVERY = 40, 15  # deliveries

_AT_ONCE = f"SETTINGS max_block_size = {ROWS_AT_ONCE}, min_insert_block_size_bytes = {PART_BYTES}"
_HELD = "SELECT count() FROM {database}.{table} WHERE at < fromUnixTimestamp64Milli({until:Int64})"
# Parameters: until (ms), minutes, of these `from` to `to`; provider.
_VERDICTS = f"""
INSERT INTO {{database}}.verdicts (at, provider, tier, previous, reasons, policy, rule_version, changed, body)
SELECT fromUnixTimestamp64Milli({{until:Int64}}) - toIntervalMinute(minute) AS then, provider, tier,
       if(minute % {CHANGED_EVERY} = {CHANGED_EVERY} - 1, 'unrated', tier), reasons, policy, rule_version,
       if(minute % {CHANGED_EVERY} = {CHANGED_EVERY} - 1, [provider], []),
       replaceOne(body, JSONExtractString(body, 'at'), formatDateTime(then, '%Y-%m-%dT%H:%i:%S.%f+00:00'))
FROM (SELECT * FROM {{database}}.verdicts WHERE provider = {{provider:String}} ORDER BY at DESC LIMIT 1) AS newest
CROSS JOIN (SELECT number + 1 AS minute FROM numbers({{minutes:UInt32}})) AS minutes
{_AT_ONCE}"""

_UNITS = "SELECT uniqExact(provider, month, commitment, unit) FROM {database}.statements"
_STATEMENTS = f"""
INSERT INTO {{database}}.statements (at, provider, month, commitment, unit, promised, uptime, credit, claim_by, body)
SELECT fromUnixTimestamp64Milli({{until:Int64}}) - toIntervalHour(hour), provider, month, commitment, unit, promised,
       uptime, credit, claim_by, body
FROM (SELECT * FROM {{database}}.statements ORDER BY at DESC LIMIT 1 BY provider, month, commitment, unit) AS newest
CROSS JOIN (SELECT number + 1 AS hour FROM numbers({{hours:UInt32}})) AS hours
{_AT_ONCE}"""


def furnish(store: Store, start: datetime, end: datetime) -> dict[str, int]:
    """Put into *store* what is missing of it over [start, end); how much there is of each."""
    with Reader.open(store) as reader:
        outages = reader.outages(start, end)
    verdicts, statements = _verdicts(store, start, end), _statements(store, start, end)
    found = [transition for outage in outages for transition in transitions(outage)]
    tries = [one for number, outage in enumerate(outages) for one in attempts(outage, number)]
    _copied(store, found, tries)
    return {
        "verdicts": verdicts, "statements": statements, "incidents": len(outages), "page_attempts": len(tries)
    }  # fmt: skip


def _verdicts(store: Store, start: datetime, end: datetime) -> int:
    """A verdict a minute on each provider over [start, end), unless there are; how many there are."""
    until, minutes = round(end.timestamp() * 1000), (end - start) // timedelta(minutes=1)
    with opened(store) as driver:
        providers = [name for (name,) in rows_of(driver, store, "SELECT DISTINCT provider FROM {database}.verdicts")]
        held = _held(driver, store, "verdicts", until)
        if held < minutes * len(providers) / 2:
            for provider in providers:
                sql = _VERDICTS.replace("{database}", store.database)
                driver.command(sql, parameters={"until": until, "minutes": minutes, "provider": provider})
        return _held(driver, store, "verdicts", until)


def _statements(store: Store, start: datetime, end: datetime) -> int:
    """A statement an hour of each unit and month over [start, end), unless there are; how many there are."""
    until, hours = round(end.timestamp() * 1000), (end - start) // timedelta(hours=1)
    with opened(store) as driver:
        (units,) = rows_of(driver, store, _UNITS)[0]
        if _held(driver, store, "statements", until) < hours * units / 2:
            driver.command(
                _STATEMENTS.replace("{database}", store.database), parameters={"until": until, "hours": hours}
            )
        return _held(driver, store, "statements", until)


def _held(driver: Any, store: Store, table: str, until: int) -> int:
    """How many rows of *table* are of before *until* (ms)."""
    return int(rows_of(driver, store, _HELD.replace("{table}", table), until=until)[0][0])


def transitions(outage: Outage) -> Iterator[dict[str, Any]]:
    """The beginning and the end of an incident about *outage*."""
    id, severity = incident_of(outage), severity_of(outage)
    opened_at = outage.start + timedelta(seconds=12)
    plain = {
        "incident": id, "severity": severity, "level": "cluster", "scope": outage.cluster, "provider": outage.provider,
        "reason": "connect_refused", "cause": f"{outage.failed} of {outage.known} failed on {outage.cluster}",
        "parent": "", "failed_at": outage.start, "opened_at": opened_at, "simulated": True,
    }  # fmt: skip
    yield plain | {"seq": 1, "change": "opened", "state": "open", "at": opened_at}
    yield plain | {"seq": 2, "change": "resolved", "state": "resolved", "at": outage.end + timedelta(seconds=30)}


def attempts(outage: Outage, number: int) -> Iterator[dict[str, Any]]:
    """How both were told to each destination: some late, a few not at all."""
    for seq, at in ((1, outage.start + timedelta(seconds=12)), (2, outage.end + timedelta(seconds=30))):
        for place, destination in enumerate(DESTINATIONS):
            dead, late = number % DEAD_EVERY == place + 1, number % LATE_EVERY == place + 3
            late_s = 95.0 if late else None
            yield {
                "incident": incident_of(outage), "seq": seq, "destination": destination, "attempt": 1,
                "provider": outage.provider, "severity": severity_of(outage),
                "change": "opened" if seq == 1 else "resolved", "state": "dead" if dead else "delivered",
                "status": 410 if dead else 202, "error": "HTTP 410" if dead else "", "failed_at": outage.start,
                "at": at + timedelta(seconds=late_s or 1.5), "instead_of": "", "late_s": late_s, "took_ms": 120.0,
            }  # fmt: skip


def incident_of(outage: Outage) -> str:
    """The id of the incident about *outage*: the same one in every run."""
    return f"inc-{sha256(f'{outage.target}|{outage.kind}|{outage.start.isoformat()}'.encode()).hexdigest()[:12]}"


def severity_of(outage: Outage) -> str:
    """P0 for half an hour and more."""
    return "P0" if outage.end - outage.start >= timedelta(minutes=30) else "P1"


def _copied(store: Store, found: Sequence[dict[str, Any]], tries: Sequence[dict[str, Any]]) -> None:
    import asyncio

    async def run() -> None:
        async with ClickHouse.opened(store, clock=SystemClock()) as house:
            await house.insert_copies("incident_transitions", found)
            await house.insert_copies("page_attempts", tries)

    asyncio.run(run())
