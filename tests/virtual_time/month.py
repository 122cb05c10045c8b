"""
A month of paging on virtual time: probes of a scripted world, the real judge, the real ledger, receivers with faults.

`run(seed)` plays the month and says what was wrong: an outage, or a brown-out that broke its objective, that was not
paged and resolved exactly once, a page without a cause, a resolve before the end, a page that a receiver never got, or
got out of order.
"""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.judgement.blind_spans import blind_spans
from collector.judgement.burn_past import BurnReader
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision, Inputs, decide
from collector.paging.hand_over import Answer
from collector.paging.outbox import after_answer, deliveries_of
from collector.storage.ledger import Ledger
from schemas.incident import Change, Incident, IncidentState, Level, PageIntent, Signal
from schemas.objectives import Objective
from schemas.observation import Observation, Outcome, Reason
from schemas.page import CLOSING, Delivery
from schemas.paging import Paging
from tests.virtual_time.month_truth import DAY_S, FLEET, RECEIVERS, TARGETS, Episode, Kind, month

START = datetime(2027, 1, 1, tzinfo=UTC)
TICK_S = 60.0
NOISE = 0.0005
REPROBES = 2
LOOKS_S = (3.0, 8.0, 28.0, 33.0, 53.0)  # the service looks four times a second; these are the looks that matter
CALM_LOOKS_S = (3.0, 33.0)  # and these when nothing is wrong: a judge who looks less often would think it had slept
LOOK_S = 5.0
SETTLE_S = 2 * 3600.0  # after the month, for what is still on its way
LEASED_MAX = 200
OBJECTIVE = Objective(name="availability", objective=0.99)
TICKETS_MINUTES = 5
# What must be paged, counted without the judge: more bad ticks of the last hour, and of the last five minutes, than
# 14.4 times 1 % of them, at three minutes in a row.
HOUR, BAD_OF_HOUR, LATELY, BAD_LATELY, MINUTES_SURE = 60, 8, 5, 0, 3
PAGING = Paging.model_validate(
    {
        "deployment": "month",
        "destinations": {
            "on-call": {"kind": "pagerduty", "url": "http://127.0.0.1:1/v2/enqueue", "routing_key": "r" * 32},
            "hook": {"kind": "webhook", "url": "http://127.0.0.1:1/hook"},
        },
        "routes": {severity: list(RECEIVERS) for severity in ("P0", "P1", "P2", "P3")},
    }
)
INDEX = FleetIndex(
    {provider: tuple(f"{provider}/{name}" for name in clusters) for provider, clusters in FLEET.items()},
    {
        f"{provider}/{name}": tuple(f"{provider}/{name}/{target}" for target in targets)
        for provider, clusters in FLEET.items()
        for name, targets in clusters.items()
    },
    {(target, "chat"): TICK_S for target in TARGETS},
)

