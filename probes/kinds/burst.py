"""
`burst`: n chat completions at the same moment, each on a connection of its own; one observation of them all.

It shows whether the capacity that is paid for is there, or has been sold to others too, and how refusals look.
OpenAI-compatible.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from probes.contract import Ask, Finding
from probes.failure import detail_of
from probes.kinds.chat_stream import CHAT
from probes.phases import Phases
from probes.streaming import module_of, prompt_of, streamed
from probes.streaming_module import StreamingModule
from probes.token_count import ASKED_OUT, COUNTED_IN
from schemas.observation import ANSWERED, Outcome, Reason, Timings, Tokens
from schemas.quantity import DurationS, Ratio

REQUESTS_MAX = 256


@dataclass(frozen=True, slots=True)
class Shot:
    """One request of a burst: when it was begun (s, monotonic), and what became of it."""

    start: float
    finding: Finding

    @property
    def sent(self) -> float | None:
        """When it was sent (s, monotonic)."""
        sent_ms = self.finding.timings.sent_ms
        return None if sent_ms is None else self.start + sent_ms / 1000


class BurstModule(StreamingModule):
    """Several chat completions at the same moment."""

    kind: Literal["burst"]
    interval: DurationS = 900.0
    n: Annotated[int, Field(ge=2, le=REQUESTS_MAX)] = 8
    answered_min: Ratio = Field(default=0.9, description="a smaller share of complete answers is a failure")

    @property
    def requests(self) -> int:
        """Requests of one tick."""
        return self.n

    @property
    def warm_ups(self) -> int:
        """None: each request has a connection of its own."""
        return 0


async def burst(ask: Ask) -> Finding:
    """Ask n times at once and say what became of it."""
    module = module_of(ask)
    assert isinstance(module, BurstModule)
    phases = Phases(ask.clock)
    asks = [replace(ask, nonce=nonce_of(ask.nonce, number), warm=False) for number in range(module.n)]
    tasks = [asyncio.create_task(_asked(one)) for one in asks]
    try:
        shots = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    phases.finish()
    return summed(shots, module, Timings(total_ms=phases.timings().total_ms), ask.subject.bearer)


async def _asked(ask: Ask) -> Shot:
    start = ask.clock.monotonic()
    return Shot(start, await streamed(ask, CHAT, prompt_of(ask)))


def nonce_of(nonce: str, number: int) -> str:
    """The nonce of one request of a burst."""
    return hashlib.sha256(f"{nonce}|{number}".encode()).hexdigest()[: len(nonce)]


def summed(shots: Sequence[Shot], module: BurstModule, timings: Timings, secret: str | None) -> Finding:
    """One finding of them all."""
    findings = [shot.finding for shot in shots]
    outcome, reason, detail = _verdict(findings, module.answered_min * len(findings))
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail_of(detail, secret),
        http_status=next((one.http_status for one in findings if one.reason is reason), None),
        timings=timings,
        tokens=_tokens(findings),
        figures=_counts(findings) | _first_tokens(findings) | _spread_of_sending(shots) | _token_figures(findings),
        bytes_in=sum(one.bytes_in for one in findings),
    )


def _counts(findings: Sequence[Finding]) -> dict[str, float]:
    """How many of each kind."""
    reasons = Counter(one.reason for one in findings if one.outcome is Outcome.FAILED)
    limited, full = reasons[Reason.RATE_LIMITED], reasons[Reason.NO_CAPACITY]
    return {
        "n": len(findings),
        "n_ok": sum(one.outcome in ANSWERED for one in findings),
        "n_degraded": sum(one.outcome is Outcome.DEGRADED for one in findings),
        "n_rate_limited": limited,
        "n_no_capacity": full,
        "n_failed": reasons.total() - limited - full,
    }


def _first_tokens(findings: Sequence[Finding]) -> dict[str, float]:
    """How the first tokens of the answered ones were spread; nothing without any."""
    answered = [one.timings.first_token_ms for one in findings if one.outcome in ANSWERED]
    ttfts = sorted(ttft_ms for ttft_ms in answered if ttft_ms is not None)
    if not ttfts:
        return {}
    return {
        "ttft_min_ms": ttfts[0],
        "ttft_p50_ms": percentile(ttfts, 0.5),
        "ttft_p95_ms": percentile(ttfts, 0.95),
        "ttft_max_ms": ttfts[-1],
        "ttft_spread_ms": ttfts[-1] - ttfts[0],
    }


def _spread_of_sending(shots: Sequence[Shot]) -> dict[str, float]:
    """How far the requests were from being at once."""
    sent = [shot.sent for shot in shots if shot.sent is not None]
    return {"sent_spread_ms": (max(sent) - min(sent)) * 1000} if sent else {}


def _token_figures(findings: Sequence[Finding]) -> dict[str, float]:
    """Tokens asked for, and those of the prompts, of the answered ones together; nothing when one does not say."""
    answered = [one.figures for one in findings if one.outcome in ANSWERED]
    names = [name for name in (ASKED_OUT, COUNTED_IN) if answered and all(name in figures for figures in answered)]
    return {name: sum(figures[name] for figures in answered) for name in names}


def percentile(ascending: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of at least one value."""
    return ascending[max(math.ceil(share * len(ascending)) - 1, 0)]


def _verdict(findings: Sequence[Finding], wanted: float) -> tuple[Outcome, Reason | None, str]:
    """Good when *wanted* were good, degraded when so many were answered; else failed. The reason is the commonest."""
    if sum(one.outcome is Outcome.OK for one in findings) >= wanted:
        return Outcome.OK, None, ""
    answered = sum(one.outcome in ANSWERED for one in findings)
    outcome = Outcome.DEGRADED if answered >= wanted else Outcome.FAILED
    wrong = [one for one in findings if one.outcome is outcome]
    reason, times = Counter(one.reason for one in wrong).most_common(1)[0]
    words = next(one.detail for one in wrong if one.reason is reason)
    return outcome, reason, f"{times} of {len(findings)}: {words}"


def _tokens(findings: Sequence[Finding]) -> Tokens:
    """Billed tokens of them all; unknown as soon as one that was answered does not say."""
    answered = [one.tokens for one in findings if one.outcome in ANSWERED]
    billed_in, billed_out = [one.billed_in for one in answered], [one.billed_out for one in answered]
    counted = [one.counted_out for one in answered if one.counted_out is not None]
    ways = {one.counted_by for one in answered}
    if len(ways) > 1:  # some could not be counted exactly
        counted, ways = [one.chunks for one in answered], {"chunks"}
    return Tokens(
        billed_in=_sum(billed_in),
        billed_out=_sum(billed_out),
        counted_out=sum(counted) if counted else None,
        counted_by=ways.pop() if ways else "",
        chunks=sum(one.chunks for one in answered),
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None
