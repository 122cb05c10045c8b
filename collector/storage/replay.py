"""What the judge must know of stored observations, hour by hour in the order in which they arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.storage.client import of_ms, to_ms
from collector.storage.connection import opened, rows_of
from schemas.config import Store
from schemas.observation import Distrust, Observation, Outcome, Reason, Timings

HOUR = timedelta(hours=1)

_ARRIVED = """
SELECT target, vantage, kind, module, provider, cluster, toUnixTimestamp64Milli(tick), attempt,
       toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(finished_at), outcome, reason, first_token_ms,
       distrust
FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64}) AND source = 'active'
ORDER BY finished_at, tick, target, vantage, kind, attempt"""


def hours(store: Store, start: datetime, end: datetime) -> Iterator[tuple[datetime, list[Observation]]]:
    """Our own observations whose tick is in [start, end), an hour at a time with the hour's end."""
    with opened(store) as driver:
        while start < end:
            until = min(start + HOUR, end)
            rows = rows_of(driver, store, _ARRIVED, a=to_ms(start), b=to_ms(until))
            yield until, [_observation(*row) for row in rows]
            start = until


def _observation(
    target: str,
    vantage: str,
    kind: str,
    module: str,
    provider: str,
    cluster: str,
    tick: int,
    attempt: int,
    started: int,
    finished: int,
    outcome: str,
    reason: str,
    first_token_ms: float | None,
    distrust: str,
) -> Observation:
    return Observation(
        target=target,
        vantage=vantage,
        kind=kind,
        module=module,
        provider=provider,
        cluster=cluster,
        tick=of_ms(tick),
        attempt=attempt,
        started_at=of_ms(started),
        finished_at=of_ms(finished),
        outcome=Outcome(outcome),
        reason=Reason(reason) if reason else None,
        timings=Timings(first_token_ms=first_token_ms),
        distrust=Distrust(distrust) if distrust else None,
    )
