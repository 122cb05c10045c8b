"""
Real traffic as observations: from any OpenTelemetry `gen_ai.*` client span, by old and new names of the conventions.

Pure. Which target a span went to is never guessed: it is said by `touchstone.target`, or server address, port, path and
model leave exactly one target of the fleet; else the span is rejected by name. Nothing that was asked or answered is
read, and no free text of a span is kept: prompts, completions, status messages and error bodies never reach the store.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit

from schemas.errors import SpanRejected, WireError
from schemas.failure_reasons import reason_of_status
from schemas.fleet import Fleet, Place
from schemas.nanoseconds import from_ns
from schemas.observation import (
    DEGRADED_REASONS,
    OBSERVER_REASONS,
    Connection,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Timings,
    Tokens,
)

ATTR_TARGET = "touchstone.target"
ATTR_SIMULATED = "touchstone.simulated"  # of the resource
MODULE = "passive"
KIND_PREFIX = "passive_"
SERVICE_CHARS_MAX = 63
COUNT_MAX = 2**32 - 1
PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})

# Operations that are one request to a model; agents, tools, memory and retrieval are not.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "chat": "chat",
        "text_completion": "text_completion",
        "completion": "text_completion",
        "generate_content": "generate_content",
        "embeddings": "embeddings",
        "embedding": "embeddings",
    }
)
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {  # newest first
        "operation": ("gen_ai.operation.name", "llm.request.type"),
        "model": ("gen_ai.request.model", "gen_ai.response.model"),
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
        "finish": ("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"),
        "status": ("http.response.status_code", "http.status_code"),
        "first": (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.server.time_to_first_token",
        ),
        "url": ("url.full", "http.url"),
        "address": ("server.address", "net.peer.name"),
        "port": ("server.port", "net.peer.port"),
    }
)
# Events that mark a piece of the answer; the earliest is the first token. Their attributes are never read.
FIRST_TOKEN_EVENTS = frozenset({"gen_ai.first_token", "first_token", "first_chunk", "llm.content.completion.chunk"})

# Last part of an exception's or error's name, lower case, without `error` and `exception` at its end.
_ERROR_REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "connecttimeout": Reason.CONNECT_TIMEOUT,
        "connectionrefused": Reason.CONNECT_REFUSED,
        "econnrefused": Reason.CONNECT_REFUSED,
        "connect": Reason.CONNECT_FAILED,
        "connection": Reason.CONNECT_FAILED,
        "apiconnection": Reason.CONNECT_FAILED,
        "clientconnector": Reason.CONNECT_FAILED,
        "gai": Reason.DNS_FAILED,
        "nameresolution": Reason.DNS_FAILED,
        "unknownhost": Reason.DNS_FAILED,
        "enotfound": Reason.DNS_FAILED,
        "ssl": Reason.TLS_INVALID,
        "sslcertverification": Reason.TLS_INVALID,
        "certificateverify": Reason.TLS_INVALID,
        "server_certificate_invalid": Reason.TLS_INVALID,
        "connectionreset": Reason.CONNECTION_LOST,
        "econnreset": Reason.CONNECTION_LOST,
        "connectionaborted": Reason.CONNECTION_LOST,
        "brokenpipe": Reason.CONNECTION_LOST,
        "remoteprotocol": Reason.CONNECTION_LOST,
        "serverdisconnected": Reason.CONNECTION_LOST,
        "clientpayload": Reason.CONNECTION_LOST,
        "clientos": Reason.CONNECTION_LOST,
        "incompleteread": Reason.CONNECTION_LOST,
        "read": Reason.CONNECTION_LOST,
        "jsondecode": Reason.BAD_STREAM,
        "apiresponsevalidation": Reason.BAD_STREAM,
        "authentication": Reason.AUTH_FAILED,
        "permissiondenied": Reason.AUTH_FAILED,
        "invalid_api_key": Reason.AUTH_FAILED,
        "insufficient_quota": Reason.PAYMENT_REQUIRED,
        "notfound": Reason.MODEL_NOT_FOUND,
        "model_not_found": Reason.MODEL_NOT_FOUND,
        "badrequest": Reason.BAD_REQUEST,
        "invalidrequest": Reason.BAD_REQUEST,
        "invalid_request": Reason.BAD_REQUEST,
        "unprocessableentity": Reason.BAD_REQUEST,
        "ratelimit": Reason.RATE_LIMITED,
        "rate_limit": Reason.RATE_LIMITED,
        "rate_limit_exceeded": Reason.RATE_LIMITED,
        "overloaded": Reason.NO_CAPACITY,
        "serviceunavailable": Reason.NO_CAPACITY,
        "internalserver": Reason.HTTP_5XX,
        "api": Reason.ERROR_IN_STREAM,
    }
)
_OWN_REASONS = frozenset(Reason) - DEGRADED_REASONS - OBSERVER_REASONS
_TIMEOUTS = frozenset({"timeout", "apitimeout", "readtimeout", "sockettimeout", "etimedout", "deadline_exceeded"})
_CANCELLED = frozenset({"cancelled", "canceled", "abort", "apiuserabort", "generatorexit", "keyboardinterrupt"})
_ERROR_END = re.compile(r"_?(?:error|exception)$")
_NAME_LIKE = re.compile(r"[A-Za-z0-9_.:$-]{1,80}")
_FINISH_LIKE = re.compile(r"[a-z_]{1,40}")


class Rejection(StrEnum):
    """Why a span is no observation; counted by name."""

    MALFORMED = "malformed"  # an attribute cannot be what it says
    NOT_AN_OBSERVATION = "not_an_observation"  # neither ours nor a gen_ai client span
    NOT_INFERENCE = "not_inference"  # an agent, a tool, a memory: no request to a model
    CANCELLED = "cancelled"  # the caller gave up: says nothing of the provider
    UNKNOWN_TARGET = "unknown_target"
    AMBIGUOUS_TARGET = "ambiguous_target"
    TOO_LARGE = "too_large"  # more bytes or attributes than a span may have
    TOO_OLD = "too_old"  # of before what the store keeps
    IN_THE_FUTURE = "in_the_future"  # of further ahead than a clock may be


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpan:
    """What is read of a span. Attributes as plain values; events as (name, ns), without theirs."""

    id: str
    client: bool
    attributes: Mapping[str, object]
    resource: Mapping[str, object] = field(default_factory=dict)
    events: tuple[tuple[str, int], ...] = ()
    start_ns: int
    end_ns: int
    failed: bool


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A target by where it listens."""

    port: int
    path: str
    model: str
    place: Place


