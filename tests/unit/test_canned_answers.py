"""Recordings are found; caches, fixed temperatures and short answers that collide are told apart from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.canned_answers import (
    ALPHA,
    COLLISION_MAX,
    REASONS,
    REPEATED_ALPHA,
    DayAnswers,
    canned_answers,
    chance_of_equal,
    repeated_prompt,
)
from collector.judgement.integrity.echo_challenge import echo_challenge, echoes_of
from collector.judgement.integrity.repetition import Answers, chance_of_top, repetition, smallest_share
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

TARGET = "acme/east/m"
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
SORRY = "I am happy to help."


def kept(series: str, day: int, item: str, value: float, text: str, vantage: str = "v1") -> KeptSample:
    """A sample of a day from 0."""
    return KeptSample(FIRST + timedelta(days=day), "acme", "acme/east", TARGET, vantage, series, item, value, text)


def repeats(day: int, same: int, n: int = 24, vantage: str = "v1") -> list[KeptSample]:
    """*n* answers to the day's prompt, *same* of them equal."""
    digests = ["f" * 16] * same + [f"{at:016x}" for at in range(n - same)]
    return [kept("repeat", day, f"set:{day:03}", 400, digest, vantage) for digest in digests]


def echoes(right: int, wrong: int, same: bool) -> list[KeptSample]:
    """Answers to challenges; *same*: the wrong ones are one and the same."""
    return [
        *(kept("echo", 0, str(at), 1, f"K{at} {17 * at}") for at in range(right)),
        *(kept("echo", 1, str(at), 0, f" {SORRY}\n" if same else f"K{at} {at}") for at in range(wrong)),
    ]


def days_of(tops: list[int], n: int = 200, vantage: str = "v1") -> list[DayAnswers]:
    """Days of *n* answers to different prompts, with how often the commonest came."""
    return [
        DayAnswers(TARGET, FIRST.date() + timedelta(days=day), vantage, Answers(n, n - top + 1, top))
        for day, top in enumerate(tops)
    ]


def repeated(samples: list[KeptSample], **more: set[str]) -> Evidence:
    """The evidence of repeats and echoes, whole whatever it says."""
    found = repeated_prompt(TARGET, samples, **more)
    assert (found.check, found.family, found.grade) == ("repeated_prompt", Family.IDENTITY, Grade.CONTRADICTION)
    assert found.said.startswith(REASONS[found.reason])
    return found


def test_one_answer_to_many_prompts_on_two_days_is_a_contradiction() -> None:
    """From two vantages, with its arithmetic."""
    other = [replace(one, target="acme/west/m") for one in days_of([200] * 9)]
    found = canned_answers(TARGET, [*days_of([150, 150, 1]), *days_of([90, 90, 1], n=120, vantage="v2"), *other])

    assert (found.standing, found.reason) == (Standing.CONTRADICTED, "same_answer_to_different_prompts")
    assert (found.days, found.vantages) == (2, 2)
    assert found.value == 0.75
    assert found.e > 1e5
    assert found.p is not None and found.p < 1e-30
    assert found.n == 960
    assert "2 of 3 days" in found.arithmetic[-1]


def test_a_recording_for_one_vantage_is_found() -> None:
    """The other gets answers that differ; the day's p is twice the least."""
    found = canned_answers(TARGET, [*days_of([1, 1]), *days_of([60, 60], n=120, vantage="v2")])
    assert (found.standing, found.days, found.vantages) == (Standing.CONTRADICTED, 2, 1)
    twice = 2 * chance_of_top(60, 120)
    assert f"from v2: the commonest of 120 came 60 times, p <= {twice:.3g}" in found.arithmetic[0]


def test_one_such_day_is_noticed_and_short_answers_that_collide_are_not() -> None:
    """4 % of the answers are the commonest on every day: an honest model with answers of a word."""
    assert canned_answers(TARGET, days_of([150, *[1] * 9])).reason == "not_replicated"
    found = canned_answers(TARGET, days_of([8] * 30))
    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "answers_differ")
    assert found.e < 1
    assert found.smallest == "one recorded answer for 18% of the prompts on two days, power 0.9"


