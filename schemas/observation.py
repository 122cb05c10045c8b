"""The observation: the immutable fact that a tick left. Outcome, reason, timings, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from schemas.sample import SAMPLES_MAX, Sample
from schemas.tick import observation_id

DETAIL_CHARS_MAX = 300
ATTEMPT_MAX = 15
FIGURES_MAX = 64


class Outcome(StrEnum):
    """What became of a tick."""

    OK = "ok"
    DEGRADED = "degraded"  # answered, but over its latency objective or with wrong content
    FAILED = "failed"
    NOT_OBSERVED = "not_observed"  # our fault, never charged to the provider


ANSWERED = frozenset({Outcome.OK, Outcome.DEGRADED})


class Blame(StrEnum):
    """Whose fault a reason is."""

    PROVIDER = "provider"
    OBSERVER = "observer"
    CALLER = "caller"  # our bad key, our quota, our request
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The closed vocabulary of why an outcome is not ok."""

    DNS_FAILED = "dns_failed"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"  # unreachable, reset while connecting
    TLS_INVALID = "tls_invalid"
    CONNECTION_LOST = "connection_lost"  # reset or closed before the answer was complete
    TTFT_TIMEOUT = "ttft_timeout"  # no first token in time
    TOTAL_TIMEOUT = "total_timeout"  # tokens kept coming, but not the end
    STALLED = "stalled"  # tokens began, then none for the stall limit
    TRUNCATED = "truncated"  # the stream ended without finish reason and end marker
    EMPTY = "empty"  # a complete answer without content
    BAD_STREAM = "bad_stream"  # not what the protocol says: broken JSON, garbage
    ERROR_IN_STREAM = "error_in_stream"  # 200, then an error event or an error body
    AUTH_FAILED = "auth_failed"  # 401, 403
    PAYMENT_REQUIRED = "payment_required"  # 402
    MODEL_NOT_FOUND = "model_not_found"  # 404
    BAD_REQUEST = "bad_request"  # other 4xx
    RATE_LIMITED = "rate_limited"  # 429
    NO_CAPACITY = "no_capacity"  # 503 and 529, or an error that says overloaded
    HTTP_5XX = "http_5xx"
    HTTP_UNEXPECTED = "http_unexpected"  # 1xx, 3xx, a 2xx that the module did not allow
    ANSWER_TOO_LARGE = "answer_too_large"
    COMMAND_FAILED = "command_failed"  # exec: it ran and said no
    HEARTBEAT_MISSED = "heartbeat_missed"  # the other side did not call us in time
    UNCLASSIFIED = "unclassified"  # real traffic failed, and its span does not say why
    SLOW = "slow"  # degraded: over the latency objective
    WRONG_CONTENT = "wrong_content"  # degraded: the content check failed
    INVALID_JSON = "invalid_json"  # degraded: JSON was asked for, and this is none
    UNKNOWN_NAME = "unknown_name"  # degraded: it called a tool that was not offered, or none
    SCHEMA_MISMATCH = "schema_mismatch"  # degraded: JSON, but not of the schema that was asked for
    CERTIFICATE_EXPIRING = "certificate_expiring"  # degraded: valid, but not for long
    OBSERVER_OVERLOADED = "observer_overloaded"
    OBSERVER_NETWORK = "observer_network"  # our own way out was broken at that moment
    OBSERVER_BUDGET = "observer_budget"  # the provider's budget for probes was spent
    OBSERVER_OFFLINE = "observer_offline"
    OBSERVER_SPOOL = "observer_spool"  # it was seen, but the agent's spool was full: only the tick was kept
    OBSERVER_ERROR = "observer_error"  # our own bug


BLAME: Mapping[Reason, Blame] = MappingProxyType(
    dict.fromkeys(Reason, Blame.PROVIDER)
    | {
        Reason.DNS_FAILED: Blame.UNKNOWN,
        Reason.AUTH_FAILED: Blame.CALLER,
        Reason.PAYMENT_REQUIRED: Blame.CALLER,
        Reason.MODEL_NOT_FOUND: Blame.CALLER,
        Reason.BAD_REQUEST: Blame.CALLER,
        Reason.RATE_LIMITED: Blame.UNKNOWN,
        Reason.UNCLASSIFIED: Blame.UNKNOWN,
        Reason.OBSERVER_OVERLOADED: Blame.OBSERVER,
        Reason.OBSERVER_NETWORK: Blame.OBSERVER,
        Reason.OBSERVER_BUDGET: Blame.OBSERVER,
        Reason.OBSERVER_OFFLINE: Blame.OBSERVER,
        Reason.OBSERVER_SPOOL: Blame.OBSERVER,
        Reason.OBSERVER_ERROR: Blame.OBSERVER,
    }
)

