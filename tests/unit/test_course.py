"""Whatever the wall clock does, a subject's ticks are each taken once, and those not asked are known to be missed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from probes.course import GAP_TICKS_MAX, Course, missed
from probes.spool import Seen
from tests.support.subjects import http_subject

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUBJECT = http_subject("http://127.0.0.1:1", interval="10s")
GRID = SUBJECT.grid


def seconds(number: float) -> timedelta:
    """As a span of time."""
    return timedelta(seconds=number)


def look(course: Course, before: datetime, now: datetime) -> list[datetime]:
    """The ticks that an agent asks, which looked at *before* and looks again at *now*."""
    if now < before:
        course.rewind(now)
    asked = []
    while course.following <= now:
        if now - course.following > course.interval * 10:
            course.leap(now)
        else:
            asked.append(course.take())
    return asked


@given(steps=st.lists(st.integers(-4_000, 4_000), min_size=1, max_size=14))
def test_no_tick_is_asked_twice_and_none_is_left_out(steps: list[int]) -> None:
    """The clock goes forward and back by up to an hour: every tick it passed over is asked once, or missed once."""
    course, now, low, high = Course.begun(SUBJECT, NOON), NOON, NOON, NOON
    asked: list[datetime] = []
    for step in steps:
        before, now = now, now + seconds(step)
        asked += look(course, before, now)
        low, high = min(low, now), max(high, now)
    left = missed(course.grid, course.spans(), Seen(EPOCH, frozenset(asked)) if asked else None, ())

    assert max(Counter(asked).values(), default=1) == 1
    assert not set(left) & set(asked)
    assert set(GRID.between(NOON, high)) == {tick for tick in (*asked, *left) if tick > NOON}
    assert all(low < tick <= high for tick in (*asked, *left))


def test_an_absence_is_missed_from_the_first_tick_remembered() -> None:
    """Two ticks seen, one between them lost with the process, then nobody: three are missed, the grid goes on."""
    first, lost, third = list(GRID.between(NOON, NOON + seconds(30)))
    now = third + seconds(25)
    course = Course.begun(SUBJECT, now, seen := Seen(EPOCH, frozenset({first, third})))

    assert missed(course.grid, course.spans(), seen, ()) == [lost, third + seconds(10), third + seconds(20)]
    assert course.following == third + seconds(30)


def test_what_is_under_way_or_older_than_memory_is_not_missed() -> None:
    """Being asked, waiting for the disk, or seen so long ago that it was forgotten."""
    ticks = list(GRID.between(NOON, NOON + seconds(60)))
    course = Course.begun(SUBJECT, NOON)
    assert look(course, NOON, NOON + seconds(60)) == ticks

    assert missed(GRID, course.spans(), None, ticks[4:]) == ticks[:4]
    assert missed(GRID, course.spans(), Seen(ticks[2], frozenset({ticks[2]})), ticks[4:]) == [ticks[3]]


def test_never_seen_has_no_past() -> None:
    """A target that is new was not missed before."""
    course = Course.begun(SUBJECT, NOON)

    assert missed(course.grid, course.spans(), None, ()) == []


def test_a_very_long_absence_leaves_a_hole_and_no_flood() -> None:
    """A year in a leap, or before a start: the newest day of ticks is filled in."""
    year = timedelta(days=365)
    leapt, begun = Course.begun(SUBJECT, NOON), Course.begun(SUBJECT, NOON + year, Seen(EPOCH, frozenset({NOON})))
    leapt.leap(NOON + year)

    for course in (leapt, begun):
        assert len(missed(course.grid, course.spans(), None, ())) == GAP_TICKS_MAX
    leapt.rewind(NOON + seconds(3600))
    assert leapt.following == GRID.after(NOON + seconds(3600))  # what was only left out is asked, if time comes again


def test_a_start_with_the_clock_set_back_passes_over_what_was_asked_in_the_future() -> None:
    """Asked until 12:10 by a clock that then went back to 12:00: the next new tick is after 12:10."""
    ahead = frozenset(GRID.between(NOON, NOON + seconds(600)))
    course = Course.begun(SUBJECT, NOON, Seen(EPOCH, ahead))

    assert course.following == GRID.after(NOON + seconds(600))


def test_what_a_clock_that_was_ahead_has_taken_is_passed_over_but_not_when_it_was_plainly_wrong() -> None:
    """An hour ahead, of which only the end is remembered; ten years ahead."""
    hour, decade = NOON + seconds(3600), NOON + timedelta(days=3650)

    assert Course.begun(SUBJECT, NOON, Seen(hour, frozenset())).following == GRID.after(hour)
    assert Course.begun(SUBJECT, NOON, Seen(decade, frozenset({decade}))).following == GRID.after(NOON)


def test_a_subject_that_is_new_has_missed_nothing_although_it_is_remembered() -> None:
    """It was probed once, and was not to be probed since."""
    course = Course.begun(SUBJECT, NOON, Seen(EPOCH, frozenset({GRID.after(NOON - seconds(900))})), new=True)

    assert missed(course.grid, course.spans(), None, ()) == []


def test_a_subject_that_began_and_left_no_observation_has_missed_everything_since() -> None:
    """The process died before the first tick was on disk."""
    course = Course.begun(SUBJECT, NOON + seconds(35), Seen(NOON, frozenset()))

    assert missed(course.grid, course.spans(), None, ()) == list(GRID.between(NOON, NOON + seconds(35)))


def test_a_subject_that_comes_back_takes_nothing_twice_and_owes_nothing_for_its_absence() -> None:
    """Gone at 12:01, back at 12:05 by a clock that says 12:00:30."""
    course = Course.begun(SUBJECT, NOON)
    first = look(course, NOON, NOON + seconds(60))
    forgotten = Seen(course.settle() + timedelta(milliseconds=1), frozenset())
    course.resume(NOON + seconds(30))

    again = look(course, NOON + seconds(30), NOON + seconds(120))
    assert again == list(GRID.between(NOON + seconds(60), NOON + seconds(120)))
    assert not set(first) & set(again)
    assert missed(GRID, course.spans(), forgotten, again) == []


def test_a_grid_that_took_over_from_another_never_goes_back_before_that() -> None:
    """The interval was changed at noon: what the old grid asked before is not asked again by the new one."""
    course = Course.begun(SUBJECT, NOON)
    course.succeeded = NOON
    asked = look(course, NOON, NOON + seconds(60)) + look(course, NOON + seconds(60), NOON - seconds(300))

    assert course.following == GRID.after(NOON + seconds(60))
    assert asked == list(GRID.between(NOON, NOON + seconds(60)))


def test_a_course_says_how_far_it_has_come_whatever_the_clock_says_now() -> None:
    """Taken until 12:10 by a clock that was then set back; another that was ten years ahead for a moment."""
    course, wrong = Course.begun(SUBJECT, NOON), Course.begun(SUBJECT, NOON)
    asked = look(course, NOON, NOON + seconds(100))
    look(course, NOON + seconds(100), NOON + seconds(20))
    look(wrong, NOON, NOON + timedelta(days=3650))
    look(wrong, NOON + timedelta(days=3650), NOON)

    assert course.until(NOON + seconds(20)) == asked[-1]
    assert course.until(NOON + seconds(500)) == NOON + seconds(500)
    assert wrong.until(NOON) == NOON
