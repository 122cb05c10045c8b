"""
Judging what an OpenTelemetry Collector stores: nobody tells us of new rows, so they are asked for.

Every half second what has come since is decided on; what was decided already says nothing new to the judge, so asking
again does no harm. Verdicts are given up to the instant up to which doubles are removed. Real traffic is read by
collector/passive.py, as ingest does: it judges nothing, so it may come minutes later.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from collector.exported_spans import ExportedSpan, client_span_of
from collector.otlp_reading import Times
from collector.passive import TargetIndex, passive_observation
from schemas.clock import Clock
from schemas.errors import StoreError, WireError
from schemas.observation import Observation

logger = logging.getLogger(__name__)

ASK_S = 0.5
SWEEP_S = 15.0
RECONCILE_S = 300.0
RETRY_S = 2.0
LOOK_BACK = timedelta(minutes=5)  # at the start: what a process before us may not have decided
PASSIVE_MARK = "otel_passive"
PASSIVE_BACK = timedelta(hours=1)
PASSIVE_STEP = timedelta(minutes=1)


class Traces(Protocol):
    """What is asked of the exporter's table and of what came through it."""

    async def settled(self) -> datetime:
        """Every row that came before this instant is stored."""
        ...

    async def taken_in(self, since: datetime, until: datetime) -> list[Observation]:
        """Active observations that came in [since, until)."""
        ...

    async def sweep(self, since: datetime, until: datetime) -> int:
        """Remove doubles of what came in [since, until)."""
        ...

    async def reconcile(self, settled: datetime, now: datetime) -> Any:
        """Every closed hour exactly once."""
        ...

    async def client_spans(self, since: datetime, until: datetime) -> list[ExportedSpan]:
        """Real traffic that came in [since, until)."""
        ...

    async def mark(self, name: str) -> datetime | None:
        """How far the work *name* has come."""
        ...

    async def set_mark(self, name: str, at: datetime) -> None:
        """It has come to *at*."""
        ...


class Writer(Protocol):
    """What is asked of the facts for real traffic."""

    async def stored_keys(self, observations: Sequence[Observation]) -> frozenset[Any]:
        """Which natural keys are stored already."""
        ...

    async def insert_passive(self, observations: Sequence[Observation], ingested_at: datetime) -> None:
        """Store new ones."""
        ...


class Exported:
    """The work that ingest does for what is sent to us, done for what is stored past us."""

    def __init__(
        self,
        traces: Traces,
        writer: Writer,
        key_of: Callable[[Observation], Any],
        decided: Callable[[Sequence[Observation]], Awaitable[None]],
        clock: Clock,
        targets: TargetIndex,
    ) -> None:
        self._traces, self._writer, self._key_of, self._decided = traces, writer, key_of, decided
        self._clock, self._targets = clock, targets
        self._seen: datetime | None = None
        self._swept: datetime | None = None

    def watermark(self) -> datetime | None:
        """Everything that came before this instant is stored, once; None until that is known."""
        return self._swept

    async def keep_deciding(self) -> None:
        """Decide on what has come, every half second."""
        await self._keep(ASK_S, self.decide_on_news, "asking for new rows")

    async def keep_sweeping(self) -> None:
        """Remove doubles of what has come, so that verdicts count nothing twice."""
        await self._keep(SWEEP_S, self.sweep, "removing doubles")

    async def keep_reconciling(self) -> None:
        """Reconcile closed hours, and take real traffic in."""
        await self._keep(RECONCILE_S, self.reconcile, "reconciling")

    async def decide_on_news(self) -> None:
        """Decide on what came since the last time."""
        until = await self._traces.settled()
        since = self._seen or until - LOOK_BACK
        if news := await self._traces.taken_in(since, until):
            await self._decided(news)
        self._seen = until

    async def sweep(self) -> None:
        """Remove doubles of what came since the last time; the watermark follows."""
        until = await self._traces.settled()
        removed = await self._traces.sweep(self._swept or until - LOOK_BACK, until)
        if removed:
            logger.info("%d doubled rows removed", removed)
        self._swept = until

    async def reconcile(self) -> None:
        """One round."""
        found = await self._traces.reconcile(await self._traces.settled(), self._clock.now())
        level = logging.WARNING if found.missing or found.unreadable else logging.INFO
        logger.log(level, "reconciled: %s", found)
        await self.take_passive()

    async def take_passive(self) -> Mapping[str, int]:
        """Store the real traffic that has come since the last round; how many, and how many were none."""
        until = await self._traces.settled()
        start = await self._traces.mark(PASSIVE_MARK) or until - PASSIVE_BACK
        taken, rejected, times = 0, 0, Times.around(self._clock.now())
        while start < until:
            end = min(start + PASSIVE_STEP, until)
            observations = []
            for row in await self._traces.client_spans(start, end):
                try:
                    one = passive_observation(client_span_of(row), self._targets)
                    times.check(one)
                    observations.append(one)
                except WireError:
                    rejected += 1
            stored = await self._writer.stored_keys(observations)
            fresh = {key: one for one in observations if (key := self._key_of(one)) not in stored}
            if fresh:
                await self._writer.insert_passive(tuple(fresh.values()), self._clock.now())
            taken, start = taken + len(fresh), end
        await self._traces.set_mark(PASSIVE_MARK, until)
        return {"taken": taken, "rejected": rejected}

    async def _keep(self, every_s: float, work: Callable[[], Awaitable[Any]], what: str) -> None:
        while True:
            try:
                await work()
            except StoreError as error:
                logger.warning("%s: %s", what, error)
                await self._clock.sleep(RETRY_S)
            await self._clock.sleep(every_s)


def earlier(*marks: datetime | None) -> datetime | None:
    """The earliest of *marks*; None while one is unknown."""
    known = [mark for mark in marks if mark is not None]
    return min(known) if len(known) == len(marks) else None
