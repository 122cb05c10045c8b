"""One request of an application as an OpenTelemetry client span, by the names of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from schemas.fleet import Place
from simulator.history_table import SERVICE

_RESOURCE = Resource({"service.name": SERVICE, "touchstone.simulated": True})
_SCOPE = InstrumentationScope(SERVICE)


@dataclass(slots=True)
class Answered:
    """What the application saw of one answer; stays as it is where the answer breaks off."""

    first_chunk_s: float | None = None
    id: str = ""
    finish_reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str = ""  # error.type
    done: bool = False

    def read(self, line: bytes, elapsed_s: float) -> None:
        """One line of the event stream, *elapsed_s* after the start of the request."""
        data = line.removeprefix(b"data: ").strip()
        if data == b"[DONE]":
            self.done = True
        if not data.startswith(b"{"):
            return
        event = orjson.loads(data)
        self.id = event.get("id", self.id)
        for choice in event.get("choices", ()):
            if self.first_chunk_s is None and choice["delta"].get("content"):
                self.first_chunk_s = elapsed_s
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        if usage := event.get("usage"):
            self.tokens_in, self.tokens_out = usage["prompt_tokens"], usage["completion_tokens"]


def span(place: Place, answered: Answered, identity: int, start_ns: int, lasted_ns: int) -> ReadableSpan:
    """One request by the GenAI conventions for client spans; nothing that was asked or answered is in it."""
    url, model = urlsplit(place.target.url), place.target.model
    attributes: dict[str, str | int | float | bool | Sequence[str] | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.request.stream": True,
        "gen_ai.response.id": answered.id or None,
        "gen_ai.response.finish_reasons": [answered.finish_reason] if answered.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": answered.first_chunk_s,
        "gen_ai.usage.input_tokens": answered.tokens_in,
        "gen_ai.usage.output_tokens": answered.tokens_out,
        "server.address": url.hostname,
        "server.port": url.port,
        "error.type": answered.error or None,
    }
    return ReadableSpan(
        name=f"chat {model}",
        context=SpanContext(identity << 64 | identity | 1, identity | 1, is_remote=False, trace_flags=TraceFlags(1)),
        kind=SpanKind.CLIENT,
        attributes={name: value for name, value in attributes.items() if value is not None},
        start_time=start_ns,
        end_time=start_ns + lasted_ns,
        resource=_RESOURCE,
        instrumentation_scope=_SCOPE,
        status=Status(StatusCode.ERROR if answered.error else StatusCode.UNSET),
    )
