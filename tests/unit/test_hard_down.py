"""A target is hard down after several failures in a row, and up after several good ticks; unknown changes neither."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.hard_down import EVIDENCE_MAX, Watch, key_of, watched
from schemas.observation import BLAME, Blame, Observation, Outcome, Reason
from schemas.paging import HardDownRule
from tests.support.observations import TICK, seen

RULE = HardDownRule()
OK, DEGRADED, FAILED, NOT_OBSERVED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED


def at(second: float, outcome: Outcome = OK, attempt: int = 0, **changes: object) -> Observation:
    """What was seen of the target *second* s after TICK."""
    return seen(tick=TICK + timedelta(seconds=second), outcome=outcome, attempt=attempt, **changes)


def after(facts: Iterable[Observation], watch: Watch | None = None) -> Watch:
    """The watch after *facts*, each newer than the one before."""
    for fact in facts:
        watch, late = watched(watch, [fact], RULE, fact.finished_at)
        assert not late
    assert watch is not None
    return watch


DOWN = after([at(0, FAILED), at(0, FAILED, 1), at(0, FAILED, 2)])


def test_three_failures_in_a_row_are_down_and_two_are_not() -> None:
    """One tick and its two re-probes are enough; so are three ticks."""
    assert not after([at(0, FAILED), at(0, FAILED, 1)]).down
    assert DOWN.down
    assert after([at(0, FAILED), at(5, FAILED), at(10, FAILED)]).down


@pytest.mark.parametrize("answer", [at(5, OK), at(5, DEGRADED), at(0, OK, 2)])
def test_an_answer_between_begins_the_count_anew(answer: Observation) -> None:
    """Late or wrong is still an answer, and so is a re-probe's."""
    watch = after([at(0, FAILED), at(0, FAILED, 1), answer, at(10, FAILED), at(10, FAILED, 1)])

    assert (watch.streak, watch.down) == (2, False)
    assert watch.failed_at == TICK + timedelta(seconds=10)


def test_down_since_the_first_failure_with_every_failure_as_evidence() -> None:
    """failed_at is the start of the first request that failed, not when we were sure."""
    facts = [at(number * 5, FAILED) for number in range(EVIDENCE_MAX + 5)]
    watch = after(facts)

    assert watch.failed_at == facts[0].started_at
    assert watch.last_failed_at == facts[-1].finished_at
    assert watch.reason == "connect_refused"
    assert watch.evidence == tuple(str(fact.id) for fact in facts[:EVIDENCE_MAX])


def test_three_good_ticks_in_a_row_are_up_again() -> None:
    """Two are not; then nothing is left of the outage."""
    assert after([at(5), at(10)], DOWN).down
    up = after([at(5), at(10, DEGRADED), at(15)], DOWN)

    assert (up.down, up.failed_at, up.streak) == (False, None, 0)


def test_a_failure_while_recovering_begins_the_good_ticks_anew() -> None:
    """Good, good, failed, good, good is still down, since the beginning."""
    watch = after([at(5), at(10), at(15, FAILED), at(20), at(25)], DOWN)

    assert (watch.down, watch.good, watch.failed_at) == (True, 2, DOWN.failed_at)


def test_a_good_re_probe_is_no_good_tick() -> None:
    """Recovery is proven by ticks of the grid."""
    watch = after([at(5), at(10), at(15, OK, 1)], DOWN)

    assert (watch.down, watch.good) == (True, 2)


SAYS_NOTHING = sorted(reason for reason, blame in BLAME.items() if blame in {Blame.CALLER, Blame.OBSERVER})


@pytest.mark.parametrize("reason", SAYS_NOTHING)
def test_our_own_fault_neither_opens_nor_resolves(reason: Reason) -> None:
    """Law 2 and 3: a hundred ticks without an answer that are not the provider's fault."""
    outcome = NOT_OBSERVED if BLAME[reason] is Blame.OBSERVER else FAILED
    blind = [at(5 + number, outcome, reason=reason) for number in range(100)]

    assert not after([at(0, FAILED), at(0, FAILED, 1), *blind]).down
    known = {"seen_at": DOWN.seen_at, "unseen": ""}  # what is not about the provider
    assert replace(after(blind, DOWN), **known) == replace(DOWN, tick=blind[-1].tick, attempt=0, **known)


@given(
    outcomes=st.lists(st.sampled_from([OK, DEGRADED, FAILED]), max_size=20),
    blind=st.lists(st.integers(0, 20), max_size=20, unique=True),
)
def test_time_that_was_not_observed_changes_nothing(outcomes: list[Outcome], blind: list[int]) -> None:
    """Whatever happened, the same happened with holes in it."""
    facts = [at(number * 10, outcome) for number, outcome in enumerate([OK, *outcomes])]
    holes = [at(number * 10 + 5, NOT_OBSERVED) for number in blind]
    with_holes = after(sorted([*facts, *holes], key=lambda fact: fact.tick))

    assert replace(with_holes, tick=TICK, unseen="") == replace(after(facts), tick=TICK)


@pytest.mark.parametrize("old", [at(0, OK), at(0, OK, 1), at(0, FAILED, 2), at(-5, OK, 15)])
def test_what_is_late_or_repeated_is_not_decided_again(old: Observation) -> None:
    """Nothing at or before the last position counts."""
    assert watched(DOWN, [old], RULE, TICK) == (DOWN, [old])


def test_each_vantage_and_module_of_a_target_has_a_watch_of_its_own() -> None:
    """A failure seen from elsewhere, or by another question, is another streak."""
    keys = {key_of(seen()), key_of(seen(vantage="there")), key_of(seen(module="long")), key_of(seen("acme/west/chat"))}

    assert len(keys) == 4
