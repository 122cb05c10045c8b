"""Credits: the step of the ladder that an uptime falls on, what it is worth, and how far it is to the next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from schemas.contract import Credits, Step

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Credit:
    """
    *amount* of the month's bill, in its currency. step: None when what was promised was kept.

    capped: the contract's cap holds it down. withheld: below the smallest credit that is paid, so that amount is 0.
    """

    step: Step | None
    amount: Decimal
    capped: bool = False
    withheld: bool = False


def credit(uptime: Fraction, credits: Credits, bill: Decimal) -> Credit:
    """What *uptime* (0 to 1) is worth of *bill*, rounded to cents."""
    step = next((one for one in credits.ladder if one.at_least <= uptime < one.below), None)
    if step is None:
        return Credit(None, Decimal("0.00"))
    share = min(step.credit, credits.cap)
    amount = (bill * share).quantize(CENT, ROUND_HALF_UP)
    withheld = amount < credits.minimum
    return Credit(step, Decimal("0.00") if withheld else amount, share < step.credit, withheld)


@dataclass(frozen=True, slots=True)
class Cliff:
    """The next step down: *minutes* more of full downtime in this month, and uptime is below *below*."""

    below: Decimal
    credit: Decimal
    minutes: Fraction


def cliff(uptime: Fraction, credits: Credits, minutes_so_far: Fraction, minutes_in_month: Fraction) -> Cliff | None:
    """
    How far it is to the next step that credits more, if the rest of the month stays up otherwise.

    *uptime* is of the *minutes_so_far*. None on the last step, and when the month is too far gone to reach another.
    """
    lost = (1 - uptime) * minutes_so_far
    at_end = 1 - lost / minutes_in_month
    step = next((one for one in credits.ladder if one.below <= at_end), None)
    if step is None:
        return None
    left = (1 - Fraction(step.below)) * minutes_in_month - lost
    return Cliff(step.below, step.credit, left) if left <= minutes_in_month - minutes_so_far else None
