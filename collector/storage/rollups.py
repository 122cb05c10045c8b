"""
Rollups: recomputed from facts for whole buckets, never incremented (law 11).

A mark says up to which instant every row taken in is rolled up. It is moved only after everything has been
recomputed, so a crash at any point means that some buckets are computed again. There are several, because rollups that
an upgrade brought hold nothing yet, or something else, while the others go on being read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from collector.storage import cluster_rollups, rollup_sql
from collector.storage.client import Client, of_ms, to_ms

HOUR, DAY, DAY_S = timedelta(hours=1), timedelta(days=1), 86_400
SLICE = timedelta(hours=6)  # of facts at once: two days of 9 rows a second took more than a GiB
DAYS_SLICE = timedelta(days=32)
HOURS_SLICE = timedelta(days=8)  # of rollups by target: 90 days of 90 clusters took more than a GiB
MARKS = (rollup_sql.FACTS, rollup_sql.CLUSTERS, rollup_sql.COMPARISON)
OVERLAP_MS = 120_000  # a writer other than this collector may have had an insert under way


class Rollups:
    """The rollups of one store."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def recompute(self, start: datetime, end: datetime) -> None:
        """Recompute every bucket that touches [start, end); running it twice changes nothing."""
        for low, high in slices(start, end, HOUR, SLICE):
            for sql in rollup_sql.BY_HOUR:
                await self._client.command(sql, a=to_ms(low), b=to_ms(high))
        await self._recompute_days(start, end)

    async def advance(self, settled: datetime, now: datetime) -> int:
        """
        Recompute every closed bucket that has changed, late batches included, and this hour's minutes; how many hours.

        *settled*: every row taken in before it is stored.
        """
        mark_ms, marks = (await self._client.rows(rollup_sql.MARK, names=list(MARKS)))[0]
        since = mark_ms - OVERLAP_MS if marks == len(MARKS) else 0
        if not since:
            await self._take_over(now)
        rows = await self._client.rows(rollup_sql.DIRTY, now=to_ms(now), since=since)
        hours = [datetime.fromtimestamp(hour, UTC) for (hour,) in rows]
        for start, end in runs(hours, HOUR):
            for low, high in slices(start, end, HOUR, SLICE):
                for sql in rollup_sql.BY_HOUR:
                    await self._client.command(sql, a=to_ms(low), b=to_ms(high))
        for start, end in await self._days_of(hours, now, everything=not since):
            await self._recompute_days(start, end)
        await self._client.command(rollup_sql.MINUTES, a=to_ms(floor(now, HOUR)), b=to_ms(floor(now, HOUR / 60)))
        await self._mark(MARKS, min(settled, now))
        return len(hours)

    async def _days_of(
        self, hours: Sequence[datetime], now: datetime, *, everything: bool
    ) -> list[tuple[datetime, datetime]]:
        """The closed days of *hours*, as [start, end); with *everything* also those that have no other hours left."""
        today = floor(now, DAY)
        days = {floor(hour, DAY) for hour in hours if hour < today}
        if everything:
            first, n = (await self._client.rows(rollup_sql.FIRST_HOUR))[0]
            day = floor(datetime.fromtimestamp(first + DAY_S - 1, UTC), DAY)  # the first that is whole
            days |= {day + number * DAY for number in range((today - day) // DAY)} if n else set()
        return list(runs(sorted(days), DAY))

    async def _recompute_days(self, start: datetime, end: datetime) -> None:
        for low, high in slices(start, end, DAY, DAYS_SLICE):
            for sql in rollup_sql.BY_DAY:
                await self._client.command(sql, a=to_ms(low), b=to_ms(high))

    async def _take_over(self, now: datetime) -> None:
        """Where rollups by cluster have no mark of their own: those by target, as far as their mark goes."""
        facts_ms, marked = (await self._client.rows(rollup_sql.MARK, names=[rollup_sql.FACTS]))[0]
        if (await self._client.rows(rollup_sql.MARK, names=[rollup_sql.CLUSTERS]))[0][1]:
            return
        for first_sql, sql, slice in (
            (rollup_sql.FIRST_HOUR, cluster_rollups.HOURS_TAKEN_OVER, HOURS_SLICE),
            (rollup_sql.FIRST_DAY, cluster_rollups.DAYS_TAKEN_OVER, DAYS_SLICE),
        ):
            first, n = (await self._client.rows(first_sql))[0]
            for low, high in slices(datetime.fromtimestamp(first, UTC), now, DAY, slice) if n else ():
                await self._client.command(sql, a=to_ms(low), b=to_ms(high))
        if marked:
            await self._mark([rollup_sql.CLUSTERS], of_ms(facts_ms))

    async def _mark(self, names: Sequence[str], at: datetime) -> None:
        await self._client.insert("rollup_marks", ("name", "mark"), None, [[name, at] for name in names])


def floor(stamp: datetime, bucket: timedelta) -> datetime:
    """The start of the *bucket* that *stamp* is in, in UTC."""
    return datetime.fromtimestamp(stamp.timestamp() // bucket.total_seconds() * bucket.total_seconds(), UTC)


def runs(starts: Sequence[datetime], bucket: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """The buckets that begin at *starts*, ascending, as [start, end) of those that touch."""
    start = end = None
    for one in starts:
        if one != end:
            if start is not None and end is not None:
                yield start, end
            start = one
        end = one + bucket
    if start is not None and end is not None:
        yield start, end


def slices(start: datetime, end: datetime, bucket: timedelta, slice: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) widened to whole buckets, in pieces of at most *slice*."""
    low = floor(start, bucket)
    while low < end:
        high = min(low + slice, floor(end - timedelta(microseconds=1), bucket) + bucket)
        yield low, high
        low = high
