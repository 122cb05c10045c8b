"""The bench's targets and receivers do what their script says, and stamp what they hear."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.page.arrival import Said, What, read
from bench.page.health import Targets
from bench.page.outage import Outage
from bench.page.receiver import Fault, Manner, Receiver, manner_of
from tests.support.compose import ROOT

ALERT = {
    "version": "4", "groupKey": "{}:{instance=\"x\"}", "status": "firing", "receiver": "main",
    "alerts": [{"status": "firing", "labels": {"alertname": "ProbeDown", "instance": "http://127.0.0.1:1/t/main-3"}}],
}  # fmt: skip


def page(**data: Any) -> dict[str, Any]:
    """A webhook of ours, as its documentation shows it, with *data* of another kind."""
    text = (ROOT / "docs" / "destinations" / "webhook.md").read_text()
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    document: dict[str, Any] = json.loads(example[1])
    return document | {"data": document["data"] | data}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    one = Receiver(tmp_path / "arrivals.jsonl")
    await one.start()
    yield one
    await one.stop()


async def status_of(receiver: Receiver, body: Any, *, timeout_s: float = 5.0) -> int:
    """What `ours` is answered by the receiver of the case `case`."""
    patience, headers = aiohttp.ClientTimeout(timeout_s), {"webhook-id": "i.1.d"}
    async with (
        aiohttp.ClientSession(timeout=patience, headers=headers) as session,
        session.post(receiver.url("ours", "case"), json=body) as answer,
    ):
        return answer.status


def test_our_webhook_is_read_by_the_words_of_its_documentation() -> None:
    """Subject, what is said of it, and the key that tells a repetition."""
    assert list(read({"webhook-id": "i.1.d"}, page())) == [Said("acme", What.OPENED, "i.1.d")]
    assert list(read({}, page(change="resolved"))) == [Said("acme", What.CLOSED)]
    assert list(read({}, page(change="absorbed"))) == [Said("acme", What.CLOSED)]
    assert list(read({}, page(change="raised"))) == [Said("acme", What.OTHER)]


def test_an_incident_of_our_own_is_about_the_observer() -> None:
    """It has no provider."""
    ours = page(provider="", scope={"level": "observer", "id": "bench"})

    assert list(read({}, ours)) == [Said("observer", What.OPENED)]


def test_an_alert_of_alertmanager_is_read_by_its_instance() -> None:
    """It has no key."""
    over = ALERT | {"alerts": [{"status": "resolved", "labels": {"instance": "http://h:1/t/429-once-0"}}]}

    assert list(read({}, ALERT)) == [Said("main-3", What.OPENED)]
    assert list(read({}, over)) == [Said("429-once-0", What.CLOSED)]


@pytest.mark.parametrize("body", [[], {"type": "ping"}])
def test_anything_else_is_no_message(body: Any) -> None:
    """Told, not guessed."""
    with pytest.raises(ValueError, match=r"not a JSON object|neither a webhook"):
        list(read({}, body))


def test_a_fault_holds_within_its_time_and_once_means_the_first_attempt() -> None:
    """Without a fault everything is taken."""
    refusing, once = Fault(Manner.REFUSE, 0, 90).after(100), Fault(Manner.HANG, once=True)

    assert [manner_of(refusing, now, 7) for now in (99, 100, 189, 190)] == [
        Manner.TAKE, Manner.REFUSE, Manner.REFUSE, Manner.TAKE,
    ]  # fmt: skip
    assert [manner_of(once, 1, earlier) for earlier in (0, 1)] == [Manner.HANG, Manner.TAKE]
    assert manner_of(None, 1, 0) is Manner.TAKE


@pytest.mark.parametrize("manner", [Manner.TAKE, Manner.THROTTLE, Manner.REFUSE])
async def test_a_receiver_answers_as_told_and_has_only_what_it_took(receiver: Receiver, manner: Manner) -> None:
    """Stamped by the monotonic clock, recorded word for word."""
    receiver.misbehave("ours", "case", Fault(manner))
    before_s = time.monotonic()
    assert await status_of(receiver, page()) == int(manner)
    (arrival,) = receiver.arrivals
    (line,) = (json.loads(one) for one in receiver._record.read_text().splitlines())

    assert before_s < arrival.at_s < time.monotonic()
    assert (arrival.side, arrival.case, arrival.said) == ("ours", "case", Said("acme", What.OPENED, "i.1.d"))
    assert arrival.taken is (manner is Manner.TAKE)
    assert (json.loads(line["body"]), line["treated"], line["webhook-id"]) == (page(), manner.value, "i.1.d")


async def test_a_lost_reply_leaves_the_page_with_the_receiver(receiver: Receiver) -> None:
    """The sender sees a broken connection, and sends it again."""
    receiver.misbehave("ours", "case", Fault(Manner.DROP, once=True))
    with pytest.raises(aiohttp.ClientError):
        await status_of(receiver, page())

    assert await status_of(receiver, page()) == 200
    assert [one.taken for one in receiver.arrivals] == [True, True]


async def test_a_receiver_that_hangs_answers_nothing_and_lets_the_next_through(receiver: Receiver) -> None:
    """Until the sender gives up."""
    receiver.misbehave("ours", "case", Fault(Manner.HANG, once=True))
    with pytest.raises(TimeoutError):
        await status_of(receiver, page(), timeout_s=0.2)

    assert await status_of(receiver, page()) == 200
    assert [one.taken for one in receiver.arrivals] == [False, True]


async def test_each_subject_has_its_own_first_attempt(receiver: Receiver) -> None:
    """And each receiver its own fault."""
    receiver.misbehave("ours", "case", Fault(Manner.THROTTLE, once=True))
    receiver.misbehave("tuned", "case", Fault(Manner.REFUSE))

    assert [await status_of(receiver, page(provider=name)) for name in ("a", "b", "a")] == [429, 429, 200]


async def test_what_cannot_be_read_is_refused_and_kept(receiver: Receiver) -> None:
    """A finding, not a crash."""
    assert await status_of(receiver, {"type": "ping"}) == 400
    assert receiver.arrivals == []
    assert "ours/case" in receiver.unread[0]


async def asked(url: str) -> int:
    """The status at *url*; each time a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_target_is_down_in_its_outages_alone() -> None:
    """Others on the same server are not."""
    targets = Targets()
    await targets.start()
    try:
        now_s = time.monotonic()
        targets.plan("a-0", [Outage(now_s - 9, now_s - 8), Outage(now_s - 1, now_s + 60)])

        assert await asked(targets.url("a-0")) == 503
        assert await asked(targets.url("a-1")) == 200
        targets.plan("a-0", [Outage(now_s - 9, now_s - 8)])
        assert await asked(targets.url("a-0")) == 200
    finally:
        await targets.stop()


async def test_a_cut_network_refuses_on_every_port_until_it_is_mended() -> None:
    """Canaries too."""
    targets = Targets(ports=3)
    await targets.start()
    try:
        await targets.cut()
        for port in targets.ports:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        await targets.mend()

        assert [await asked(f"http://127.0.0.1:{port}/t/a-0") for port in targets.ports] == [200, 200, 200]
    finally:
        await targets.stop()
