"""
The collector at work: what was taken in is decided at once, time is decided on a timer, verdicts are given on another.

Each loop survives a store that is down: it says so, waits, and goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from collector.judgement.blind_spans import BlindSpan, blind_spans
from collector.judgement.burn_rate import BurnReading
from collector.judgement.charged_incidents import IncidentRecord
from collector.judgement.delivery_objective import standing
from collector.judgement.facts import ProviderFacts
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision, Inputs, decide
from collector.judgement.integrity.suspicion import Suspicion
from collector.judgement.peer_latency import p95s
from collector.judgement.sla.claim_due import claims_due
from collector.judgement.sla.conduct import Conduct
from collector.judgement.sla.statement import Statement
from collector.judgement.tiers import judge
from collector.vital_signs import VitalSigns, ailments
from schemas import asking
from schemas.clock import Clock
from schemas.config import Configuration, TierPolicy
from schemas.errors import StoreError
from schemas.flat_observation import AnyObservation
from schemas.incident import PageIntent
from schemas.page import Delivery, DeliveryState
from schemas.paging import Drill
from schemas.response import Command, Exercise, Suppression
from schemas.verdict import Verdict

logger = logging.getLogger(__name__)
T = TypeVar("T")

DECIDE_S = 0.25
SOON_S = 0.01  # between two decisions on time alone, at least
BURN_S = 15.0
ACCOUNT_S = 3600.0
EXAMINE_S = 5.0  # between two looks whether an examination is due
KNOWN_AFTER = timedelta(seconds=10)  # an insert of a few rows takes less
COPY_S = 0.5
COPY_ROWS_MAX = 500
COPY_ROUNDS_MAX = 20  # before verdicts are given; what is left then waits for the next
ROLLUP_S = 300.0
LOOK_S = 1.0
RETRY_S = 2.0

Deliveries = Callable[[Sequence[PageIntent], Mapping[str, frozenset[str]]], Sequence[Delivery]]


class Facts(Protocol):
    """What the service needs of ClickHouse."""

    async def facts(self, at: datetime, policy: TierPolicy) -> dict[str, ProviderFacts]:
        """The facts of every provider as they were known at *at*."""
        ...

    async def previous_verdicts(self, at: datetime) -> dict[str, Verdict]:
        """The last verdict on each provider before *at*."""
        ...

    async def conduct(self, at: datetime) -> Mapping[str, Conduct]:
        """How each provider kept its contract, as it was known at *at*."""
        ...

    async def incident_records(self, at: datetime, policy: TierPolicy) -> Mapping[str, IncidentRecord]:
        """The incidents that each provider is charged with, as they were known at *at*."""
        ...

    async def suspicions(self, at: datetime) -> Mapping[str, Suspicion]:
        """What the last examination of each provider's claims before *at* came to."""
        ...

    async def insert_suspicions(self, suspicions: Sequence[Suspicion], at: datetime, known_at: datetime) -> None:
        """Store what was found at *at*; verdicts after *known_at* go by it."""
        ...

    async def insert_statements(self, statements: Sequence[Statement], at: datetime) -> None:
        """Store billing months as they were counted at *at*."""
        ...

    async def claimed(self) -> Collection[str]:
        """The keys of all credits of which it is on record that they were claimed."""
        ...

    async def insert_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Store verdicts."""
        ...

    async def insert_copies(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Copy rows of the transactional store."""
        ...

    async def history_progress(self) -> Any:
        """The latest bulk load of a simulated past; None without one."""
        ...


