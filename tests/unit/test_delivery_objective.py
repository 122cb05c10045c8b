"""Our own delivery against its objective: share, budget, and nothing said without a page."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from collector.judgement.delivery_objective import standing
from schemas.paging import DeliveryObjective

OBJECTIVE = DeliveryObjective()


@pytest.mark.parametrize(
    ("owed", "in_time", "met", "left"),
    [(2000, 2000, True, 1.0), (2000, 1999, True, 0.5), (2000, 1998, True, 0.0), (2000, 1996, False, -1.0)],
)
def test_late_pages_spend_the_budget(owed: int, in_time: int, met: bool, left: float) -> None:
    """One in a thousand may be late."""
    found = standing(owed, in_time, OBJECTIVE)

    assert (found.met, found.budget_left) == (met, pytest.approx(left, abs=1e-9))
    assert (found.share, found.within_s, found.window_s) == (in_time / owed, 30.0, 30 * 86400.0)


def test_without_a_page_nothing_is_said() -> None:
    """Neither met nor missed."""
    found = standing(0, 0, OBJECTIVE)

    assert (found.share, found.budget_left, found.met) == (None, None, None)


def test_an_objective_leaves_a_budget() -> None:
    """100 % has none."""
    with pytest.raises(ValidationError, match="share is 100%"):
        DeliveryObjective.model_validate({"share": "100%"})
