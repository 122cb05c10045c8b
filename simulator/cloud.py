"""One cluster as a real HTTP server: an OpenAI-compatible engine that behaves as the script and its personality say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from schemas.clock import Clock
from simulator.answer import WORDS_MAX, Answer, answer
from simulator.conduct import conduct, face, is_probe
from simulator.dice import fraction, throw
from simulator.engine_metrics import EngineMetrics
from simulator.event_stream import DONE, Frames, completion, models, refusal, spoken, usage_of
from simulator.script import FAILING, Mode
from simulator.world import MODEL, Cloud, World

HANG_S = 60.0
SLOW_TTFT_S = 1.3  # over the objective of 1 s, under the limit of 2 s
WORDS_DEFAULT = 16
_METRICS_TYPE = "text/plain; version=0.0.4"

_ERRORS: Mapping[Mode, tuple[int, str, str]] = MappingProxyType(
    {
        Mode.UNAVAILABLE: (503, "no healthy upstream", "service_unavailable"),
        Mode.RATE_LIMIT: (429, "the engine is at capacity, try again later", "rate_limit_exceeded"),
        Mode.ERROR: (500, "internal server error", "internal_error"),
    }
)


class Cluster:
    """The request handler of one cluster; `handle` is an aiohttp low-level handler."""

    def __init__(self, world: World, cloud: Cloud, name: str, *, start: datetime, clock: Clock) -> None:
        self._world, self._cloud, self._start, self._clock = world, cloud, start, clock
        self.id = f"{cloud.id}/{name}"
        self._failed_before = False
        self._metrics = EngineMetrics(MODEL)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, as far as this cluster answers."""
        match request.method, request.path:
            case "GET", "/health":
                down = self._scripted() in (Mode.UNAVAILABLE, Mode.ERROR)
                return web.Response(status=503 if down else 200)
            case "GET", "/metrics":
                return web.Response(body=self._metrics.text().encode(), headers={"Content-Type": _METRICS_TYPE})
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
            asked = orjson.loads(await request.read())
            prompt = str(asked["messages"][-1]["content"])
            words_max = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or WORDS_DEFAULT)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return _json(refusal("the body is not a chat completion request", "invalid_request_error", 400), 400)
        if asked.get("model") != MODEL:
            return _json(refusal(f"the model {str(asked.get('model'))[:100]!r} does not exist", "not_found", 404), 404)
        mode = self._mode(prompt)
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
        personality, words = face(self._cloud, prompt), min(max(words_max, 1), WORDS_MAX)
        said = answer(self._world.seed, personality, prompt, words, wrong=mode is Mode.WRONG)
        self._metrics.running += 1
        try:
            if not asked.get("stream"):
                return await self._at_once(prompt, said, mode)
            options = asked.get("stream_options")
            with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
            return await self._stream(request, prompt, said, mode, with_usage=with_usage)
        finally:
            self._metrics.running -= 1

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

    async def _at_once(self, prompt: str, said: Answer, mode: Mode | None) -> web.Response:
        ttft_s = self._ttft_s(prompt, mode)
        await self._clock.sleep(ttft_s + len(said.words) * self._gap_s)
        self._count(ttft_s, said)
        return _json(completion(self._id_of(prompt), MODEL, self._created(), said))

    async def _stream(
        self, request: web.BaseRequest, prompt: str, said: Answer, mode: Mode | None, *, with_usage: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        ttft_s, gap_s = self._ttft_s(prompt, mode), self._gap_s
        frames = Frames(self._id_of(prompt), MODEL, self._created())
        pieces = spoken(said.words)
        broken = mode in (Mode.LOSE, Mode.TRUNCATE)
        if broken:
            pieces = pieces[: max(1, len(pieces) // 2)]
        await self._clock.sleep(ttft_s)
        await response.write(frames.role() + frames.content(pieces[0]))
        for piece in pieces[1:]:
            await self._clock.sleep(gap_s)
            await response.write(frames.content(piece))
        if mode is Mode.LOSE:
            _hang_up(request)
        if broken:
            return response
        self._count(ttft_s, said)
        await response.write(frames.finish(said.finish_reason) + (frames.usage(said) if with_usage else b"") + DONE)
        return response

    @property
    def _gap_s(self) -> float:
        return self._cloud.personality.gap_ms / 1000

    def _ttft_s(self, prompt: str, mode: Mode | None) -> float:
        if mode is Mode.SLOW:
            return SLOW_TTFT_S
        return face(self._cloud, prompt).ttft_ms / 1000 * (0.85 + 0.4 * fraction(self._world.seed, "ttft", prompt))

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


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
