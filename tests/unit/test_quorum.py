"""Several vantages: what all see is the provider's, what one sees is said to be so, and a blind one outvotes nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from schemas.incident import Change, Level, Severity
from schemas.observation import Observation
from tests.support.judge import CLUSTERS, FAILED, OK, TIMED, Judge, facts_of, targets_in


def from_place(vantage: str, facts: list[Observation]) -> list[Observation]:
    """The same, seen from *vantage*."""
    return [replace(fact, vantage=vantage) for fact in facts]


def tick(judge: Judge, second: float, seen: dict[str, tuple[str, ...]], *, late_s: float = 2) -> None:
    """A tick of everything from every vantage in *seen*, which says what is down from there."""
    facts = []
    for vantage, down in seen.items():
        facts += from_place(vantage, facts_of(second, FAILED, *down))
        up = [fact for fact in facts_of(second, OK, *CLUSTERS) if fact.target not in targets_in(down)]
        facts += from_place(vantage, up)
    judge.decide(second + late_s, facts)


def levels(judge: Judge) -> list[tuple[Level, str, Severity]]:
    """What was paged as opened or worse."""
    return [
        (page.scope.level, page.scope.id, page.severity) for page in judge.pages if page.change is not Change.RESOLVED
    ]


def test_what_two_of_three_vantages_see_is_the_provider() -> None:
    """P0, and the page says from how many."""
    judge = Judge()
    tick(judge, 0, {"eu": ("bolt",), "us": ("bolt",), "asia": ()})
    judge.decide(4)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P0)]
    assert judge.pages[0].evidence.certainty.endswith("from 2 of 3 vantages")


def test_what_only_one_vantage_sees_is_no_p0() -> None:
    """It is said, as what it is: no worse than one target down."""
    judge = Judge()
    tick(judge, 0, {"eu": ("bolt",), "us": (), "asia": ()})
    judge.decide(4)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P2)]
    assert judge.pages[0].rule.endswith("asia, us sees it up")


def test_one_vantage_waits_for_the_others_and_no_longer_than_the_rule_says() -> None:
    """They were good before the first failure: what do they see now? After five seconds one vantage decides alone."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": ()})
    judge.decide(12, from_place("eu", facts_of(10, FAILED, "bolt")))
    judge.decide(14)
    assert judge.pages == []
    judge.decide(17.5)
    judge.decide(18.6)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P0)]


def test_the_others_are_asked_until_they_have_said() -> None:
    """By vantage, target and module; not those that see it too, and nobody once it is decided."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": (), "asia": ()})
    asked = judge.decide(12, from_place("eu", facts_of(10, FAILED, "bolt/one/chat"))).asks
    assert asked == {("us", "bolt/one/chat", "chat"), ("asia", "bolt/one/chat", "chat")}

    fresh = from_place("us", facts_of(10.5, OK, "bolt/one/chat"))
    assert judge.decide(12.5, fresh).asks == {("asia", "bolt/one/chat", "chat")}
    assert judge.decide(18).asks == frozenset()


def test_the_others_are_asked_from_the_first_failure_on() -> None:
    """While the first vantage confirms it; when it was nothing, nobody is asked any more."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": ()})
    first, *_ = from_place("eu", facts_of(10, FAILED, "bolt/one/chat"))

    assert judge.decide(10.5, [first]).asks == {("us", "bolt/one/chat", "chat")}
    assert judge.decide(20.5, from_place("eu", facts_of(20, OK, "bolt/one/chat"))).asks == frozenset()
    assert judge.pages == []


def test_one_vantage_confirms_and_one_failure_from_another_agrees() -> None:
    """Three failures in a row from one place, and one from a second since: no need for three from both."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": (), "asia": ()})
    first, *_ = from_place("us", facts_of(10.5, FAILED, "bolt/one/chat"))
    judge.decide(11, from_place("eu", facts_of(10, FAILED, "bolt/one/chat")))
    judge.decide(11.5, [first])
    judge.decide(12.6)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P0)]
    assert judge.pages[0].evidence.certainty.endswith("from 2 of 3 vantages")


def test_a_failure_of_yesterday_agrees_with_nothing() -> None:
    """Somebody whose last look failed long before says nothing of now."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": (), "asia": ()})
    first, *_ = from_place("us", facts_of(10, FAILED, "bolt/one/chat"))
    judge.decide(11, [first])
    asked = judge.decide(72, from_place("eu", facts_of(70, FAILED, "bolt/one/chat"))).asks
    judge.decide(73.5)

    assert judge.pages == []
    assert asked == {("us", "bolt/one/chat", "chat"), ("asia", "bolt/one/chat", "chat")}


