"""
What a million tokens cost that were worth having: all that was billed, by the tokens of answers right and in time.

Money is exact. The interval is the ratio estimator's over blocks of time (all clusters together, since they can fail
together; Cochran, Sampling Techniques, 1977, ch. 6) with Student's t, and never narrower than what Wilson's bounds of
the share of good answers make of it: that not one of n answers was bad does not prove that none is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from collector.judgement.availability import Numbers, bounded, moments_of
from collector.judgement.tails import student_point
from collector.judgement.value.amount import Amount
from collector.judgement.value.facts import DEGRADED, FAILED, OK, TargetBlocks, by_cluster, times_of
from schemas.fleet import Price

BLOCKS_MIN = 4  # fewer say nothing of how much blocks differ

Prices = Mapping[str, Price]  # by provider, and by target where that has a price of its own


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """
    Prices per million tokens, in the currency of the provider.

    listed: the different prices of the targets. billed: what a million answer tokens came to, prompts included. good:
    the same of answers that were right and in time; None without any, or with too few blocks. n: requests that were
    answered or failed by the provider's fault; n_good of them right and in time. unpriced: targets without a price,
    which are left out.
    """

    listed: tuple[Price, ...]
    billed: Decimal
    good: Amount | None
    n: int
    n_good: int
    unpriced: int

    @property
    def lost(self) -> Decimal | None:
        """The share of the price of good tokens that was paid for nothing."""
        return None if self.good is None else 1 - self.billed / self.good.value


def price_of(prices: Prices, target: str) -> Price | None:
    """The price of *target* (`provider/cluster/target`): its own, else its provider's."""
    return prices.get(target) or prices.get(target.partition("/")[0])


def token_price(blocks: Sequence[TargetBlocks], prices: Prices, *, confidence: float) -> TokenPrice | None:
    """What tokens cost by *prices*; None when no target has a price or nothing was billed."""
    priced: dict[Price, list[TargetBlocks]] = {}
    unpriced = 0
    for one in blocks:
        price = price_of(prices, one.target)
        if price is None:
            unpriced += 1
        else:
            priced.setdefault(price, []).append(one)
    billed_out = sum(int(one.billed_out.sum()) for several in priced.values() for one in several)
    if billed_out == 0:
        return None
    sums = _sums(priced)
    counts = by_cluster([one for several in priced.values() for one in several])
    return TokenPrice(
        listed=tuple(sorted(priced, key=lambda price: (price.tokens_out, price.tokens_in))),
        billed=sum((cost for cost, _ in sums), Decimal(0)) / billed_out,
        good=_good(sums, counts, confidence),
        n=int(counts[..., [OK, DEGRADED, FAILED]].sum()),
        n_good=int(counts[..., OK].sum()),
        unpriced=unpriced,
    )


def _sums(priced: Mapping[Price, Sequence[TargetBlocks]]) -> list[tuple[Decimal, int]]:
    """What was billed, in millionths of the currency, and good tokens, of each block of time."""
    times = times_of([one for several in priced.values() for one in several])
    costs, good = [Decimal(0)] * times.size, np.zeros(times.size, dtype=np.int64)
    for price, several in priced.items():
        paid_in, paid_out = np.zeros_like(good), np.zeros_like(good)
        for one in several:
            when = np.searchsorted(times, one.starts)
            paid_in[when] += one.billed_in
            paid_out[when] += one.billed_out
            good[when] += one.good_out
        paid = zip(costs, paid_in.tolist(), paid_out.tolist(), strict=True)
        costs = [before + price.tokens_in * of_in + price.tokens_out * of_out for before, of_in, of_out in paid]
    return list(zip(costs, good.tolist(), strict=True))


def _good(sums: Sequence[tuple[Decimal, int]], counts: Numbers, confidence: float) -> Amount | None:
    """The cost of all by the good tokens of all, with bounds; *counts* as by_cluster has them."""
    m, good = len(sums), sum(tokens for _, tokens in sums)
    if m < BLOCKS_MIN or good == 0 or not counts[..., OK].any():
        return None
    price = sum((cost for cost, _ in sums), Decimal(0)) / good
    squares = sum(((cost - price * tokens) ** 2 for cost, tokens in sums), Decimal(0))
    half = Decimal(student_point(1 - confidence, m - 1)) * (squares * m / (m - 1)).sqrt() / good
    worst, best = _good_shares(counts, confidence)
    return Amount(max(Decimal(0), min(price - half, price * best)), price, max(price + half, price * worst))


def _good_shares(counts: Numbers, confidence: float) -> tuple[Decimal, Decimal]:
    """By which factors the price changes with the share of good answers at its lower bound, and at its upper one."""
    answered = counts[..., [OK, DEGRADED]].sum(axis=-1)
    right = moments_of(answered, counts[..., DEGRADED], np.zeros_like(answered))
    share = (right.known - right.failed) / right.known
    low, high = bounded(share, right, confidence=confidence)
    return Decimal(share) / Decimal(low), Decimal(share) / Decimal(high)
