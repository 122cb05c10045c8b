"""Burn rates: both windows and enough evidence fire, missing data never clears, and luck is no recovery."""

from __future__ import annotations

import math
from datetime import timedelta
from statistics import NormalDist

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.judgement.availability import wilson
from collector.judgement.burn_rate import BurnReading, BurnVerdict, Counts, Tally, readings, stands
from schemas.incident import Level, Scope, Signal
from schemas.objectives import Alarm, BurnPair, BurnPolicy, Objective, windows_of
from schemas.observation import Distrust, Outcome, Reason, Timings
from tests.support.burn_series import START, TARGET, Series
from tests.support.observations import seen

PAGE, TICKET, HOLDING = BurnVerdict.PAGE, BurnVerdict.TICKET, BurnVerdict.HOLDING
CLEAR, UNKNOWN = BurnVerdict.CLEAR, BurnVerdict.UNKNOWN
H = 3600.0
THREE_NINES = Objective(name="up", objective=0.999)


def outage(begins_s: float, lasts_s: float, *, step_s: float = 10.0, whole_s: float = 8 * H) -> Series:
    """A good target that fails totally for a while."""
    return Series.every(
        step_s, [begins_s <= number * step_s < begins_s + lasts_s for number in range(int(whole_s / step_s))]
    )


def verdicts(series: Series, objective: Objective, at_s: float) -> list[BurnVerdict]:
    """Of the page and of the ticket."""
    return [reading.verdict for reading in series.readings(objective, at_s)]


def first(series: Series, objective: Objective, wanted: BurnVerdict, since_s: float, step_s: float = 10.0) -> float:
    """When the page alarm says *wanted* for the first time, in s from *since_s*."""
    for number in range(int(8 * H / step_s)):
        if series.readings(objective, since_s + number * step_s)[0].verdict is wanted:
            return number * step_s
    raise AssertionError(wanted)


def test_the_default_pairs_are_those_of_the_workbook() -> None:
    """14.4, 6, 3 and 1 over 30 days; 13.44, 5.6, 2.8 and 0.93 over 28."""
    pairs = BurnPolicy().pairs

    assert [(pair.alarm, pair.long / H, pair.short / H) for pair in pairs] == [
        (Alarm.PAGE, 1, 1 / 12), (Alarm.PAGE, 6, 0.5), (Alarm.TICKET, 24, 2), (Alarm.TICKET, 72, 6),
    ]  # fmt: skip
    assert [pair.threshold(30 * 86400) for pair in pairs] == [14.4, 6, 3, 1]
    assert [round(pair.threshold(28 * 86400), 2) for pair in pairs] == [13.44, 5.6, 2.8, 0.93]
    assert windows_of((THREE_NINES,), Alarm.PAGE) == (300, 1800, H, 6 * H)


def test_a_total_outage_pages_within_a_minute_and_says_why() -> None:
    """At three nines and a probe each 10 s: the sixth failure is 1.67 % of the last hour, which is more than 1.44 %."""
    series = outage(7 * H, 1200)
    late = first(series, THREE_NINES, PAGE, 7 * H)
    reading = series.readings(THREE_NINES, 7 * H + late)[0]

    assert late == 60
    assert (reading.scope, reading.provider, reading.cluster) == (Scope(Level.TARGET, TARGET), "acme", "acme/east")
    assert (reading.signal, reading.objective) == (Signal.ERROR_BURN, "up")
    assert reading.rule == "burns 16.7x over 1 h and 200x over 5 m (more than 14.4x; 6 bad of 360)"


def test_two_blips_do_not_page_and_three_do() -> None:
    """At a probe each minute one failure burns 16.7 times over an hour: too few to wake anybody."""
    minutes = [False] * 420
    for number in (405, 408):
        minutes[number] = True
    assert verdicts(Series.every(60, minutes), THREE_NINES, 409 * 60)[0] is not PAGE
    minutes[407] = True
    assert verdicts(Series.every(60, minutes), THREE_NINES, 409 * 60)[0] is PAGE


def test_recovery_is_said_minutes_after_an_outage_and_not_when_the_windows_forget_it() -> None:
    """Five good minutes end a total outage; the pair of 30 minutes still fires then."""
    end = 7 * H + 1200

    assert first(outage(7 * H, 1200, whole_s=9 * H), THREE_NINES, CLEAR, end) == 300


def test_a_good_five_minutes_of_a_slow_bleed_are_no_recovery() -> None:
    """One in fifty fails: five good answers in a row say nothing."""
    bleed = Series.every(60, [number > 120 and number % 50 == 0 for number in range(600)])
    at_s = 407 * 60
    page = bleed.readings(THREE_NINES, at_s)[0]

    assert bleed.counts(at_s, 300).bad == 0
    assert page.verdict is PAGE
    assert bleed.readings(THREE_NINES, 449 * 60)[0].verdict is HOLDING