def test_who_has_seen_it_fail_is_not_said_to_see_it_up() -> None:
    """Two of five are no quorum: what is said is that three others see it up."""
    judge = Judge()
    tick(judge, 0, dict.fromkeys(("eu", "us", "asia", "africa", "oceania"), ()))
    first, *_ = from_place("us", facts_of(10.5, FAILED, "bolt/one/chat"))
    up = [fact for place in ("asia", "africa", "oceania") for fact in from_place(place, facts_of(11, OK, "bolt"))]
    judge.decide(12, [*from_place("eu", facts_of(10, FAILED, "bolt/one/chat")), first, *up])
    judge.decide(14)

    assert judge.pages[0].rule.endswith("africa, asia, oceania sees it up")
    assert judge.pages[0].evidence.certainty.endswith("from 2 of 5 vantages")


def test_the_second_vantage_confirms_at_once() -> None:
    """As soon as it has seen the same."""
    judge = Judge()
    tick(judge, 0, {"eu": (), "us": ()})
    judge.decide(12, from_place("eu", facts_of(10, FAILED, "bolt")))
    judge.decide(12.5, from_place("us", facts_of(11, FAILED, "bolt")))
    judge.decide(13.5)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P0)]


def test_what_was_seen_from_one_place_and_then_from_all_is_raised_in_place() -> None:
    """Same incident, worse."""
    judge = Judge()
    tick(judge, 0, {"eu": ("bolt",), "us": ()})
    judge.decide(4)
    tick(judge, 10, {"eu": ("bolt",), "us": ("bolt",)})

    assert [(page.change, page.severity) for page in judge.pages] == [
        (Change.OPENED, Severity.P2),
        (Change.RAISED, Severity.P0),
    ]
    assert len({page.incident for page in judge.pages}) == 1


def test_a_vantage_that_loses_its_network_is_our_incident_and_blames_no_provider() -> None:
    """Everything fails from there, nothing from elsewhere."""
    judge = Judge()
    tick(judge, 0, {"eu": tuple(CLUSTERS), "us": ()})
    judge.decide(4)

    assert levels(judge) == [(Level.OBSERVER, "eu", Severity.P1)]


def test_an_outage_is_still_paged_while_one_vantage_is_blind() -> None:
    """The others are enough."""
    judge = Judge()
    tick(judge, 0, {"eu": tuple(CLUSTERS), "us": (), "asia": ()})
    judge.decide(4)
    tick(judge, 10, {"eu": tuple(CLUSTERS), "us": ("bolt",), "asia": ("bolt",)})
    judge.decide(14)

    assert levels(judge) == [(Level.OBSERVER, "eu", Severity.P1), (Level.PROVIDER, "bolt", Severity.P0)]


def test_what_every_vantage_sees_is_not_us_however_many_providers_it_is() -> None:
    """A region's power cut: three providers from all places are three incidents."""
    judge = Judge()
    everywhere = ("acme", "bolt", "coil")
    tick(judge, 0, {"eu": everywhere, "us": everywhere})
    judge.decide(4)

    assert {level for level, _, _ in levels(judge)} == {Level.PROVIDER}
    assert len(judge.pages) == 3


def test_the_provider_that_stays_down_after_our_own_outage_is_paged() -> None:
    """While it was us nobody was blamed; what is still down when the others answer again is theirs."""
    judge = Judge()
    judge.tick(0, FAILED, *CLUSTERS)
    judge.decide(4)
    for second in (10, 20, 30):
        judge.tick(second, FAILED, "bolt")
    judge.decide(36)

    assert [(page.change, page.scope.id) for page in judge.pages] == [
        (Change.OPENED, "here"),
        (Change.RESOLVED, "here"),
        (Change.OPENED, "bolt"),
    ]
    assert judge.pages[-1].failed_at == judge.pages[0].failed_at


def test_a_quorum_needs_those_who_are_heard() -> None:
    """A vantage that has been silent for long neither confirms nor denies."""
    judge = Judge(index=TIMED)
    tick(judge, 0, {"eu": (), "us": ()})
    for second in range(10, 200, 10):
        tick(judge, second, {"eu": ()})
    judge.pages.clear()
    tick(judge, 200, {"eu": ("bolt",)})
    judge.decide(204)

    assert levels(judge) == [(Level.PROVIDER, "bolt", Severity.P0)]
    assert (judge.pages[0].at - judge.pages[0].failed_at) < timedelta(seconds=5)
