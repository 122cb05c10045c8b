"""Outages are drawn from a seed, and few enough at once not to look like a fault of ours."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest

from bench.page.outage import Outage, at_once, drawn, flapping
from bench.page.plan import FULL, QUICK, Plan
from schemas.paging import HardDownRule

SUBJECTS = [f"main-{number}" for number in range(24)]


def full(seed: int) -> dict[str, Outage]:
    """The outages of a whole run."""
    return drawn(
        SUBJECTS, seed=seed, window_s=FULL.window_s, lasts_s=FULL.lasts_s, at_once_max=FULL.at_once_max,
        known_s=FULL.known_s,
    )  # fmt: skip


def test_the_same_seed_gives_the_same_outages_and_another_seed_others() -> None:
    """So that a run can be played again."""
    assert full(5) == full(5)
    assert full(5) != full(6)


@pytest.mark.parametrize("seed", range(20))
def test_every_target_has_one_outage_within_the_bounds(seed: int) -> None:
    """At a random instant of the window, as long as the plan says, and with few others."""
    found = full(seed)

    assert list(found) == SUBJECTS
    for one in found.values():
        assert 0 <= one.start_s < FULL.window_s
        assert FULL.lasts_s[0] <= one.end_s - one.start_s <= FULL.lasts_s[1]
    assert at_once(list(found.values()), FULL.known_s) <= FULL.at_once_max


def test_what_cannot_be_had_is_refused() -> None:
    """Rather than bent."""
    with pytest.raises(ValueError, match="3 outages do not fit into 1 s, 2 at once"):
        drawn(["a", "b", "c"], seed=1, window_s=1, lasts_s=(5, 5), at_once_max=2, known_s=0)


def test_an_outage_counts_until_it_is_known_to_be_over() -> None:
    """Two that follow each other by 3 s are two at once when it takes 5 s to see the end of the first."""
    one_after_the_other = [Outage(0, 10), Outage(13, 20)]

    assert at_once(one_after_the_other, 0) == 1
    assert at_once(one_after_the_other, 5) == 2
    assert at_once([], 5) == 0


def test_an_outage_is_half_open() -> None:
    """Down from its first instant, up at its last."""
    one = Outage(1, 2).after(10)

    assert [one.at(now) for now in (10.9, 11.0, 11.9, 12.0)] == [False, True, True, False]
    assert Outage(0, inf).after(5).at(1e9)


def test_flapping_is_down_and_up_in_turn() -> None:
    """Ten seconds each for five minutes: fifteen times."""
    found = flapping(for_s=300, down_s=10, up_s=10)

    assert len(found) == 15
    assert all(later.start_s - earlier.end_s == 10 for earlier, later in pairwise(found))


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_never_so_many_are_down_that_it_would_be_an_incident_of_our_own(plan: Plan) -> None:
    """Below the default share of the providers that are watched, in the outages and in every case that has no cut."""
    share = HardDownRule().observer_providers_share

    assert plan.at_once_max < share * (plan.outages + plan.bystanders)
    for case in plan.cases:
        assert case.subjects < share * (case.subjects + case.bystanders) or case.bystanders == 0
    assert [case.name for case in plan.cases if case.bystanders == 0] in (["own-network"], [])