def test_a_burn_that_goes_on_is_not_over_because_the_long_window_forgets_an_old_outage() -> None:
    """26 bad minutes leave the last 6 h one by one while 1 request in 7 fails: one alarm, not one per good stretch."""
    objective = Objective(name="up", objective=0.99)
    bleeds = {440, 444, 446, 461, 470}
    minutes = [88 <= number < 114 or number in bleeds for number in range(480)]
    series = Series.every(60, minutes)
    said = {at: verdicts(series, objective, at * 60)[0] for at in range(447, 478)}

    assert said[447] is PAGE
    assert said[456] is HOLDING  # five good minutes, and 6 h have forgotten enough of the outage
    assert [at for at, verdict in said.items() if verdict is CLEAR] == [477]  # 2 bad ones in half an hour


def test_what_ended_and_begins_again_pages_again() -> None:
    """Though most of the last half hour is good."""
    bad = [number * 10 in range(7 * 3600, 7 * 3600 + 1200) or number * 10 >= 8 * H + 600 for number in range(3300)]
    series = Series.every(10, bad)

    assert series.readings(THREE_NINES, 8 * H + 600)[0].verdict is CLEAR
    assert series.readings(THREE_NINES, 8 * H + 660)[0].verdict is PAGE


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60)), min_size=1, max_size=5),
    st.sampled_from([0.9, 0.95, 0.99, 0.995, 0.999]),
    st.sampled_from([20.0, 60.0]),
)
@example([(3, 0)], 0.999, 60.0)
def test_what_is_clear_does_not_fire_again_while_nothing_fails(
    bursts: list[tuple[int, int]], objective: float, step_s: float
) -> None:
    """Whatever burned before: over stays over, of pages as of tickets."""
    bad = [False] * 400 + [failed for n, gap in bursts for failed in [True] * n + [False] * gap]
    series = Series.every(step_s, bad + [False] * 500)
    cleared = [False, False]
    for number in range(len(bad), len(bad) + 500):
        judged = verdicts(series, Objective(name="up", objective=objective), number * step_s)
        assert not any(was and verdict in {PAGE, TICKET} for was, verdict in zip(cleared, judged, strict=True))
        cleared = [was or verdict is CLEAR for was, verdict in zip(cleared, judged, strict=True)]


def test_missing_data_is_unknown_and_never_clear() -> None:
    """A target that nobody asks any more, after an outage and after a good time."""
    bad, good = outage(H, 1200, whole_s=H + 1200), outage(0, 0, whole_s=2 * H)

    for later_s in range(10, 7 * 3600, 600):
        assert CLEAR not in verdicts(bad, THREE_NINES, H + 1200 + 300 + later_s)[:1]
        assert verdicts(good, THREE_NINES, 2 * H + 300 + later_s)[0] is UNKNOWN
    assert verdicts(bad, THREE_NINES, H + 1200 + 1900)[0] is UNKNOWN


def test_tickets_need_wilsons_bound() -> None:
    """Burning 1.5 times over three days is a ticket at a probe each 10 s, and chance at one a minute."""
    objective = Objective(name="up", objective=0.999)
    bleed = [number % 667 == 0 for number in range(4 * 8640)]

    assert verdicts(Series.every(10, bleed), objective, 4 * 86400)[1] is TICKET
    assert verdicts(Series.every(60, bleed[: 4 * 1440]), objective, 4 * 86400)[1] is not TICKET


def test_a_ticket_is_apart_from_the_page() -> None:
    """After an outage the page is over while the ticket stands: three days remember it."""
    series = outage(2 * 86400, 3600, whole_s=3 * 86400)
    page, ticket = series.readings(THREE_NINES, 2 * 86400 + 3600 + 600)

    assert (page.objective, page.verdict) == ("up", CLEAR)
    assert (ticket.objective, ticket.verdict) == ("up/slow", TICKET)
    assert ticket.rule == (
        "burns 41.7x over 1 d and 500x over 2 h (more than 3x; at least 36.9x at 99 %, 360 bad of 8640)"
    )


def test_windows_that_were_not_counted_give_no_reading() -> None:
    """Without the days there is a page and no ticket."""
    full = outage(H, 60).tally(THREE_NINES, 2 * H)
    hours = {window: counts for window, counts in full.windows.items() if window <= 6 * H}
    tally = Tally(provider="acme", cluster="acme/east", target=TARGET, objective="up", windows=hours, reason="http_5xx")

    (page,) = readings([tally], (THREE_NINES,), START)
    assert (page.objective, page.reason) == ("up", "http_5xx")


def test_a_window_without_a_bad_one_is_evidence_of_its_own() -> None:
    """Of a run that nobody counted: half an hour of 180 good ones ends an outage."""
    windows = {300.0: Counts(0, 30), 1800.0: Counts(0, 180), H: Counts(120, 360), 6 * H: Counts(120, 2160)}
    tally = Tally(provider="acme", cluster="acme/east", target=TARGET, objective="up", windows=windows)

    assert [one.verdict for one in readings([tally], (THREE_NINES,), START)] == [CLEAR]


