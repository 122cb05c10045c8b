"""The window up to now: everybody who asks within a step of it asks alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from collector.judgement.window import from_an_hour, until_now

NOW = datetime(2026, 11, 27, 22, 7, 31, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "ends"), [(1, (22, 8)), (7, (22, 10)), (30, (22, 15)), (90, (23, 0)), (1 / 24, (22, 8))]
)
def test_it_ends_with_the_step_that_goes_on(days: float, ends: tuple[int, int]) -> None:
    """A minute for a day or less, an hour for a quarter; as long as it was asked for."""
    start, end = until_now(NOW, timedelta(days=days))

    assert (end.hour, end.minute, end.second, end.microsecond) == (*ends, 0, 0)
    assert end - start == timedelta(days=days)


def test_a_border_is_of_the_step_that_begins_there() -> None:
    """What happens in that very instant is in the window."""
    at = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)

    assert until_now(at, timedelta(days=7))[1] == at + timedelta(minutes=5)


def test_a_window_from_an_hour_holds_what_was_asked_for() -> None:
    """Less than an hour more; an hour of UTC, wherever the instant was said."""
    half = timezone(timedelta(hours=5, minutes=30))

    assert from_an_hour(NOW, timedelta(days=14)) == datetime(2026, 11, 13, 22, tzinfo=UTC)
    assert from_an_hour(NOW.astimezone(half), timedelta(days=14)) == datetime(2026, 11, 13, 22, tzinfo=UTC)
    assert from_an_hour(datetime(2026, 11, 27, 22, tzinfo=UTC), timedelta(hours=1)).hour == 21
