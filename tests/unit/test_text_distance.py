"""The distance between two sets of answers, against plain loops and against every permutation counted out."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import combinations
from itertools import product as every

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.integrity.intervals import clopper_pearson
from bench.integrity.trials_identity import claimed, near, smaller
from collector.judgement.integrity.text_distance import CHARS, TIE, Strata, statistic, text_distance

ANSWERS = st.lists(st.text("ab ", max_size=6), min_size=2, max_size=4)
STRATA = st.dictionaries(st.sampled_from("pqr"), st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=3)


def kernel(a: str, b: str) -> float:
    """The share of equal places of the first 50, the rest filled up."""
    return sum(x == y for x, y in zip(a[:CHARS].ljust(CHARS, "\0"), b[:CHARS].ljust(CHARS, "\0"), strict=True)) / CHARS


def distance(x: Sequence[str], y: Sequence[str]) -> float:
    """The unbiased MMD^2 of one prompt, by loops."""
    n, m = len(x), len(y)
    within = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    other = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within + other - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def exact_p(strata: Strata) -> float:
    """The share of all labellings within the prompts that reach what was observed."""
    ways = []
    for x, y in strata.values():
        pooled = [*x, *y]
        ways.append(
            [
                distance([pooled[i] for i in chosen], [pooled[i] for i in range(len(pooled)) if i not in chosen])
                for chosen in combinations(range(len(pooled)), len(x))
            ]
        )
    observed = sum(distance(x, y) for x, y in strata.values())
    sums = [sum(one) for one in every(*ways)]
    return sum(value >= observed - TIE for value in sums) / len(sums)


def answers(seed: int, prompts: int, n: int, m: int, q: float = 0.0) -> dict[str, tuple[list[str], list[str]]]:
    """Answers of the claimed model, and of it with a share *q* from the smaller one."""
    chance = np.random.default_rng(seed)
    strata = {}
    for prompt in range(prompts):
        x, y, z = (
            model.answers(chance, np.full(size, prompt))
            for model, size in ((claimed(), n), (claimed(), m), (smaller(), m))
        )
        strata[str(prompt)] = (x, [b if chance.random() < q else a for a, b in zip(y, z, strict=True)])
    return strata


@given(STRATA)
def test_the_statistic_is_that_of_plain_loops(strata: dict[str, tuple[list[str], list[str]]]) -> None:
    """Over prompts with different numbers of answers."""
    assert statistic(strata) == pytest.approx(sum(distance(x, y) for x, y in strata.values()) / len(strata), abs=1e-12)


@pytest.mark.parametrize(("seed", "n", "m", "q"), [(1, 2, 2, 0.5), (2, 2, 3, 1.0), (3, 3, 3, 0.3), (4, 2, 4, 0.0)])
def test_p_is_that_of_all_permutations_counted_out(seed: int, n: int, m: int, q: float) -> None:
    """Three prompts: up to 8,000 labellings; within four standard errors of 20,000 draws."""
    strata = answers(seed, 3, n, m, q)
    found, true = text_distance(strata, permutations=(19_999,)), exact_p(strata)

    assert found is not None
    assert found.p == pytest.approx(true, abs=4 * math.sqrt(true * (1 - true) / 20_000) + 1e-4)


def test_labellings_that_are_too_many_to_list_are_drawn_to_the_same_p() -> None:
    """One prompt of 7 and 7 has 3,432, which all are counted out here."""
    strata = answers(5, 1, 7, 7, 0.4)
    found, true = text_distance(strata, permutations=(4_999,)), exact_p(strata)

    assert found is not None
    assert found.p == pytest.approx(true, abs=4 * math.sqrt(true * (1 - true) / 5_000) + 1e-3)


def test_p_is_uniform_when_both_sides_are_one_model() -> None:
    """400 honest days: no share of them is below its alpha by more than chance allows (one in 10,000)."""
    ps = []
    for seed in range(400):
        found = text_distance(answers(seed, 10, 2, 2))
        assert found is not None
        ps.append(found.p)

    for alpha in (0.01, 0.05, 0.2, 0.5, 0.8):
        low, high = clopper_pearson(sum(p <= alpha for p in ps), len(ps), confidence=0.9999)
        assert low <= alpha <= high


def test_another_model_is_found_with_as_small_a_p_as_the_permutations_give() -> None:
    """25 prompts, two answers each; the second lot of permutations is drawn, since the first has no hit."""
    found = text_distance(answers(6, 25, 2, 2, 1.0))

    assert found is not None
    assert found.p == 1 / 20_000
    assert (found.prompts, found.n_x, found.n_y) == (25, 50, 50)


def test_prompts_that_differ_do_not_look_like_models_that_do() -> None:
    """Each prompt has one answer on both sides: nothing differs, though the prompts do."""
    found = text_distance({str(place): (["a" * place] * 3, ["a" * place] * 2) for place in range(5)})

    assert found is not None
    assert (found.statistic, found.p) == (0.0, 1.0)


@given(st.randoms(use_true_random=False))
def test_the_same_answers_in_any_order_give_the_same_bits(dice: random.Random) -> None:
    """The permutations come from their digest."""
    strata = answers(7, 6, 2, 3, 0.3)
    shuffled = [(prompt, (dice.sample(x, len(x)), dice.sample(y, len(y)))) for prompt, (x, y) in strata.items()]
    dice.shuffle(shuffled)

    assert text_distance(dict(shuffled)) == text_distance(strata)


def test_only_the_first_fifty_characters_count() -> None:
    """What comes after them is cut."""
    strata = answers(8, 4, 2, 2, 0.5)
    longer = {prompt: ([one[:CHARS] for one in x], y) for prompt, (x, y) in strata.items()}

    assert statistic(longer) == statistic(strata)


@pytest.mark.parametrize("strata", [{}, {"p": (["a"], ["b", "c"])}, {"p": (["a", "b"], [])}])
def test_without_two_answers_of_each_side_there_is_no_distance(strata: Strata) -> None:
    """None, not zero."""
    assert text_distance(strata) is None


def test_any_characters_are_compared() -> None:
    """Lone surrogates, emoji and nothing at all."""
    found = text_distance({"p": (["\ud800x", "\U0001f600"], ["", "\ud800y"])})

    assert found is not None and 0 < found.p <= 1


def test_a_model_that_is_near_is_hardly_found() -> None:
    """What batches do to the numerics, as simulated: the distance is a hundredth of a swap's."""
    chance = np.random.default_rng(9)
    swap, noise = (
        statistic(
            {str(p): tuple(m.answers(chance, np.full(40, p)) for m in (claimed(), other)) for p in range(25)}  # type: ignore[misc]
        )
        for other in (smaller(), near(1, 0.03))
    )
    assert swap is not None and noise is not None
    assert noise < swap / 50
