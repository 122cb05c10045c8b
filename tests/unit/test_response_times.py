"""MTTA, MTTR and pages a week, by hand; and when the collector itself is not well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.judgement.response_times import Handled, response_times
from collector.vital_signs import VitalSigns, ailments
from schemas.incident import Severity

AT = datetime(2026, 11, 1, tzinfo=UTC)
WELL = VitalSigns(lag_s=0.01, decided_s=0.5, stored_s=0.2, outbox_s=0.0)


def handled(
    paged_s: float | None = 4, acked_s: float | None = None, resolved_s: float | None = None, *, drill: bool = False
) -> Handled:
    """An incident, in seconds after its first failure."""

    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else AT + timedelta(seconds=seconds)

    return Handled(
        severity=Severity.P0, drill=drill, failed_at=AT, opened_at=AT + timedelta(seconds=2), paged_at=at(paged_s),
        acknowledged_at=at(acked_s), resolved_at=at(resolved_s), pages=2 if paged_s else 0,
    )  # fmt: skip


def test_medians_are_of_those_that_came_to_it() -> None:
    """Three paged, two acknowledged, one over; the one nobody heard of is counted apart, drills too."""
    found = response_times(
        (handled(4, 64, 604), handled(6, 126), handled(8), handled(None), handled(1, drill=True)), timedelta(days=14)
    )

    assert (found.to_page_s, found.to_page_n) == (6, 3)
    assert (found.mtta_s, found.mtta_n) == (90, 2)
    assert (found.mttr_s, found.mttr_n) == (604, 1)
    assert (found.unpaged, found.pages, found.pages_a_week) == (1, 6, 3.0)
    assert (found.drills, found.drills_delivered, found.drill_to_page_s) == (1, 1, 1)
    assert found.incidents == {"P0": 4}


def test_nothing_is_not_zero() -> None:
    """Without an incident there is no time to page."""
    found = response_times((), timedelta(days=7))

    assert (found.to_page_s, found.mtta_s, found.mttr_s, found.pages) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        (WELL, ()),
        (replace(WELL, lag_s=6.0), ("the event loop woke 6.0 s late (at most 5)",)),
        (replace(WELL, decided_s=None), ("the last decision was nobody knows how ago",)),
        (replace(WELL, stored_s=61.0), ("the store had everything 61.0 s ago (at most 60)",)),
        (replace(WELL, outbox_s=90.0), ("a page has waited 90.0 s long (at most 60)",)),
    ],
)
def test_what_ails_the_collector_is_said_with_its_number(signs: VitalSigns, said: tuple[str, ...]) -> None:
    """Unknown is not well."""
    assert ailments(signs) == said
