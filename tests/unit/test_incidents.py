"""One cause, one incident, one page: opened, widened, absorbed, over, and opened again, each exactly once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision, Inputs, decide
from schemas.incident import Change, IncidentState, Level, Severity
from schemas.observation import Outcome
from schemas.paging import HardDownRule, Paging
from tests.support.judge import CLUSTERS, FAILED, INDEX, NOT_OBSERVED, OK, Judge, facts_of
from tests.support.observations import TICK, seen

RULE = HardDownRule()


@pytest.mark.parametrize(
    ("where", "level", "severity"),
    [
        (("acme/east/chat",), Level.TARGET, Severity.P2),
        (("acme/east",), Level.CLUSTER, Severity.P1),
        (("acme/east", "acme/west"), Level.PROVIDER, Severity.P0),
        (("acme/east/chat", "acme/west/code"), Level.PROVIDER, Severity.P0),
        (("acme",), Level.PROVIDER, Severity.P0),
        (("bolt",), Level.PROVIDER, Severity.P0),
        (("acme/east", "bolt", "coil"), Level.OBSERVER, Severity.P1),
        (tuple(CLUSTERS), Level.OBSERVER, Severity.P1),
    ],
)
def test_a_cause_is_said_once_at_its_widest(where: tuple[str, ...], level: Level, severity: Severity) -> None:
    """Target P2, cluster P1, half of the clusters P0; half of the providers (at least three) is us."""
    judge = Judge()
    judge.tick(0, FAILED, *where)
    judge.decide(4)
    incident = judge.only()

    assert (incident.scope.level, incident.severity, incident.state) == (level, severity, IncidentState.OPEN)
    assert judge.said() == [(Change.OPENED, severity)]
    assert incident.failed_at == TICK


def test_two_providers_down_are_two_incidents() -> None:
    """Two of four are not yet us: nothing that is one cause, nothing that is merged."""
    judge = Judge()
    judge.tick(0, FAILED, "acme", "bolt")
    judge.decide(4)

    assert {incident.scope.id for incident in judge.state.incidents.values()} == {"acme", "bolt"}
    assert judge.said() == [(Change.OPENED, Severity.P0)] * 2


def test_a_cluster_that_only_begins_to_fail_makes_a_provider_incident_with_two_that_are_down() -> None:
    """Of coil's two clusters one is down, one has failed once: not yet the provider. Old doubts do not count."""
    judge = Judge()
    judge.decide(1, facts_of(0, FAILED, "coil/one"))
    judge.decide(2, [seen("coil/two/chat", TICK, FAILED)])

    assert judge.only().scope.level is Level.CLUSTER


def test_the_first_page_waits_a_second_for_a_wider_cause_and_no_longer() -> None:
    """From the first failure, and a quarter of it from the decision, whichever is later."""
    for decided, paged in ((0.5, 1.0), (0.9, 1.15), (2.0, 2.25)):
        judge = Judge()
        opened = judge.decide(decided, facts_of(0, FAILED, "acme/east"))

        assert [change.change for change in opened.transitions] == [Change.OPENED]
        assert judge.decide(paged - 0.01).intents == ()
        (page,) = judge.decide(paged).intents
        assert (page.change, page.opened_at, page.seq) == (Change.OPENED, opened.incidents[0].opened_at, 1)
        assert judge.decide(60).intents == ()


SIX = tuple(f"wide/{name}" for name in "abcdef")
WIDE_FLEET = FleetIndex({"wide": SIX}, {name: (f"{name}/chat",) for name in SIX})


def looks(judge: Judge, second: float, outcome: Outcome, *clusters: str) -> Decision:
    """A tick of so many of the clusters of `wide`, decided half a second later; a failure with its re-probes."""
    attempts = range(3 if outcome is FAILED else 1)
    at = TICK + timedelta(seconds=second)
    return judge.decide(
        second + 0.5, [seen(f"wide/{one}/chat", at, outcome, attempt=n) for one in clusters for n in attempts]
    )


