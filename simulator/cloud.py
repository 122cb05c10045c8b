"""One cluster as a real HTTP server: an OpenAI-compatible engine that behaves as the script and its personality say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from schemas.clock import Clock
from simulator.answer import CODE, WORDS_MAX, Answer, Request, answer, structured, with_logprobs
from simulator.conduct import conduct, face, is_probe
from simulator.deviation import CACHED_TTFT, DAY_S, Deviation
from simulator.dice import fraction, throw
from simulator.engine_load import EngineLoad
from simulator.engine_metrics import EngineMetrics
from simulator.event_stream import DONE, Frames, completion, models, refusal, spoken, token_logprobs, usage_of
from simulator.geography import REGIONS, Point, round_trip_s
from simulator.script import FAILING, Mode
from simulator.structured import document, wanted_call, wanted_json
from simulator.world import MODEL, Cloud, World

HANG_S = 60.0
SLOW_TTFT_S = 1.3  # over the objective of 1 s, under the limit of 2 s
WORDS_DEFAULT = 16
REMEMBERED_MAX = 256  # prompts in the cache
TOLD_MAX = 20  # logprobs at a place
_METRICS_TYPE = "text/plain; version=0.0.4"

_ERRORS: Mapping[Mode, tuple[int, str, str]] = MappingProxyType(
    {
        Mode.UNAVAILABLE: (503, "no healthy upstream", "service_unavailable"),
        Mode.RATE_LIMIT: (429, "the engine is at capacity, try again later", "rate_limit_exceeded"),
        Mode.ERROR: (500, "internal server error", "internal_error"),
    }
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """
    One request for a completion.

    drawn_from: what chance is drawn from, the prompt or, where the model chooses, this very request. cached: whether
    the cache has its prompt.
    """

    prompt: str
    words_max: int
    drawn_from: str
    request: Request | None
    cached: bool


class Cluster:
    """
    The request handler of one cluster; `handle` is an aiohttp low-level handler.

    It is asked from *vantage*, as far away as its site is; without one, from next door.
    """

    def __init__(
        self, world: World, cloud: Cloud, name: str, *, start: datetime, clock: Clock, vantage: Point | None = None
    ) -> None:
        self._world, self._cloud, self._start, self._clock = world, cloud, start, clock
        self.id = f"{cloud.id}/{name}"
        site = next(site for site in cloud.sites if site.name == name)
        here = REGIONS[self._deviation.region or site.region]
        self._round_trip_s = round_trip_s(vantage, here) if vantage else 0.0
        self._failed_before = False
        self._number = 0
        self._remembered: dict[str, None] = {}
        self._metrics = EngineMetrics(MODEL)
        self._load = EngineLoad(world, cloud, site)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, as far as this cluster answers."""
        match request.method, request.path:
            case "GET", "/health":
                down = self._scripted() in (Mode.UNAVAILABLE, Mode.ERROR)
                return web.Response(status=503 if down else 200)
            case "GET", "/metrics":
                page = self._metrics.text(self._load.now(self._clock.now().timestamp()))
                return web.Response(body=page.encode(), headers={"Content-Type": _METRICS_TYPE})
            case "GET", "/v1/models":
                return self._unless_stranger(request) or _json(models(MODEL, self._created()))
            case "POST", "/v1/chat/completions":
                return self._unless_stranger(request) or await self._chat(request)
        return _json(refusal(f"no such path: {request.path[:100]}", "not_found", 404), 404)

    def _unless_stranger(self, request: web.BaseRequest) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self._world.key}":
            return None
        return _json(refusal("invalid API key", "authentication_error", 401), 401)

    async def _chat(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = orjson.loads(await request.read())
            prompt = str(body["messages"][-1]["content"])
            words_max = int(body.get("max_completion_tokens") or body.get("max_tokens") or WORDS_DEFAULT)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return _json(refusal("the body is not a chat completion request", "invalid_request_error", 400), 400)
        if body.get("model") != MODEL:
            return _json(refusal(f"the model {str(body.get('model'))[:100]!r} does not exist", "not_found", 404), 404)
        if _told(body) and not self._deviation.offers_logprobs:
            return _json(refusal("logprobs are not supported", "invalid_request_error", 400), 400)
        asked = self._asked(prompt, min(max(words_max, 1), WORDS_MAX), body.get("temperature"))
        mode = self._mode(asked.drawn_from)
        if mode is not None and mode in _ERRORS:
            status, message, kind = _ERRORS[mode]
            headers = {"Retry-After": "1"} if mode is Mode.RATE_LIMIT else None
            return _json(refusal(message, kind, status), status, headers)
        if mode is Mode.HANG:
            await self._clock.sleep(HANG_S)
            return web.Response(status=504)
        if mode is Mode.REFUSE:  # it came on a connection that was open before the port was closed
            _hang_up(request)
            return web.Response(status=503)
        said = self._said(asked, body, mode)
        self._metrics.running += 1
        try:
            if not body.get("stream"):
                return await self._at_once(asked, said, mode)
            options = body.get("stream_options")
            with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
            return await self._stream(request, asked, said, mode, with_usage=with_usage)
        finally:
            self._metrics.running -= 1

    def _asked(self, prompt: str, words_max: int, temperature: object) -> _Asked:
        """What is asked; the model chooses when it is told a temperature, and nothing in the prompt decides."""
        self._number += 1
        cached = prompt in self._remembered
        if self._deviation.prefix_cache:
            self._remembered[prompt] = None
            if len(self._remembered) > REMEMBERED_MAX:
                del self._remembered[next(iter(self._remembered))]
        if not isinstance(temperature, int | float) or is_probe(prompt) or CODE.search(prompt):
            return _Asked(prompt, words_max, prompt, None, cached)
        request = Request(float(temperature), f"{self.id}|{self._number}", self._day)
        return _Asked(prompt, words_max, f"{prompt}|{self._number}", request, cached)

    def _said(self, asked: _Asked, body: Mapping[str, Any], mode: Mode | None) -> Answer:
        seed, personality, deviation = self._world.seed, face(self._cloud, asked.prompt), self._deviation
        said = answer(
            seed, personality, asked.prompt, asked.words_max, wrong=mode is Mode.WRONG, request=asked.request,
            day=self._day,
        )  # fmt: skip
        call, schema = wanted_call(body), wanted_json(body)
        if call is not None:
            said = structured(said, document(seed, call[1], asked.drawn_from, share=deviation.sloppy_share), call[0])
        elif schema is not None:
            said = structured(said, document(seed, schema, asked.drawn_from, share=deviation.sloppy_share), None)
        if asked.request is not None and not personality.canned and (told := _told(body)):
            said = with_logprobs(seed, personality, asked.prompt, said, told, asked.request)
        if deviation.prefix_cache and deviation.tells_cached:
            said = replace(said, cached=said.prompt_tokens if asked.cached else 0)
        return said

    def _mode(self, prompt: str) -> Mode | None:
        """How it misbehaves; whether traffic failed says nothing of the next probe, nor the other way round."""
        now, probe = self._clock.now(), is_probe(prompt)
        mode = conduct(
            self._world, self._cloud, self.id, prompt, at=now, elapsed_s=self._elapsed_s(now),
            failed_before=probe and self._failed_before,
        )  # fmt: skip
        if probe:
            self._failed_before = mode in FAILING
        return mode

    def _scripted(self) -> Mode | None:
        elapsed_s = self._elapsed_s(self._clock.now())
        return next((e.mode for e in self._world.script() if e.covers(self.id, elapsed_s)), None)

    async def _at_once(self, asked: _Asked, said: Answer, mode: Mode | None) -> web.Response:
        ttft_s = self._ttft_s(asked, mode)
        await self._clock.sleep(ttft_s + len(said.words) * self._gap_s)
        self._count(ttft_s, said)
        return _json(completion(self._id_of(asked.drawn_from), MODEL, self._created(), said))

    async def _stream(
        self, request: web.BaseRequest, asked: _Asked, said: Answer, mode: Mode | None, *, with_usage: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        ttft_s, gap_s = self._ttft_s(asked, mode), self._gap_s
        frames = Frames(self._id_of(asked.drawn_from), MODEL, self._created())
        told = zip_longest(spoken(said), token_logprobs(said))
        pieces = [frames.content(piece, logprobs) for piece, logprobs in told] or [frames.call(*said.call or ("", ""))]
        broken = mode in (Mode.LOSE, Mode.TRUNCATE)
        if broken:
            pieces = pieces[: max(1, len(pieces) // 2)]
        await self._clock.sleep(ttft_s)
        await response.write(frames.role() + pieces[0])
        for piece in pieces[1:]:
            await self._clock.sleep(gap_s)
            await response.write(piece)
        if mode is Mode.LOSE:
            _hang_up(request)
        if broken:
            return response
        self._count(ttft_s, said)
        await response.write(frames.finish(said.finish_reason) + (frames.usage(said) if with_usage else b"") + DONE)
        return response

    @property
    def _deviation(self) -> Deviation:
        return self._cloud.personality.deviation

    @property
    def _gap_s(self) -> float:
        gap_ms = self._deviation.gap_ms
        return (self._cloud.personality.gap_ms if gap_ms is None else gap_ms) / 1000

    @property
    def _day(self) -> float:
        return self._elapsed_s(self._clock.now()) / DAY_S

    def _ttft_s(self, asked: _Asked, mode: Mode | None) -> float:
        if mode is Mode.SLOW:
            return SLOW_TTFT_S
        spread = 0.85 + 0.4 * fraction(self._world.seed, "ttft", asked.drawn_from)
        thought_s = face(self._cloud, asked.prompt).ttft_ms / 1000 * spread
        return self._round_trip_s + thought_s * (CACHED_TTFT if asked.cached else 1.0)

    def _count(self, ttft_s: float, said: Answer) -> None:
        self._metrics.first_token(ttft_s)
        used = usage_of(said)
        self._metrics.finished(
            said.finish_reason, prompt_tokens=used["prompt_tokens"], generated_tokens=len(said.words)
        )

    def _elapsed_s(self, now: datetime) -> float:
        return (now - self._start).total_seconds()

    def _id_of(self, prompt: str) -> str:
        return f"chatcmpl-{throw(self._world.seed, 'id', self.id, prompt).hex()}"

    def _created(self) -> int:
        return int(self._clock.now().timestamp())


def _told(body: Mapping[str, Any]) -> int:
    """How many logprobs are asked for at each place."""
    top = body.get("top_logprobs")
    return min(max(top, 0), TOLD_MAX) if body.get("logprobs") is True and isinstance(top, int) else 0


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
