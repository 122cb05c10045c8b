"""Pages reach a receiver that fails, hangs and hangs up: each once by its id, in order, with secrets left out."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.paging.hand_over import Carrier
from collector.paging.outbox import StandIn, deliveries_of
from collector.paging.sender import Sender
from collector.storage.ledger import Ledger
from collector.storage.ledger_outbox import Covered
from schemas.destinations import Destination
from schemas.incident import Change, IncidentState, Level, PageIntent, Scope, Severity, Signal
from schemas.page import Delivery, SendResult
from schemas.paging import Paging
from tests.support.pages import every_kind, settings_of
from tests.support.processes import WEBHOOK_SECRET, wait_for
from touchstone.address import free_port
from touchstone.system_clock import SystemClock

ROUTING_KEY = "0123456789abcdef0123456789abcdef"


class Receiver:
    """A `touchstone receiver` process."""

    def __init__(self, folder: Path) -> None:
        self.url, self.file = f"http://127.0.0.1:{free_port()}", folder / "pages.jsonl"
        secret = folder / "secret"
        secret.write_text(WEBHOOK_SECRET)
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "touchstone", "receiver", "--listen", self.url.removeprefix("http://"),
                "--file", str(self.file), "--secret-file", str(secret),
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for("the receiver", lambda: self.answers())

    def answers(self) -> bool:
        """Whether it listens."""
        with suppress(OSError):
            return bool(urllib.request.urlopen(f"{self.url}/pages", timeout=1).status == 200)
        return False

    def fail(self, **fault: Any) -> None:
        """Make the next requests fail."""
        urllib.request.urlopen(f"{self.url}/fail", data=orjson.dumps(fault), timeout=5)

    def recorded(self) -> list[dict[str, Any]]:
        """Everything that came."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def accepted(self) -> list[dict[str, Any]]:
        """What was accepted."""
        return [page for page in self.recorded() if 200 <= page["status"] < 300]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A running receiver."""
    made = Receiver(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(timeout=10)


def intent(change: Change, seq: int) -> PageIntent:
    """One transition of one incident."""
    at = datetime.now(UTC)
    return PageIntent(
        incident="inc-000000000001", seq=seq, change=change, signal=Signal.HARD_DOWN,
        severity=Severity.P0, provider="acme",
        scope=Scope(Level.PROVIDER, "acme"), summary="P0 provider acme is down", reason="connect_refused",
        state=IncidentState.OPEN, rule="3 of 5 clusters down",
        failed_at=at, opened_at=at, at=at,
    )  # fmt: skip


def posting(url: str) -> dict[str, dict[str, Any]]:
    """Destinations of the kinds that post, at the receiver."""
    made = settings_of(url, "s3cr3t-mark")
    made["webhook"]["secret"] = WEBHOOK_SECRET
    return {kind: settings for kind, settings in made.items() if kind not in {"email", "apprise"}}


class Outbox:
    """The real ledger, in a thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def lease(self, now: datetime, destinations: Mapping[str, Destination], at_once: int) -> Sequence[Delivery]:
        """As the ledger."""
        return await asyncio.to_thread(self._ledger.lease, now, destinations, at_once)

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """As the ledger."""
        await asyncio.to_thread(self._ledger.settle, delivery, result)

    async def cover(self, now: datetime, after_s: float, stand_in: Callable[..., StandIn]) -> Sequence[Covered]:
        """As the ledger."""
        return await asyncio.to_thread(self._ledger.cover, now, after_s, stand_in)


async def delivered(receiver: Receiver, ledger_file: Path, *, wait_s: float) -> None:
    """Put a trigger and its resolve into a real ledger, and send until nothing waits."""
    paging = Paging.model_validate(
        {
            "private_addresses": True,
            "destinations": {
                "hook": {
                    "kind": "webhook", "url": f"{receiver.url}/webhook", "secret": WEBHOOK_SECRET, "timeout": "500ms",
                },
                "duty": {
                    "kind": "pagerduty", "url": f"{receiver.url}/v2/enqueue", "routing_key": ROUTING_KEY,
                    "timeout": "500ms",
                },
            },
            "routes": {"P0": ["hook", "duty"]},
        }
    )  # fmt: skip
    ledger = Ledger(ledger_file, owner="test")
    sender = Sender(paging, Outbox(ledger), SystemClock())
    sending = asyncio.create_task(sender.run())
    try:
        for number, change in enumerate((Change.OPENED, Change.RESOLVED), 1):
            made = Decision(HotState(), (), (), (intent(change, number),), ())
            ledger.step(lambda _state, made=made: made, lambda found, known: deliveries_of(found, paging, known))
        async with asyncio.timeout(wait_s):
            while await asyncio.to_thread(ledger.waiting):  # noqa: ASYNC110 (the ledger tells nobody)
                await asyncio.sleep(0.05)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        ledger.close()