def test_two_of_six_clusters_wait_for_the_others_before_they_are_two_pages() -> None:
    """Half of them make a provider: the third within the bound is one P0, and nothing else is said."""
    judge = Judge(index=WIDE_FLEET)
    looks(judge, -5, OK, *"abcdef")
    looks(judge, 0, FAILED, "a", "b")
    for second in (1, 2, 3):
        judge.decide(second)
    assert judge.pages == []
    looks(judge, 3.5, FAILED, "c")
    judge.decide(4.5)

    assert judge.said() == [(Change.OPENED, Severity.P0)]


def test_once_enough_others_have_answered_two_clusters_wait_no_longer() -> None:
    """Four of six are well: it cannot be the provider. Who says nothing is waited for up to the bound."""
    answered, silent = Judge(index=WIDE_FLEET), Judge(index=WIDE_FLEET)
    for judge in (answered, silent):
        looks(judge, -5, OK, *"abcdef")
        looks(judge, 0, FAILED, "a", "b")
        judge.decide(1.25)
        assert judge.pages == []
    looks(answered, 1, OK, *"cdef")
    assert silent.decide(5.49).intents == ()
    silent.decide(5.5)

    assert answered.said() == silent.said() == [(Change.OPENED, Severity.P1)] * 2


def test_one_cluster_that_fails_by_itself_is_not_held() -> None:
    """Its page goes out as soon as ever, whoever has not answered yet."""
    judge = Judge(index=WIDE_FLEET)
    looks(judge, -5, OK, *"abcdef")
    looks(judge, 0, FAILED, "a")
    judge.decide(1)

    assert judge.said() == [(Change.OPENED, Severity.P1)]


def test_a_wider_cause_within_the_second_is_one_page() -> None:
    """Cluster, then provider before its page: one P0 page, of the incident that was there."""
    judge = Judge()
    judge.decide(2, facts_of(0, FAILED, "acme/east"))
    first = judge.only().id
    judge.decide(2.2, facts_of(0, FAILED, "acme/west"))
    judge.decide(10)

    assert judge.said() == [(Change.OPENED, Severity.P0)]
    assert judge.only().id == first == judge.pages[0].incident


def test_a_wider_cause_later_promotes_in_place() -> None:
    """Same id, higher severity, one more page; the other incident of the cause becomes its child and closes."""
    judge = Judge()
    judge.tick(0, FAILED, "acme/east/chat")
    judge.decide(4)
    judge.tick(10, FAILED, "acme/east", "acme/west/chat")
    judge.decide(20)
    elder = judge.pages[0].incident
    assert judge.said() == [(Change.OPENED, Severity.P2), (Change.PROMOTED, Severity.P0)]

    judge.tick(30, FAILED, "acme")
    assert judge.only().id == elder
    assert len(judge.pages) == 2


def test_what_a_wider_cause_swallows_closes_its_own_page() -> None:
    """Two single targets were paged; when both clusters are down the younger is a child of the elder."""
    judge = Judge()
    paging = Paging(hard_down=HardDownRule(siblings_min=2, siblings_share=0.75))  # three of four clusters

    def step(second: float, *where: str) -> Decision:
        now, inputs = TICK + timedelta(seconds=second + 2), Inputs(facts_of(second, FAILED, *where))
        decision = decide(judge.state, inputs, now, paging, INDEX)
        judge.state = decision.state
        judge.pages += decision.intents
        return decision

    step(0, "acme/east")
    step(5, "acme/east", "acme/mid")
    step(10)
    elder, younger = sorted(judge.state.incidents.values(), key=lambda incident: incident.failed_at)
    assert judge.said() == [(Change.OPENED, Severity.P1)] * 2

    promoted = step(15, "acme/east", "acme/mid", "acme/west")

    assert judge.state.incidents[younger.id].parent == elder.id
    assert judge.state.incidents[younger.id].state is IncidentState.CHILD
    assert [(page.incident, page.change) for page in promoted.intents] == [
        (elder.id, Change.PROMOTED),
        (younger.id, Change.ABSORBED),
    ]


