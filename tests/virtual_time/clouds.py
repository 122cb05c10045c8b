"""The fleet that is simulated, and how its clouds answer: as the dice of a seed say, and as badly as they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from types import MappingProxyType
from typing import ClassVar

from probes.contract import Finding, Subject
from probes.kinds.chat_stream import ChatStreamModule
from probes.observe import Observe
from probes.subjects import subjects_of
from schemas.config import Module
from schemas.fleet import Budget, Cluster, Fleet, Provider, Target
from schemas.observation import BLAME, Blame, Outcome, Reason, Timings, Tokens
from tests.support.virtual_loop import VirtualClock

LAG_LIMIT_S = 0.25


@dataclass(slots=True)
class Row:
    """
    What stands for an Observation of a cloud's answer: as much of it as the agent, its rooms and the collector look at.

    An Observation has 33 fields, and making it takes as long as all that the agent does with it.
    """

    target: str
    module: str
    tick: datetime
    attempt: int
    outcome: Outcome
    reason: Reason | None
    detail: str
    timings: Timings
    tokens: Tokens
    figures: ClassVar[Mapping[str, float]] = MappingProxyType({})

    @property
    def blame(self) -> Blame | None:
        """As an Observation's."""
        return None if self.reason is None else BLAME[self.reason]

    @classmethod
    def of(cls, subject: Subject, tick: datetime, attempt: int, finding: Finding) -> Row:
        """What *finding* is at a tick of *subject*."""
        return cls(
            subject.place.id,
            subject.module_name,
            tick,
            attempt,
            finding.outcome,
            finding.reason,
            finding.detail,
            finding.timings,
            finding.tokens,
        )


_FINE = Finding(outcome=Outcome.OK, timings=Timings(sent_ms=1.0, total_ms=200.0), tokens=Tokens(60, 4, 4, "chunks", 4))
_SLOW = replace(_FINE, outcome=Outcome.DEGRADED, reason=Reason.SLOW)
_DOWN = Finding(outcome=Outcome.FAILED, reason=Reason.HTTP_5XX, detail="HTTP 500")
_CUT = Finding(outcome=Outcome.FAILED, reason=Reason.CONNECT_TIMEOUT, detail="not connected within 10 s")
_LATE = Finding(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_OVERLOADED, detail="the event loop was late")


def modules(heartbeat_s: float = 10, max_tokens: int = 4) -> dict[str, Module]:
    """The modules of the reference fleet."""
    return {
        "heartbeat": ChatStreamModule(kind="chat_stream", interval=f"{heartbeat_s}s", max_tokens=max_tokens),
        "chat-short": ChatStreamModule(kind="chat_stream", interval="60s", max_tokens=64),
        "long-prompt": ChatStreamModule(kind="chat_stream", interval="15m", max_tokens=256),
    }


def fleet(providers: int, clusters: int, budget_of_first: int | None = None) -> Fleet:
    """So many providers with so many clusters each; the first may have a budget of requests a day."""
    target = Target(model="m", url="http://127.0.0.1:1", modules=("heartbeat", "chat-short", "long-prompt"))
    return Fleet(
        providers={
            f"cloud-{number:02}": Provider(
                clusters={f"c{cluster}": Cluster(targets={"chat": target}) for cluster in range(clusters)},
                budget=Budget(requests_day=budget_of_first) if number == 0 else Budget(),
            )
            for number in range(providers)
        }
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration of the simulated agent."""

    subjects: tuple[Subject, ...]
    budgets: dict[str, Budget]

    @classmethod
    def of(cls, fleet: Fleet, modules: dict[str, Module], without: str = "") -> Plan:
        """Every subject, but for those of the cluster *without*."""
        subjects = tuple(one for one in subjects_of(fleet, modules) if one.place.cluster != without)
        return cls(subjects, fleet.budgets())


class Clouds:
    """Every provider's state, and the probe that finds it out."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        self._clock, self._dice = clock, Random(f"clouds|{seed}")
        self.down_until: dict[str, float] = {}
        self.slow_until: dict[str, float] = {}
        self.cut_until = self.busy_at = 0.0

    def observe(self, asked: Callable[[Subject, datetime, int], None]) -> Observe:
        """A probe as probes.attempt.observe makes it, with the answer of the simulated cloud; *asked* is told of it."""

        async def observe(subject: Subject, tick, attempt: int, streams_open: int):  # type: ignore[no-untyped-def]
            asked(subject, tick, attempt)
            started = self._clock.monotonic()
            delay_s, finding = self._answer(subject.place.provider, started)
            await self._clock.moment(delay_s)
            if self.busy_at > started:
                finding = _LATE
            return Row.of(subject, tick, attempt, finding)

        return observe

    async def reach(self, canary: str) -> bool:
        """Whether a canary answers."""
        await self._clock.sleep(0.02)
        return self._clock.monotonic() >= self.cut_until

    def _answer(self, provider: str, now: float) -> tuple[float, Finding]:
        throw = self._dice.random()
        if now < self.cut_until:
            return 10.0, _CUT
        if now < self.down_until.get(provider, 0.0) or throw > 0.997:
            return 0.05 + throw * 0.01, _DOWN
        if now < self.slow_until.get(provider, 0.0):
            return 5.0 + throw * 25.0, _SLOW
        return 0.02 + throw * throw, _FINE if throw < 0.99 else _SLOW
