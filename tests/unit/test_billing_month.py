"""Billing months over month ends, leap years and changes of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.sla.billing_month import (
    billing_month,
    billing_month_at,
    end_of_day,
    following,
    local_day,
)

ZONES = ("UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")


@pytest.mark.parametrize(
    ("label", "zone", "first_day", "begins", "ends", "hours"),
    [
        ("2026-10", "UTC", 1, "2026-10-01T00:00", "2026-11-01T00:00", 744),
        ("2028-02", "UTC", 1, "2028-02-01T00:00", "2028-03-01T00:00", 696),  # a leap year
        ("2026-02", "UTC", 1, "2026-02-01T00:00", "2026-03-01T00:00", 672),
        ("2026-12", "UTC", 15, "2026-12-15T00:00", "2027-01-15T00:00", 744),  # over the end of a year
        ("2026-03", "America/Los_Angeles", 1, "2026-03-01T08:00", "2026-04-01T07:00", 743),  # clocks go forward
        ("2026-11", "America/Los_Angeles", 1, "2026-11-01T07:00", "2026-12-01T08:00", 721),  # and back
        ("2026-10", "Europe/Berlin", 1, "2026-09-30T22:00", "2026-10-31T23:00", 745),
        ("2026-10", "Asia/Kolkata", 1, "2026-09-30T18:30", "2026-10-31T18:30", 744),
    ],
)
def test_a_month_is_that_of_the_contracts_zone(
    label: str, zone: str, first_day: int, begins: str, ends: str, hours: int
) -> None:
    """From midnight to midnight there, whatever UTC says, and as long as it really is."""
    month = billing_month(label, zone, first_day)

    assert (month.begins, month.ends) == (_utc(begins), _utc(ends))
    assert month.seconds == hours * 3600


@given(
    at=st.datetimes(datetime(2020, 1, 2), datetime(2039, 12, 30)),
    zone=st.sampled_from(ZONES),
    first_day=st.integers(1, 28),
)
def test_every_instant_is_in_one_month(at: datetime, zone: str, first_day: int) -> None:
    """Months follow each other without gaps, and each holds what is found to be in it."""
    month = billing_month_at(at.replace(tzinfo=UTC), zone, first_day)
    after = billing_month(following(month.label, 1), zone, first_day)

    assert month.begins <= at.replace(tzinfo=UTC) < month.ends == after.begins


@pytest.mark.parametrize(
    ("label", "months", "expected"),
    [("2026-10", 2, "2026-12"), ("2026-12", 1, "2027-01"), ("2026-01", -1, "2025-12"), ("2026-06", -18, "2024-12")],
)
def test_months_are_counted_over_the_end_of_a_year(label: str, months: int, expected: str) -> None:
    """Forwards and backwards."""
    assert following(label, months) == expected


def test_a_day_ends_at_its_own_midnight() -> None:
    """The last day to claim is that of the contract's zone, also when clocks change meanwhile."""
    zone = "America/Los_Angeles"

    assert local_day(_utc("2026-10-25T05:00"), zone) == date(2026, 10, 24)
    assert end_of_day(date(2026, 10, 24), zone) == _utc("2026-10-25T07:00")
    assert end_of_day(date(2026, 10, 24), zone, 10) == _utc("2026-11-04T08:00")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
