"""Instants on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from touchstone.instants import INSTANT


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_an_instant_is_utc_and_a_day_is_its_beginning(typed: str, meant: datetime) -> None:
    """Whatever offset it was typed with."""
    assert INSTANT.convert(typed, None, None) == meant


@pytest.mark.parametrize("typed", ["2026-01-31T12:00", "2026-02-30", "20260131T12", "1970-01-01", "noon", ""])
def test_what_could_mean_several_instants_is_none(typed: str) -> None:
    """A time without an offset is somebody's local time."""
    with pytest.raises(click.BadParameter):
        INSTANT.convert(typed, None, None)