@pytest.mark.parametrize("days", [[], days_of([150]), days_of([24] * 9, n=24)])
def test_too_few_answers_or_days_are_insufficient(days: list[DayAnswers]) -> None:
    """Below 25 answers a day or two days nothing is said."""
    found = canned_answers(TARGET, days)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_few_answers", 1.0)


def test_a_recording_repeats_itself_and_cannot_echo() -> None:
    """Then, and only then, equal answers to one prompt are a contradiction."""
    samples = [*repeats(0, 24), *repeats(1, 24), *echoes(0, 20, same=True)]
    found = repeated(samples)
    assert (found.standing, found.reason, found.days, found.vantages) == (Standing.CONTRADICTED, "recorded", 2, 1)
    assert found.e > 1e5
    assert "20 the same wrong answer" in " ".join(found.arithmetic)


@pytest.mark.parametrize(
    ("beside", "reason"),
    [(echoes(19, 1, same=True), "cached"), (echoes(3, 17, same=False), "answers_repeat"), ([], "answers_repeat")],
    ids=["a cache", "a weak model behind a cache", "never challenged"],
)
def test_a_cache_is_no_fraud(beside: list[KeptSample], reason: str) -> None:
    """All answers equal on every day, and no evidence of anything."""
    found = repeated([one for day in range(10) for one in repeats(day, 24)] + beside)
    assert (found.standing, found.reason) == (Standing.NOTICED, reason)
    assert found.e < 1


def test_answers_that_differ_are_not_rejected() -> None:
    """With a few that are equal by chance."""
    found = repeated([one for day in range(10) for one in repeats(day, 5)] + echoes(20, 0, same=False))
    assert (found.standing, found.reason, found.days) == (Standing.NOT_REJECTED, "answers_differ", 0)


def test_a_recording_on_one_day_only_is_not_replicated() -> None:
    """Neither accused nor passed over."""
    found = repeated([*repeats(0, 24), *repeats(1, 1), *echoes(0, 20, same=True)])
    assert (found.standing, found.reason) == (Standing.NOTICED, "not_replicated")


def test_five_equal_answers_are_an_event_and_four_of_five_for_screened_prompts() -> None:
    """All five identical: 5.6e-4 when two are equal with probability 5 %, 1e-5 at 1 %; four of five at 1 %: 4.6e-4."""
    recording = echoes(0, 20, same=True)
    five = [*repeats(0, 5, 5), *repeats(1, 5, 5), *recording]
    four = [*repeats(0, 4, 5), *repeats(1, 4, 5), *recording]
    assert repeated(five).reason == "recorded"
    assert repeated(five).value == pytest.approx(0.05**2.5)
    assert repeated(four).reason == "answers_differ"
    assert repeated(four, screened={"set:000", "set:001"}).reason == "recorded"
    assert repeated(five).smallest.startswith("5 equal answers of 5 on two days")


@pytest.mark.parametrize(
    "samples",
    [
        [],
        repeats(0, 24),
        [*repeats(0, 4, 4), *repeats(1, 4, 4)],
        [kept("repeat", day, "set:0", 10, "") for day in range(9) for _ in range(9)],
    ],
    ids=["nothing", "one day", "four a day", "answers below 50 tokens"],
)
def test_too_little_to_compare_is_insufficient(samples: list[KeptSample]) -> None:
    """With the reason, and e = 1."""
    found = repeated(samples)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_few_answers", 1.0)


@pytest.mark.parametrize(
    ("samples", "standing", "reason"),
    [
        (echoes(19, 1, same=False), Standing.NOT_REJECTED, "echoes"),
        (echoes(2, 18, same=False), Standing.NOTICED, "mostly_wrong"),
        (echoes(2, 18, same=True), Standing.NOTICED, "same_wrong_answer"),
        (echoes(9, 0, same=False), Standing.INSUFFICIENT, "too_few_challenges"),
        ([], Standing.INSUFFICIENT, "too_few_challenges"),
    ],
)
def test_the_echo_challenge_alone_accuses_nobody(samples: list[KeptSample], standing: Standing, reason: str) -> None:
    """A weak model errs too; the form of a wrong answer does not make it another."""
    found = echo_challenge(TARGET, samples)
    assert (found.standing, found.reason, found.e, found.grade) == (standing, reason, 1.0, Grade.BADGE)


