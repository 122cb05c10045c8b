"""
A person who looks, without a browser: a session of the dashboard over its WebSocket, in the messages of Streamlit.

It opens a page, takes all that comes, draws the live parts again as often as the page asks for it, as a tab does, and
goes on to another page. What a browser needs to draw is not in it: twenty of them would use up both cores themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.dashboard.places import Place

ANSWER_S_MAX = 60.0


@dataclass(slots=True)
class Looked:
    """Seconds of every page that was opened, by name, and of every live part; what came; what went wrong."""

    opened_s: dict[str, list[float]] = field(default_factory=dict)
    refreshed_s: list[float] = field(default_factory=list)
    pending: int = 0  # pages that were still on their way when it ended
    bytes_in: int = 0
    faults: list[str] = field(default_factory=list)


class Viewer:
    """One session at *url*; what it sees goes into *looked*."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, looked: Looked) -> None:
        self._socket, self._looked = socket, looked
        self._hash = ""
        self._place: Place | None = None
        self._asked_s = 0.0
        self._drawn = asyncio.Event()
        self._fragments: dict[str, asyncio.Task[None]] = {}
        self._refreshing: dict[str, float] = {}  # live parts that were asked for, since when

    async def open(self, place: Place) -> float:
        """Go to *place*; the seconds until everything of it is here."""
        self._quiet()
        self._place, self._hash = place, ""
        self._drawn.clear()
        message = BackMsg()
        message.rerun_script.page_name = place.name
        message.rerun_script.query_string = place.query.removeprefix("?")
        self._asked_s = time.monotonic()
        self._looked.pending += 1
        await self._socket.send_bytes(message.SerializeToString())
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await self._drawn.wait()
        except TimeoutError:
            self._looked.faults.append(f"{place.name}: not drawn within {ANSWER_S_MAX:.0f} s")
        took_s = time.monotonic() - self._asked_s
        self._looked.pending -= 1
        self._looked.opened_s.setdefault(place.name, []).append(took_s)
        return took_s

    async def forget(self) -> None:
        """Have the server forget all that it has read."""
        await self._socket.send_bytes(BackMsg(clear_cache=True).SerializeToString())

    async def listen(self) -> None:
        """Take what comes, until the session ends."""
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.BINARY:
                continue
            self._looked.bytes_in += len(frame.data)
            self._take(ForwardMsg.FromString(frame.data))
        self._quiet()

    def _take(self, message: ForwardMsg) -> None:
        name = self._place.name if self._place else ""
        match message.WhichOneof("type"):
            case "navigation":
                self._hash = message.navigation.page_script_hash
            case "auto_rerun":
                self._keep(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "page_not_found":
                self._looked.faults.append(f"{name}: not found")
            case "delta":
                element = message.delta.new_element
                kind = element.WhichOneof("type")
                if kind == "exception" or (kind == "alert" and element.alert.format == element.alert.ERROR):
                    self._looked.faults.append(f"{name}: {(element.exception.message or element.alert.body)[:200]}")
            case "script_finished":
                self._finished(message.script_finished, message.metadata.run.fragment_ids)

    def _finished(self, how: int, fragments: Iterable[str]) -> None:
        if how == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._drawn.set()
        elif how == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            asked = [self._refreshing.pop(fragment) for fragment in fragments if fragment in self._refreshing]
            self._looked.refreshed_s += [time.monotonic() - at_s for at_s in asked]

    def _keep(self, fragment: str, every_s: float) -> None:
        """Ask for a live part every *every_s*, from now on."""
        if fragment not in self._fragments:
            self._fragments[fragment] = asyncio.get_running_loop().create_task(self._refresh(fragment, every_s))

    async def _refresh(self, fragment: str, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            assert self._place is not None
            message = BackMsg()
            message.rerun_script.page_name = self._place.name
            message.rerun_script.page_script_hash = self._hash
            message.rerun_script.query_string = self._place.query.removeprefix("?")
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            self._refreshing.setdefault(fragment, time.monotonic())
            await self._socket.send_bytes(message.SerializeToString())

    def _quiet(self) -> None:
        for task in self._fragments.values():
            task.cancel()
        self._fragments.clear()
        self._refreshing.clear()


async def look(
    session: aiohttp.ClientSession, url: str, tour: list[Place], looked: Looked, *, stay_s: float, after_s: float
) -> None:
    """Come *after_s* from now, and walk through *tour* again and again, *stay_s* on each page, until cancelled."""
    await asyncio.sleep(after_s)
    address = url.replace("http://", "ws://") + "/_stcore/stream"
    async with session.ws_connect(address, protocols=["streamlit"], max_msg_size=0) as socket:
        viewer = Viewer(socket, looked)
        listening = asyncio.create_task(viewer.listen())
        try:
            while not listening.done():
                for place in tour:
                    await viewer.open(place)
                    await asyncio.sleep(stay_s)
        finally:
            listening.cancel()
            viewer._quiet()
            with suppress(asyncio.CancelledError):
                await listening
