"""Which period closed last: the day, the week, the month whose report is due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.report_period import last_closed
from schemas.reports import Every

SIX = time(6)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("every", "now", "begins", "ends", "label"),
    [
        ("month", "2026-11-01T05:59", "2026-09-01", "2026-10-01", "2026-09"),
        ("month", "2026-11-01T06:00", "2026-10-01", "2026-11-01", "2026-10"),
        ("month", "2026-11-30T23:59", "2026-10-01", "2026-11-01", "2026-10"),
        ("month", "2024-03-01T12:00", "2024-02-01", "2024-03-01", "2024-02"),
        ("month", "2027-01-01T06:00", "2026-12-01", "2027-01-01", "2026-12"),
        ("week", "2026-11-02T05:00", "2026-10-19", "2026-10-26", "2026-W43"),
        ("week", "2026-11-02T06:00", "2026-10-26", "2026-11-02", "2026-W44"),
        ("week", "2027-01-04T06:00", "2026-12-28", "2027-01-04", "2026-W53"),
        ("day", "2026-11-24T05:59", "2026-11-22", "2026-11-23", "2026-11-22"),
        ("day", "2026-11-24T06:00", "2026-11-23", "2026-11-24", "2026-11-23"),
    ],
)
def test_the_last_closed_period(every: Every, now: str, begins: str, ends: str, label: str) -> None:
    """Whole UTC days; weeks begin on Monday and are called as ISO 8601 does."""
    period = last_closed(every, SIX, datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert (f"{period.begins:%Y-%m-%d}", f"{period.ends:%Y-%m-%d}", period.label) == (begins, ends, label)


@given(every=st.sampled_from(["day", "week", "month"]), at=st.times(), now=INSTANTS)
def test_periods_meet_and_none_is_left_out(every: Every, at: time, now: datetime) -> None:
    """A period is due until the next one is: its end plus the time of day is past, that of the next is not."""
    at = at.replace(microsecond=0, tzinfo=None)
    after = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    period = last_closed(every, at, now)
    following = last_closed(every, at, period.ends + timedelta(days=32) + after)
    labels = {last_closed(every, at, period.ends + after + timedelta(days=day)).label for day in range(33)}

    assert period.begins < period.ends and period.ends + after <= now
    assert last_closed(every, at, period.ends + after) == period
    assert last_closed(every, at, period.ends + after - timedelta(seconds=1)).ends == period.begins
    assert following.label in labels and period.label in labels
