"""Bounds of a quantile are order statistics by exact binomial ranks, and hold what they say they hold."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.facts import bucket_of
from collector.judgement.value.order_statistics import quantile, ranks

# n, share, confidence; by hand from sums of binomial coefficients: of 10 values at the median P(B <= 1) = 11/1024 and
# P(B <= 2) = 56/1024; of 59 at the 95th 1 - 0.95^59 = 0.9515, of 58 0.9490.
RANKS = [
    (10, 0.5, 0.95, (2, 9)),
    (5, 0.5, 0.95, (1, 5)),
    (4, 0.5, 0.95, (None, None)),
    (59, 0.95, 0.95, (53, 59)),
    (58, 0.95, 0.95, (52, None)),
    (1, 0.5, 0.95, (None, None)),
]


@pytest.mark.parametrize(("n", "share", "confidence", "expected"), RANKS)
def test_ranks_are_those_of_the_binomial(
    n: int, share: float, confidence: float, expected: tuple[int | None, int | None]
) -> None:
    """And none where there are too few values."""
    assert ranks(n, share, confidence=confidence) == expected


@given(n=st.integers(1, 80), percent=st.integers(1, 99), confidence=st.sampled_from((0.9, 0.95, 0.99)))
def test_ranks_are_those_of_exact_arithmetic(n: int, percent: int, confidence: float) -> None:
    """Sums of binomial coefficients as fractions."""
    p = Fraction(percent, 100)
    below = [Fraction(0)]
    for k in range(n + 1):
        below.append(below[-1] + math.comb(n, k) * p**k * (1 - p) ** (n - k))  # below[k + 1] is P(B <= k)
    near = any(abs(float(one) - border) < 1e-12 for one in below for border in (confidence, 1 - confidence))
    lower = [k + 1 for k in range(n + 1) if below[k + 1] <= 1 - confidence]
    upper = [k + 1 for k in range(n + 1) if below[k + 1] >= confidence]

    found = ranks(n, percent / 100, confidence=confidence)
    assert near or found == (max(lower, default=None), upper[0] if upper[0] <= n else None)


def test_a_million_values_have_ranks_too() -> None:
    """As the normal distribution says: 500 standard deviations of 500 apart."""
    lower, upper = ranks(1_000_000, 0.5, confidence=0.975)

    assert (lower, upper) == (499_020, 500_981)


def test_the_bounds_hold_the_truth_as_often_as_they_say() -> None:
    """Of 400 samples of a lognormal whose median and 95th percentile are known, each bound misses one in twenty."""
    dice, missed = random.Random(11), Counter[str]()
    for _ in range(400):
        values = [100 * math.exp(0.4 * dice.gauss(0, 1)) for _ in range(200)]
        histogram = Counter(map(bucket_of, values))
        for share, truth in ((0.5, 100.0), (0.95, 100 * math.exp(0.4 * 1.6448536))):
            found = quantile(histogram, share, confidence=0.95)
            assert found is not None and found.low is not None and found.high is not None
            missed[f"{share} low"] += found.low > truth
            missed[f"{share} high"] += found.high < truth

    assert max(missed.values()) <= 32  # of 400 at most 5 %; 8 % leaves room for chance (p = 0.005)


@given(st.dictionaries(st.integers(-100, 700), st.integers(1, 300), min_size=1, max_size=12), st.floats(0.05, 0.95))
def test_the_bounds_hold_the_point(histogram: dict[int, int], share: float) -> None:
    """Whatever was seen."""
    found = quantile(histogram, share, confidence=0.95)

    assert found is not None
    assert found.n == sum(histogram.values())
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.value <= found.high


def test_of_a_time_the_inverse_is_a_rate() -> None:
    """25 ms between tokens are 40 a second; the longer time is the lower rate."""
    found = quantile({bucket_of(25.0): 100}, 0.5, confidence=0.95)
    assert found is not None and found.low is not None and found.high is not None
    speed = found.inverse(1000.0)

    assert speed.value == pytest.approx(40, rel=0.01)
    assert (speed.low, speed.high) == (1000 / found.high, 1000 / found.low)
    assert quantile({}, 0.5, confidence=0.95) is None
