"""
What a million tokens cost that were worth having: all that was billed, by the tokens of answers right and in time.

Money is exact. The interval is the ratio estimator's over blocks of time (all clusters together, since they can fail
together; Cochran, Sampling Techniques, 1977, ch. 6) with Student's t, and never narrower than what Wilson's bounds of
the share of good answers make of it: that not one of n answers was bad does not prove that none is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collector.judgement.availability import bounded, moments_of
from collector.judgement.facts import Block
from collector.judgement.tails import student_point
from collector.judgement.value.amount import Amount
from collector.judgement.value.facts import TargetBlock, by_cluster
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


def token_price(blocks: Sequence[TargetBlock], prices: Prices, *, confidence: float) -> TokenPrice | None:
    """What tokens cost by *prices*; None when no target has a price or nothing was billed."""
    targets = {target: price_of(prices, target) for target in {one.target for one in blocks}}
    priced = [(one, price) for one in blocks if (price := targets[one.target]) is not None]
    billed_out = sum(one.billed_out for one, _ in priced)
    if billed_out == 0:
        return None
    sums = _sums(priced)
    counts = by_cluster(one for one, _ in priced)
    listed = {price for price in targets.values() if price is not None}
    return TokenPrice(
        listed=tuple(sorted(listed, key=lambda price: (price.tokens_out, price.tokens_in))),
        billed=sum((cost for cost, _ in sums), Decimal(0)) / billed_out,
        good=_good(sums, counts, confidence),
        n=sum(one.known for one in counts),
        n_good=sum(one.n_ok for one in counts),
        unpriced=sum(price is None for price in targets.values()),
    )


def _sums(priced: Iterable[tuple[TargetBlock, Price]]) -> list[tuple[Decimal, int]]:
    """What was billed, in millionths of the currency, and good tokens, of each block of time."""
    found: dict[datetime, tuple[Decimal, int]] = {}
    for one, price in priced:
        cost = price.tokens_in * one.billed_in + price.tokens_out * one.billed_out
        before, good = found.get(one.counts.start, (Decimal(0), 0))
        found[one.counts.start] = (before + cost, good + one.good_out)
    return list(found.values())


def _good(sums: Sequence[tuple[Decimal, int]], counts: Sequence[Block], confidence: float) -> Amount | None:
    """The cost of all by the good tokens of all, with bounds."""
    m, good = len(sums), sum(tokens for _, tokens in sums)
    right_n = sum(one.n_ok for one in counts)
    if m < BLOCKS_MIN or good == 0 or right_n == 0:
        return None
    price = sum((cost for cost, _ in sums), Decimal(0)) / good
    squares = sum(((cost - price * tokens) ** 2 for cost, tokens in sums), Decimal(0))
    half = Decimal(student_point(1 - confidence, m - 1)) * (squares * m / (m - 1)).sqrt() / good
    worst, best = _good_shares(counts, confidence)
    return Amount(max(Decimal(0), min(price - half, price * best)), price, max(price + half, price * worst))


def _good_shares(counts: Sequence[Block], confidence: float) -> tuple[Decimal, Decimal]:
    """By which factors the price changes with the share of good answers at its lower bound, and at its upper one."""
    right = moments_of((one.start, one.n_degraded, one.good, 0) for one in counts)
    share = (right.known - right.failed) / right.known
    low, high = bounded(share, right, confidence=confidence)
    return Decimal(share) / Decimal(low), Decimal(share) / Decimal(high)
