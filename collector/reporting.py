"""
Reports by themselves: when a period has closed, every provider's scorecard is written to a folder, mailed or posted.

Each goes out once, whoever starts anew: it is noted in the transactional store before anything is made, and the same
instant gives the same bytes, the same file and the same id, so that an attempt whose end nobody saw changes nothing
when it is made again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol

from collector.exports.catalog import MEDIA_TYPES, rendered
from collector.judgement.report_period import Period, last_closed
from collector.paging.answer import Answer
from collector.paging.hand_over import Carrier
from collector.paging.report_messages import ReportFile, letter, posted
from collector.scorecards import Terms, card_at
from collector.storage.ledger_reports import ReportKey, ReportResult, ReportRow, ReportState
from collector.storage.queries import Reader
from schemas.clock import Clock
from schemas.config import Configuration
from schemas.destinations import Email, Webhook
from schemas.errors import ExportError, StoreError
from schemas.reports import Report

logger = logging.getLogger(__name__)

LOOK_S = 15.0
AT_ONCE_MAX = 50  # of one look
RETRY_S = (60.0, 300.0, 900.0, 3600.0)  # then every hour
ATTEMPTS_MAX = 76  # three days
SETTLED = timedelta(minutes=1)  # from the end of a period: what the judge knew of incidents has been copied by then


class Shelf(Protocol):
    """Where it is noted which reports are due and which went out (blocking)."""

    def plan_reports(self, keys: Sequence[ReportKey], ends: datetime, now: datetime) -> None:
        """Note what is due."""
        ...

    def lease_report(self, now: datetime, ends_until: datetime) -> ReportRow | None:
        """One that is due and whose period ended by *ends_until*, held."""
        ...

    def settle_report(self, key: ReportKey, result: ReportResult) -> None:
        """Record one attempt."""
        ...


@dataclass(frozen=True, slots=True)
class Reporter:
    """One collector's. *on_disk* runs blocking work of the transactional store; *reader* opens the store of facts."""

    configuration: Configuration
    clock: Clock
    shelf: Shelf
    on_disk: Callable[..., Awaitable[Any]]
    reader: Callable[[], AbstractContextManager[Reader]]

    async def keep_reporting(self) -> None:
        """Look every so often what is due, for ever; a store that is down is waited for."""
        async with Carrier(self.configuration.settings.paging) as carrier:
            while True:
                try:
                    await self.report_due(carrier)
                except StoreError as error:
                    logger.warning("reporting: %s", error)
                await self.clock.sleep(LOOK_S)

    async def report_due(self, carrier: Carrier) -> int:
        """Note what is due, make and send it; how many were tried."""
        for report in self.configuration.settings.reports:
            period = last_closed(report.every, time.fromisoformat(report.at), self.clock.now())
            keys = [ReportKey(report.name, period.label, name) for name in self._providers(report)]
            await self.on_disk(self.shelf.plan_reports, keys, period.ends, self.clock.now())
        if (settled := await asyncio.to_thread(self._settled)) is None:
            return 0
        for tried in range(AT_ONCE_MAX):
            row = await self.on_disk(self.shelf.lease_report, self.clock.now(), settled - SETTLED)
            if row is None:
                return tried
            result = await self._tried(row, carrier)
            _tell(row, result)
            await self.on_disk(self.shelf.settle_report, row.key, result)
        return AT_ONCE_MAX

    def _providers(self, report: Report) -> Sequence[str]:
        return report.providers or sorted(self.configuration.fleet.providers)

    async def _tried(self, row: ReportRow, carrier: Carrier) -> ReportResult:
        """What comes of one attempt; only a store that is down is raised."""
        report = self._configured(row)
        if report is None:
            return self._given_up("the report is no longer configured")
        try:
            file = await asyncio.to_thread(self._made, report, row)
            if file is None:
                said = "nobody had judged it by the end of the period"
                return ReportResult(state=ReportState.NOTHING, at=self.clock.now(), error=said)
            place, answer = await self._delivered(report, file, carrier)
        except (ExportError, OSError) as problem:
            return self._later(row, str(problem))
        if answer.hopeless:
            return self._given_up(answer.error)
        if not answer.accepted:
            return self._later(row, answer.error)
        return ReportResult(
            state=ReportState.SENT, at=self.clock.now(), place=place, sha256=file.sha256, size=len(file.body)
        )

    def _configured(self, row: ReportRow) -> Report | None:
        """The report that *row* is of; None when there is none of its name and periods any more."""
        named = (one for one in self.configuration.settings.reports if one.name == row.report)
        return next((one for one in named if _period(one, row).label == row.period), None)

    def _settled(self) -> datetime | None:
        with self.reader() as reader:
            return reader.settled_at()

    def _made(self, report: Report, row: ReportRow) -> ReportFile | None:
        """The file; None when nobody had judged the provider by then."""
        with self.reader() as reader:
            length = timedelta(days=report.days) if report.days else row.ends - _period(report, row).begins
            otherwise = Terms.configured(self.configuration, row.provider)
            card = card_at(reader, otherwise, row.provider, row.ends, length)
        if card is None:
            return None
        return ReportFile(
            deployment=self.configuration.settings.paging.deployment,
            key=f"{row.report}|{row.period}|{row.provider}",
            title=f"{card.name or card.provider}: {card.verdict.tier.value}, {row.period}",
            report=row.report,
            provider=row.provider,
            period=row.period,
            begins=card.start,
            ends=card.end,
            name=f"{row.provider}-{row.period}.{report.format}",
            media_type=MEDIA_TYPES[report.format],
            body=rendered(report.format, card),
        )

    async def _delivered(self, report: Report, file: ReportFile, carrier: Carrier) -> tuple[str, Answer]:
        """Where it went, and what was said there."""
        if report.to.folder is not None:
            path = Path(report.to.folder) / report.name / file.name
            await asyncio.to_thread(filed, path, file.body)
            return str(path), Answer(0, "", accepted=True)
        assert report.to.destination is not None
        kind, name = report.to.destination
        settings, now = self.configuration.settings.paging.destinations[name], self.clock.now()
        if isinstance(settings, Email):
            return f"{kind} {name}", await carrier.carry(lambda: letter(file, settings, now), settings)
        assert isinstance(settings, Webhook)
        return f"{kind} {name}", await carrier.carry(lambda: posted(file, settings, now), settings)

    def _later(self, row: ReportRow, why: str) -> ReportResult:
        now = self.clock.now()
        if row.attempt + 1 >= ATTEMPTS_MAX:
            return self._given_up(why)
        wait = timedelta(seconds=RETRY_S[min(row.attempt, len(RETRY_S) - 1)])
        return ReportResult(state=ReportState.PENDING, at=now, error=why, retry_at=now + wait)

    def _given_up(self, why: str) -> ReportResult:
        return ReportResult(state=ReportState.DEAD, at=self.clock.now(), error=why)


def _period(report: Report, row: ReportRow) -> Period:
    return last_closed(report.every, time(), row.ends)


def filed(path: Path, body: bytes) -> None:
    """Write *body* to *path*, all of it or nothing; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.part")
    with fresh.open("wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


def _tell(row: ReportRow, result: ReportResult) -> None:
    named = f"report {row.report} of {row.provider}, {row.period}"
    match result.state:
        case ReportState.SENT:
            logger.info("%s: %s", named, result.place)
        case ReportState.DEAD:
            logger.error("%s is given up: %s", named, result.error)
        case ReportState.PENDING:
            logger.warning("%s, attempt %d: %s", named, row.attempt + 1, result.error)
