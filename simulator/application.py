"""
An application that uses the simulated clouds: real requests at a modest pace, told as OpenTelemetry client spans.

It knows nothing of probes: what it measures is what any instrumented client measures, in its own event loop, from the
start of the request. Its spans go to a collector's OTLP endpoint like any other client's, and what the collector does
not take is sent again.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from schemas.clock import Clock
from schemas.fleet import Place
from schemas.nanoseconds import to_ns
from simulator.client_span import Answered, span
from simulator.dice import number, shuffled
from simulator.history import TRAFFIC_WORDS, WORDS
from simulator.language import VOCABULARY

logger = logging.getLogger(__name__)

RATE = 1.5  # requests a second, over all clouds: a ninetieth of them to each cluster
TIMEOUT_S = 5.0
OPEN_POLL_S = 0.2
EXPORT_EVERY_S = 1.0
EXPORT_S = 5.0
EXPORT_SPANS_MAX = 200
WAITING_MAX = 5_000  # spans; beyond them the oldest is lost, as with any client of OpenTelemetry
LAST_TRIES = 5


class Application:
    """Asks the models of *places* in turn, and tells the collector at *collector_url* of each; *token* lets it in."""

    def __init__(
        self, places: Sequence[Place], *, collector_url: str, token: str | None, seed: int, clock: Clock
    ) -> None:
        self._places = shuffled(places, seed, "traffic")
        self._url, self._seed, self._clock = f"{collector_url.rstrip('/')}/v1/traces", seed, clock
        self._authorization = _bearer(token)
        files = {place.target.tls.ca_file for place in places} - {None}
        self._trust = {file: ssl.create_default_context(cafile=file) for file in files}
        self._waiting: deque[ReadableSpan] = deque(maxlen=WAITING_MAX)
        self.asked = self.told = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Ask and tell until *stop*; then the answers under way are awaited, and told."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            await self._open(session, stop)
            telling = asyncio.create_task(self._tell_all(session))
            under_way: set[asyncio.Task[None]] = set()
            began = self._clock.monotonic()
            while not stop.is_set():
                task = asyncio.create_task(self._ask(session, self.asked))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                self.asked += 1
                await self._clock.sleep(max(0.0, began + self.asked / RATE - self._clock.monotonic()))
            await asyncio.gather(*under_way)
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            for _ in range(LAST_TRIES):
                if await self._tell(session) and not self._waiting:
                    break

    async def _open(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Wait for the clouds: an application is not used before they are there."""
        last = max(self._places, key=lambda place: urlsplit(place.target.url).port or 0)
        while not stop.is_set() and (await self._answer(session, last, "hello")).error:
            await self._clock.sleep(OPEN_POLL_S)

    async def _ask(self, session: aiohttp.ClientSession, turn: int) -> None:
        place, prompt = self._places[turn % len(self._places)], self._prompt(turn)
        start, start_ns = self._clock.monotonic(), to_ns(self._clock.now())
        answered = await self._answer(session, place, prompt)
        lasted_ns = int((self._clock.monotonic() - start) * 1e9)
        self._waiting.append(span(place, answered, number(self._seed, "span", start_ns, turn), start_ns, lasted_ns))

    def _prompt(self, turn: int) -> str:
        shortest, longest = TRAFFIC_WORDS
        now = self._clock.now().isoformat()  # no two runs ask the same
        words = shortest + number(self._seed, "length", turn, now) % (longest - shortest + 1)
        return " ".join(VOCABULARY[number(self._seed, "word", turn, now, place) % 256] for place in range(words))

    async def _answer(self, session: aiohttp.ClientSession, place: Place, prompt: str) -> Answered:
        ca_file = place.target.tls.ca_file
        answered, start = Answered(), self._clock.monotonic()
        try:
            async with session.post(
                f"{place.target.url}/chat/completions",
                data=orjson.dumps(_question(place.target.model, prompt)),
                headers=_headers(place),
                ssl=self._trust[ca_file] if ca_file else True,
            ) as response:
                if response.status != 200:
                    answered.error = str(response.status)
                    return answered
                async for line in response.content:
                    answered.read(line, self._clock.monotonic() - start)
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            answered.error = type(error).__name__
        else:
            answered.error = "" if answered.done else "truncated"
        return answered

    async def _tell_all(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._clock.sleep(EXPORT_EVERY_S)
            await self._tell(session)

    async def _tell(self, session: aiohttp.ClientSession) -> bool:
        """Send what waits; what was not taken is sent again, and the collector stores it once."""
        batch = list(self._waiting)[:EXPORT_SPANS_MAX]
        if not batch:
            return True
        body = gzip.compress(encode_spans(batch).SerializeToString(), compresslevel=1, mtime=0)
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"} | self._authorization
        timeout = aiohttp.ClientTimeout(total=EXPORT_S)
        try:
            async with session.post(self._url, data=body, headers=headers, timeout=timeout) as answer:
                taken = answer.status == 200
                if not taken:
                    logger.warning("%d from the collector; %d spans wait", answer.status, len(self._waiting))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.info("the collector does not answer (%s); %d spans wait", type(error).__name__, len(self._waiting))
            return False
        if taken:
            self.told += len(batch)
            for one in batch:
                if self._waiting and self._waiting[0] is one:  # else it was lost meanwhile
                    self._waiting.popleft()
        return taken


def _question(model: str, prompt: str) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": WORDS[0] + len(prompt) % (WORDS[1] - WORDS[0] + 1),
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _headers(place: Place) -> dict[str, str]:
    key = place.target.auth.bearer
    return {"Content-Type": "application/json"} | _bearer(key.get_secret_value() if key else None)


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
