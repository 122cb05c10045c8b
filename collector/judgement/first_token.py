"""
Times to first token, told apart by connection, plain and corrected for coordinated omission.

Plain counts answers, from the request's last byte sent. Corrected counts from the intended instant of the tick, and
counts those that never answered at the time they had waited: a slow target is not flattered by its silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.judgement.facts import quantile_ms, summed
from schemas.observation import Observation, Outcome, Reason

# A request that ended so, without a first token, had waited for one.
WAITED_REASONS = frozenset(
    {Reason.TTFT_TIMEOUT, Reason.TOTAL_TIMEOUT, Reason.STALLED, Reason.CONNECT_TIMEOUT},
)
# Kinds that wait for a first token; of any other a timeout says nothing of one.
FIRST_TOKEN_KINDS = frozenset(
    {
        "border_input",
        "burst",
        "cache_timing",
        "chat_stream",
        "completion_stream",
        "echo_challenge",
        "gemini_stream",
        "generate_stream",
        "golden_answer",
        "identity_sample",
        "json_mode",
        "logprob_sample",
        "long_prompt",
        "messages_stream",
        "place_timing",
        "repeat_prompt",
        "responses_stream",
        "tool_call",
        "triton_generate",
    }
)


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """
    Log-bucket histograms of the time to first token over one kind of connection; trusted timings only.

    answered: plain, of answers. intended: corrected, of answers and of the *waited* ones that never had a token.
    """

    connection: str
    answered: Mapping[int, int] = field(default_factory=dict)
    intended: Mapping[int, int] = field(default_factory=dict)
    waited: int = 0

    @property
    def n(self) -> int:
        """Answers with a first token."""
        return sum(self.answered.values())

    @property
    def n_intended(self) -> int:
        """Answers and those that waited in vain."""
        return sum(self.intended.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """
    The time to first token over one kind of connection, or over all of them (`all`).

    Plain percentiles are of *n* answers, from the last byte sent. intended_*: from the intended instant, of
    *intended_n* requests, of which *waited_n* had no token and count at the time they had waited.
    """

    connection: str
    n: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    intended_n: int
    waited_n: int
    intended_p50_ms: float | None
    intended_p95_ms: float | None
    intended_p99_ms: float | None


def from_intended_ms(seen: Observation) -> float | None:
    """
    From the intended instant to the first token, or, without one, to the end of waiting; None when neither counts.

    The reference of what `collector/storage/first_token_sql.py` says in SQL.
    """
    if seen.distrust is not None:
        return None
    if seen.outcome in {Outcome.OK, Outcome.DEGRADED} and seen.timings.first_token_ms is not None:
        return seen.late_ms + (seen.timings.sent_ms or 0.0) + seen.timings.first_token_ms
    in_vain = seen.reason in WAITED_REASONS and seen.timings.first_token_ms is None
    if in_vain and seen.kind in FIRST_TOKEN_KINDS and seen.timings.total_ms is not None:
        return seen.late_ms + seen.timings.total_ms
    return None


def percentiles(part: FirstTokens) -> Percentiles:
    """The percentiles of *part*."""
    p50, p95, p99 = (quantile_ms(part.answered, share) for share in (0.5, 0.95, 0.99))
    intended_p50, intended_p95, intended_p99 = (quantile_ms(part.intended, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(
        connection=part.connection,
        n=part.n,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        intended_n=part.n_intended,
        waited_n=part.waited,
        intended_p50_ms=intended_p50,
        intended_p95_ms=intended_p95,
        intended_p99_ms=intended_p99,
    )


def merged(parts: Iterable[FirstTokens], connection: str) -> FirstTokens:
    """Several as one, called *connection*."""
    several = tuple(parts)
    return FirstTokens(
        connection,
        summed(part.answered for part in several),
        summed(part.intended for part in several),
        sum(part.waited for part in several),
    )


def by_connection(parts: Iterable[FirstTokens]) -> tuple[FirstTokens, ...]:
    """*parts* with those of the same connection merged, by name."""
    several = tuple(parts)
    names = sorted({part.connection for part in several})
    return tuple(merged((part for part in several if part.connection == name), name) for name in names)