class State(Protocol):
    """What the service needs of the transactional store (blocking)."""

    def step(self, decide: Callable[[HotState], Decision], deliveries: Callable[..., Sequence[Delivery]]) -> Decision:
        """One decision, all or nothing."""
        ...

    def state(self) -> HotState:
        """What the judge remembers."""
        ...

    def deliveries(self, incident: str) -> Sequence[Delivery]:
        """Every delivery of *incident*."""
        ...

    def attempts(self, incident: str) -> Sequence[Mapping[str, Any]]:
        """Every attempt to hand over a page of it."""
        ...

    def delivered_in_time(self, since: datetime, now: datetime, within_s: float) -> tuple[int, int]:
        """How many pages were owed since then, and how many were delivered within so many seconds."""
        ...

    def figures(self, since: datetime, until: datetime) -> Any:
        """How deliveries went that were decided within a window, a dataclass."""
        ...

    def oldest_waiting(self, now: datetime) -> float | None:
        """How many seconds the oldest page waits that is due; None when none does."""
        ...

    def uncopied(self, limit: int) -> dict[str, list[dict[str, Any]]]:
        """Rows that ClickHouse has not got."""
        ...

    def copied(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """It has them now."""
        ...


async def verdicts_at(facts_of: Facts, configuration: Configuration, at: datetime) -> tuple[Verdict, ...]:
    """The verdict on every provider of the fleet at *at* (whole milliseconds): the same for the same rows."""
    policy = configuration.settings.tiers
    facts, previous = await facts_of.facts(at, policy), await facts_of.previous_verdicts(at)
    suspicions, others, conduct = await facts_of.suspicions(at), p95s(facts), await facts_of.conduct(at)
    records = await facts_of.incident_records(at, policy)
    verdicts = []
    for provider in sorted(configuration.fleet.providers):
        before = previous.get(provider)
        parts = {part.key: part.tier for part in before.parts} if before else {}
        given = await asyncio.to_thread(  # one by one, so that pages need not wait for all of them
            judge, provider, facts.get(provider), policy, at, before.tier if before else None,
            suspicions.get(provider), parts, others, conduct.get(provider), records.get(provider),
        )  # fmt: skip
        verdicts.append(given)
    return tuple(verdicts)


@dataclass(slots=True)
class Service:
    """One collector. *on_disk* runs blocking work of the transactional store in its thread."""

    configuration: Configuration
    index: FleetIndex
    clock: Clock
    facts: Facts
    state: State
    on_disk: Callable[..., Awaitable[Any]]
    deliveries: Deliveries
    roll_up: Callable[[datetime, datetime], Awaitable[int]]  # settled, now
    burn_rates: Callable[[datetime, Sequence[BlindSpan]], Awaitable[Sequence[BurnReading]]]
    examine: Callable[[datetime], Awaitable[Mapping[str, Suspicion]]]
    account: Callable[[datetime], Awaitable[Sequence[Statement]]]
    watermark: Callable[[], datetime | None]
    wake_sender: Callable[[], None]
    asks: frozenset[tuple[str, str, str]] = frozenset()  # vantage, target, module that others see fail
    blind: tuple[BlindSpan, ...] = ()  # when a vantage of ours could not see the providers
    decided_at: float | None = None  # monotonic
    due: datetime | None = None  # when a first page waits for
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    lag_s: float = 0.0  # of the last look at the loop
    drilled: int | None = None  # the last round that was drilled
    examined: tuple[float, Any] | None = None  # when claims were examined last (monotonic), and the past loaded by then
    accounted: tuple[float, Any] | None = None  # the same of billing months

    async def decided(self, observations: Sequence[AnyObservation]) -> None:
        """Decide on what was just stored; when it returns, the decision is on disk. Raises StoreUnavailable."""
        await self._decide(Inputs(facts=observations))

    async def respond(self, command: Command) -> str:
        """Do what somebody asks: '' when it is on disk, else why it is not done. Raises StoreUnavailable."""
        (line,) = (await self._decide(Inputs(commands=(command,)))).said
        return line.refused

    def asked(self, vantages: Collection[str]) -> frozenset[asking.Subject]:
        """What agents of *vantages* should look at now, because others see it fail."""
        return frozenset((target, module) for vantage, target, module in self.asks if vantage in vantages)

    async def suppressions(self) -> Mapping[str, Suppression]:
        """Silences and windows that have not expired. Raises StoreUnavailable."""
        state: HotState = await self.on_disk(self.state.state)
        return state.suppressions

    async def told(self, incident: str) -> list[dict[str, Any]]:
        """Who was told of *incident*, or will be, and how that went. Raises StoreUnavailable."""
        deliveries = await self.on_disk(self.state.deliveries, incident)
        tries: dict[tuple[int, str], Mapping[str, Any]] = {
            (one["seq"], one["destination"]): one for one in await self.on_disk(self.state.attempts, incident)
        }
        return [_told(one, tries.get((one.intent.seq, one.destination), {})) for one in deliveries]

    async def delivery(self) -> dict[str, Any]:
        """How our own pages were delivered, beside the objective for that, as plain values. Raises StoreUnavailable."""
        objective, now = self.configuration.settings.paging.delivery, self.clock.now()
        since = now - timedelta(seconds=objective.window)
        owed, in_time = await self.on_disk(self.state.delivered_in_time, since, now, objective.within)
        found = standing(owed, in_time, objective)
        figures = await self.on_disk(self.state.figures, since, now)
        return asdict(found) | {"met": found.met, "deliveries": asdict(figures)}

    async def _decide(self, inputs: Inputs) -> Decision:
        paging = self.configuration.settings.paging

        def decision(state: HotState) -> Decision:
            return decide(state, inputs, self.clock.now(), paging, self.index)

        made: Decision = await self.on_disk(self.state.step, decision, self.deliveries)
        for transition in made.transitions:
            logger.info("%s %s %s: %s", transition.incident, transition.change, transition.scope, transition.cause)
        if made.intents:
            self.wake_sender()
        self.asks, self.blind = made.asks, blind_spans(made.state.incidents.values())
        self.decided_at = self.clock.monotonic()
        if made.due is not None and made.due != self.due:
            self.hurry.set()
        self.due = made.due
        return made

    async def vital_signs(self) -> VitalSigns:
        """How the collector is; a page that waits too long, a store that has not got everything, or no decision."""
        now, stored = self.clock.now(), self.watermark()
        try:
            outbox_s = await self.on_disk(self.state.oldest_waiting, now) or 0.0
        except StoreError:
            outbox_s = None
        return VitalSigns(
            lag_s=self.lag_s,
            decided_s=None if self.decided_at is None else self.clock.monotonic() - self.decided_at,
            stored_s=None if stored is None else (now - stored).total_seconds(),
            outbox_s=outbox_s,
        )

    async def ailments(self) -> tuple[str, ...]:
        """What is not as it must be with the collector itself."""
        return ailments(await self.vital_signs())

    async def keep_timing(self) -> None:
        """Look at how late the event loop wakes."""
        while True:
            before = self.clock.monotonic()
            await self.clock.sleep(LOOK_S)
            self.lag_s = max(0.0, self.clock.monotonic() - before - LOOK_S)

    async def keep_drilling(self, drill: Drill) -> None:
        """Exercise the path of a page, every so often, to a destination for tests."""
        await self._keep(LOOK_S, lambda: self._drill(drill), "drilling")

    async def _drill(self, drill: Drill) -> None:
        """One exercise for each round of *drill.every*, whoever of several collectors comes first."""
        number = int(self.clock.now().timestamp() // drill.every)
        if number == self.drilled:
            return
        first, self.drilled = self.drilled is None, number
        if not first:  # a start is no reason to drill
            at = datetime.fromtimestamp(number * drill.every, UTC)
            await self.respond(Exercise(by="schedule", via="schedule", at=at, destinations=(drill.destination,)))

    async def keep_deciding(self) -> None:
        """Decide on the passing of time alone: first pages that waited, silence, what lapses, windows that end."""
        await self._keep(DECIDE_S, lambda: self._decide(Inputs()), "deciding", self._until_due)

    async def _until_due(self, longest_s: float) -> None:
        """Wait until a first page is due, and no longer than *longest_s*."""
        give_up = self.clock.monotonic() + longest_s
        while (left_s := give_up - self.clock.monotonic()) > 0:
            self.hurry.clear()
            due_s = left_s if self.due is None else (self.due - self.clock.now()).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(SOON_S, min(left_s, due_s))):
                    await self.hurry.wait()
                    continue
            return

    async def keep_burning(self) -> None:
        """Look at how fast error budgets burn, and decide on it."""
        await self._keep(BURN_S, self._burn, "reading burn rates")

    async def _burn(self) -> None:
        if self.decided_at is None:
            await self._decide(Inputs())  # what is known of our own blindness
        burns = await self.burn_rates(self.clock.now(), self.blind)
        await self._decide(Inputs(burns=burns))

    async def keep_copying(self) -> None:
        """Copy transitions and attempts to ClickHouse for reading."""
        await self._keep(COPY_S, self._copy, "copying")

    async def keep_rolling_up(self) -> None:
        """Recompute the closed buckets that have changed."""
        await self._keep(ROLLUP_S, self._advance_rollups, "rolling up")

    async def keep_judging(self) -> None:
        """Give verdicts every `judge_every`."""
        await self._keep(self.configuration.settings.collector.judge_every, self.give_verdicts, "judging")

    async def give_verdicts(self) -> tuple[Verdict, ...]:
        """Judge and store at the watermark; nothing while that is unknown or a past is being loaded."""
        at = await self._settled_at()
        if at is None:
            logger.info("no verdicts now: an insert is unsettled, or a past is being loaded")
            return ()
        if not await self._all_copied():  # a verdict stands on the copies of incidents, and must when it is recomputed
            logger.info("no verdicts now: not all that was decided is copied")
            return ()
        verdicts = await verdicts_at(self.facts, self.configuration, at)
        await self.facts.insert_verdicts(verdicts)
        return verdicts

    async def keep_examining(self) -> None:
        """Examine what providers claim: as often as the settings say, and as soon as another past was loaded."""
        await self.clock.sleep(EXAMINE_S)  # after a start, pages come first
        await self._keep(EXAMINE_S, self.examine_when_due, "examining")

    async def examine_when_due(self) -> None:
        """Examine unless it is not yet time; nothing while the watermark is unknown or a past is being loaded."""
        past, now_s = await self.facts.history_progress(), self.clock.monotonic()
        if not _is_due(self.examined, past, now_s, self.configuration.settings.integrity.every):
            return
        if (at := await self._settled_at()) is not None:
            await self._examine(at)
            self.examined = (now_s, past)

    async def _examine(self, at: datetime) -> None:
        found = await self.examine(at)
        if found:  # a verdict that is being given now does not see it, and must not when it is recomputed
            await self.facts.insert_suspicions(tuple(found.values()), at, self.clock.now() + KNOWN_AFTER)

    async def keep_accounting(self) -> None:
        """Count billing months by their contracts, and decide on what can be claimed."""
        await self.clock.sleep(EXAMINE_S)
        await self._keep(EXAMINE_S, self.account_when_due, "counting by contracts")

    async def account_when_due(self) -> None:
        """Count unless it is not yet time; nothing while the watermark is unknown or a past is being loaded."""
        past, now_s = await self.facts.history_progress(), self.clock.monotonic()
        if not _is_due(self.accounted, past, now_s, ACCOUNT_S) or (at := await self._settled_at()) is None:
            return
        statements = await self.account(at)
        await self.facts.insert_statements(statements, at)
        claimed = await self.facts.claimed()
        await self._decide(Inputs(claims=claims_due(statements, self.clock.now(), claimed)))
        self.accounted = (now_s, past)

    async def _settled_at(self) -> datetime | None:
        """The watermark in whole milliseconds; None while that is unknown, or a past is being loaded."""
        at = self.watermark()  # first: a load that is not noted by now takes in its rows later than this
        loading = await self.facts.history_progress()
        if at is None or (loading is not None and not loading.finished):
            return None
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    async def finish(self) -> None:
        """The last verdicts and copies of this process, as far as the store takes them."""
        for work in (self.give_verdicts, self._copy):
            try:
                await work()
            except StoreError as error:
                logger.warning("at the end: %s", error)

    async def _advance_rollups(self) -> None:
        """Up to the watermark; not at all while that is unknown."""
        settled = self.watermark()
        if settled is not None:
            await self.roll_up(settled, self.clock.now())

    async def _all_copied(self) -> bool:
        """Copy until nothing is left that was decided before; False when there is more than that takes in."""
        for _ in range(COPY_ROUNDS_MAX):
            if not await self._copy():
                return True
        return False

    async def _copy(self) -> bool:
        """Copy what ClickHouse has not got, up to a bound; whether there may be more."""
        rows = await self.on_disk(self.state.uncopied, COPY_ROWS_MAX)
        if any(rows.values()):
            for table, several in rows.items():
                await self.facts.insert_copies(table, several)
            await self.on_disk(self.state.copied, rows)
        return any(len(several) >= COPY_ROWS_MAX for several in rows.values())

    async def _keep(
        self,
        every_s: float,
        work: Callable[[], Awaitable[Any]],
        what: str,
        wait: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        while True:
            began = self.clock.monotonic()
            try:
                await work()
            except StoreError as error:
                logger.warning("%s: %s", what, error)
                await self.clock.sleep(RETRY_S)
                continue
            await (wait or self.clock.sleep)(max(0.0, every_s - (self.clock.monotonic() - began)))


def _is_due(last: tuple[float, Any] | None, past: Any, now_s: float, every_s: float) -> bool:
    """Whether work that was done *last* is to be done again: it is time, or another past was loaded since."""
    return last is None or past != last[1] or now_s - last[0] >= every_s


def _told(delivery: Delivery, last: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery with its last attempt, as plain values."""
    return {
        "seq": delivery.intent.seq,
        "change": delivery.intent.change.value,
        "destination": delivery.destination,
        "instead_of": delivery.instead_of,
        "state": delivery.state.value,
        "attempt": delivery.attempt,
        "status": last.get("status"),
        "error": last.get("error", ""),
        "delivered_at": last.get("at") if delivery.state is DeliveryState.DELIVERED else None,
    }


async def run_together(stop: asyncio.Event, *loops: Awaitable[Any]) -> None:
    """Run endless *loops* until *stop*; one that ends is our bug, and raised."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            task.result()
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