Judge = Callable[[HotState, Inputs, datetime, Paging, FleetIndex], Decision]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a month; *wrong* is empty when everything was as it must be."""

    seed: int
    episodes: int
    ticks: int
    pages: int
    wrong: tuple[str, ...]


@dataclass(slots=True)
class Receiver:
    """Somebody who is told, and who has bad days."""

    faults: list[Episode]
    told: dict[str, PageIntent] = field(default_factory=dict)  # by webhook-id
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, delivery: Delivery, second: float) -> Answer:
        """What it answers to one attempt at *second*."""
        fault = next((one for one in self.faults if one.holds(second)), None)
        if fault is None or fault.figure == -1:
            if delivery.webhook_id() not in self.told:
                self.told[delivery.webhook_id()] = delivery.intent
                self.order[delivery.intent.incident].append(delivery.intent.seq)
            if fault is None:
                return Answer(202, "", accepted=True)
        if fault is None or fault.figure <= 0:
            return Answer(0, "no answer", accepted=False)
        return Answer(int(fault.figure), f"HTTP {fault.figure:g}", accepted=False, retry_after_s=30.0)


def run(seed: int, days: float = 30.0, say: Callable[[int], None] = lambda day: None, judge: Judge = decide) -> Result:
    """Play the month of *seed* before *judge*."""
    episodes = month(seed, days)
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        play = _Play(seed, episodes, Path(folder) / "state.db", judge)
        for number in range(int((days * DAY_S + SETTLE_S) / TICK_S)):
            play.minute(number)
            if number and number % int(DAY_S / TICK_S) == 0:
                say(int(number * TICK_S / DAY_S))
        play.ledger.close()
    pages = sum(len(receiver.told) for receiver in play.receivers.values())
    return Result(seed, len(episodes), play.ticks, pages, tuple(play.verdict()))


class _Play:
    """One month being played."""

    def __init__(self, seed: int, episodes: tuple[Episode, ...], path: Path, judge: Judge) -> None:
        self._dice = random.Random(f"noise|{seed}")
        self._path, self._judge = path, judge
        self._episodes = episodes
        self._by: dict[Kind, list[Episode]] = defaultdict(list)
        self._on: dict[Kind, list[Episode]] = defaultdict(list)  # those of this minute
        for episode in episodes:
            self._by[episode.kind].append(episode)
        self.ledger = Ledger(path, owner="month")
        self._state = HotState()
        self._spool: list[Observation] = []
        self.receivers = {
            name: Receiver([one for one in self._by[Kind.RECEIVER_FAULT] if one.scope == name]) for name in RECEIVERS
        }
        self.incidents: dict[str, Incident] = {}
        self.resolved: list[tuple[Incident, float]] = []
        self.ticks = 0
        self._waiting = False
        self._burns = BurnReader([OBJECTIVE])
        self._bad: dict[str, list[int]] = defaultdict(list)  # the minutes at which a target failed, as it truly was

    def minute(self, number: int) -> None:
        """One tick of everything, what is shipped of it, what is decided, what is sent."""
        second = number * TICK_S
        self._on.clear()
        for episode in self._episodes:
            if episode.start_s < second + TICK_S and second - TICK_S < episode.end_s:
                self._on[episode.kind].append(episode)
        for target in TARGETS:
            self._probe(target, second)
        for after_s in LOOKS_S:
            self._collector(second + after_s)

    # the agent

    def _probe(self, target: str, second: float) -> None:
        self.ticks += 1
        if self._agent_dead(second):
            return  # its rows come when it is back, as `observer_offline`: they say nothing
        if any(one.holds(second) for one in self._on[Kind.NETWORK_CUT]):
            self._spool.append(_seen(target, second, 0, Outcome.NOT_OBSERVED, Reason.OBSERVER_NETWORK))
            return
        for attempt in range(1 + REPROBES):
            failed = self._fails(target, second + attempt * 0.5)
            if failed and attempt == 0:
                self._bad[target].append(int(second / TICK_S))
            outcome, reason = (Outcome.FAILED, Reason.CONNECT_REFUSED) if failed else (Outcome.OK, None)
            self._spool.append(_seen(target, second, attempt, outcome, reason))
            if not failed or self._known_down(target):
                return

    def _agent_dead(self, second: float) -> bool:
        blind = ((one.start_s + 900, one.end_s - 900) for one in self._on[Kind.BLIND_OUTAGE])
        return any(one.holds(second) for one in self._on[Kind.AGENT_DEAD]) or any(a <= second < b for a, b in blind)

    def _known_down(self, target: str) -> bool:
        watch = self._state.watches.get(f"{target}|here|chat")
        return watch is not None and watch.down

    def _fails(self, target: str, second: float) -> bool:
        for kind in (Kind.OUTAGE, Kind.BLIND_OUTAGE, Kind.NETWORK_LOST):
            if any(one.holds(second) and one.about(target) for one in self._on[kind]):
                return True
        for one in self._on[Kind.FLAPS]:
            if one.holds(second) and one.about(target):
                return int((second - one.start_s) // 120) % 2 == 0
        share = max(
            (one.figure for one in self._on[Kind.BROWN_OUT] if one.holds(second) and one.about(target)), default=NOISE
        )
        return self._dice.random() < share

    # the collector

    def _collector(self, second: float) -> None:
        killed = next((one for one in self._on[Kind.COLLECTOR_KILLED] if one.start_s <= second <= one.end_s + 5), None)
        if killed is not None:
            self._restart(second)
            if killed.end_s > second:
                return
        now = self._now(second)
        minute, after_s = divmod(second, TICK_S)
        if after_s not in CALM_LOOKS_S and self._calm():
            return  # nothing can follow from the passing of time that the next look does not find
        facts, self._spool = self._spool, []
        burns = self._burns.read(
            facts, now, self._state.burning.values(), blind=blind_spans(self._state.incidents.values()),
            everywhere=after_s < LOOK_S, tickets=after_s < LOOK_S and minute % TICKETS_MINUTES == 0,
        )  # fmt: skip
        self._decide(Inputs(facts, tuple(burns)), now, second)
        if self._waiting:
            self._send(now, second)

    def _calm(self) -> bool:
        quiet = not self._spool and not self._waiting
        return quiet and all(one.state is IncidentState.RESOLVED for one in self._state.incidents.values())

    def _now(self, second: float) -> datetime:
        """The collector's clock, which may have been set wrong."""
        step_s = sum(one.figure for one in self._on[Kind.CLOCK_STEP] if one.holds(second))
        return START + timedelta(seconds=second + step_s)

    def _restart(self, second: float) -> None:
        """kill -9 and a new process: what it remembers is what is on disk."""
        self._persist()
        self.ledger.close()
        self.ledger = Ledger(self._path, owner="month")
        self.ledger.release()
        self._state = self.ledger.state()

    def _persist(self) -> None:
        """Put on disk what every decision of the service puts there."""
        self.ledger.step(lambda _: Decision(self._state, (), (), (), ()), lambda *_: ())

    def _decide(self, inputs: Inputs, now: datetime, second: float) -> None:
        made = self._judge(self._state, inputs, now, PAGING, INDEX)
        self._state = made.state
        if made.transitions or made.intents:
            self.ledger.step(lambda _: made, lambda intents, known: deliveries_of(intents, PAGING, known))
            self._waiting = self._waiting or bool(made.intents)
        for incident in made.incidents:
            if incident.state is IncidentState.RESOLVED:
                self.resolved.append((incident, second))
            self.incidents[incident.id] = incident

    def _send(self, now: datetime, second: float) -> None:
        while due := self.ledger.lease(now, PAGING.destinations, LEASED_MAX):
            for delivery in due:
                answer = self.receivers[delivery.destination].take(delivery, second)
                self.ledger.settle(delivery, after_answer(delivery, answer, at=now))
        self._waiting = self.ledger.waiting() > 0

    # what is true

    def verdict(self) -> Iterable[str]:
        """Everything that is not as it must be."""
        if self._waiting:
            yield f"{self.ledger_waiting()} deliveries never arrived"
        yield from self._receivers_wrong()
        for kind in (Kind.OUTAGE, Kind.BLIND_OUTAGE):
            for episode in self._by[kind]:
                yield from self._outage_wrong(episode)
        for episode in self._by[Kind.BROWN_OUT]:
            yield from self._brown_out_wrong(episode)
        for incident in self.incidents.values():
            if incident.told and not self._has_cause(incident):
                yield f"a page without a cause: {incident.signal} {incident.scope} at {incident.failed_at}"
            if incident.state not in {IncidentState.RESOLVED, IncidentState.CHILD}:
                yield f"never over: {incident.signal} {incident.scope} of {incident.failed_at}, {incident.state}"
        for kind in (Kind.NETWORK_CUT, Kind.AGENT_DEAD, Kind.NETWORK_LOST):
            for episode in self._by[kind]:
                yield from self._ours_wrong(episode)

    def ledger_waiting(self) -> int:
        """How many deliveries are left."""
        ledger = Ledger(self._path, owner="month")
        try:
            return ledger.waiting()
        finally:
            ledger.close()

    def _receivers_wrong(self) -> Iterable[str]:
        for name, receiver in self.receivers.items():
            for incident, order in receiver.order.items():
                if order != sorted(order):
                    yield f"{name} heard of {incident} out of order: {order}"
                pages = [page for page in receiver.told.values() if page.incident == incident]
                openings = [page for page in pages if page.change is Change.OPENED]
                if len(openings) != 1:
                    yield f"{name} heard {len(openings)} openings of {incident}"
                said = [page.change for page in sorted(pages, key=lambda page: page.seq)]
                if said[-1] not in CLOSING:
                    yield f"{name} was never told that {incident} is over: {said}"

    def _outage_wrong(self, episode: Episode) -> Iterable[str]:
        about = [one for one in self._lived_in(episode) if one.signal is Signal.HARD_DOWN]
        told = [one for one in about if one.told and one.parent is None]
        if len(told) != 1:
            yield f"{episode} has {len(told)} incidents that were paged: {[str(one.scope) for one in told]}"
        for incident, second in self.resolved:
            if incident in told and second < episode.end_s:
                yield f"{episode} was resolved {episode.end_s - second:g} s before its end"
        for incident in told:
            changes = [page.change for page in self.receivers["hook"].told.values() if page.incident == incident.id]
            if changes.count(Change.OPENED) != 1 or changes.count(Change.RESOLVED) != 1 or Change.REOPENED in changes:
                yield f"{episode} was said as {changes}"

    def _brown_out_wrong(self, episode: Episode) -> Iterable[str]:
        """One that breaks the objective by plain counting is paged; each of its incidents is said and ended once."""
        told = [one for one in self._lived_in(episode) if one.told and one.parent is None]
        for target in TARGETS:
            if episode.about(target) and self._broke(target, episode):
                about = [one for one in told if _touches(Episode(episode.kind, target, 0.0, 0.0), one)]
                if not about:
                    yield f"{episode} broke the objective of {target} and was not paged"
        for incident in told:
            changes = [page.change for page in self.receivers["hook"].told.values() if page.incident == incident.id]
            if changes.count(Change.OPENED) != 1 or changes.count(Change.RESOLVED) < 1:
                yield f"{episode} was said as {changes}"
        burnt = [one.scope.id for one in told if one.signal is Signal.ERROR_BURN]
        if len(burnt) != len(set(burnt)):
            yield f"{episode} was paged twice as a burn: {burnt}"

    def _broke(self, target: str, episode: Episode) -> bool:
        bad, sure = self._bad[target], 0
        for minute in range(int(episode.start_s / TICK_S), int(episode.end_s / TICK_S)):
            hour, lately = (sum(minute - window < one <= minute for one in bad) for window in (HOUR, LATELY))
            sure = sure + 1 if hour > BAD_OF_HOUR and lately > BAD_LATELY else 0
            if sure >= MINUTES_SURE:
                return True
        return False

    def _ours_wrong(self, episode: Episode) -> Iterable[str]:
        observers = [one for one in self._opened_in(episode) if one.scope.level is Level.OBSERVER and one.told]
        if len(observers) != 1:
            yield f"{episode} has {len(observers)} incidents of ours"
        start, _ = _around(episode)
        blamed = [
            one
            for one in self._opened_in(episode)
            if one.scope.level is not Level.OBSERVER
            and one.told
            and (one.signal is not Signal.SLOW_BURN or one.failed_at >= start)  # three days may be spent just now
        ]
        if blamed:
            yield f"{episode} was blamed on {[str(one.scope) for one in blamed]}"

    def _opened_in(self, episode: Episode) -> list[Incident]:
        """What was opened because of it; the collector may have been away, and its clock may have been wrong."""
        start, end = _around(episode)
        return [one for one in self._about(episode) if start <= one.opened_at <= end]

    def _lived_in(self, episode: Episode) -> list[Incident]:
        """What was open while it lasted, since then or before: a slow burn that it made worse is the same incident."""
        start, end = _around(episode)
        return [
            one
            for one in self._about(episode)
            if one.opened_at <= end and (one.resolved_at is None or one.resolved_at >= start)
        ]

    def _about(self, episode: Episode) -> Iterable[Incident]:
        every = self.incidents.values()
        return (one for one in every if one.scope.level is Level.OBSERVER or _touches(episode, one))

    def _has_cause(self, incident: Incident) -> bool:
        """Whether something was wrong from its first failure, which may be noise, until it was opened."""
        failed_s, opened_s = ((at - START).total_seconds() for at in (incident.failed_at, incident.opened_at))
        slack_s = 300.0 if incident.signal is Signal.NO_DATA else 60.0
        return any(
            one.start_s - slack_s <= opened_s
            and failed_s <= one.end_s + slack_s
            and (incident.scope.level is Level.OBSERVER or _touches(one, incident))
            for kind in Kind
            if kind not in {Kind.COLLECTOR_KILLED, Kind.CLOCK_STEP, Kind.RECEIVER_FAULT}
            for one in self._by[kind]
        )


def _around(episode: Episode) -> tuple[datetime, datetime]:
    """From a minute before it until a quarter of an hour after it."""
    return START + timedelta(seconds=episode.start_s - 60), START + timedelta(seconds=episode.end_s + 900)


def _touches(episode: Episode, incident: Incident) -> bool:
    id = incident.scope.id
    return (
        not episode.scope
        or id == episode.scope
        or f"{episode.scope}/".startswith(f"{id}/")
        or id.startswith(f"{episode.scope}/")
    )


def _seen(target: str, second: float, attempt: int, outcome: Outcome, reason: Reason | None) -> Observation:
    provider, cluster, _ = target.split("/")
    tick, at = START + timedelta(seconds=second), START + timedelta(seconds=second + attempt * 0.5)
    return Observation(
        target=target, provider=provider, cluster=f"{provider}/{cluster}", vantage="here", kind="chat_stream",
        module="chat", tick=tick, attempt=attempt, started_at=at, finished_at=at + timedelta(seconds=0.3),
        outcome=outcome, reason=reason,
    )  # fmt: skip


def _fast_folder() -> str | None:
    """A folder in memory, where there is one: every decision waits for the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
