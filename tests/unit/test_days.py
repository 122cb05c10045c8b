"""What a day's bar says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from collector.judgement import day_marks
from collector.judgement.day_marks import Day, Mark
from collector.storage.day_bars import DayBar
from dashboard import days, markup

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("day", "mark"),
    [
        (Day(TODAY), Mark.UNKNOWN),
        (Day(TODAY, not_observed=100), Mark.UNKNOWN),
        (Day(TODAY, unknown=100), Mark.UNKNOWN),
        (Day(TODAY, ok=1000), Mark.GOOD),
        (Day(TODAY, ok=996, failed=4), Mark.GOOD),
        (Day(TODAY, ok=995, failed=5), Mark.MINOR),
        (Day(TODAY, ok=98, failed=2), Mark.BAD),
        (Day(TODAY, ok=95, failed=5), Mark.SEVERE),
        (Day(TODAY, ok=90, degraded=10), Mark.SLOW),
        (Day(TODAY, ok=40, not_observed=60), Mark.PARTIAL),
        (Day(TODAY, ok=36, failed=4, not_observed=60), Mark.SEVERE),
    ],
)
def test_a_day_is_one_word(day: Day, mark: Mark) -> None:
    """Unknown is never good; what failed is never hidden by what was not observed."""
    assert day.mark is mark


def test_days_without_a_bar_are_unknown() -> None:
    """Thirty days, one of them seen, its two clusters added up."""
    bars = [DayBar("acme", f"acme/{name}", TODAY, 10, 9, 0, 1, 0, 0) for name in ("a", "b")]
    row = day_marks.row(bars, TODAY, 30)

    assert len(row) == 30
    assert [day.mark for day in row[:-1]] == [Mark.UNKNOWN] * 29
    assert (row[-1].ok, row[-1].failed) == (18, 2)


def test_as_many_days_are_shown_as_there_are() -> None:
    """30, 60 or 90; never fewer than there is history for."""
    bar = DayBar("acme", "acme/a", TODAY, 1, 1, 0, 0, 0, 0)
    old = [DayBar("acme", "acme/a", TODAY - timedelta(days=back), 1, 1, 0, 0, 0, 0) for back in (40, 70)]

    assert days.span([bar], TODAY) == days.span([], TODAY) == 30
    assert days.span([bar, old[0]], TODAY) == 60
    assert days.span([bar, old[1]], TODAY) == 90


def test_a_bars_title_says_the_numbers() -> None:
    """Rounded down, with what is unknown named as such."""
    assert markup.day_title(Day(TODAY, ok=998, failed=2, unknown=3, not_observed=4)) == (
        "Tue 24 Nov 2026: 99.80 % of 1000 probes answered, 2 failed, 3 failed, fault unknown, 4 not observed"
    )


def test_nothing_from_outside_becomes_an_element_or_a_link() -> None:
    """HTML and Markdown alike."""
    assert markup.row(['<img src=x onerror="x">']) == ("<tr><td>&lt;img src=x onerror=&quot;x&quot;&gt;</td></tr>")
    assert markup.plain("![a](http://b)") == "\\!\\[a\\]\\(http\\:\u2060//b\\)"
