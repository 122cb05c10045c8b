"""The grid: anchored at the epoch, never drifting, every instant in exactly one tick's interval, phases spread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from probes.schedule import Grid, confirm_gap_s, grid_of, phase_ms, shift_apart

KEYS = st.text(min_size=1, max_size=40)
INTERVALS = st.integers(1, 3_600_000).map(lambda ms: ms / 1000)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(key=KEYS, interval_s=INTERVALS, instant=INSTANTS)
def test_the_next_tick_is_after_now_and_within_an_interval(key: str, interval_s: float, instant: datetime) -> None:
    """Strictly after, so that a tick is never taken twice; at the resolution of 1 ms."""
    tick = grid_of(key, interval_s).after(instant)

    assert instant < tick <= instant + timedelta(seconds=interval_s)
    assert tick.microsecond % 1000 == 0


@given(key=KEYS, interval_s=INTERVALS, instant=INSTANTS, ahead=st.integers(0, 1000))
def test_the_grid_never_drifts(key: str, interval_s: float, instant: datetime, ahead: int) -> None:
    """Whenever one asks, the ticks are the same multiples of the interval after the same phase."""
    grid = grid_of(key, interval_s)
    tick, interval = grid.after(instant), timedelta(milliseconds=round(interval_s * 1000))

    assert (tick - EPOCH) % interval == timedelta(milliseconds=phase_ms(key, round(interval_s * 1000)))
    assert grid.after(tick + interval * ahead) == tick + interval * (ahead + 1)
    assert grid.after(tick - timedelta(microseconds=1)) == tick


@given(key=KEYS, interval_s=st.integers(50, 5000).map(lambda ms: ms / 1000), instant=INSTANTS, cut=st.floats(0, 1))
def test_a_span_of_time_cut_in_two_has_the_same_ticks(
    key: str, interval_s: float, instant: datetime, cut: float
) -> None:
    """(a, b] and (b, c] are (a, c]: a restart neither repeats nor loses a tick."""
    end = instant + timedelta(seconds=20)
    middle = instant + (end - instant) * cut
    grid = grid_of(key, interval_s)
    whole = list(grid.between(instant, end))

    assert whole == [*grid.between(instant, middle), *grid.between(middle, end)]
    assert len(whole) in {int(20 / interval_s), int(20 / interval_s) + 1}
    assert whole == sorted(set(whole))


def test_subjects_are_spread_over_the_interval() -> None:
    """A thousand targets at 60 s: every tenth of the minute has its hundred, give or take."""
    tenths = [phase_ms(f"acme/c{number}/chat|chat", 60_000) // 6000 for number in range(1000)]

    assert all(60 <= tenths.count(tenth) <= 140 for tenth in range(10))


@given(key=KEYS, attempt=st.integers(1, 5))
def test_a_re_probe_waits_between_the_two_limits_and_always_as_long(key: str, attempt: int) -> None:
    """Hashed, not random: the same attempt waits the same."""
    gap_s = confirm_gap_s(key, T, attempt, 0.3, 0.5)

    assert 0.3 <= gap_s < 0.5
    assert confirm_gap_s(key, T, attempt, 0.3, 0.5) == gap_s


def test_re_probes_do_not_bunch() -> None:
    """A hundred targets that fail together ask again at a hundred instants."""
    gaps = {confirm_gap_s(f"t{number}", T, 1, 0.3, 0.5) for number in range(100)}

    assert len(gaps) == 100
    assert max(gaps) - min(gaps) > 0.15


@given(
    keys=st.lists(KEYS, min_size=2, max_size=5, unique=True),
    units=st.lists(st.integers(1, 90), min_size=5, max_size=5),
    instant=INSTANTS,
)
def test_grids_set_apart_never_tick_in_the_same_millisecond(
    keys: list[str], units: list[int], instant: datetime
) -> None:
    """Up to five subjects whose intervals are multiples of 10 s: no instant of an hour has two of their ticks."""
    grids: list[Grid] = []
    for key, unit in zip(keys, units, strict=False):
        shift = shift_apart(partial(grid_of, key, unit * 10.0), grids)
        assert shift is not None
        grids.append(grid_of(key, unit * 10.0, shift))
    ticks = [tick for grid in grids for tick in grid.between(instant, instant + timedelta(hours=1))]

    assert len(ticks) == len(set(ticks))
    assert not any(one.meets(other) for number, one in enumerate(grids) for other in grids[:number])


@given(a=st.integers(1, 40), b=st.integers(1, 40), pa=st.integers(0, 39), pb=st.integers(0, 39))
def test_whether_two_grids_meet_is_what_looking_at_every_millisecond_says(a: int, b: int, pa: int, pb: int) -> None:
    """By number theory, and by looking."""
    one, other = Grid(a, pa % a), Grid(b, pb % b)
    seen = {ms for ms in range(a * b) if (ms - one.phase_ms) % a == 0 and (ms - other.phase_ms) % b == 0}

    assert one.meets(other) == bool(seen)


def test_a_subject_alone_keeps_its_phase() -> None:
    """The first candidate is the plain hash, so that what there was goes on as it did."""
    assert shift_apart(partial(grid_of, "acme/east/chat|chat", 60), []) == 0
    assert grid_of("acme/east/chat|chat", 60).phase_ms == phase_ms("acme/east/chat|chat", 60_000)


def test_grids_that_must_meet_have_no_shift() -> None:
    """60 s and 60.001 s have only a millisecond in common: whatever the phases, they tick together once."""
    assert shift_apart(partial(grid_of, "b", 60.001), [grid_of("a", 60)]) is None