def test_an_observer_incident_absorbs_what_was_blamed_on_providers() -> None:
    """When the third of four providers fails too, it was us: their incidents hang under ours."""
    judge = Judge()
    judge.tick(0, FAILED, "acme", "bolt")
    judge.decide(5)
    judge.tick(10, FAILED, "acme", "bolt", "coil")
    judge.decide(20)
    states = {incident.scope.id: incident.state for incident in judge.state.incidents.values()}

    assert states == {"acme": IncidentState.CHILD, "bolt": IncidentState.CHILD, "here": IncidentState.OPEN}
    assert judge.said()[2:] == [(Change.ABSORBED, Severity.P0)] * 2 + [(Change.OPENED, Severity.P1)]


def test_who_answered_again_is_not_blamed_for_our_blindness() -> None:
    """One more failure on its way up is noise, when the others are up; who has not answered since is down."""
    judge = Judge()
    judge.tick(0, FAILED, "acme", "bolt", "coil", "dyne")
    judge.decide(5)
    judge.tick(10, FAILED, "bolt")
    judge.tick(20, FAILED, "bolt")
    lone = [seen("coil/one/chat", TICK + timedelta(seconds=30), FAILED)]
    judge.decide(
        32, [*facts_of(30, OK, "acme", "coil/two", "dyne", "coil/one/code"), *facts_of(30, FAILED, "bolt"), *lone]
    )
    judge.decide(40)

    levels = {(one.scope.id, one.state) for one in judge.state.incidents.values()}
    assert ("here", IncidentState.RESOLVED) in levels
    assert [id for id, state in levels if state is IncidentState.OPEN] == ["bolt"]


def test_an_incident_is_over_after_three_good_ticks() -> None:
    """Recovering at the first, resolved at the third; the resolve is paged, the recovering is not."""
    judge = Judge()
    judge.tick(0, FAILED, "bolt")
    judge.decide(4)
    for second in (5, 10, 15):
        judge.tick(second, OK, "bolt")

    assert [change for _, change in judge.changes] == [Change.OPENED, Change.RECOVERING, Change.RESOLVED]
    assert judge.said() == [(Change.OPENED, Severity.P0), (Change.RESOLVED, Severity.P0)]
    assert judge.only().resolved_at == TICK + timedelta(seconds=17)


def test_while_all_of_it_recovers_the_evidence_says_how_far() -> None:
    """Not how few failures there are in a row just now: none."""
    judge = Judge()
    judge.tick(0, FAILED, "bolt")
    judge.decide(4)
    assert judge.only().evidence.certainty.startswith("3 failures in a row at most, ")
    for second in (5, 10):
        judge.tick(second, OK, "bolt")

    assert judge.only().state is IncidentState.RECOVERING
    assert judge.only().evidence.certainty == "answering again, 2 good in a row at least, from here, the only vantage"


def test_a_relapse_is_a_change_but_no_page() -> None:
    """Good, failed again: the incident was never over."""
    judge = Judge()
    for second, outcome in ((0, FAILED), (5, OK), (10, FAILED), (15, FAILED)):
        judge.tick(second, outcome, "bolt")

    assert [change for _, change in judge.changes] == [Change.OPENED, Change.RECOVERING, Change.RELAPSED]
    assert judge.said() == [(Change.OPENED, Severity.P0)]


def test_silence_resolves_nothing() -> None:
    """Law 2: an hour of not_observed, and an hour of nothing at all, after an outage."""
    judge = Judge()
    judge.tick(0, FAILED, "bolt")
    for minute in range(1, 61):
        judge.tick(minute * 60, NOT_OBSERVED, "bolt")
        judge.decide(minute * 60 + 3600)

    assert judge.only().state is IncidentState.OPEN
    assert judge.said() == [(Change.OPENED, Severity.P0)]


def test_silence_opens_nothing() -> None:
    """A fleet that we cannot see is not down."""
    judge = Judge()
    for second in range(0, 100, 10):
        judge.tick(second, NOT_OBSERVED, *CLUSTERS)

    assert judge.state.incidents == {}
    assert judge.pages == []