DEGRADED_REASONS = frozenset(
    {
        Reason.SLOW,
        Reason.WRONG_CONTENT,
        Reason.INVALID_JSON,
        Reason.UNKNOWN_NAME,
        Reason.SCHEMA_MISMATCH,
        Reason.CERTIFICATE_EXPIRING,
    }
)
OBSERVER_REASONS = frozenset(reason for reason, blame in BLAME.items() if blame is Blame.OBSERVER)


class Source(StrEnum):
    """Where an observation comes from: our own probe, or somebody's real traffic."""

    ACTIVE = "active"
    PASSIVE = "passive"


class Connection(StrEnum):
    """What the request went over; cold and warm are different kinds of fact."""

    COLD = "cold"  # a connection of its own
    WARM = "warm"  # one that has just answered another request
    UNKNOWN = "unknown"  # real traffic: its span does not say


class Stamp(StrEnum):
    """Which clock stamped the arrivals."""

    USER = "user"  # the process, when it came to read
    KERNEL = "kernel"  # the kernel, when the segment came in


class Distrust(StrEnum):
    """Why the timings of an observation count for no objective; its outcome stands."""

    LOOP_LAG = "loop_lag"  # the event loop ran later than the limit while it was measured
    CLOCK_STEP = "clock_step"  # the wall clock was set while it was measured
    STREAMS_OPEN = "streams_open"  # more streams were open beside it than the agent measures truly
    MERGED_FIRST_TOKEN = "merged_first_token"  # we came late to the first token, and what followed it had come as well


@dataclass(frozen=True, slots=True)
class Instrument:
    """
    How an observation was measured.

    reads: how often the socket was read; merged_reads: reads that brought more than one content chunk, which then
    share one stamp. clock_step_ms: how far the wall clock moved against the monotonic one meanwhile.
    """

    connection: Connection = Connection.COLD
    stamp: Stamp = Stamp.USER
    reads: int = 0
    merged_reads: int = 0
    clock_step_ms: float = 0.0


def tokens_out(billed_out: int | None, counted_out: int | None, counted_by: str) -> int | None:
    """As Tokens.out."""
    exact = counted_out if counted_by not in {"", "chunks"} else None
    return billed_out if billed_out is not None else exact


def token_gap_ms(
    tokens: int | None,
    reasoning_ms: float | None,
    first_token_ms: float | None,
    last_token_ms: float | None,
    chunks: int,
) -> float | None:
    """As Observation.token_gap_ms, of so many *tokens* in all, and *chunks* whose arrivals are known."""
    if tokens is None or tokens < 2 or last_token_ms is None or first_token_ms is None or chunks < 2:
        return None
    began = first_token_ms if reasoning_ms is None else min(reasoning_ms, first_token_ms)
    return (last_token_ms - began) / (tokens - 1)


