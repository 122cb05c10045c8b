"""Whether an observation's timings can be trusted, by what went on in the agent while it was measured."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace

from probes.contract import Finding
from schemas.config import Agent
from schemas.observation import DETAIL_CHARS_MAX, Distrust, Outcome, Reason

# What our own lateness can bring about. A status, a whole answer and a refused port are facts however late we were.
LATENESS_CAN_CAUSE = frozenset(
    {
        Reason.DNS_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.CONNECT_FAILED,
        Reason.CONNECTION_LOST,
        Reason.TTFT_TIMEOUT,
        Reason.TOTAL_TIMEOUT,
        Reason.STALLED,
    }
)


MERGED_LATE_S = 0.01  # as far as the wall clock may step: what a time to first token may be wrong by


@dataclass(frozen=True, slots=True)
class TrustLimits:
    """
    Above these, timings are not trusted: event-loop lag and step of the wall clock (s), streams open at once.

    *merged_late_s*: how late the loop may come to a first token that is read together with what followed it.
    """

    lag_s: float
    clock_step_s: float
    streams: int
    merged_late_s: float = MERGED_LATE_S


UNLIMITED = TrustLimits(  # somebody is looking himself
    lag_s=math.inf, clock_step_s=math.inf, streams=sys.maxsize, merged_late_s=math.inf
)


def limits_of(settings: Agent) -> TrustLimits:
    """The limits that *settings* set."""
    return TrustLimits(settings.lag_limit, settings.clock_step_limit, settings.streams_trusted_max)


def distrust(
    limits: TrustLimits, *, lag_s: float, clock_step_s: float, streams_open: int, merged_late_s: float = 0.0
) -> Distrust | None:
    """
    Why timings measured so are not trusted; None when they are.

    *merged_late_s*: how late the loop came to a read that brought the first token and what followed it, 0 when it came
    alone. The stamp is that of the newest segment, so the first token came at any time since the loop was due.
    """
    if lag_s > limits.lag_s:
        return Distrust.LOOP_LAG
    if abs(clock_step_s) > limits.clock_step_s:
        return Distrust.CLOCK_STEP
    if merged_late_s > limits.merged_late_s:
        return Distrust.MERGED_FIRST_TOKEN
    return Distrust.STREAMS_OPEN if streams_open > limits.streams else None


def charged(finding: Finding, why: Distrust | None, lag_s: float) -> Finding:
    """
    *finding* with what our own fault may have caused taken off the provider.

    A time-out while the loop was late is not observed; slowness that was not measured truly is no slowness.
    """
    if why is Distrust.LOOP_LAG and finding.reason in LATENESS_CAN_CAUSE:
        said = f"the event loop was {lag_s * 1000:.0f} ms late; seen: {finding.reason} {finding.detail}"
        return replace(
            finding,
            outcome=Outcome.NOT_OBSERVED,
            reason=Reason.OBSERVER_OVERLOADED,
            detail=said[:DETAIL_CHARS_MAX].rstrip(),
        )
    if why is not None and finding.reason is Reason.SLOW:
        return replace(finding, outcome=Outcome.OK, reason=None, detail="")
    return finding