def test_an_outage_that_is_over_before_its_page_is_still_said() -> None:
    """Law 9: opened and resolved, in this order, in one decision."""
    judge = Judge()
    facts = facts_of(0, FAILED, "bolt")
    judge.decide(2, facts)
    judge.decide(2.5, [fact for second in (0.1, 0.2, 0.3) for fact in facts_of(second, OK, "bolt")])

    assert judge.said() == [(Change.OPENED, Severity.P0), (Change.RESOLVED, Severity.P0)]
    assert [page.seq for page in judge.pages] == sorted({page.seq for page in judge.pages})


def up_and_down_again(pause_s: float) -> Judge:
    """An outage, three good ticks, and *pause_s* after it was resolved another outage; nothing decided between."""
    judge = Judge()
    for second, outcome in ((0, FAILED), (5, OK), (10, OK), (15, OK)):
        judge.tick(second, outcome, "bolt")
    judge.tick(15 + pause_s, FAILED, "bolt")
    judge.decide(15 + pause_s + 5)
    return judge


def test_down_again_within_the_cool_down_is_the_same_incident() -> None:
    """Same id, so the same key at the receiver; counted."""
    judge = up_and_down_again(RULE.cooldown - 1)

    assert judge.only().reopen_count == 1
    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED, Change.REOPENED]
    assert len({page.incident for page in judge.pages}) == 1


def test_down_again_after_the_cool_down_is_another_incident() -> None:
    """Also when nothing was decided meanwhile, as after a restart."""
    judge = up_and_down_again(RULE.cooldown + 1)

    assert judge.newest().reopen_count == 0
    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED, Change.OPENED]
    assert len({page.incident for page in judge.pages}) == 2


STEP = st.tuples(
    st.lists(st.sampled_from([*CLUSTERS, "acme/east", "acme/west", "acme/east/chat", "coil/one"]), max_size=3),
    st.sampled_from([FAILED, FAILED, OK, NOT_OBSERVED]),
    st.integers(1, 700),
)


@given(story=st.lists(STEP, max_size=12))
def test_a_batch_that_comes_twice_changes_nothing_the_second_time(
    story: list[tuple[list[str], Outcome, int]],
) -> None:
    """Law 4, over any story: no second transition, no second page, the same state; and numbers without gaps."""
    judge, second = Judge(), 0.0
    for where, outcome, pause_s in story:
        second += pause_s
        batch = facts_of(second, outcome, *where)
        judge.decide(second + 2, batch)
        again = judge.decide(second + 2, batch)

        assert (again.transitions, again.intents, again.incidents) == ((), (), ())
        assert len(again.notes) == len(batch)
    for id in {page.incident for page in judge.pages}:
        pages = [page for page in judge.pages if page.incident == id]
        assert pages[0].change is Change.OPENED
        assert len({page.seq for page in pages}) == len(pages)


@given(story=st.lists(STEP, max_size=8))
def test_the_state_goes_to_json_and_back_unchanged(story: list[tuple[list[str], Outcome, int]]) -> None:
    """What a restart remembers is all there was."""
    judge, second = Judge(), 0.0
    for where, outcome, pause_s in story:
        second += pause_s
        judge.decide(second, facts_of(second, outcome, *where))

        assert HotState.from_json(judge.state.to_json()) == judge.state


def test_late_facts_change_nothing() -> None:
    """An hour-old batch, delivered when the outage is over, neither opens nor reopens anything."""
    judge = up_and_down_again(RULE.cooldown - 1)
    before = judge.state
    late = judge.decide(2000, facts_of(5, FAILED, "bolt"))

    assert (late.transitions, late.intents) == ((), ())
    assert (late.state.watches, late.state.incidents) == (before.watches, before.incidents)
    assert all("decided before, or late" in note for note in late.notes)


def test_every_transition_and_page_says_why_with_numbers() -> None:
    """Law 7."""
    judge = Judge()
    decision = judge.tick(0, FAILED, "acme/east", "acme/west")
    judge.decide(10)

    assert decision.transitions[0].cause == "2 of 4 clusters down, 0 more failing (at least 2 within 60 s)"
    assert judge.pages[0].summary == (
        "P0 provider acme is down (connect_refused): 2 of 4 clusters down, 0 more failing (at least 2 within 60 s)"
    )