@dataclass(frozen=True, slots=True)
class TargetIndex:
    """The fleet by full id, and by host."""

    places: Mapping[str, Place] = field(default_factory=dict)
    endpoints: Mapping[str, tuple[_Endpoint, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, fleet: Fleet) -> TargetIndex:
        """The index of *fleet*."""
        endpoints: dict[str, list[_Endpoint]] = {}
        places = {place.id: place for place in fleet.places()}
        for place in places.values():
            url = urlsplit(place.target.url)
            port = url.port or PORTS[url.scheme]
            endpoint = _Endpoint(port, url.path.rstrip("/"), place.target.model, place)
            endpoints.setdefault(_host(url.hostname or ""), []).append(endpoint)
        return cls(places, {host: tuple(several) for host, several in endpoints.items()})

    def place_of(self, span: ClientSpan) -> Place:
        """The one target that *span* went to; raises SpanRejected when there is none, or more than one."""
        said = span.attributes.get(ATTR_TARGET, span.resource.get(ATTR_TARGET))
        if said is not None:
            if isinstance(said, str) and said in self.places:
                return self.places[said]
            raise SpanRejected(Rejection.UNKNOWN_TARGET, f"{ATTR_TARGET} {str(said)[:80]!r} is not in the fleet")
        host, port, path = _where(span)
        model = _text(span, "model")
        here = [
            endpoint
            for endpoint in self.endpoints.get(host, ())
            if port in {None, endpoint.port} and model in {"", endpoint.model} and _leads_to(path, endpoint.path)
        ]
        longest = max((len(endpoint.path) for endpoint in here), default=0)
        found = [endpoint.place for endpoint in here if path is None or len(endpoint.path) == longest]
        where = f"{host[:80]}:{port or '?'} with model {model[:80]!r}"
        if not found:
            raise SpanRejected(Rejection.UNKNOWN_TARGET, f"no target of the fleet is at {where}")
        if len(found) > 1:
            several_names = ", ".join(place.id for place in found[:3])
            raise SpanRejected(
                Rejection.AMBIGUOUS_TARGET, f"{len(found)} targets are at {where} ({several_names}); say {ATTR_TARGET}"
            )
        return found[0]


def passive_observation(span: ClientSpan, targets: TargetIndex) -> Observation:
    """The observation that *span* is; raises SpanRejected, or WireError naming the attribute that is wrong."""
    if not span.client or not any(name.startswith(("gen_ai.", "llm.")) for name in span.attributes):
        raise SpanRejected(Rejection.NOT_AN_OBSERVATION, "neither an observation of ours nor a gen_ai client span")
    said = _text(span, "operation")
    if said not in OPERATIONS:
        raise SpanRejected(Rejection.NOT_INFERENCE, f"operation {said[:40]!r} is no request to a model")
    operation = OPERATIONS[said]
    place = targets.place_of(span)
    started_at, finished_at = _times(span)
    total_ms = (span.end_ns - span.start_ns) / 1e6
    first_token_ms = None if operation == "embeddings" else _first_token_ms(span, total_ms)
    status = _count(span, "status", most=999)
    reason = _reason(span, status, first_token_ms)
    error = _error_type(span)
    return Observation(
        target=place.id,
        vantage=_service(span.resource.get("service.name")),
        kind=f"{KIND_PREFIX}{operation}",
        tick=started_at.replace(microsecond=started_at.microsecond // 1000 * 1000),
        provider=place.provider,
        cluster=place.cluster,
        region=place.region,
        model=place.target.model,
        module=MODULE,
        access_path="unknown",
        started_at=started_at,
        finished_at=finished_at,
        outcome=Outcome.FAILED if reason else Outcome.OK,
        reason=reason,
        detail=f"error.type {error}" if reason and _NAME_LIKE.fullmatch(error) else "",
        http_status=status,
        timings=Timings(first_token_ms=first_token_ms, total_ms=total_ms),
        instrument=Instrument(connection=Connection.UNKNOWN),
        tokens=Tokens(billed_in=_count(span, "input"), billed_out=_count(span, "output")),
        finish_reason=_finish(span),
        source=Source.PASSIVE,
        span=span.id,
        simulated=span.resource.get(ATTR_SIMULATED) is True,
    )


def _where(span: ClientSpan) -> tuple[str, int | None, str | None]:
    """Host, port and path that the request went to; None for what the span does not say."""
    full = _text(span, "url")
    if full:
        try:
            url = urlsplit(full)
            return _host(url.hostname or ""), url.port or PORTS.get(url.scheme), url.path
        except ValueError:
            raise WireError("attribute url.full: not a URL") from None
    host = _text(span, "address")
    if not host:
        raise SpanRejected(Rejection.UNKNOWN_TARGET, f"it says neither {ATTR_TARGET} nor server.address nor url.full")
    return _host(host), _count(span, "port", most=65_535), None


def names_of(*what: str) -> frozenset[str]:
    """The attributes that are read for *what*: `status`, `input`, ..."""
    return frozenset(name for one in what for name in _NAMES[one])


def _host(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")


def _leads_to(path: str | None, base: str) -> bool:
    """Whether a request to *path* may have gone to an endpoint below *base*; an unknown path may."""
    return path is None or path == base or path.startswith(f"{base}/")


def _times(span: ClientSpan) -> tuple[datetime, datetime]:
    if not re.fullmatch(r"[0-9a-f]{16}", span.id) or span.id == "0" * 16:
        raise WireError("span_id: not 8 bytes, or all of them 0")
    if span.end_ns < span.start_ns:
        raise WireError("end_time_unix_nano: before its start")
    return from_ns(span.start_ns), from_ns(span.end_ns)


def _first_token_ms(span: ClientSpan, total_ms: float) -> float | None:
    """From the span's start; None when it does not say, or says what cannot be."""
    value = _first(span, "first")
    if isinstance(value, int | float) and not isinstance(value, bool):
        candidate_ms = value * 1000.0
    else:
        at = min((ns for name, ns in span.events if name in FIRST_TOKEN_EVENTS), default=None)
        candidate_ms = math.nan if at is None else (at - span.start_ns) / 1e6
    return candidate_ms if 0.0 <= candidate_ms <= total_ms else None


def _reason(span: ClientSpan, status: int | None, first_token_ms: float | None) -> Reason | None:
    """None when it went well. Status before name: the status is the provider's own word."""
    error = _error_type(span)
    if status is not None and not 200 <= status < 300:
        return reason_of_status(status)
    if not span.failed and not error:
        return Reason.ERROR_IN_STREAM if _finish(span) == "error" else None
    return _reason_of_error(error, first_token_ms)


def _reason_of_error(error: str, first_token_ms: float | None) -> Reason:
    """The reason of an `error.type`; `unclassified` when the name says nothing of who failed."""
    if error.isascii() and error.isdigit() and len(error) == 3:
        return Reason.UNCLASSIFIED if error.startswith("2") else reason_of_status(int(error))
    if error in _OWN_REASONS:
        return Reason(error)
    name = _ERROR_END.sub("", re.split(r"[.:$]", error)[-1].lower())
    if name in _CANCELLED:
        raise SpanRejected(Rejection.CANCELLED, "the caller cancelled it, which says nothing of the provider")
    if name in _TIMEOUTS:
        return Reason.TTFT_TIMEOUT if first_token_ms is None else Reason.TOTAL_TIMEOUT
    return _ERROR_REASONS.get(name, Reason.UNCLASSIFIED)


def _error_type(span: ClientSpan) -> str:
    value = span.attributes.get("error.type")
    return value if isinstance(value, str) else ""


def _finish(span: ClientSpan) -> str:
    """The first finish reason, when it looks like one; `other` when it does not."""
    value = _first(span, "finish")
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if not isinstance(value, str) or not value:
        return ""
    return value.lower() if _FINISH_LIKE.fullmatch(value.lower()) else "other"


def _service(value: object) -> str:
    """Who asked, as a name of bounded length; OpenTelemetry's own default when nobody says."""
    name = "".join(c for c in value if c.isprintable())[:SERVICE_CHARS_MAX] if isinstance(value, str) else ""
    return name or "unknown_service"


def _first(span: ClientSpan, what: str) -> object:
    """The value of the first of the names of *what* that the span has."""
    return next((span.attributes[name] for name in _NAMES[what] if name in span.attributes), None)


def _text(span: ClientSpan, what: str) -> str:
    value = _first(span, what)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError(f"attribute {_NAMES[what][0]}: expected str, found {type(value).__name__}")
    return value


def _count(span: ClientSpan, what: str, most: int = COUNT_MAX) -> int | None:
    value = _first(span, what)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise WireError(f"attribute {_NAMES[what][0]}: not a whole number of 0..{most}")
    return value
