"""Logprobs of the first token: what two lists allow to differ at least, and since when a day is off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.logprobs import (
    NOT_OFFERED_SERIES,
    SERIES,
    WATCHED,
    Bounded,
    daily,
    difference,
    least_difference,
    logprobs,
    profile,
)
from collector.judgement.integrity.persistence import Event, events
from probes.kinds import logprob_sample
from schemas.evidence import Family, Grade, Standing
from schemas.sample import KeptSample

BEGAN = datetime(2026, 1, 1, 3, tzinfo=UTC)
TOKENS = [f"t{number}" for number in range(30)]
Lists = list[dict[str, float]]
LISTS: st.SearchStrategy[Lists] = st.lists(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-20, 0), min_size=1), min_size=1, max_size=4
)
WHOLE: st.SearchStrategy[Lists] = st.lists(
    st.fixed_dictionaries(dict.fromkeys("abcdefgh", st.floats(-20, 0))), min_size=1, max_size=4
)


def samples(
    served: Callable[[int], Mapping[str, float]],
    days: Sequence[int],
    *,
    noise: float = 0.02,
    set: str = "s",
    told: int = 20,
) -> list[KeptSample]:
    """Four prompts asked once on each of *days*; *served* gives a day's logprobs."""
    chance = np.random.default_rng(7)
    return [
        KeptSample(
            BEGAN + timedelta(days=day, hours=6 * prompt), "p", "p/c", "p/c/t", "v", SERIES, f"{set}:{prompt:03}",
            value + float(chance.normal(0, noise)), token,
        )
        for day in days
        for prompt in range(4)
        for token, value in list(served(day).items())[:told]
    ]  # fmt: skip


USUAL = {token: -0.4 * place - 1 for place, token in enumerate(TOKENS)}
OTHER = {token: -0.4 * place - 1 for place, token in enumerate(reversed(TOKENS))}


def usual(_: int) -> Mapping[str, float]:
    """The same model."""
    return USUAL


def since(day: int, until: int = 10**6) -> Callable[[int], Mapping[str, float]]:
    """Another model from *day* to *until*."""
    return lambda today: OTHER if day <= today < until else USUAL


def on(day: int) -> date:
    """The date of the day from 0."""
    return (BEGAN + timedelta(days=day)).date()


def test_the_probe_and_the_check_mean_the_same_series() -> None:
    """They do not know each other."""
    assert (logprob_sample.SERIES, logprob_sample.NOT_OFFERED_SERIES) == (SERIES, NOT_OFFERED_SERIES)


def test_a_swap_is_an_event_with_its_day_raised_two_days_later() -> None:
    """And weighs nothing against the provider."""
    found = logprobs("p/c/t", samples(since(30), range(40)))

    assert (found.standing, found.reason, found.e, found.p) == (Standing.NOTICED, "changed", 1.0, None)
    assert (found.family, found.grade) == (Family.CHANGE, Grade.CHANGE)
    assert found.said == f"{WATCHED.reasons['changed']}: since 2026-01-31"
    assert events(daily(samples(since(30), range(40)))) == (Event(on(30), on(32)),)
    assert found.value is not None and found.threshold is not None and found.value > 1 > found.threshold
    assert found.arithmetic[-1] == "off on 3 days from 2026-01-31, raised 2026-02-02"


def test_the_same_model_is_steady_and_says_what_would_have_been_noticed() -> None:
    """Forty days of it, the first nine of which are compared with nothing."""
    found = logprobs("p/c/t", samples(usual, range(40)))

    assert (found.standing, found.reason, found.e) == (Standing.NOT_REJECTED, "steady", 1.0)
    assert found.smallest == "a lasting shift of the difference of logprobs by 0.05, on its third day"
    assert (len(found.arithmetic), found.n) == (31, 124)
    assert found.arithmetic[0].startswith("2026-01-10: difference of logprobs 0.0")
    assert found.arithmetic[0].endswith("no window yet")


def test_two_days_are_no_change_and_a_gap_is_neither_good_nor_bad() -> None:
    """A third day off makes it one, also when a day without answers lies between."""
    assert events(daily(samples(since(30, 32), range(45)))) == ()
    gap = [*range(31), *range(32, 45)]
    assert events(daily(samples(since(30, 34), gap))) == (Event(on(30), on(33)),)


def test_a_shorter_list_is_no_change() -> None:
    """Five of the twenty tokens since a day."""
    short = samples(usual, range(28)) + samples(usual, range(28, 45), told=5)

    assert logprobs("p/c/t", short).reason == "steady"


@pytest.mark.parametrize("a", [0, 1, 9])
def test_slow_drift_is_no_change(a: int) -> None:
    """A hundredth of a nat a day: from a frozen reference it would be off for ever."""
    drifting = samples(
        lambda day: {token: v - 0.01 * day * (-1) ** i for i, (token, v) in enumerate(USUAL.items())}, range(a, 60)
    )

    assert logprobs("p/c/t", drifting).reason == "steady"


