"""Reports go out once, when their period has closed: a folder, mail, a signed webhook; what fails is tried again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.paging.hand_over import Carrier
from collector.paging.signing import verified
from collector.reporting import ATTEMPTS_MAX, Reporter
from collector.storage.ledger import Ledger
from collector.storage.ledger_reports import LEASE_S, ReportKey, ReportResult, ReportState
from collector.storage.queries import Reader
from schemas.config import Configuration, Settings, Store
from schemas.errors import StoreUnavailable
from schemas.fleet import Fleet
from tests.contract.test_mail import Mailbox, server
from tests.contract.test_scorecard_as_of import AT, first, give_verdict
from tests.support.ledgers import Place, place
from tests.support.processes import WEBHOOK_SECRET
from tests.support.stores import fresh_database, on_store
from touchstone.system_clock import SystemClock

__all__ = ["place"]

ENDS = AT.replace(hour=0)
NOW = ENDS + timedelta(hours=6)
DAY = f"{ENDS - timedelta(days=1):%Y-%m-%d}"
CLAY: dict[str, Any] = {"name": "daily", "every": "day", "providers": ["clay"]}


class SetClock(SystemClock):
    """Says what it is told."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        """As it was set."""
        return self.at


@dataclass
class Hook:
    """A receiver of webhooks that answers as it is told."""

    url: str = ""
    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.Response:
        """Keep one."""
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    """A running one."""
    hook = Hook()
    runner = web.ServerRunner(web.Server(hook.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/reports"
    try:
        yield hook
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def judged(store_process: str) -> Iterator[Store]:
    """A store with a verdict on clay just before the period closed, and one half a day later."""
    for store in fresh_database(Store(url=store_process, database="t_reporting")):
        on_store(store, partial(first, store=store))
        on_store(store, partial(give_verdict, at=ENDS - timedelta(minutes=1)))
        yield store


def configured(store: Store, reports: list[dict[str, Any]], **destinations: dict[str, Any]) -> Configuration:
    """Of two providers, one of which nobody ever judged."""

    given = {"paging": {"private_addresses": True, "destinations": destinations}, "reports": reports}
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    fleet = {name: {"clusters": {"us-east": {"targets": {"chat": target}}}} for name in ("clay", "opal")}
    return Configuration(
        settings=Settings.model_validate(
            {"version": 1, "store": store, "modules": {"chat": {"kind": "chat_stream"}}} | given
        ),
        fleet=Fleet.model_validate({"providers": fleet}),
    )


def reporter(house: Configuration, ledger: Ledger, clock: SetClock) -> Reporter:
    """One whose blocking work runs at once."""

    async def on_disk(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)

    return Reporter(house, clock, ledger, on_disk, partial(Reader.open, house.settings.store))


def reported(house: Configuration, ledger: Ledger, clock: SetClock) -> int:
    """One look; how many were tried."""

    async def look() -> int:
        async with Carrier(house.settings.paging) as carrier:
            return await reporter(house, ledger, clock).report_due(carrier)

    return asyncio.run(look())


def states(ledger: Ledger) -> dict[tuple[str, str], str]:
    """By report and provider."""
    return {(row.report, row.provider): row.state.value for row in ledger.reports()}


def test_a_report_is_filed_once_when_its_period_has_closed(judged: Store, tmp_path: Path) -> None:
    """Not before; one that nobody was judged for says so; a restart, and the same look again, change nothing."""
    house = configured(
        judged, [{"name": "daily", "every": "day", "format": "md", "to": {"folder": str(tmp_path / "out")}}]
    )
    clock = SetClock(NOW)
    with closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
        tried = [reported(house, ledger, clock), reported(house, ledger, clock)]
    made = sorted(file.relative_to(tmp_path / "out") for file in (tmp_path / "out").rglob("*") if file.is_file())
    written = (tmp_path / "out" / made[0]).stat().st_mtime_ns
    with closing(Ledger(tmp_path / "state.db", owner="another")) as ledger:
        tried.append(reported(house, ledger, clock))
        rows = ledger.reports()
        clock.at = NOW + timedelta(days=1, minutes=-1)
        tried.append(reported(house, ledger, clock))

    assert tried == [2, 0, 0, 0]
    assert made == [Path(f"daily/clay-{DAY}.md")]
    body = (tmp_path / "out" / made[0]).read_bytes()
    assert (tmp_path / "out" / made[0]).stat().st_mtime_ns == written
    assert f"from {DAY} 00:00:00 UTC to {ENDS:%Y-%m-%d} 00:00:00 UTC" in body.decode()
    assert "Clay \\<b\\>Cloud\\</b\\>" in body.decode()
    assert [(row.provider, row.state, row.period) for row in rows] == [
        ("clay", ReportState.SENT, DAY),
        ("opal", ReportState.NOTHING, DAY),
    ]
    assert (rows[0].sha256, rows[0].size) == (hashlib.sha256(body).hexdigest(), len(body))
    assert rows[0].place == str(tmp_path / "out" / made[0]) and "nobody had judged it" in rows[1].error


def test_a_report_waits_until_its_facts_are_settled(judged: Store, tmp_path: Path) -> None:
    """Of a day whose end no verdict has passed: noted, and not tried."""
    house = configured(judged, [CLAY | {"to": {"folder": str(tmp_path)}}])
    clock = SetClock(NOW + timedelta(days=1))
    with closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
        tried = reported(house, ledger, clock)
        (row,) = ledger.reports()

    assert tried == 0
    assert (row.state, row.attempt, row.error) == (ReportState.PENDING, 0, "")


async def test_a_mail_and_a_webhook_carry_the_file_and_the_same_id_again(judged: Store, tmp_path: Path) -> None:
    """A receiver that is down is tried again with the same id; the signature is that of Standard Webhooks."""
    mailbox, clock = Mailbox(), SetClock(NOW)
    async with hooked() as hook:
        with server(mailbox) as port, closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
            house = configured(
                judged,
                [
                    CLAY | {"name": "by-mail", "format": "json", "to": {"email": "mail"}},
                    CLAY | {"name": "by-hook", "to": {"webhook": "hook"}},
                ],
                mail={
                    "kind": "email", "smtp_host": "127.0.0.1", "smtp_port": port, "security": "plain",
                    "sender": "touchstone@example.com", "to": ["cto@example.com"],
                },
                hook={"kind": "webhook", "url": hook.url, "secret": WEBHOOK_SECRET},
            )  # fmt: skip
            async with Carrier(house.settings.paging) as carrier:
                one = reporter(house, ledger, clock)
                hook.status = 503
                await one.report_due(carrier)
                failed = states(ledger)
                (waiting,) = [row for row in ledger.reports() if row.report == "by-hook"]
                hook.status, clock.at = 200, NOW + timedelta(seconds=61)
                tried = [await one.report_due(carrier), await one.report_due(carrier)]
                done = states(ledger)

    assert failed == {("by-mail", "clay"): "sent", ("by-hook", "clay"): "pending"}
    assert (waiting.attempt, waiting.error) == (1, "HTTP 503")
    assert tried == [1, 0] and set(done.values()) == {"sent"}
    (mail,) = mailbox.mails
    (attached,) = mail.iter_attachments()
    card = json.loads(attached.get_payload(decode=True))
    assert mail["Subject"].startswith("Clay <b>Cloud</b>: ") and mail["Subject"].endswith(f", {DAY}")
    assert (attached.get_filename(), card["provider"], card["end"]) == (
        f"clay-{DAY}.json",
        "clay",
        ENDS.isoformat(),
    )
    assert mail["Message-ID"].startswith("<rep-")
    (first_headers, _), (headers, body) = hook.requests
    assert first_headers["webhook-id"] == headers["webhook-id"]
    named = {name.lower(): value for name, value in headers.items()}
    assert verified(
        WEBHOOK_SECRET, named["webhook-id"], int(named["webhook-timestamp"]), body, named["webhook-signature"]
    )
    sent = json.loads(body)
    assert sent["type"] == "report.closed" and sent["data"]["period"]["label"] == DAY
    page = base64.b64decode(sent["data"]["file"]["base64"])
    assert page.startswith(b"<!doctype html>") and hashlib.sha256(page).hexdigest() == sent["data"]["file"]["sha256"]


async def test_a_report_is_not_posted_into_our_own_house(judged: Store, tmp_path: Path) -> None:
    """As pages are not: the address that is connected to is looked at, unless the settings allow it."""
    async with hooked() as hook:
        given = {"kind": "webhook", "url": hook.url, "secret": WEBHOOK_SECRET}
        house = configured(judged, [CLAY | {"to": {"webhook": "hook"}}], hook=given)
        paging = house.settings.paging.model_copy(update={"private_addresses": False})
        closed = house.model_copy(update={"settings": house.settings.model_copy(update={"paging": paging})})
        with closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
            async with Carrier(closed.settings.paging) as carrier:
                await reporter(closed, ledger, SetClock(NOW)).report_due(carrier)
            (row,) = ledger.reports()

    assert (row.state, hook.requests) == (ReportState.PENDING, [])
    assert "127.0.0.1 is loopback" in row.error and WEBHOOK_SECRET not in row.error


def test_what_never_works_is_given_up_and_stays_visible(judged: Store, tmp_path: Path) -> None:
    """After three days; a folder that is a file is said, and not raised."""
    (tmp_path / "file").write_text("")
    house = configured(judged, [CLAY | {"to": {"folder": str(tmp_path / "file")}}])
    clock = SetClock(NOW)
    key = ReportKey("daily", DAY, "clay")
    with closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
        reported(house, ledger, clock)
        (row,) = ledger.reports()
        again = ReportResult(state=ReportState.PENDING, at=NOW, error=row.error, retry_at=NOW)
        for _ in range(ATTEMPTS_MAX - 2):
            ledger.settle_report(key, again)
        reported(house, ledger, clock)
        (last,) = ledger.reports()

    assert row.state is ReportState.PENDING and "file" in row.error
    assert (last.state, last.attempt) == (ReportState.DEAD, ATTEMPTS_MAX)


def test_of_several_collectors_one_works_on_a_report(place: Place) -> None:
    """A lease is nobody else's until it runs out, or its collector starts anew; what went out stays so."""
    key = ReportKey("daily", DAY, "clay")
    with closing(place.open("a")) as a, closing(place.open("b")) as b:
        for ledger in (a, b):
            ledger.plan_reports([key], ENDS, NOW)
        assert a.lease_report(NOW, ENDS - timedelta(seconds=1)) is None
        held = a.lease_report(NOW, ENDS)
        assert held is not None and held.key == key
        assert b.lease_report(NOW, ENDS) is None
        assert b.lease_report(NOW + timedelta(seconds=LEASE_S), ENDS) is not None
        b.release_reports()
        assert a.lease_report(NOW, ENDS) is not None
        a.settle_report(key, ReportResult(state=ReportState.SENT, at=NOW, place="here"))
        b.settle_report(key, ReportResult(state=ReportState.DEAD, at=NOW, error="no"))
        b.plan_reports([key], ENDS, NOW)
        assert b.lease_report(NOW + timedelta(days=9), ENDS) is None
        assert [(row.state, row.place, row.attempt) for row in b.reports()] == [(ReportState.SENT, "here", 1)]