def test_the_share_of_right_echoes_has_wilsons_bounds() -> None:
    """18 of 20, at 95 %, as published tables have it."""
    found = echoes_of(TARGET, echoes(18, 2, same=False))
    assert (found.right, found.n, found.same) == (18, 20, 1)
    assert (found.low, found.high) == (pytest.approx(0.699, abs=0.001), pytest.approx(0.972, abs=0.001))


@given(st.integers(1, 4), st.integers(2, 6), st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_the_bound_holds_for_every_small_distribution(m: int, n: int, weights: list[int]) -> None:
    """By brute force: the chance that some answer comes *m* times in *n*, against the bound from its own collisions."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    collision = sum(share**2 for share in shares)
    if collision >= 1 or m > n:
        return
    chance = 0.0
    for draw in product(range(len(shares)), repeat=n):
        if max(draw.count(one) for one in set(draw)) >= m:
            chance += float(np.prod([shares[one] for one in draw]))
    assert chance <= chance_of_equal(m, n, collision) + 1e-12


def test_the_rule_of_five_identical_answers() -> None:
    """1e-5 for one screened prompt, so 5e-5 for one of five and 1e-9 for two."""
    assert chance_of_equal(5, 5, 0.01) == pytest.approx(1e-5)
    assert 10 * chance_of_equal(5, 5, 0.01) ** 2 == pytest.approx(1e-9)
    assert chance_of_equal(1, 5, 0.01) == 1.0


def test_the_commonest_answers_p_is_super_uniform() -> None:
    """The worst honest model: 20 answers of 5 % each. Of 4,000 days p is below u on at most a share of u."""
    chance = np.random.default_rng(7)
    tops = chance.multinomial(60, [0.05] * 20, size=4000).max(axis=1)
    ps = np.array([chance_of_top(int(top), 60) for top in tops])
    for u in (0.5, 0.1, 0.01, 0.001):
        assert (ps <= u).mean() <= u + 2 * (u / 4000) ** 0.5


def test_repeats_of_the_worst_honest_prompt_are_hardly_ever_an_event() -> None:
    """One answer with probability sqrt(5 %): of 20,000 days fewer than the declared share have the event."""
    tops = np.random.default_rng(8).binomial(24, COLLISION_MAX**0.5, 20_000)
    events = sum(chance_of_equal(int(top), 24, COLLISION_MAX) < REPEATED_ALPHA for top in tops)
    assert events <= 35  # 20 are expected at most


def test_the_gate_of_the_tiers_needs_25_answers() -> None:
    """The last day's answers."""
    assert repetition(Answers(24, 1, 24)) is None
    assert repetition(None) is None
    found = repetition(Answers(200, 3, 150))
    assert found is not None
    assert (found.share, found.n) == (0.75, 200)
    assert found.p < 1e-100


def test_the_smallest_share_shows_with_the_power_that_is_said() -> None:
    """By simulation."""
    share = smallest_share(100, alpha=ALPHA, power=0.9)
    tops = np.random.default_rng(9).binomial(100, share, 4000)
    shown = np.mean([chance_of_top(int(top), 100) < ALPHA for top in tops])
    assert shown == pytest.approx(0.9, abs=0.02)
    assert smallest_share(2, alpha=1e-9, power=0.9) == 1.0


def test_days_are_of_utc() -> None:
    """A repeat just before midnight is of that day."""
    late = KeptSample(datetime(2026, 11, 1, 23, 59, tzinfo=UTC), "acme", "c", TARGET, "v", "repeat", "s:0", 9, "f" * 16)
    found = repeated([late] * 24 + repeats(1, 24))
    assert any(line.startswith(date(2026, 11, 1).isoformat()) for line in found.arithmetic)