CASES: dict[str, tuple[list[KeptSample], str]] = {
    "nothing": ([], "too_few_answers"),
    "only other series": (
        [KeptSample(BEGAN, "p", "p/c", "p/c/t", "v", "border", "s:000", 0.0, "yes")], "too_few_answers",
    ),
    "two answers a day": (
        [one for one in samples(usual, range(40)) if one.item in {"s:000", "s:001"}], "too_few_answers",
    ),
    "a day": (samples(usual, range(1)), "too_few_days"),
    "23 days": (samples(usual, range(23)), "too_few_days"),
    "24 days": (samples(usual, range(24)), "steady"),
    "not offered": (
        [KeptSample(BEGAN, "p", "p/c", "p/c/t", "v", NOT_OFFERED_SERIES, "s:000", 400.0, "no")], "not_offered",
    ),
    "another set": (samples(usual, range(30)) + samples(usual, range(30, 40), set="r"), "prompts_changed"),
    "another set for long": (samples(usual, range(30)) + samples(usual, range(30, 60), set="r"), "steady"),
    "a change before another set": (
        samples(since(26), range(30)) + samples(usual, range(30, 40), set="r"), "changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_too_little_says_why(name: str) -> None:
    """Nothing is said of a model on too little."""
    kept, reason = CASES[name]
    found = logprobs("p/c/t", kept)

    assert found.reason == reason
    assert (found.standing is Standing.INSUFFICIENT) == (reason not in {"steady", "changed"})


def test_all_reasons_are_used() -> None:
    """And no other."""
    assert set(WATCHED.reasons) == {reason for _, reason in CASES.values()}


def test_of_a_token_that_is_listed_twice_the_likelier_counts() -> None:
    """Cut tokens may look the same."""
    twice = [*samples(usual, range(30)), *(
        KeptSample(one.tick, "p", "p/c", "p/c/t", "v", SERIES, one.item, -50.0, "t0")
        for one in samples(usual, range(30)) if one.text == "t0"
    )]  # fmt: skip

    assert daily(twice) == daily(samples(usual, range(30)))


def brute(a: Sequence[Mapping[str, float]], b: Sequence[Mapping[str, float]]) -> float:
    """S by plain loops: each side's mean is a value or an upper bound."""
    found, tokens = 0.0, {token for one in (*a, *b) for token in one}
    for token in tokens:
        sides = []
        for answers in (a, b):
            values, sure = [], True
            for one in answers:
                sure = sure and token in one
                values.append(one[token] if token in one else min(one.values()))
            sides.append((sum(values) / len(values), sure))
        (x, x_sure), (y, y_sure) = sides
        if x_sure and y_sure:
            found += abs(x - y)
        elif x_sure:
            found += x - y if x > y else 0.0
        elif y_sure:
            found += y - x if y > x else 0.0
    return found / len(tokens)


@given(LISTS, LISTS)
def test_the_statistic_is_that_of_plain_loops_and_symmetric(a: Lists, b: Lists) -> None:
    """And never negative."""
    s = difference(profile(a), profile(b))

    assert s == pytest.approx(brute(a, b), abs=1e-9)
    assert s == difference(profile(b), profile(a)) >= 0


@given(LISTS, st.randoms())
def test_it_is_nothing_for_the_same_answers_in_any_order(a: Lists, chance: object) -> None:
    """Of answers and of tokens."""
    mixed = [dict(sorted(one.items(), reverse=True)) for one in reversed(a)]

    assert difference(profile(a), profile(mixed)) == 0


@given(WHOLE, WHOLE, st.integers(1, 7), st.integers(1, 7))
def test_a_shorter_list_never_makes_the_difference_of_a_token_larger(a: Lists, b: Lists, n: int, m: int) -> None:
    """Than the truth that is known when all is told."""
    cut = [[dict(sorted(one.items(), key=lambda pair: -pair[1])[:k]) for one in side] for side, k in ((a, n), (b, m))]
    whole, short = [profile(side) for side in (a, b)], [profile(side) for side in cut]

    for token in "abcdefgh":
        true = least_difference(whole[0].of(token), whole[1].of(token))
        assert least_difference(short[0].of(token), short[1].of(token)) <= true + 1e-9


def test_bounds_say_only_what_they_exclude() -> None:
    """At most -5 and exactly -7 may be the same; at most -5 and exactly -4 are 1 apart."""
    assert least_difference(Bounded(-5, True), Bounded(-7, False)) == 0
    assert least_difference(Bounded(-5, True), Bounded(-4, False)) == 1
    assert least_difference(Bounded(-5, True), Bounded(-1, True)) == 0
    assert least_difference(Bounded(-5, False), Bounded(-1, False)) == 4


@pytest.mark.parametrize("day_nats", [0.0, 0.1, 0.3])
def test_honest_days_are_no_change(day_nats: float) -> None:
    """Four endpoints of sixty days, noise of each request and of whole days: never a change."""
    chance = np.random.default_rng(3)
    for _ in range(4):
        shifts = chance.normal(0, day_nats, size=(60, len(TOKENS)))
        served = [
            {token: USUAL[token] + float(shift) for token, shift in zip(TOKENS, day, strict=True)} for day in shifts
        ]
        assert (
            logprobs("p/c/t", samples(lambda day, served=served: served[day], range(60), noise=0.05)).reason == "steady"
        )


def test_the_onset_of_every_event_is_before_it_was_raised() -> None:
    """And events follow each other."""
    found = events(daily(samples(since(30, 60), range(90))))

    assert [event.onset for event in found] == [on(30), on(60)]
    assert all(event.onset < event.raised for event in found)
    assert all(a.raised < b.onset for a, b in pairwise(found))
