"""Ledger, sender and receivers together: what is late or refused reaches another, and everybody hears of the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.paging.outbox import deliveries_of
from collector.paging.sender import Sender
from collector.storage.ledger import Ledger
from schemas.incident import Change, PageIntent
from schemas.paging import Paging
from tests.support.pages import intent
from touchstone.collecting import _Disk
from touchstone.system_clock import SystemClock


class Receivers:
    """A path for each destination; keeps what was taken, answers with what *says* holds for the path."""

    def __init__(self) -> None:
        self.says: dict[str, int] = {}
        self.took: list[tuple[str, int]] = []
        self.app = web.Application()
        self.app.router.add_post("/{name}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        name, status = request.match_info["name"], self.says.get(request.match_info["name"], 204)
        if status == 204:
            self.took.append((name, (await request.json())["data"]["seq"]))
        return web.Response(status=status)


class House:
    """A ledger, a sender, receivers `ann` (whose backup is `bob`) and `bob`."""

    def __init__(self, ledger: Ledger, sender: Sender, receivers: Receivers, paging: Paging) -> None:
        self.ledger, self.sender, self.receivers, self.paging = ledger, sender, receivers, paging

    async def decide(self, change: Change, seq: int) -> None:
        """One decision, now."""
        wish = replace(intent(change, seq=seq), at=SystemClock().now())

        def decide(state: HotState) -> Decision:
            return Decision(state, (), (), (wish,), ())

        def routed(intents: Sequence[PageIntent], known: dict[str, frozenset[str]]) -> Any:
            return deliveries_of(intents, self.paging, known)

        await asyncio.to_thread(self.ledger.step, decide, routed)
        self.sender.wake()

    async def took(self, *pages: tuple[str, int]) -> None:
        """Wait until exactly *pages* were taken, in any order."""
        async with asyncio.timeout(20):
            while len(self.receivers.took) < len(pages):  # noqa: ASYNC110 (a receiver tells nobody)
                await asyncio.sleep(0.01)
        assert sorted(self.receivers.took) == sorted(pages)


@asynccontextmanager
async def house(folder: Path, **more: Any) -> AsyncIterator[House]:
    """A running house."""
    receivers = Receivers()
    async with TestServer(receivers.app) as server:
        hooks: dict[str, Any] = {
            name: {"kind": "webhook", "url": str(server.make_url(f"/{name}"))} for name in ("ann", "bob")
        }
        hooks["ann"]["backup"] = "bob"
        paging = Paging.model_validate(
            {"destinations": hooks, "routes": {"P0": ["ann"]}, "private_addresses": True} | more
        )
        ledger = Ledger(folder / "state.db", owner="me")
        disk = _Disk(ledger)
        with closing(disk):
            sender = Sender(paging, disk, SystemClock())
            sending = asyncio.create_task(sender.run())
            yield House(ledger, sender, receivers, paging)
            assert not sending.done()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def test_what_is_refused_for_good_reaches_the_backup_at_once(tmp_path: Path) -> None:
    """And so does the end, which the first takes again."""
    async with house(tmp_path) as here:
        here.receivers.says["ann"] = 403
        await here.decide(Change.OPENED, 1)
        await here.took(("bob", 1))
        del here.receivers.says["ann"]
        await here.decide(Change.RESOLVED, 2)
        await here.took(("bob", 1), ("ann", 2), ("bob", 2))


async def test_what_is_late_reaches_both(tmp_path: Path) -> None:
    """The backup meanwhile, the first when it is back; an outage that is over by then is told whole, in order."""
    async with house(tmp_path, backup_after="500ms") as here:
        here.receivers.says["ann"] = 503
        await here.decide(Change.OPENED, 1)
        await here.decide(Change.RESOLVED, 2)
        await here.took(("bob", 1), ("bob", 2))
        del here.receivers.says["ann"]
        await here.took(("bob", 1), ("bob", 2), ("ann", 1), ("ann", 2))

        assert [seq for name, seq in here.receivers.took if name == "ann"] == [1, 2]
        assert [seq for name, seq in here.receivers.took if name == "bob"] == [1, 2]


@pytest.mark.parametrize("status", [400, 413])
async def test_what_is_too_much_is_tried_as_the_least_and_then_elsewhere(tmp_path: Path, status: int) -> None:
    """Two attempts, the second at once; then it is dead, and the backup has it."""
    async with house(tmp_path) as here:
        here.receivers.says["ann"] = status
        await here.decide(Change.OPENED, 1)
        await here.took(("bob", 1))
        attempts = here.ledger.attempts("inc-0123456789ab")

    ann = [(one["attempt"], one["state"], one["status"]) for one in attempts if one["destination"] == "ann"]
    assert ann == [(1, "pending", status), (2, "dead", status)]


async def test_how_well_it_went_can_be_read(tmp_path: Path) -> None:
    """While it runs."""
    async with house(tmp_path) as here:
        await here.decide(Change.OPENED, 1)
        await here.took(("ann", 1))
        async with asyncio.timeout(20):
            while await asyncio.to_thread(here.ledger.waiting):  # noqa: ASYNC110 (the ledger tells nobody)
                await asyncio.sleep(0.01)
        now = SystemClock().now()
        figures = here.ledger.figures(now - timedelta(seconds=60), now)

    assert (figures.n, figures.delivered, figures.first_try, figures.dead) == (1, 1, 1, 0)
    assert figures.p99_s is not None and 0 <= figures.p99_s < 20
