"""The sender survives every receiver and every destination, and settles each attempt exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.paging.sender import Sender
from schemas.page import Delivery, DeliveryState, SendResult
from schemas.paging import Paging
from tests.support.pages import SECRET, delivery
from touchstone.system_clock import SystemClock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Queue:
    """An outbox in memory: gives what waits, once, and keeps what is settled."""

    def __init__(self, *waiting: Delivery) -> None:
        self._waiting = list(waiting)
        self.settled: list[SendResult] = []
        self.done = asyncio.Event()

    async def lease(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """What waits."""
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        return taken

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """Keep the result."""
        self.settled.append(result)
        self.done.set()


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
