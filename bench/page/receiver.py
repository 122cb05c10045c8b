"""Receivers that fail as scripted: one server, a path for each side and case, every message stamped on arrival."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from pathlib import Path

from aiohttp import web

from bench.page.arrival import Arrival, Said, read
from touchstone.address import free_port

HOST = "127.0.0.1"
HANG_S_MAX = 600.0
BODY_BYTES_MAX = 1024 * 1024


class Manner(StrEnum):
    """How a request is treated."""

    TAKE = "200"
    THROTTLE = "429"
    REFUSE = "503"
    HANG = "hang"
    DROP = "drop the reply"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A receiver that behaves in this *manner* in [since_s, until_s).

    With *once* only to the first attempt for each subject.
    """

    manner: Manner
    since_s: float = 0.0
    until_s: float = inf
    once: bool = False

    def after(self, zero_s: float) -> Fault:
        """The same fault, counted from *zero_s*."""
        return Fault(self.manner, self.since_s + zero_s, self.until_s + zero_s, self.once)


def manner_of(fault: Fault | None, now_s: float, earlier: int) -> Manner:
    """How a request at *now_s* is treated, after *earlier* attempts for the same subject."""
    if fault is None or not fault.since_s <= now_s < fault.until_s or (fault.once and earlier):
        return Manner.TAKE
    return fault.manner


class Receiver:
    """`POST /SIDE/CASE`; what arrived is in `arrivals`, and as it came in the file *record*."""

    def __init__(self, record: Path) -> None:
        self.port = free_port()
        self.arrivals: list[Arrival] = []
        self.unread: list[str] = []
        self._faults: dict[tuple[str, str], Fault] = {}
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._record = record
        self._runner: web.AppRunner | None = None

    def url(self, side: str, case: str) -> str:
        """Where *side* sends what *case* makes it send."""
        return f"http://{HOST}:{self.port}/{side}/{case}"

    def misbehave(self, side: str, case: str, fault: Fault) -> None:
        """From now on that receiver has *fault*, on the monotonic clock."""
        self._faults[side, case] = fault

    async def start(self) -> None:
        """Begin to take messages."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/{side}/{case}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()

    async def stop(self) -> None:
        """Let go of the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        text = await request.text()
        now_s = time.monotonic()
        side, case = request.match_info["side"], request.match_info["case"]
        try:
            said = list(read(request.headers, json.loads(text)))
        except (ValueError, KeyError) as error:
            self.unread.append(f"{side}/{case}: {error!r} in {text[:200]}")
            return web.Response(status=400)
        manner = self._manner(side, case, said, now_s)
        taken = manner in (Manner.TAKE, Manner.DROP)
        self.arrivals += [Arrival(now_s, side, case, one, taken) for one in said]
        self._note(now_s, side, case, manner, request.headers, text)
        return await _answered(request, manner)

    def _manner(self, side: str, case: str, said: list[Said], now_s: float) -> Manner:
        fault = self._faults.get((side, case))
        earlier = min((self._attempts[side, case, one.subject] for one in said), default=0)
        self._attempts.update((side, case, one.subject) for one in said)
        return manner_of(fault, now_s, earlier)

    def _note(self, now_s: float, side: str, case: str, manner: Manner, headers: Mapping[str, str], text: str) -> None:
        line = {
            "at_s": round(now_s, 3), "side": side, "case": case, "treated": manner.value,
            "webhook-id": headers.get("webhook-id"), "body": text,
        }  # fmt: skip
        with self._record.open("a") as file:
            file.write(json.dumps(line) + "\n")


async def _answered(request: web.Request, manner: Manner) -> web.Response:
    if manner is Manner.HANG:
        await asyncio.sleep(HANG_S_MAX)  # a client that gives up cancels this
    if manner in (Manner.HANG, Manner.DROP):
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)
    return web.Response(status=int(manner.value))
