"""One attempt at one tick: from a subject to an Observation, with our own faults told apart from the provider's."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from probes.accounts import account_of, with_account
from probes.catalog import KINDS
from probes.connection import Connections
from probes.contract import Ask, Finding, Subject
from probes.failure import detail_of
from probes.loop_lag import LagMonitor
from probes.schedule import tick_number
from probes.trust import TrustLimits, charged, distrust
from schemas.clock import Clock
from schemas.config import Module
from schemas.errors import TouchstoneError
from schemas.observation import DETAIL_CHARS_MAX, Distrust, Observation, Outcome, Reason
from schemas.tick import observation_id

logger = logging.getLogger(__name__)

_MS = timedelta(milliseconds=1)
NONCE_HEX = 16  # 64 bits: no prefix cache has seen it


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every attempt of one agent shares."""

    vantage: str
    connections: Connections
    clock: Clock
    lag: LagMonitor
    limits: TrustLimits
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    simulated: bool = False
    agent_version: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What went on in the agent while an attempt was made."""

    started_at: datetime
    loop_lag_ms: float
    streams_open: int
    distrust: Distrust | None
    account: str = ""


async def observe(bench: Bench, subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
    """Send the request of (tick, attempt) and say what became of it; raises nothing but CancelledError."""
    started_at, started = bench.clock.now(), bench.clock.monotonic()
    nonce = observation_id(
        target=subject.place.id, vantage=bench.vantage, kind=subject.module.kind, tick=tick, attempt=attempt
    ).hex[:NONCE_HEX]
    account = account_of(subject, bench.vantage, tick)
    subject = with_account(subject, account)
    try:
        warm = wants_warm(subject.module, tick, attempt)
        ask = Ask(subject, nonce, warm, bench.connections, bench.clock, bench.turn, tick)
        finding = await KINDS[subject.module.kind].probe(ask)
    except TouchstoneError as error:  # our own files
        logger.error("%s: %s", subject.key, error)
        finding = Finding(
            outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_ERROR, detail=detail_of(str(error), subject.bearer)
        )
    except Exception as error:  # our own bug: never charged, always logged
        logger.exception("%s: probe kind %s failed", subject.key, subject.module.kind)
        finding = Finding(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_ERROR, detail=type(error).__name__)
    lag_s = bench.lag.worst_since(started)
    why = distrust(
        bench.limits,
        lag_s=lag_s,
        clock_step_s=finding.instrument.clock_step_ms / 1000,
        streams_open=streams_open,
        merged_late_s=0.0 if finding.merged_first_at is None else bench.lag.late_at(finding.merged_first_at),
    )
    circumstances = Circumstances(started_at, lag_s * 1000, streams_open, why, account)
    return observation_of(bench, subject, tick, attempt, charged(finding, why, lag_s), circumstances)


def wants_warm(module: Module, tick: datetime, attempt: int) -> bool:
    """Whether an attempt goes over a warm connection; re-probes never do, every other tick does when alternating."""
    if attempt > 0 or module.connection == "cold":
        return False
    return module.connection == "warm" or tick_number(tick, module.interval) % 2 == 1


def unobserved(
    bench: Bench, subject: Subject, tick: datetime, reason: Reason, detail: str, attempt: int = 0
) -> Observation:
    """The observation of a tick (or a re-probe of it) at which nothing was asked, by our own fault."""
    finding = Finding(outcome=Outcome.NOT_OBSERVED, reason=reason, detail=detail[:DETAIL_CHARS_MAX])
    return observation_of(bench, subject, tick, attempt, finding, Circumstances(bench.clock.now(), 0.0, 0, None))


def observation_of(
    bench: Bench,
    subject: Subject,
    tick: datetime,
    attempt: int,
    finding: Finding,
    circumstances: Circumstances,
) -> Observation:
    """A finding with its identity and its circumstances."""
    place, started_at = subject.place, circumstances.started_at
    return Observation(
        target=place.id,
        vantage=bench.vantage,
        kind=subject.module.kind,
        tick=tick,
        attempt=attempt,
        provider=place.provider,
        cluster=place.cluster,
        region=place.region,
        model=place.target.model,
        module=subject.module_name,
        access_path=place.target.access_path,
        account=circumstances.account,
        started_at=started_at,
        finished_at=max(bench.clock.now(), started_at),
        outcome=finding.outcome,
        reason=finding.reason,
        detail=finding.detail,
        http_status=finding.http_status,
        timings=finding.timings,
        instrument=finding.instrument,
        figures=finding.figures,
        samples=finding.samples,
        tokens=finding.tokens,
        bytes_in=finding.bytes_in,
        finish_reason=finding.finish_reason,
        answer_digest=finding.answer_digest,
        server_request_id=finding.server_request_id,
        late_ms=max(0.0, (started_at - tick) / _MS) if attempt == 0 else 0.0,
        loop_lag_ms=round(circumstances.loop_lag_ms, 3),
        streams_open=circumstances.streams_open,
        distrust=circumstances.distrust,
        simulated=bench.simulated,
        agent_version=bench.agent_version,
    )
