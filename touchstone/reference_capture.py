"""
Captures a trusted reference: asks, hands what was answered to the collector, and goes on where it was broken off.

It is paid for out of the provider's budget, like every probe. The last answer is handed over when all others are
stored, and with it the digest of the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.attempt import Bench
from probes.budget_ledger import BudgetLedger
from probes.connection import Connections
from probes.disk_thread import DiskThread
from probes.loop_lag import LagMonitor
from probes.observe import Observe
from probes.prompt_set import commitment_of, prompts_of
from probes.purse import Purse
from probes.reference import MAX_TOKENS, Capture, asking, subject_of
from probes.ship import encoded, post
from probes.span_bytes import span_bytes
from probes.spool import Batch
from probes.spool_files import budget_file
from probes.trust import UNLIMITED
from schemas.clock import Clock
from schemas.config import Configuration
from schemas.errors import TouchstoneError
from schemas.fleet import Place
from schemas.nanoseconds import to_ns
from schemas.observation import Observation, Outcome
from schemas.reference import DIGEST, Reference, Terms, digest_of
from schemas.sample import KeptSample, Sample
from touchstone import __version__

TRIES = 3  # of one request
BATCH_ROWS = 20
REQUESTS_MAX = 20_000
Deliver = Callable[[Sequence[Observation]], Awaitable[None]]  # returns when the collector has them
RESOURCE = Resource({"service.name": "touchstone-reference", "service.version": __version__})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for."""

    place: Place
    set: str
    prompts: int
    samples: int
    at_once: int


def planned(
    wish: Wish, secret: bytes, known: Sequence[Reference], now: datetime
) -> tuple[Capture, Sequence[KeptSample]]:
    """
    The capture to make, and the answers that it has already: one that was broken off, if it had the same terms.

    Raises TouchstoneError for a wish that cannot be.
    """
    try:
        prompts = prompts_of(secret, wish.set, wish.prompts)
        commitment = commitment_of(secret, wish.set, wish.prompts)
    except ValueError as error:
        raise TouchstoneError(str(error)) from error
    terms = Terms(wish.prompts, wish.samples, commitment, wish.place.target.model, MAX_TOKENS)
    if terms.total > REQUESTS_MAX:
        raise TouchstoneError(f"{terms.total} requests; at most {REQUESTS_MAX} in one capture")
    mine = [one for one in known if (one.target, one.set) == (wish.place.id, wish.set)]
    if mine and not mine[-1].complete and mine[-1].terms == terms:
        before = mine[-1]
        return Capture(wish.set, before.capture, before.began, prompts, terms), before.answers
    number = max((one.capture for one in mine), default=0) + 1
    began = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Capture(wish.set, number, began, prompts, terms), ()


class Capturing:
    """One run of a capture. *observe* asks, *deliver* hands over; *on_progress* is told how many answers are kept."""

    def __init__(
        self,
        wish: Wish,
        capture: Capture,
        before: Sequence[KeptSample],
        vantage: str,
        observe: Observe,
        deliver: Deliver,
        on_progress: Callable[[int], None],
    ) -> None:
        self._wish, self._capture, self._kept = wish, capture, list(before)
        self._subject = subject_of(wish.place, vantage)
        self._observe, self._deliver, self._on_progress = observe, deliver, on_progress
        self._room = asyncio.Semaphore(wish.at_once)

    async def run(self) -> str:
        """Ask what is missing and hand it over; the digest. Raises TouchstoneError where it cannot go on."""
        have = {one.tick for one in self._kept}
        *missing, last = [tick for tick in self._capture.ticks if tick not in have] or self._capture.ticks[-1:]
        first, rest = missing[:1], missing[1:]
        await self._hand_over(first)  # alone: with it stands what the capture is
        for start in range(0, len(rest), BATCH_ROWS):
            await self._hand_over(rest[start : start + BATCH_ROWS])
        seen = await self._ask(last)
        digest = digest_of([*(one for one in self._kept if one.tick != last), answer_in(seen)])
        told = Sample(DIGEST, self._capture.set, float(self._capture.number), digest)
        await self._deliver([replace(seen, samples=(*seen.samples, told))])
        self._on_progress(self._capture.terms.total)
        return digest

    async def _hand_over(self, ticks: Sequence[datetime]) -> None:
        """Ask at *ticks*, some at once, and hand the answers over; those that came before one failed too."""
        found = await asyncio.gather(*(self._ask(tick) for tick in ticks), return_exceptions=True)
        seen = [one for one in found if isinstance(one, Observation)]
        if seen:
            await self._deliver(seen)
            self._kept += map(answer_in, seen)
            self._on_progress(len(self._kept))
        for one in found:
            if isinstance(one, BaseException):
                raise one

    async def _ask(self, tick: datetime) -> Observation:
        async with self._room:
            for _ in range(TRIES):
                seen = await self._observe(self._subject, tick, 0, self._wish.at_once)
                if seen.samples:
                    return seen
                if seen.outcome is Outcome.NOT_OBSERVED:  # the budget, or we ourselves
                    break
        place, total = self._wish.place.id, self._capture.terms.total
        kept = f"{len(self._kept)} of {total} answers were kept; the same command goes on from there"
        raise TouchstoneError(f"{place}: {seen.reason}: {seen.detail or 'no answer'}; {kept}")


def answer_in(seen: Observation) -> KeptSample:
    """The answer of *seen* as the store will have it."""
    o, one = seen, seen.samples[0]
    return KeptSample(
        o.tick, o.provider, o.cluster, o.target, o.vantage, one.series, one.item, one.value, one.text
    )  # fmt: skip


async def captured(
    configuration: Configuration,
    wish: Wish,
    capture: Capture,
    before: Sequence[KeptSample],
    clock: Clock,
    on_progress: Callable[[int], None],
) -> str:
    """Make *capture* with the means of *configuration*; the digest. Raises TouchstoneError where it cannot go on."""
    settings, budgets = configuration.settings, configuration.fleet.budgets()
    agent, vantage = settings.agent, settings.vantage.name
    async with AsyncExitStack() as stack:
        disk = DiskThread()
        stack.callback(disk.close)
        ledger = stack.enter_context(closing(BudgetLedger(budget_file(Path(agent.spool)))))
        connections = await stack.enter_async_context(Connections())
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        bench = Bench(
            vantage=vantage, connections=connections, clock=clock, lag=LagMonitor(clock), limits=UNLIMITED,
            simulated=settings.simulated, agent_version=__version__,
        )  # fmt: skip
        purse = Purse(budgets, ledger, disk)
        stack.push_async_callback(purse.give_back)
        token = agent.token.get_secret_value() if agent.token else None

        async def deliver(seen: Sequence[Observation]) -> None:
            rows = tuple((seq, span_bytes(one)) for seq, one in enumerate(seen, 1))
            await post(
                session, agent.collector_url, encoded(Batch(to_ns(seen[0].tick) // 1_000_000, rows), RESOURCE), token
            )

        observe = purse.around(asking(bench, capture), bench)
        return await Capturing(wish, capture, before, vantage, observe, deliver, on_progress).run()
