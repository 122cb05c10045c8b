"""The grid: anchored at the epoch, never drifting, every instant in exactly one tick's interval, phases spread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from probes.schedule import confirm_gap_s, phase_ms, tick_after, ticks_between

KEYS = st.text(min_size=1, max_size=40)
INTERVALS = st.integers(1, 3_600_000).map(lambda ms: ms / 1000)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(key=KEYS, interval_s=INTERVALS, instant=INSTANTS)
def test_the_next_tick_is_after_now_and_within_an_interval(key: str, interval_s: float, instant: datetime) -> None:
    """Strictly after, so that a tick is never taken twice; at the resolution of 1 ms."""
    tick = tick_after(key, interval_s, instant)

    assert instant < tick <= instant + timedelta(seconds=interval_s)
    assert tick.microsecond % 1000 == 0


@given(key=KEYS, interval_s=INTERVALS, instant=INSTANTS, ahead=st.integers(0, 1000))
def test_the_grid_never_drifts(key: str, interval_s: float, instant: datetime, ahead: int) -> None:
    """Whenever one asks, the ticks are the same multiples of the interval after the same phase."""
    tick = tick_after(key, interval_s, instant)
    interval = timedelta(milliseconds=round(interval_s * 1000))

    assert (tick - EPOCH) % interval == timedelta(milliseconds=phase_ms(key, round(interval_s * 1000)))
    assert tick_after(key, interval_s, tick + interval * ahead) == tick + interval * (ahead + 1)
    assert tick_after(key, interval_s, tick - timedelta(microseconds=1)) == tick


@given(key=KEYS, interval_s=st.integers(50, 5000).map(lambda ms: ms / 1000), instant=INSTANTS, cut=st.floats(0, 1))
def test_a_span_of_time_cut_in_two_has_the_same_ticks(
    key: str, interval_s: float, instant: datetime, cut: float
) -> None:
    """(a, b] and (b, c] are (a, c]: a restart neither repeats nor loses a tick."""
    end = instant + timedelta(seconds=20)
    middle = instant + (end - instant) * cut
    whole = list(ticks_between(key, interval_s, instant, end))

    assert whole == [
        *ticks_between(key, interval_s, instant, middle),
        *ticks_between(key, interval_s, middle, end),
    ]
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
