"""The rank test by blocks is an e-process: exact within a block, whatever drifts between blocks, and free to stop."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.rank_sequence import BLOCK, rank_sequence

ALPHA = 0.01


@given(st.lists(st.integers(0, 30), min_size=BLOCK, max_size=BLOCK), st.integers(0, BLOCK))
def test_a_blocks_mean_over_all_labels_is_one(values: list[int], k: int) -> None:
    """By brute force over every way to choose *k* of ten, with ties too."""
    found = [
        rank_sequence(values, [at in chosen for at in range(BLOCK)], alpha=ALPHA).e
        for chosen in combinations(range(BLOCK), k)
    ]
    assert math.fsum(found) / len(found) == pytest.approx(1.0)


def test_separated_arms_stop_early_and_whole_blocks_count() -> None:
    """Two blocks decide at 0.1 %; what comes after the last whole block does not count."""
    values, first = [1.0, 9.0] * 24, [True, False] * 24
    found = rank_sequence(values, first, alpha=ALPHA / 10)
    assert found.crossed == 2 * BLOCK
    assert found.e == rank_sequence(values[:40], first[:40], alpha=ALPHA).e > 1 / ALPHA


def test_the_wrong_direction_and_too_little_are_no_evidence() -> None:
    """One-sided, and 1 without a block."""
    assert rank_sequence([9.0, 1.0] * 50, [True, False] * 50, alpha=ALPHA).e < 0.01
    assert rank_sequence([1.0] * 9, [True] * 9, alpha=ALPHA).e == 1.0
    assert rank_sequence([5.0] * 100, [True, False] * 50, alpha=ALPHA).e == pytest.approx(1.0)


def test_honest_endpoints_are_rarely_accused_at_any_look() -> None:
    """400 honest ones of 300 requests that drift and tire, looked at after each block: at most 1 % and chance."""
    accused = 0
    for seed in range(400):
        chance = np.random.default_rng(seed)
        values = np.exp(chance.normal(size=300) + np.linspace(0, 2, 300)).tolist()
        accused += rank_sequence(values, (chance.random(300) < 0.5).tolist(), alpha=ALPHA).crossed is not None
    assert accused <= 9  # P(X > 9) < 1 % of a binomial of 400 at 1 %
