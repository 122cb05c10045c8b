"""How often and how long: incidents keep a provider and its clusters from a tier, by a bound of their rate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.judgement.charged_incidents import Charged, IncidentRecord, Step, down_s, frequency, toll
from collector.judgement.facts import Block, ProviderFacts, together
from collector.judgement.outlook_words import need
from collector.judgement.tiers import judge
from schemas.config import GoldGates, TierPolicy
from schemas.incident import IncidentState, Level
from schemas.verdict import PartLevel, Tier, Verdict
from tests.support.provider_facts import AT, BLOCK, PER_BLOCK, facts, steady

POLICY = TierPolicy()
WINDOW = timedelta(seconds=POLICY.window)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EAST, WEST = "acme/east", "acme/west"
ALL_BLOCKS = frozenset(AT - BLOCK * number for number in range(-240, 241))


def charged(days_ago: float, minutes: float = 3, scope: str = EAST) -> Charged:
    """An incident that was over so many days ago, and took so long."""
    level = Level.CLUSTER if "/" in scope else Level.PROVIDER
    return Charged(f"{scope}{days_ago}", level, scope, AT - DAY * days_ago, minutes * 60)


def record(*incidents: Charged, since: datetime = AT - 2 * WINDOW) -> IncidentRecord:
    """What was written down since then, in every block."""
    return IncidentRecord(since, ALL_BLOCKS, incidents)


def verdict(incidents: IncidentRecord | None, known: ProviderFacts | None = None, at: datetime = AT) -> Verdict:
    """On a provider of one cluster without a failure."""
    return judge("acme", known or facts(steady()), POLICY, at, None, record=incidents)


def step(minutes: float, state: str = "open", *, blind: bool = False, held: bool = False) -> Step:
    """How it stood from so many minutes after AT on."""
    return Step(AT + MINUTE * minutes, IncidentState(state), blind, held)


@pytest.mark.parametrize(
    ("steps", "minutes"),
    [
        ([step(0.1)], 60),  # still open
        ([step(0.1), step(10, "recovering"), step(11, "resolved")], 11),
        ([step(0.1), step(5, "resolved"), step(9), step(12, "resolved")], 8),  # open again in between
        ([step(0.1), step(5, blind=True), step(45), step(50, "resolved")], 10),  # our own blindness
        ([step(0.1), step(0.1, held=True), step(50, "resolved")], 0),  # began in a planned window
        ([step(0.1), step(0.1, held=True), step(30), step(50, "resolved")], 20),  # and outlasted it
        ([step(0.1), step(5, "child"), step(20), step(30, "resolved")], 15),  # part of a wider one meanwhile
    ],
)
def test_it_is_charged_for_what_is_the_providers(steps: list[Step], minutes: float) -> None:
    """From the first failure on, up to now."""
    assert down_s(AT, steps, AT + 60 * MINUTE) == minutes * 60


def test_a_cluster_has_the_wide_ones_whole_and_the_narrow_ones_in_part() -> None:
    """Two of the whole provider and five of one of five clusters are three a cluster in thirty days."""
    several = [charged(1, scope="acme"), charged(2, scope="acme"), *(charged(n) for n in range(3, 8))]
    found = frequency(several, [POLICY.window] * 5, confidence=0.95)

    assert found is not None
    assert (found.wide, found.narrow, found.rate) == (2, 5, pytest.approx(3.0))
    assert found.low < 3 < found.high
    assert frequency(several, [0.0], confidence=0.95) is None


def test_time_in_which_nobody_looked_proves_nothing() -> None:
    """Half as long looked out for, twice as high a bound; of no block at all there is no measure."""
    whole, known = record(), facts(steady())
    half = replace(whole, judged=frozenset(one for one in ALL_BLOCKS if one >= AT - WINDOW / 2))
    (first, second) = (toll(one, known, POLICY, AT) for one in (whole, half))

    assert first is not None and second is not None
    assert second.often.high == pytest.approx(2 * first.often.high)
    assert toll(replace(whole, judged=frozenset()), known, POLICY, AT) is None


@pytest.mark.parametrize(
    ("several", "tier", "reasons"),
    [
        ([], Tier.GOLD, {"all_gold_gates_passed"}),
        ([charged(n) for n in range(8)], Tier.GOLD, {"all_gold_gates_passed"}),
        ([charged(n) for n in range(10)], Tier.RELIABLE, {"all_reliable_gates_passed", "incidents_short_of_gold"}),
        ([charged(n / 2) for n in range(50)], Tier.UNRATED, {"incidents_short_of_reliable"}),
        ([charged(3, minutes=60)], Tier.GOLD, {"all_gold_gates_passed"}),
        ([charged(3, minutes=61)], Tier.RELIABLE, {"all_reliable_gates_passed", "recovery_short_of_gold"}),
        ([charged(3, minutes=241)], Tier.UNRATED, {"recovery_short_of_reliable"}),
    ],
)
def test_many_short_ones_and_one_long_one_are_both_held(several: list[Charged], tier: Tier, reasons: set[str]) -> None:
    """By the upper bound of how often, and by the longest."""
    found = verdict(record(*several))

    assert (found.tier, set(found.reasons)) == (tier, reasons)


def test_the_gates_are_there_once_it_was_looked_for_as_long_as_the_tier_asks() -> None:
    """A past that nobody watched has none; after a week reliable has them, after four gold."""

    def gated(days: float) -> set[Tier]:
        found = verdict(record(since=AT - DAY * days))
        return {gate.tier for gate in found.gates if gate.name in {"incidents", "recovery"}}

    assert gated(6.9) == set()
    assert gated(7) == {Tier.RELIABLE}
    assert gated(28) == {Tier.RELIABLE, Tier.GOLD}
    assert not {gate.name for gate in verdict(None).gates} & {"incidents", "recovery"}


def later(known: ProviderFacts, at: datetime) -> ProviderFacts:
    """*known* at *at*, when nothing failed meanwhile."""
    kept = [one for one in known.blocks if one.start >= at - WINDOW]
    new = [Block(EAST, AT + BLOCK * n, n_ok=PER_BLOCK) for n in range(round((at - AT) / BLOCK))]
    return replace(known, blocks=(*kept, *new), first_tick=max(known.first_tick or AT, at - WINDOW), last_tick=at)


def remembered(incidents: IncidentRecord, at: datetime) -> IncidentRecord:
    """What of *incidents* is in the window at *at*."""
    kept = (one for one in incidents.incidents if one.ended is None or one.ended > at - WINDOW)
    return replace(incidents, incidents=tuple(kept))


@pytest.mark.parametrize("watched_days", [15, 30])
def test_fewer_are_when_the_rule_itself_says_so(watched_days: int) -> None:
    """The end of the first block after which the gate is passed, found by asking the rule for every one."""
    known = facts(steady())
    several = record(*(charged(n) for n in range(1, 15)))
    judged = frozenset(one for one in ALL_BLOCKS if one >= AT - DAY * watched_days)
    several = replace(several, judged=judged)
    found = verdict(several, known)
    ahead = (AT + BLOCK * number for number in range(1, 121))
    first = next(at for at in ahead if verdict(remembered(several, at), later(known, at), at).tier is Tier.GOLD)

    assert (found.tier, found.outlook and found.outlook.towards) == (Tier.RELIABLE, Tier.GOLD)
    assert found.outlook is not None and found.outlook.earliest == first


def test_a_long_one_is_in_the_way_until_it_has_left_the_window() -> None:
    """To the instant; what still goes on, as if it was over now."""
    over, lasting = charged(10, minutes=90), replace(charged(0, minutes=90), ended=None)
    known = facts(steady())
    (only,) = (verdict(record(over), known).outlook or pytest.fail("no outlook")).needs
    still = verdict(record(over, lasting), known).outlook

    assert only.at == AT + WINDOW - 10 * DAY
    assert verdict(remembered(record(over), only.at), later(known, only.at), only.at).tier is Tier.GOLD
    assert still is not None and still.earliest == AT + WINDOW
    assert need(only) == (
        "recovery: 1 h 30 m now, the line is 1 h; met 2026-12-14 00:00 UTC "
        "(what goes on is over now, and no incident comes)"
    )


def test_a_cluster_is_held_to_its_own_and_to_the_providers() -> None:
    """Not to its neighbour's; a model to none: an incident is of a place."""

    def of(cluster: str) -> ProviderFacts:
        return facts([replace(one, cluster=cluster) for one in steady()])

    parts = {(EAST, "m"): of(EAST), (WEST, "m"): of(WEST)}
    known = replace(together("acme", parts.values()), parts=parts)

    def reasons(*several: Charged) -> dict[tuple[PartLevel, str], bool]:
        return {one.key: "recovery_short_of_gold" in one.reasons for one in verdict(record(*several), known).parts}

    cluster, model = PartLevel.CLUSTER, PartLevel.MODEL
    assert reasons(charged(3, 90)) == {(cluster, EAST): True, (cluster, WEST): False, (model, "m"): False}
    assert reasons(charged(3, 90, f"{WEST}/m")) == {(cluster, EAST): False, (cluster, WEST): True, (model, "m"): False}
    assert reasons(charged(3, 90, "acme")) == {(cluster, EAST): True, (cluster, WEST): True, (model, "m"): False}


def test_the_lines_are_settings() -> None:
    """And a verdict names the policy."""
    strict = TierPolicy(gold=GoldGates.model_validate({"incidents_max": 4, "recovery_max": "2m"}))
    found = judge("acme", facts(steady()), strict, AT, None, record=record(charged(3), charged(4)))

    assert set(found.reasons) == {"all_reliable_gates_passed", "incidents_short_of_gold", "recovery_short_of_gold"}
    assert found.policy != verdict(None).policy
    assert found.rule_version == 8


def test_a_gate_names_the_incident_and_its_numbers() -> None:
    """So that whoever is told of it can look at it: `touchstone explain ID`."""
    found = verdict(record(charged(3), charged(4, minutes=70), charged(5, scope="acme")))
    notes = {gate.name: gate.note for gate in found.gates if gate.tier is Tier.GOLD}

    assert (
        notes["recovery"]
        == "the longest of them, acme/east4 of acme/east; without planned windows and our own blindness"
    )
    assert notes["incidents"] == (
        "upper bound; 1 of the whole provider and 2 of one cluster in 30.0 cluster-days: 3 a cluster in 30 d"
    )
