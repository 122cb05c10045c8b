"""
Months of paging on virtual time: every outage is paged once and resolved once, whatever befalls it and us.

Here some seeds of a few days; `make soak-month` plays 200 whole months.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision, Inputs, decide
from schemas.incident import Change
from schemas.observation import Outcome
from schemas.paging import Paging
from tests.virtual_time.month import run
from tests.virtual_time.month_truth import Kind, month

DAYS = 4.0
SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_of_paging_is_as_it_must_be(seed: int) -> None:
    """Nothing missed, doubled, blamed on the wrong one, resolved early or lost on its way."""
    result = run(seed, DAYS)

    assert result.wrong == ()
    assert result.pages > 0


def test_the_same_seed_is_the_same_month() -> None:
    """So that a failing seed can be looked at."""
    assert run(3, 1.0) == run(3, 1.0)


def test_everything_that_can_befall_it_befalls_some_seed() -> None:
    """The days together leave nothing out."""
    assert {one.kind for seed in SEEDS for one in month(seed, DAYS)} == set(Kind)


def trusting(state: HotState, inputs: Inputs, now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """A judge who takes what was not observed for good, as a missing series is elsewhere."""
    facts = [
        replace(fact, outcome=Outcome.OK, reason=None) if fact.outcome is Outcome.NOT_OBSERVED else fact
        for fact in inputs.facts
    ]
    return decide(state, replace(inputs, facts=facts), now, paging, index)


def forgetful(state: HotState, inputs: Inputs, now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """A judge who does not say that it is over."""
    made = decide(state, inputs, now, paging, index)
    return replace(made, intents=tuple(one for one in made.intents if one.change is not Change.RESOLVED))


def jumpy(state: HotState, inputs: Inputs, now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """A judge who does not wait for two more failures."""
    rule = paging.hard_down.model_copy(update={"failures": 1})
    return decide(state, inputs, now, paging.model_copy(update={"hard_down": rule}), index)


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (trusting, "has 0 incidents of ours"),
        (forgetful, "was never told that"),
        (jumpy, "a page without a cause"),
    ],
)
def test_a_judge_who_is_wrong_is_found_out(judge: object, found: str) -> None:
    """So that the months above prove something."""
    said = [wrong for seed in (1, 2) for wrong in run(seed, DAYS, judge=judge).wrong]  # type: ignore[arg-type]

    assert any(found in wrong for wrong in said), said
