"""The sender survives every receiver and every destination, and settles each attempt exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.paging.hand_over import Carrier
from collector.paging.outbox import LEAST_CHARS_MAX
from collector.paging.sender import DIRECT_MAX, Sender
from collector.storage.ledger_outbox import Covered
from schemas.destinations import Destination
from schemas.errors import StoreUnavailable
from schemas.incident import Change, Evidence
from schemas.page import Delivery, DeliveryState, SendResult
from schemas.paging import Paging
from tests.support.pages import SECRET, delivery, intent
from touchstone.system_clock import SystemClock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Queue:
    """An outbox in memory: gives what waits, once, and keeps what is settled."""

    def __init__(self, *waiting: Delivery) -> None:
        self._waiting = list(waiting)
        self.settled: list[SendResult] = []
        self.ids: list[str] = []
        self.covered: list[Covered] = []
        self.away = 0
        self.done = asyncio.Event()

    async def lease(self, now: datetime, destinations: Mapping[str, Destination], at_once: int) -> Sequence[Delivery]:
        """What waits."""
        taken, self._waiting = self._waiting[:at_once], self._waiting[at_once:]
        return taken

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """Keep the result, unless the store is away."""
        if self.away:
            self.away -= 1
            raise StoreUnavailable("transactional store (outbox): away")
        self.settled.append(result)
        self.ids.append(delivery.webhook_id())
        self.done.set()

    async def cover(self, now: datetime, after_s: float, stand_in: object) -> Sequence[Covered]:
        """What is late, once."""
        covered, self.covered = self.covered, []
        return covered


async def sent(url: str, secret: str | None = SECRET, timeout: str = "20s") -> SendResult:
    """What becomes of one page for a webhook at *url*."""
    hook = {"kind": "webhook", "url": url, "timeout": timeout} | ({"secret": secret} if secret else {})
    queue = Queue(delivery())
    sender = Sender(
        Paging.model_validate({"private_addresses": True, "destinations": {"hook": hook}}), queue, SystemClock()
    )
    running = asyncio.create_task(sender.run())
    waiting = asyncio.create_task(queue.done.wait())
    await asyncio.wait({running, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), running.exception()
    running.cancel()
    (result,) = queue.settled
    return result


async def answered(answer: Answer, timeout: str = "20s") -> SendResult:
    """What becomes of one page when the receiver does *answer*."""
    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as server:
        return await sent(str(server.make_url("/")), timeout=timeout)


def says(status: int, **headers: str) -> Answer:
    """A receiver with one answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


async def test_a_page_that_is_taken_is_delivered() -> None:
    """204 is success."""
    result = await answered(says(204))

    assert (result.state, result.status) == (DeliveryState.DELIVERED, 204)


@pytest.mark.parametrize(
    ("header", "within_s"), [("2", 2.0), ("nan", 1.1), ("inf", 1.1), ("tomorrow", 1.1), ("1e9", 30)]
)
async def test_any_retry_after_is_survived(header: str, within_s: float) -> None:
    """What is no number of seconds is not honoured."""
    result = await answered(says(503, Retry_After=header))

    assert result.state is DeliveryState.PENDING
    assert result.retry_at is not None
    assert (result.retry_at - result.at).total_seconds() == pytest.approx(within_s, rel=0.15)


