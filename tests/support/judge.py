"""A fleet of four providers, ticks of it made by hand, and a judge who remembers what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from collector.judgement.burn_rate import BurnReading
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision, Inputs, decide
from collector.judgement.sla.claim_due import ClaimDue
from schemas.incident import Change, Incident, PageIntent, Severity
from schemas.observation import Observation, Outcome
from schemas.paging import Paging
from schemas.response import Command
from tests.support.observations import TICK, seen

PAGING = Paging()
CLUSTERS = {
    "acme": ("acme/east", "acme/mid", "acme/north", "acme/west"),
    "bolt": ("bolt/one",),
    "coil": ("coil/one", "coil/two"),
    "dyne": ("dyne/one", "dyne/two"),
}
TARGETS = {name: (f"{name}/chat", f"{name}/code") for names in CLUSTERS.values() for name in names}
INDEX = FleetIndex(CLUSTERS, TARGETS)
OK, FAILED, NOT_OBSERVED = Outcome.OK, Outcome.FAILED, Outcome.NOT_OBSERVED
EVERY = tuple(target for targets in TARGETS.values() for target in targets)
TIMED = FleetIndex(CLUSTERS, TARGETS, {(target, "chat"): 10.0 for target in EVERY})  # asked every ten seconds


def facts_of(second: float, outcome: Outcome, *where: str) -> list[Observation]:
    """One tick of every target in *where* (providers, clusters or targets); a failure with its two re-probes."""
    attempts = range(3) if outcome is FAILED else range(1)
    return [
        seen(target, TICK + timedelta(seconds=second), outcome, attempt=attempt)
        for target in EVERY
        if any(target == place or target.startswith(f"{place}/") for place in where)
        for attempt in attempts
    ]


class Judge:
    """Decides batch after batch, and remembers what came of it."""

    def __init__(self, paging: Paging = PAGING, index: FleetIndex = INDEX) -> None:
        self._paging, self._index = paging, index
        self.state = HotState()
        self.pages: list[PageIntent] = []
        self.changes: list[tuple[str, Change]] = []

    def decide(
        self,
        second: float,
        facts: Sequence[Observation] = (),
        *commands: Command,
        burns: Sequence[BurnReading] = (),
        claims: Sequence[ClaimDue] | None = None,
    ) -> Decision:
        """The decision *second* s after TICK."""
        now, inputs = TICK + timedelta(seconds=second), Inputs(facts, burns, commands, claims)
        decision = decide(self.state, inputs, now, self._paging, self._index)
        self.state = decision.state
        self.pages += decision.intents
        self.changes += [(change.incident, change.change) for change in decision.transitions]
        return decision

    def tick(self, second: float, outcome: Outcome, *where: str) -> Decision:
        """A tick of every target, with *outcome* in *where* and ok elsewhere; decided two seconds later."""
        elsewhere = [fact for fact in facts_of(second, OK, *CLUSTERS) if fact.target not in targets_in(where)]
        return self.decide(second + 2, [*elsewhere, *facts_of(second, outcome, *where)])

    def only(self) -> Incident:
        """The one incident there is."""
        (incident,) = self.state.incidents.values()
        return incident

    def newest(self) -> Incident:
        """The incident that was opened last."""
        return max(self.state.incidents.values(), key=lambda incident: incident.opened_at)

    def said(self) -> list[tuple[Change, Severity]]:
        """Change and severity of every page so far."""
        return [(page.change, page.severity) for page in self.pages]


def targets_in(where: Sequence[str]) -> set[str]:
    """The targets of providers, clusters or targets."""
    return {fact.target for fact in facts_of(0, OK, *where)}
