"""What a million good tokens cost: exact money, failures in it, and bounds that hold the truth."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.value.facts import TargetBlocks
from collector.judgement.value.token_price import TokenPrice, price_of, token_price
from schemas.fleet import Price
from tests.support.offers import PRICE, target_block

PRICES = {"acme": PRICE}
COUNTS = st.tuples(st.integers(1, 300), st.integers(0, 60), st.integers(0, 60))


def priced(*blocks: TargetBlocks) -> TokenPrice:
    """The price of *blocks* at 95 %."""
    found = token_price(blocks, PRICES, confidence=0.95)
    assert found is not None
    return found


def test_without_a_failure_it_is_the_list_price_with_the_prompt() -> None:
    """Twice as many tokens out as in: 0.60 and half of 0.20."""
    found = priced(*(target_block(n) for n in range(8)))

    assert found.billed == Decimal("0.70")
    assert found.good is not None and found.good.value == Decimal("0.70")
    assert (found.lost, found.n, found.n_good, found.unpriced) == (0, 800, 800, 0)


def test_not_one_failure_does_not_prove_that_there_are_none() -> None:
    """The bounds are as wide as Wilson's of the share of good answers: 800 of 800 prove 99.66 %."""
    found = priced(*(target_block(n) for n in range(8)))

    assert found.good is not None
    assert found.good.low == Decimal("0.70")
    assert float(found.good.high) == pytest.approx(0.70 * (1 + 1.6448536**2 / 800), rel=1e-6)


def test_what_is_slow_or_wrong_is_billed_and_not_worth_having() -> None:
    """A fifth of the answers: a quarter more for each good one. What failed and was not billed costs nothing."""
    slow = priced(*(target_block(n, ok=80, degraded=20) for n in range(8)))
    failed = priced(*(target_block(n, ok=80, failed=20) for n in range(8)))

    assert slow.good is not None and slow.good.value == Decimal("0.875")
    assert slow.lost == Decimal("0.2")
    assert failed.good is not None and failed.good.value == Decimal("0.70")


def test_a_bill_of_more_tokens_than_came_is_a_dearer_token() -> None:
    """25 billed where 20 were counted."""
    found = priced(*(replace(target_block(n), billed_out=np.array([2500])) for n in range(8)))

    assert found.good is not None and found.good.value == Decimal("0.85")
    assert found.billed == Decimal("0.68")


def test_targets_have_prices_of_their_own_or_none() -> None:
    """One of them is dearer; one of a provider that is in the fleet no more is left out, and counted."""
    prices = {"acme": PRICE, "acme/west/chat": Price(tokens_in=Decimal(2), tokens_out=Decimal(6))}
    blocks = [target_block(n, target=f"acme/{place}/chat") for n in range(4) for place in ("east", "west")]
    found = token_price([*blocks, target_block(target="gone/east/chat")], prices, confidence=0.95)

    assert found is not None and found.good is not None
    assert found.good.value == Decimal("3.85")
    assert [float(one.tokens_out) for one in found.listed] == [0.6, 6.0]
    assert (found.n, found.unpriced) == (800, 1)
    assert price_of(prices, "acme/west/chat") == prices["acme/west/chat"]
    assert token_price([target_block(target="gone/east/chat")], prices, confidence=0.95) is None


def test_too_little_is_said_to_be_unknown() -> None:
    """Nothing billed: no price. Nothing right, or few blocks: none of good tokens."""
    assert token_price([], PRICES, confidence=0.95) is None
    assert token_price([target_block(ok=0, failed=9)], PRICES, confidence=0.95) is None
    assert priced(*(target_block(n, ok=0, degraded=9) for n in range(8))).good is None
    assert priced(*(target_block(n) for n in range(3))).good is None


@given(st.lists(COUNTS, min_size=4, max_size=12))
def test_one_good_answer_less_never_makes_it_cheaper(rows: list[tuple[int, int, int]]) -> None:
    """And the point stands between its bounds, at or above what was billed."""
    blocks = [target_block(n, ok=ok, degraded=slow, failed=bad) for n, (ok, slow, bad) in enumerate(rows)]
    worse = [target_block(0, ok=rows[0][0] - 1, degraded=rows[0][1] + 1, failed=rows[0][2]), *blocks[1:]]
    found, after = priced(*blocks), priced(*worse)

    assert found.good is not None and found.billed <= found.good.value
    assert 0 <= found.good.low <= found.good.value <= found.good.high
    assert after.good is not None and after.good.value > found.good.value


def drawn(dice: random.Random, m: int) -> list[TargetBlocks]:
    """Blocks of which some are bad as a whole: the share that is right and in time is 0.9 in the mean."""
    shares = [0.98 if dice.random() < 0.9 else 0.18 for _ in range(m)]
    right = [sum(dice.random() < share for _ in range(60)) for share in shares]
    return [target_block(n, ok=ok, degraded=60 - ok) for n, ok in enumerate(right)]


def test_the_bounds_are_those_of_the_jackknife() -> None:
    """Leaving each block out in turn gives the same spread; upwards it is wider."""
    blocks = drawn(random.Random(3), 120)
    found = priced(*blocks)
    assert found.good is not None
    without = [float(priced(*blocks[:n], *blocks[n + 1 :]).good.value) for n in range(len(blocks))]  # type: ignore[union-attr]
    mean = sum(without) / len(without)
    spread = math.sqrt(sum((one - mean) ** 2 for one in without) * (len(without) - 1) / len(without))

    half = 1.6448536 * spread
    assert float(found.good.value - found.good.low) == pytest.approx(half, rel=0.1)
    assert half * 0.95 <= float(found.good.high - found.good.value) <= half * 1.4  # Wilson leans to where more can fail


def test_the_bounds_hold_the_truth_about_as_often_as_they_say() -> None:
    """0.70 by 0.9 is the truth. Each bound is meant to miss one time in twenty; blocks are few and uneven."""
    dice, low, high = random.Random(5), 0, 0
    for _ in range(200):
        good = priced(*drawn(dice, 120)).good
        assert good is not None
        low += float(good.low) > 0.70 / 0.9
        high += float(good.high) < 0.70 / 0.9

    assert low <= 20 and high <= 24