async def test_a_receiver_that_hangs_is_tried_again() -> None:
    """Bounded by the destination's time-out; status 0 says that no answer came."""

    async def hangs(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    result = await answered(hangs, timeout="300ms")

    assert (result.state, result.status, result.error) == (DeliveryState.PENDING, 0, "TimeoutError")


async def test_a_redirect_is_not_followed() -> None:
    """The page goes where it was configured to go, or is dead."""
    result = await answered(says(307, Location="/elsewhere"))

    assert (result.state, result.status, result.error) == (DeliveryState.DEAD, 307, "HTTP 307")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://no-such-host.invalid/"])
async def test_a_place_that_cannot_be_reached_is_tried_again(url: str) -> None:
    """Refused, or unknown."""
    result = await sent(url)

    assert (result.state, result.status) == (DeliveryState.PENDING, 0)
    assert result.error


async def test_a_sender_that_is_cancelled_ends_also_while_it_is_woken() -> None:
    """Woken and cancelled in the same instant, a thousand times: it always ends."""
    sender = Sender(Paging(), Queue(), SystemClock())
    for _ in range(1000):
        running = asyncio.create_task(sender.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sender.wake()
        await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=30)
        assert done


async def test_a_page_that_cannot_be_signed_is_dead_and_the_sender_lives() -> None:
    """A secret of the wrong form: said once, without the secret."""
    result = await sent("http://127.0.0.1:1/", secret="hunter2!")

    assert (result.state, result.error) == (DeliveryState.DEAD, "the webhook secret is not whsec_<base64>")


async def running(sender: Sender, until: Callable[[], bool]) -> None:
    """Run *sender* until *until* holds."""
    task = asyncio.create_task(sender.run())
    try:
        async with asyncio.timeout(30):
            while not until():
                assert not task.done(), task.exception()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def paging(**urls: str) -> Paging:
    """A hook by each name."""
    hooks = {name: {"kind": "webhook", "url": url, "timeout": "20s"} for name, url in urls.items()}
    return Paging.model_validate({"private_addresses": True, "destinations": hooks})


class Receiver:
    """Answers each path with what is said for it, in turn, and keeps what it was sent."""

    def __init__(self, **answers: list[int]) -> None:
        self.answers, self.came = answers, list[tuple[str, dict[str, Any]]]()
        self.app = web.Application()
        self.app.router.add_post("/{name}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "hangs":
            await asyncio.sleep(3600)
        self.came.append((name, await request.json()))
        said = self.answers.get(name) or [204]
        return web.Response(status=said.pop(0) if len(said) > 1 else said[0])


async def test_a_receiver_that_hangs_holds_up_nobody_else() -> None:
    """Thirty pages hang; the one for another destination goes at once."""
    receiver = Receiver()
    hanging = [delivery(intent(incident=f"inc-{number}"), "hangs") for number in range(30)]
    queue = Queue(*hanging, delivery(destination="good"))
    async with TestServer(receiver.app) as server:
        urls = {name: str(server.make_url(f"/{name}")) for name in ("hangs", "good")}
        sender = Sender(paging(**urls), queue, SystemClock())
        await running(sender, lambda: bool(queue.settled))

    assert [name for name, _ in receiver.came] == ["good"]
    assert queue.ids == ["inc-0123456789ab.1.good"]


async def test_what_is_too_much_goes_as_the_least() -> None:
    """A short summary, no evidence; the keys stay."""
    receiver = Receiver()
    wish = intent(summary="x" * 5000, evidence=Evidence(certainty="sure", affected=("a/b/c",), affected_n=1))
    async with TestServer(receiver.app) as server:
        queue = Queue(delivery(wish, minimal=True))
        sender = Sender(paging(hook=str(server.make_url("/hook"))), queue, SystemClock())
        await running(sender, lambda: bool(queue.settled))
    ((_, document),) = receiver.came

    assert "a/b/c" not in str(document)
    assert document["data"]["incident"] == wish.incident
    assert document["data"]["summary"] == "x" * LEAST_CHARS_MAX


async def test_an_answer_is_kept_until_the_store_takes_it() -> None:
    """The page is not sent again meanwhile."""
    receiver, queue = Receiver(), Queue(delivery())
    queue.away = 1
    async with TestServer(receiver.app) as server:
        sender = Sender(paging(hook=str(server.make_url("/hook"))), queue, SystemClock())
        await running(sender, lambda: bool(queue.settled))

    assert [result.state for result in queue.settled] == [DeliveryState.DELIVERED]
    assert queue.settled[0].took_ms is not None and queue.settled[0].took_ms > 0
    assert len(receiver.came) == 1


async def test_a_page_that_cannot_be_made_is_dead_and_its_words_are_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours in one destination: it pages elsewhere, the others go on."""

    words = "https://hooks.example/secret-path"

    async def fails(*_: object) -> None:
        raise KeyError(words)

    monkeypatch.setattr(Carrier, "hand_over", fails)
    queue = Queue(delivery())
    sender = Sender(paging(hook="http://127.0.0.1:1/"), queue, SystemClock())
    await running(sender, lambda: bool(queue.settled))

    assert (queue.settled[0].state, queue.settled[0].error) == (DeliveryState.DEAD, "it cannot be made: KeyError")
    assert "secret-path" not in caplog.text
    assert "hand_over" in caplog.text


@pytest.mark.parametrize(
    ("state", "by", "level", "said"),
    [
        (DeliveryState.PENDING, "quiet", "WARNING", "is late by"),
        (DeliveryState.DEAD, "quiet", "WARNING", "is dead: quiet is told"),
        (DeliveryState.DEAD, "", "ERROR", "nobody else can be told"),
    ],
)
async def test_who_is_told_instead_is_said(
    state: DeliveryState, by: str, level: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error when it is nobody."""
    queue = Queue()
    queue.covered = [Covered(delivery(state=state), by)]
    await running(Sender(Paging(), queue, SystemClock()), lambda: bool(caplog.records))

    assert [(record.levelname, said in record.message) for record in caplog.records] == [(level, True)]


async def test_what_the_outbox_cannot_take_is_sent_all_the_same() -> None:
    """An opening, until the receiver has it, once; an end waits for the store, or an alert may stay for ever."""
    receiver, queue = Receiver(hook=[503, 204]), Queue()
    opening, end = delivery(intent()), delivery(intent(Change.RESOLVED, seq=2))
    async with TestServer(receiver.app) as server:
        sender = Sender(paging(hook=str(server.make_url("/hook"))), queue, SystemClock())
        for _ in range(2):
            sender.send_directly([opening, end])
        await running(sender, lambda: len(receiver.came) == 2)

    assert [document["data"]["seq"] for _, document in receiver.came] == [1, 1]
    assert queue.settled == []


def test_what_is_sent_without_the_outbox_is_bounded_and_ends_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """The store is back: everything is in the outbox, nothing in memory is sent any more."""
    sender = Sender(Paging(), Queue(), SystemClock())
    sender.send_directly([delivery(intent(incident=f"inc-{number}")) for number in range(DIRECT_MAX + 1)])
    assert len(sender._direct) == DIRECT_MAX
    assert "too many" in caplog.records[-1].message
    sender.store_is_back()
    assert sender._direct == {}