@dataclass(frozen=True, slots=True)
class Timings:
    """
    What the clocks said, in milliseconds; None where the phase did not happen (or, warm, was not needed).

    dns, connect, tls: durations of the phases. sent: start of the probe to the write of the request's last byte.
    first_byte, reasoning (the first reasoning token), first_token, last_token (of content), stream_end (the last byte
    of the answer): counted from *sent*. total: start to end. arrivals: each content chunk's arrival, counted from
    *sent*, ascending. Durations come from the monotonic clock.
    """

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    sent_ms: float | None = None
    first_byte_ms: float | None = None
    reasoning_ms: float | None = None
    first_token_ms: float | None = None
    last_token_ms: float | None = None
    stream_end_ms: float | None = None
    total_ms: float | None = None
    arrivals_ms: tuple[float, ...] = ()

    @property
    def gap_max_ms(self) -> float | None:
        """The largest gap between two arrivals; None with fewer than two."""
        return max(self.gaps_ms, default=None)

    @property
    def gaps_ms(self) -> tuple[float, ...]:
        """The inter-chunk gaps, in order of arrival; one fewer than there are arrivals."""
        return tuple(b - a for a, b in zip(self.arrivals_ms, self.arrivals_ms[1:], strict=False))

    @property
    def chunk_gap_ms(self) -> float | None:
        """The mean gap between content chunks; None with fewer than two."""
        a = self.arrivals_ms
        return (a[-1] - a[0]) / (len(a) - 1) if len(a) > 1 else None


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    Tokens of one answer. billed_*: as the provider's usage says. counted: as we counted them.

    counted_by names how: `chunks` (content events, a lower bound: servers put several tokens in one),
    `words` (whitespace-separated, exact only for an engine whose tokens are words) or `tokenizer`.
    """

    billed_in: int | None = None
    billed_out: int | None = None
    counted_out: int | None = None
    counted_by: str = ""
    chunks: int = 0

    @property
    def out(self) -> int | None:
        """The answer's tokens as best known: billed, else counted exactly; None when only chunks were counted."""
        return tokens_out(self.billed_out, self.counted_out, self.counted_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    The fact that one tick (or one re-probe of it) left. Never changed, never deleted before its TTL.

    The natural key is (target, vantage, kind, tick, attempt), and of a passive one its span; `id` derives from it.
    attempt 0 is the tick's own; attempts above 0 are confirmation re-probes, which page but never count in
    availability.
    """

    target: str
    vantage: str
    kind: str
    tick: datetime
    attempt: int = 0
    provider: str
    cluster: str
    region: str = ""
    model: str = ""
    module: str
    access_path: str = "direct"
    account: str = ""  # the name of the account that asked, where a target has several; never its key
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    http_status: int | None = None
    timings: Timings = field(default_factory=Timings)
    instrument: Instrument = field(default_factory=Instrument)
    tokens: Tokens = field(default_factory=Tokens)
    figures: Mapping[str, float] = field(default_factory=dict)  # what the kind measures beside time; absent is unknown
    samples: tuple[Sample, ...] = ()  # what an integrity probe keeps of the answer
    bytes_in: int = 0
    finish_reason: str = ""
    answer_digest: str = ""  # 16 hex digits of the answer's SHA-256; never the answer
    server_request_id: str = ""
    late_ms: float = 0.0  # from the intended instant to started_at
    loop_lag_ms: float = 0.0
    streams_open: int = 1
    distrust: Distrust | None = None
    source: Source = Source.ACTIVE
    span: str = ""  # passive: 16 hex digits that tell requests of one millisecond apart
    simulated: bool = False
    agent_version: str = ""

    def __post_init__(self) -> None:
        for name in ("tick", "started_at", "finished_at"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"{name} must be aware (UTC): {getattr(self, name)!r}")
        if not 0 <= self.attempt <= ATTEMPT_MAX:
            raise ValueError(f"attempt must be 0..{ATTEMPT_MAX}: {self.attempt}")
        if (self.outcome is Outcome.OK) != (self.reason is None):
            raise ValueError(f"outcome {self.outcome} with reason {self.reason}: ok has none, all others have one")
        if (self.outcome is Outcome.NOT_OBSERVED) != (self.reason in OBSERVER_REASONS):
            raise ValueError(
                f"outcome {self.outcome} with reason {self.reason}: our faults are not_observed, only they"
            )
        if (self.source is Source.PASSIVE) != bool(self.span):
            raise ValueError(f"source {self.source} with span {self.span!r}: passive ones have one, only they")
        if len(self.figures) > FIGURES_MAX:
            raise ValueError(f"{len(self.figures)} figures; at most {FIGURES_MAX}")
        if len(self.samples) > SAMPLES_MAX:
            raise ValueError(f"{len(self.samples)} samples; at most {SAMPLES_MAX}")
        if len(self.detail) > DETAIL_CHARS_MAX:
            raise ValueError(f"detail is longer than {DETAIL_CHARS_MAX} characters")

    @property
    def id(self) -> UUID:
        """The derived identity."""
        return observation_id(
            target=self.target,
            vantage=self.vantage,
            kind=self.kind,
            tick=self.tick,
            attempt=self.attempt,
            span=self.span,
        )

    @property
    def token_gap_ms(self) -> float | None:
        """
        The mean time per output token after the first, whatever the chunks held; None when tokens are unknown.

        Billed tokens hold those of reasoning, so it counts from the first reasoning where there was any.
        """
        t = self.timings
        return token_gap_ms(self.tokens.out, t.reasoning_ms, t.first_token_ms, t.last_token_ms, len(t.arrivals_ms))

    @property
    def confirm(self) -> bool:
        """Whether this is a confirmation re-probe (outside availability and SLA arithmetic)."""
        return self.attempt > 0

    @property
    def blame(self) -> Blame | None:
        """Whose fault it was; None when it was ok."""
        return None if self.reason is None else BLAME[self.reason]
