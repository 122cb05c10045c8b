"""Is it the claimed model: swaps are contradicted, spaces are noticed, and a reference in doubt proves nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from bench.integrity.trials_identity import (
    BEGAN,
    PROMPTS,
    Serving,
    claimed,
    plain,
    reference_of,
    samples_of,
    smaller,
    spaced,
)
from collector.judgement.integrity.identity import (
    ALPHA,
    DAY_E_MAX,
    REASONS,
    Reference,
    compared_days,
    identity,
    process,
)
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

SUBJECT = "p/c/t"
PLAIN, SWAPPED = Serving(claimed()), Serving(smaller())


def asked(seed: int, serving: Serving, days: int, *, target: str = SUBJECT, times: int = 2) -> tuple[KeptSample, ...]:
    """What was kept of *days*."""
    return tuple(samples_of(np.random.default_rng(seed), lambda _: serving, days, target, times))


def trusted(seed: int, days: int) -> Reference:
    """Our own deployment of the claimed model."""
    return reference_of(np.random.default_rng(seed), days)


def judged(samples: Sequence[KeptSample], reference: Reference) -> Evidence:
    """The evidence, which always says what it is about."""
    found = identity(SUBJECT, samples, reference)
    assert (found.check, found.family, found.grade) == ("identity", Family.IDENTITY, Grade.STATISTICAL)
    assert found.said == REASONS[found.reason]
    assert found.claim == "its answers come from 70B"
    assert "8 bits" in found.smallest
    assert found.assumptions
    return found


def test_the_claimed_model_is_not_rejected_and_the_evidence_says_what_would_have_been() -> None:
    """Two weeks; every day has its line, and the last line is the sum of them."""
    found = judged(asked(1, PLAIN, 14), trusted(2, 14))

    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "no_difference_seen")
    assert 0 < found.e < 1 / ALPHA == found.threshold
    assert (found.value, found.n, len(found.arithmetic)) == (found.e, 14 * 50, 15)
    assert found.arithmetic[0].startswith("2026-01-01: S = ")
    assert found.smallest.startswith("half of the answers from another model")


def test_a_swapped_model_is_contradicted_by_fifty_requests() -> None:
    """One day is worth at most 200, of which half is on a beginning at the first day."""
    found = judged(asked(3, SWAPPED, 1), trusted(4, 1))

    assert (found.standing, found.reason, found.n) == (Standing.CONTRADICTED, "other_model", 50)
    assert found.e == pytest.approx(DAY_E_MAX / 2 + 0.5)
    assert found.p == pytest.approx(1 / found.e)
    assert found.days == 1


def test_days_multiply_while_each_has_answers_of_the_reference_of_its_own() -> None:
    """Two days of a swap are worth 200 x 200 / 2 and a little."""
    found = judged(asked(3, SWAPPED, 2), trusted(4, 2))

    assert DAY_E_MAX**2 / 2 < found.e < DAY_E_MAX**2 / 2 + DAY_E_MAX


def test_days_that_share_a_frozen_reference_are_averaged() -> None:
    """Twenty of them prove no more than one: the same chance in the reference would count twenty times."""
    found = judged(asked(3, SWAPPED, 20), trusted(4, 1))

    assert found.e == pytest.approx(DAY_E_MAX)
    assert "which share a reference" in found.arithmetic[-1]


def test_a_quiet_swap_is_found_two_days_after_it() -> None:
    """However long it was honest before."""
    honest, swapped = asked(5, PLAIN, 20), asked(6, SWAPPED, 22)
    mixed = honest + tuple(one for one in swapped if one.tick >= BEGAN + timedelta(days=20))

    assert judged(honest, trusted(7, 22)).standing is Standing.NOT_REJECTED
    assert judged(mixed, trusted(7, 22)).standing is Standing.CONTRADICTED


@pytest.mark.parametrize("mark", [" {}", "\n{}\n", "\u200b{}", "{}  "])
def test_another_form_of_the_same_answers_is_noticed_and_no_accusation(mark: str) -> None:
    """The e-value is that of the answers without it, to the last bit."""
    form = replace(PLAIN, form=lambda text: mark.format(text))
    found, bare = judged(asked(1, form, 5), trusted(2, 5)), judged(asked(1, PLAIN, 5), trusted(2, 5))

    assert (found.standing, found.reason) == (Standing.NOTICED, "formatting_drift")
    assert found.e == bare.e
    assert found.arithmetic[-1] == "100% of its answers change when they are normalised, 0% of the reference's"


def test_a_reference_with_another_digest_proves_nothing() -> None:
    """Whatever the answers say."""
    reference = replace(trusted(4, 3), recorded="aa11", found="bb22")
    found = judged(asked(3, SWAPPED, 3), reference)

    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "reference_changed", 1.0)
    assert found.arithmetic == ("digest aa11 recorded, bb22 found",)


def test_a_reference_that_changed_under_us_proves_nothing() -> None:
    """Our own deployment was swapped, and the provider is honest: it must not be accused."""
    before, after = trusted(8, 5), asked(9, SWAPPED, 10, target="own/c/t", times=6)
    late = tuple(one for one in after if one.tick >= BEGAN + timedelta(days=5))
    found = judged(asked(1, PLAIN, 10), replace(before, samples=before.samples + late))

    assert (found.standing, found.reason) == (Standing.INSUFFICIENT, "reference_changed")
    assert found.arithmetic[0].startswith("the reference of 2026-01-06 against")


@pytest.mark.parametrize(("peers", "reason"), [(2, "too_few_peers"), (3, "no_difference_seen")])
def test_peers_are_a_reference_when_there_are_three(peers: int, reason: str) -> None:
    """Two may be wrong together."""
    samples = tuple(one for peer in range(peers) for one in asked(20 + peer, PLAIN, 4, target=f"peer{peer}/c/t"))

    assert judged(asked(1, PLAIN, 4), Reference("70B", samples)).reason == reason


def test_peers_that_disagree_prove_nothing() -> None:
    """One of four serves another model, and would otherwise accuse the honest."""
    servings = [PLAIN, PLAIN, SWAPPED, PLAIN]
    samples = tuple(
        one for peer, serving in enumerate(servings) for one in asked(30 + peer, serving, 4, target=f"peer{peer}/c/t")
    )
    found = judged(asked(1, PLAIN, 4), Reference("70B", samples))

    assert (found.standing, found.reason) == (Standing.INSUFFICIENT, "peers_disagree")
    assert found.arithmetic[0].startswith("peer2/c/t against the other 3")


def test_too_little_is_insufficient() -> None:
    """Nothing, empty answers, nine prompts, another series, or a reference that begins later."""
    whole, few = asked(1, PLAIN, 2), tuple(f"set:{place:03}" for place in range(9))
    cases = [
        (),
        tuple(replace(one, text=" \n") for one in whole),
        tuple(one for one in whole if one.item in few),
        tuple(replace(one, series="border") for one in whole),
        tuple(replace(one, tick=one.tick - timedelta(days=9)) for one in whole),
    ]
    for samples in cases:
        found = judged(samples, trusted(2, 2))
        assert (found.standing, found.reason, found.value) == (Standing.INSUFFICIENT, "too_few_answers", None)


def test_the_order_of_rows_changes_nothing() -> None:
    """To the last bit."""
    samples, reference = asked(1, Serving(claimed(), smaller(), 0.3), 6), trusted(2, 6)
    dice = random.Random(3)
    shuffled = dice.sample(samples, len(samples))
    other = replace(reference, samples=tuple(dice.sample(reference.samples, len(reference.samples))))

    assert identity(SUBJECT, shuffled, other).e == identity(SUBJECT, samples, reference).e


def test_a_day_is_worth_no_more_than_its_cap_and_old_days_are_left_out() -> None:
    """70 days: the last 60 count."""
    days = compared_days(asked(3, SWAPPED, 70), trusted(4, 70))

    assert len(days) == 60
    assert days[0].day == (BEGAN + timedelta(days=10)).date()
    assert {one.e for one in days} == {DAY_E_MAX}
    assert process(days) > 1e100


def test_the_worlds_of_the_bench_are_what_they_are_called() -> None:
    """A space is the only thing that the spaced one adds."""
    chance = np.random.default_rng(0)

    assert spaced(chance, 0).form("x") == " x"
    assert plain(chance, 0).form("x") == "x"
    assert {one.item for one in asked(1, PLAIN, 1)} == {f"set:{prompt:03}" for prompt in range(PROMPTS)}