class Dying(Ledger):
    """A transactional store that is gone when what came of a report is to be noted."""

    def settle_report(self, key: ReportKey, result: ReportResult) -> None:
        """Nothing is noted."""
        raise StoreUnavailable("gone")


def test_who_dies_between_sending_and_noting_it_sends_the_same_again(judged: Store, tmp_path: Path) -> None:
    """The same file under the same name, once the lease has run out, or at once when the same collector starts anew."""
    house = configured(judged, [CLAY | {"to": {"folder": str(tmp_path / "out")}}])
    clock, file = SetClock(NOW), tmp_path / "out" / "daily" / f"clay-{DAY}.html"
    with closing(Dying(tmp_path / "state.db", owner="me")) as dying, pytest.raises(StoreUnavailable):
        reported(house, dying, clock)
    written = file.read_bytes()
    clock.at = NOW + timedelta(seconds=30)
    with closing(Ledger(tmp_path / "state.db", owner="another")) as another:
        elsewhere = reported(house, another, clock)
    with closing(Ledger(tmp_path / "state.db", owner="me")) as again:
        again.release_reports()
        tried = reported(house, again, clock)
        (row,) = again.reports()

    assert (elsewhere, tried) == (0, 1)
    assert (row.state, row.attempt) == (ReportState.SENT, 1)
    assert [one.name for one in file.parent.iterdir()] == [file.name] and file.read_bytes() == written