async def test_every_kind_is_taken_by_the_service_that_it_is_for(receiver: Receiver) -> None:
    """Opened, acknowledged and resolved, under one key; no secret of addresses, headers and bodies is recorded."""
    paging = every_kind(receiver.url, mark="s3cr3t-mark", destinations=posting(receiver.url))
    async with Carrier(paging) as carrier:
        for kind, settings in paging.destinations.items():
            for number, change in enumerate((Change.OPENED, Change.ACKNOWLEDGED, Change.RESOLVED), 1):
                page = Delivery(intent=intent(change, number), destination=kind, next_attempt_at=datetime.now(UTC))
                answer = await carrier.hand_over(page, settings, datetime.now(UTC))
                assert answer.accepted, (kind, change, answer)

    recorded = receiver.recorded()
    assert {page["service"] for page in recorded} == set(paging.destinations)
    assert {page["key"].removeprefix("touchstone:").removeprefix("prod:") for page in recorded} == {
        "",
        "inc-000000000001",
    }
    for name, times in {"opsgenie": 3, "pagerduty": 3, "webhook": 3, "slack": 2, "alertmanager": 2}.items():
        assert len([page for page in recorded if page["service"] == name]) == times, name
    assert "s3cr3t" not in receiver.file.read_text()


async def test_a_service_can_be_told_to_fail_alone(receiver: Receiver) -> None:
    """Discord's way to say how long to wait, while Slack goes on."""
    receiver.fail(service="discord", status=429, times=1, retry_after=0.25)
    paging = every_kind(receiver.url, destinations=posting(receiver.url))
    page = Delivery(intent=intent(Change.OPENED, 1), destination="x", next_attempt_at=datetime.now(UTC))
    async with Carrier(paging) as carrier:
        answers = [
            await carrier.hand_over(page, paging.destinations[kind], datetime.now(UTC))
            for kind in ("slack", "discord", "discord")
        ]

    assert [answer.accepted for answer in answers] == [True, False, True]
    assert (answers[1].status, answers[1].retry_after_s) == (429, 0.25)
    assert answers[1].error == "HTTP 429: You are being rate limited."


FAULTS: dict[str, dict[str, Any]] = {
    "nothing": {"times": 0},
    "503 three times": {"status": 503, "times": 3},
    "429 with Retry-After": {"status": 429, "times": 1, "retry_after": 0.5},
    "a hang": {"status": 503, "times": 1, "hang_s": 1.0},
    "a dropped connection": {"status": 0, "times": 2},
}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_page_arrives_once_and_in_order_whatever_the_receiver_does(
    name: str, receiver: Receiver, tmp_path: Path
) -> None:
    """The trigger before its resolve, at both destinations, with the same ids on every attempt."""
    receiver.fail(**FAULTS[name])
    await delivered(receiver, tmp_path / "state.db", wait_s=20)
    accepted = receiver.accepted()
    hook = [page for page in accepted if page["path"] == "/webhook"]
    duty = [page["body"]["event_action"] for page in accepted if page["path"] == "/v2/enqueue"]

    assert [page["webhook_id"] for page in hook] == ["inc-000000000001.1.hook", "inc-000000000001.2.hook"]
    assert [page["body"]["type"] for page in hook] == ["incident.opened", "incident.resolved"]
    assert all(page["signed"] for page in hook)
    assert duty == ["trigger", "resolve"]
    assert {page["body"]["dedup_key"] for page in accepted if page["path"] == "/v2/enqueue"} == {
        "touchstone:inc-000000000001"
    }
    assert ROUTING_KEY not in receiver.file.read_text()


async def test_a_page_that_is_taken_too_late_comes_again_under_the_same_id(receiver: Receiver, tmp_path: Path) -> None:
    """The sender cannot know; the id tells the receiver, and the resolve still comes last."""
    receiver.fail(status=202, times=2, hang_s=1.0)
    await delivered(receiver, tmp_path / "state.db", wait_s=20)
    accepted = receiver.accepted()
    hook = [page["webhook_id"] for page in accepted if page["path"] == "/webhook"]
    duty = [page["body"]["event_action"] for page in accepted if page["path"] == "/v2/enqueue"]

    assert hook == ["inc-000000000001.1.hook"] * 2 + ["inc-000000000001.2.hook"]
    assert duty == ["trigger", "trigger", "resolve"]


def test_a_wrong_signature_is_refused(receiver: Receiver) -> None:
    """401, recorded as such."""
    headers = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    request = urllib.request.Request(f"{receiver.url}/webhook", data=b"{}", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=5)

    assert [page["status"] for page in receiver.recorded()] == [401]


REFUSED = [
    b"not json",
    b"[]",
    b'{"event_action": "trigger"}',
    b'{"routing_key": "r"}',
    b'{"event_action": ["trigger"], "data": 7, "payload": "x"}',
    b'{"event_action": "trigger", "routing_key": "r", "dedup_key": "k", "payload": {"summary": 7, "source": "s"}}',
]


def test_what_pagerduty_would_refuse_is_refused(receiver: Receiver) -> None:
    """400 with the reason, whatever the body is; no routing key is recorded even from what cannot be read."""
    cut_off = f'{{"routing_key": "{ROUTING_KEY}", "event_'.encode()
    for body in (*REFUSED, cut_off, f'["{ROUTING_KEY}"]'.encode()):
        request = urllib.request.Request(f"{receiver.url}/v2/enqueue", data=body)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=5)

    assert {page["status"] for page in receiver.recorded()} == {400}
    assert len(receiver.recorded()) == len(REFUSED) + 2
    assert ROUTING_KEY not in receiver.file.read_text()


@pytest.mark.parametrize("fault", [{"status": "bad"}, {"stauts": 503}, {"times": None}])
def test_a_fault_that_is_none_is_refused(fault: dict[str, Any], receiver: Receiver) -> None:
    """The receiver goes on without it."""
    with pytest.raises(urllib.error.HTTPError, match="400"):
        receiver.fail(**fault)

    assert receiver.answers()
