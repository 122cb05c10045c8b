"""What tails of distributions are made of."""

from __future__ import annotations

import math
from itertools import repeat

import pytest

from collector.judgement.numerics import continued_fraction, least


def test_a_continued_fraction_is_summed_to_the_last_digit() -> None:
    """1 + 1/(1 + 1/(1 + ...)) is the golden ratio, 1 + 1/(2 + 1/(2 + ...)) the root of two."""
    assert continued_fraction(1.0, repeat((1.0, 1.0))) == pytest.approx((1 + math.sqrt(5)) / 2, rel=1e-15)
    assert continued_fraction(1.0, repeat((1.0, 2.0))) == pytest.approx(math.sqrt(2), rel=1e-15)


def test_what_does_not_converge_is_said() -> None:
    """1 - 1/(1 - 1/(1 - ...)) goes round and round."""
    with pytest.raises(AssertionError, match="has not converged"):
        continued_fraction(1.0, repeat((-1.0, 1.0)))


@pytest.mark.parametrize("guess", [1e-6, 1.0, 1e9])
def test_the_least_that_holds_is_found_from_any_guess(guess: float) -> None:
    """The root of two, from below and from above."""
    found = least(lambda x: x * x >= 2, guess)

    assert found * found >= 2
    assert found == pytest.approx(math.sqrt(2), rel=1e-15)