def test_since_is_the_first_bad_one_of_the_long_window() -> None:
    """And the instant itself when nothing is bad."""
    began = START - timedelta(minutes=20)
    windows = {300.0: Counts(30, 30, START), 1800.0: Counts(120, 180, began), H: Counts(120, 360, began)}
    tally = Tally(
        provider="acme", cluster="acme/east", target=TARGET, objective="up", observations=("a", "b"),
        windows=windows | {6 * H: Counts(121, 2160, began - timedelta(hours=5))},
    )  # fmt: skip
    (page,) = readings([tally], (THREE_NINES,), START)

    assert (page.verdict, page.since, page.observations) == (PAGE, began, ("a", "b"))


def test_latency_burns_as_errors_do() -> None:
    """With its own signal."""
    objective = Objective(name="fast", objective=0.99, ttft=2.0)
    readings_ = outage(7 * H, 1200).readings(objective, 7 * H + 1200)

    assert [(one.signal, one.verdict) for one in readings_] == [
        (Signal.LATENCY_BURN, PAGE), (Signal.LATENCY_BURN, TICKET),
    ]  # fmt: skip


@pytest.mark.parametrize("objective", [1.0, 0.0, 0.5])
def test_an_objective_without_a_budget_or_with_all_of_it_is_judged(objective: float) -> None:
    """100 %: any three failures page; 50 % and 0 %: a limit above 1 is never exceeded by the first pair."""
    judged = outage(7 * H, 1200).readings(Objective(name="up", objective=objective), 7 * H + 1200)

    assert (judged[0].verdict is PAGE) == (objective == 1.0)
    assert isinstance(judged[0], BurnReading)


def test_an_alarm_stands_until_it_is_clear() -> None:
    """Holding and unknown change nothing."""
    assert [stands(verdict, False) for verdict in BurnVerdict] == [True, True, False, False, False]
    assert [stands(verdict, True) for verdict in BurnVerdict] == [True, True, True, False, True]


@given(st.integers(1, 30_000), st.floats(0, 1), st.floats(0.0001, 0.9999), st.sampled_from([0.9, 0.99, 0.999]))
def test_wilsons_bound_is_above_a_limit_when_the_score_test_says_so(
    total: int, part: float, limit: float, confidence: float
) -> None:
    """Which is how the exported rules say it."""
    share = round(part * total) / total
    low = wilson(share, total, confidence=confidence)[0]
    score = (share - limit) * math.sqrt(total) - NormalDist().inv_cdf(confidence) * math.sqrt(limit * (1 - limit))

    assert abs(low - limit) < 1e-9 or (low > limit) == (score > 0)


@pytest.mark.parametrize(
    ("changes", "available", "fast"),
    [
        ({}, True, True),
        ({"outcome": Outcome.DEGRADED, "reason": Reason.WRONG_CONTENT}, True, True),
        ({"timings": Timings(first_token_ms=2000.1)}, True, False),
        ({"timings": Timings()}, True, None),
        ({"distrust": Distrust.LOOP_LAG}, True, None),
        ({"outcome": Outcome.FAILED, "reason": Reason.HTTP_5XX}, False, None),
        ({"outcome": Outcome.FAILED, "reason": Reason.AUTH_FAILED}, None, None),
        ({"outcome": Outcome.FAILED, "reason": Reason.RATE_LIMITED}, None, None),
        ({"outcome": Outcome.NOT_OBSERVED, "reason": Reason.OBSERVER_OFFLINE}, None, None),
        ({"attempt": 1}, None, None),
        ({"kind": "tcp_connect"}, None, None),
        ({"kind": "long_prompt"}, True, None),
    ],
    ids=str,
)
def test_what_an_objective_counts(changes: dict[str, object], available: bool | None, fast: bool | None) -> None:
    """Good, bad, or neither."""
    one = seen(**{"timings": Timings(first_token_ms=2000.0)} | changes)

    assert THREE_NINES.judges(one) is available
    assert Objective(name="fast", objective=0.99, ttft=2.0).judges(one) is fast


def test_patterns_say_which_providers_an_objective_covers() -> None:
    """Ids or patterns, upper and lower case told apart."""
    objective = Objective(name="up", objective=0.99, providers=("acme", "b*"))

    assert [objective.covers(name) for name in ("acme", "basalt", "acme2", "zeta")] == [True, True, False, False]


def test_a_pair_that_makes_no_sense_is_refused() -> None:
    """A short window that is not shorter; nothing spent."""
    with pytest.raises(ValueError, match="short is not shorter than long"):
        BurnPair(alarm=Alarm.PAGE, spent=0.02, long=300.0, short=300.0)
    with pytest.raises(ValueError, match="spent is 0"):
        BurnPair(alarm=Alarm.PAGE, spent=0.0, long=300.0, short=30.0)
