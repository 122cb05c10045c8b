"""A past judged again: the pages that a policy would have sent, the same however it is fed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.judgement.backtest import Replay, WouldPage, by_week, minutes_to_page
from collector.judgement.blind_spans import BlindSpan, seen_clearly
from collector.judgement.burn_past import TRIM_AT, Past
from collector.judgement.burn_rate import Counts
from collector.judgement.fleet_index import FleetIndex
from schemas.incident import Change, Level, Scope, Severity, Signal
from schemas.objectives import Objective
from schemas.observation import Observation, Outcome, Reason, Timings
from schemas.paging import Paging
from tests.support.observations import seen

START = datetime(2026, 11, 1, tzinfo=UTC)
H = timedelta(hours=1)
EAST, WEST = "acme/east/chat", "acme/west/chat"
INDEX = FleetIndex(
    {"acme": ("acme/east", "acme/west"), "basalt": ("basalt/north",)},
    {"acme/east": (EAST,), "acme/west": (WEST,), "basalt/north": ("basalt/north/chat",)},
)
UP = Objective(name="up", objective=0.99)


def past(
    target: str, hours: float, bad: Iterable[float] = (), step_s: int = 60, failing_takes_s: float = 0.5
) -> Iterator[Observation]:
    """A request each *step_s*; those at *bad* (s after START) failed."""
    failed = set(bad)
    for second in range(0, int(hours * 3600), step_s):
        outcome = Outcome.FAILED if second in failed else Outcome.OK
        reason = Reason.HTTP_5XX if second in failed else None
        tick, took_s = START + timedelta(seconds=second), failing_takes_s if second in failed else 0.5
        finished = tick + timedelta(seconds=took_s)
        yield seen(target=target, tick=tick, finished_at=finished, outcome=outcome, reason=reason)


def judged(observations: Iterable[Observation], objectives: tuple[Objective, ...], hours: int) -> list[WouldPage]:
    """The pages of the default policy, fed by the hour."""
    replay = Replay(Paging(), objectives, INDEX, START)
    waiting = sorted(observations, key=lambda one: one.tick)
    pages: list[WouldPage] = []
    for number in range(hours):
        low, high = START + number * H, START + (number + 1) * H
        pages += replay.feed([one for one in waiting if low <= one.tick < high], high)
    return pages


def test_an_outage_is_one_page_of_what_is_hard_down() -> None:
    """The third failure in a row, within seconds of its end; the budget that burns meanwhile is no second page."""
    bad = range(3600, 3600 + 1200, 60)
    pages = judged([*past(EAST, 4, bad), *past(WEST, 4)], (UP,), 4)

    assert [(page.change, page.signal, page.scope, page.severity) for page in pages][:1] == [
        (Change.OPENED, Signal.HARD_DOWN, Scope(Level.CLUSTER, "acme/east"), Severity.P1)
    ]
    assert pages[0].failed_at == START + H
    assert timedelta(minutes=2) < pages[0].at - pages[0].failed_at < timedelta(minutes=2, seconds=4)
    assert [page.signal for page in pages].count(Signal.HARD_DOWN) == 1
    assert Signal.ERROR_BURN not in {page.signal for page in pages if page.severity is not Severity.P3}


def test_a_bleed_that_is_never_down_pages_by_its_burn_rate() -> None:
    """Each third request fails: no three in a row, but 33 times the budget."""
    bad = range(2 * 3600, 4 * 3600, 180)
    pages = judged([*past(EAST, 5, bad), *past(WEST, 5)], (UP,), 5)
    page = next(page for page in pages if page.severity is Severity.P1)

    assert Signal.HARD_DOWN not in {page.signal for page in pages}
    assert (page.signal, page.scope, page.reason) == (Signal.ERROR_BURN, Scope(Level.CLUSTER, "acme/east"), "http_5xx")
    assert page.failed_at == START + 2 * H + timedelta(milliseconds=500)
    assert page.rule == "burns 15x over 1 h and 40x over 5 m (more than 14.4x; 9 bad of 60)"
    assert [page.severity for page in pages].count(Severity.P1) == 1


def test_without_objectives_only_what_is_down_pages() -> None:
    """And a good past pages nobody."""
    assert judged(past(EAST, 5, range(2 * 3600, 4 * 3600, 180)), (), 5) == []
    assert judged(past(EAST, 5), (UP,), 5) == []


def test_latency_burns_at_its_own_severity() -> None:
    """Every answer comes late."""
    slow = [
        seen(target=EAST, tick=START + timedelta(minutes=number), timings=Timings(first_token_ms=3000.0))
        for number in range(120)
    ]
    pages = judged(slow, (Objective(name="fast", objective=0.95, ttft=2.0),), 2)

    assert [(page.signal, page.severity, page.reason) for page in pages] == [(Signal.LATENCY_BURN, Severity.P2, "slow")]


def test_a_past_is_judged_the_same_however_it_is_cut() -> None:
    """By the hour or at once; what ends after its hour is not lost."""
    bad = [*range(3600 - 120, 3600 + 600, 60), *range(7200, 4 * 3600, 180)]
    several = sorted([*past(EAST, 6, bad, failing_takes_s=90), *past(WEST, 6)], key=lambda one: one.tick)
    whole = list(Replay(Paging(), (UP,), INDEX, START).feed(several, START + 6 * H))

    assert whole == judged(several, (UP,), 6)
    assert len(whole) >= 2


def test_counts_of_the_past_are_those_of_its_events() -> None:
    """Of any window, also once older events were dropped."""
    bad = set(range(0, 10 * 86400, 7 * 10))
    objective = Objective(name="up", objective=0.9)
    several = list(past(EAST, 10 * 24, bad, step_s=10))
    several = several[: 3 * TRIM_AT + 30_000]
    track_of = Past((objective,))
    track_of.take(several)
    track, at = track_of[objective.name, EAST], several[-1].finished_at + timedelta(seconds=5)

    for window_s in (300.0, 3600.0, 21_600.0, 259_200.0):
        inside = [one for one in several if at - timedelta(seconds=window_s) <= one.finished_at < at]
        failed = [one.finished_at for one in inside if one.outcome is Outcome.FAILED]
        assert track.counts(at, window_s) == Counts(len(failed), len(inside), failed[0])
    assert len(track.times) < len(several)
    assert track.counts(at - timedelta(days=30), 300.0) == Counts(0, 0)


def test_what_a_blind_vantage_saw_is_taken_out_of_the_past() -> None:
    """From the start of the span, of that vantage alone, whether it was taken in before or comes later."""
    bad = range(0, 3600, 120)
    here = list(past(EAST, 2, bad))
    there = [replace(one, vantage="elsewhere") for one in past(EAST, 2, bad)]
    both = sorted([*here, *there], key=lambda one: one.finished_at)
    span = BlindSpan(here[0].vantage, START + timedelta(minutes=10), START + timedelta(minutes=50))
    reader, at = Past((UP,)), START + 2 * H
    clear = [one for one in both if not span.holds(one)]
    reader.take([one for one in both if one.tick < START + timedelta(minutes=30)])
    reader.forget(span)
    reader.take(seen_clearly([one for one in both if one.tick >= START + timedelta(minutes=30)], (span,)))

    for window_s in (3600.0, 5400.0, 7200.0):
        inside = [one for one in clear if at - timedelta(seconds=window_s) <= one.finished_at < at]
        failed = [one.finished_at for one in inside if one.outcome is Outcome.FAILED]
        counts = reader[UP.name, EAST].counts(at, window_s)
        assert (counts.bad, counts.total) == (len(failed), len(inside))
    assert len(clear) == len(both) - 40


def test_weeks_and_the_median_of_what_was_paged() -> None:
    """A last week that is short; a median over openings only."""
    pages = [
        WouldPage(
            at=START + timedelta(days=days, minutes=minutes), change=change, severity=Severity.P1, reason="", rule="",
            signal=Signal.HARD_DOWN, scope=Scope(Level.TARGET, EAST), provider="acme",
            failed_at=START + timedelta(days=days),
        )
        for days, minutes, change in ((0, 1, Change.OPENED), (8, 3, Change.OPENED), (9, 60, Change.REOPENED))
    ]  # fmt: skip

    assert by_week([(page.at, page.severity) for page in pages], START, START + timedelta(days=10)) == [
        {Severity.P1: 1}, {Severity.P1: 2},
    ]  # fmt: skip
    assert minutes_to_page(pages) == 2.0
    assert minutes_to_page(pages, Signal.ERROR_BURN) is None
    assert minutes_to_page([]) is None


@pytest.mark.parametrize("signal", [None, Signal.HARD_DOWN])
def test_the_median_may_be_of_one_signal(signal: Signal | None) -> None:
    """Or of all."""
    assert minutes_to_page(judged(past(EAST, 3, range(3600, 4800, 60)), (), 3), signal) == pytest.approx(2.02, abs=0.03)
