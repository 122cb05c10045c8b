"""Ticks at random: one in each interval, at a millisecond that only who has the secret can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from probes.contract import Subject
from probes.course import Course, missed
from probes.gap_filler import runs
from probes.scattered_grid import LANES, scattered_grid
from probes.schedule import Grid, tick_number
from probes.subjects import subjects_at
from schemas.fleet import Place, Target
from tests.support.subjects import KINDS, subject_of

SECRET = b"a secret that nobody knows"
KEYS = st.text(min_size=1, max_size=40)
INTERVALS = st.integers(1000, 90_000_000).map(lambda ms: ms / 1000)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(key=KEYS, interval_s=INTERVALS, instant=INSTANTS)
def test_ticks_follow_one_another_one_in_each_interval(key: str, interval_s: float, instant: datetime) -> None:
    """After and before agree, no interval has two ticks or none, all at the resolution of 1 ms."""
    grid = scattered_grid(SECRET, key, interval_s)
    ticks = [instant]
    for _ in range(4):
        ticks.append(grid.after(ticks[-1]))
    ticks = ticks[1:]

    numbers = [tick_number(tick, interval_s) for tick in ticks]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert [grid.before(tick) for tick in ticks[1:]] == ticks[:-1]
    assert grid.before(ticks[0]) <= instant < ticks[0]
    assert list(grid.between(instant, ticks[-1])) == ticks
    assert all(tick.microsecond % 1000 == 0 for tick in ticks)
    assert list(grid.between(ticks[0] - timedelta(milliseconds=1), ticks[0])) == ticks[:1]


def test_ticks_are_spread_over_the_interval_and_tell_nothing_of_the_next() -> None:
    """Every tenth of the interval has about a tenth of 2,000 ticks, and neighbours are not alike."""
    grid, span = scattered_grid(SECRET, "acme/east/chat|who", 600), timedelta(seconds=600)
    ticks = list(grid.between(NOON, NOON + 2000 * span))
    into = [(tick - datetime(1970, 1, 1, tzinfo=UTC)) % span / span for tick in ticks]
    counts = [sum(tenth / 10 <= at < (tenth + 1) / 10 for at in into) for tenth in range(10)]
    mean = sum(into) / len(into)
    alike = sum((a - mean) * (b - mean) for a, b in pairwise(into))

    assert all(140 <= count <= 260 for count in counts), counts
    assert abs(alike / sum((a - mean) ** 2 for a in into)) < 0.08


def test_another_secret_gives_other_ticks_and_another_trail() -> None:
    """Whoever knows the code and not the secret cannot tell them; what was taken of the one is not of the other."""
    one, other = (scattered_grid(secret, "k", 600) for secret in (SECRET, SECRET + b"."))
    span = (NOON, NOON + timedelta(days=2))

    assert not set(one.between(*span)) & set(other.between(*span))
    assert one.name != other.name
    assert SECRET.decode() not in repr(one)
    assert one.key.hex()[:12] not in one.name


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6), INSTANTS)
def test_modules_of_one_kind_never_tick_together(intervals: list[int], instant: datetime) -> None:
    """The natural key has the kind and not the module."""
    kind = KINDS["echo_challenge"].settings
    modules = {f"m{n}": kind(kind="echo_challenge", interval=f"{s}s") for n, s in enumerate(intervals)}
    target = Target(model="m", url="http://127.0.0.1:1", modules=tuple(modules))
    subjects = subjects_at(Place("a", "a/b", "a/b/c", "", target), modules, secret=SecretStr(SECRET.decode()))
    grids = [subject.grid for subject in subjects]
    ticks = [tick for grid in grids for tick in grid.between(instant, instant + timedelta(minutes=30))]

    assert len(ticks) == len(set(ticks))
    assert len({grid.beat for grid in grids}) == len(grids)
    assert all(grid.beat[0] == LANES for grid in grids)


def with_secret(kind: str, **module: object) -> Subject:
    """A subject of *kind* that has the secret."""
    plain = subject_of(kind, "http://127.0.0.1:1", **module)
    return Subject(plain.place, plain.module_name, plain.module, secret=SecretStr(SECRET.decode()))


def test_only_integrity_kinds_are_scattered_and_only_with_a_secret() -> None:
    """A heartbeat every 10 s stays even."""
    chat, echo = with_secret("chat_stream"), with_secret("echo_challenge")

    assert type(chat.grid) is type(subject_of("echo_challenge", "http://127.0.0.1:1").grid) is Grid
    assert type(echo.grid) is not Grid
    assert SECRET.decode() not in f"{echo!r} {echo.trail}"


def test_a_course_takes_every_tick_once_and_finds_what_is_missed() -> None:
    """Through waking, a leap and a clock that was set back."""
    subject = with_secret("echo_challenge", interval="60s")
    grid = subject.grid
    course = Course.begun(subject, NOON)
    taken = [course.take() for _ in range(5)]
    assert taken == list(grid.between(NOON, taken[-1]))

    later = NOON + timedelta(hours=1)
    course.leap(later)
    last = course.take()
    assert grid.before(grid.after(later)) == last
    gone = missed(grid, course.spans(), None, taken)
    assert gone == [tick for tick in grid.between(NOON, last) if tick not in taken]
    assert runs(gone, grid) == [(gone[0], gone[-1])]

    course.rewind(later - timedelta(minutes=10))
    assert course.take() == grid.after(last)


def test_an_interval_too_short_to_be_scattered_is_refused() -> None:
    """In the settings already."""
    with pytest.raises(ValueError, match="too short for ticks at random"):
        scattered_grid(SECRET, "k", 0.5)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        subject_of("echo_challenge", "http://127.0.0.1:1", interval="500ms")
