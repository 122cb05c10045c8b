"""Credits by the ladder, and how far it is to the next step."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.judgement.sla.credit import cliff, credit
from tests.support.contracts import LADDER, commitment, ladder

BILL = Decimal("12345.67")


@pytest.mark.parametrize(
    ("uptime", "amount"),
    [
        ("1", "0.00"),
        ("0.999", "0.00"),  # on the line is not below it
        ("0.998999999999999999", "1234.57"),
        ("0.99", "1234.57"),
        ("0.9899999999", "3086.42"),
        ("0.95", "3086.42"),
        ("0.9", "12345.67"),
        ("0", "12345.67"),
    ],
)
def test_a_credit_is_that_of_its_step(uptime: str, amount: str) -> None:
    """Rounded to cents, half up; exactly at a step's edge."""
    assert credit(Fraction(uptime), ladder(), BILL).amount == Decimal(amount)


def test_a_credit_is_capped_and_a_small_one_withheld() -> None:
    """At most the cap of the month's bill; below the smallest that is paid, nothing."""
    capped = credit(Fraction("0.5"), ladder(cap="50%"), BILL)
    small = credit(Fraction("0.995"), ladder(minimum=1), Decimal("9.90"))

    assert (capped.amount, capped.capped) == (Decimal("6172.84"), True)
    assert (small.amount, small.withheld) == (Decimal("0.00"), True)


@given(
    uptimes=st.lists(st.fractions(0, 1, max_denominator=100_000), min_size=2, max_size=2).map(sorted),
    bill=st.decimals(0, 1_000_000, places=2),
    cap=st.integers(0, 100),
)
def test_a_credit_never_falls_as_downtime_grows(uptimes: list[Fraction], bill: Decimal, cap: int) -> None:
    """Whatever the bill and the cap."""
    worse, better = (credit(one, ladder(cap=f"{cap}%"), bill).amount for one in uptimes)

    assert worse >= better >= 0
    assert worse <= bill * cap / 100 + Decimal("0.005")


def test_minutes_to_the_next_step() -> None:
    """A month of 30 days may lose 43.2 minutes at 99.9 %; what is lost already is gone."""
    month = Fraction(43_200)

    whole = cliff(Fraction(1), ladder(), month / 2, month)
    some = cliff(1 - Fraction(20) / (month / 2), ladder(), month / 2, month)
    below = cliff(1 - Fraction(50) / (month / 2), ladder(), month / 2, month)

    assert whole is not None and some is not None and below is not None
    assert (whole.minutes, whole.below) == (Fraction("43.2"), Decimal("0.999"))
    assert some.minutes == Fraction("23.2")
    assert (below.below, below.credit, below.minutes) == (Decimal("0.99"), Decimal("0.25"), Fraction(432 - 50))


def test_there_is_no_next_step_when_the_month_is_too_far_gone() -> None:
    """Nor below the last."""
    month = Fraction(43_200)

    assert cliff(Fraction(1), ladder(), month - 10, month) is None
    assert cliff(Fraction(1, 2), ladder(), month, month) is None


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (LADDER[:2], "a gap: nothing is said below 95%; write a step from 0%"),
        ((LADDER[0], LADDER[2]), "a gap: nothing is said from 95% up to 99%; write a step for it"),
        (
            (LADDER[0], LADDER[1] | {"below": "99.5%"}, LADDER[2]),
            "an overlap: two steps hold from 99% up to 99.5%, or the steps are not in order, the best first",
        ),
        (
            (LADDER[0], LADDER[1] | {"credit": "10%"}, LADDER[2]),
            "the step below 99% credits no more than the one above it",
        ),
        ((LADDER[0] | {"at_least": "99.9%"}, *LADDER[1:]), "the step below 99.9% begins at 99.9%: it is empty"),
    ],
)
def test_a_ladder_with_gaps_or_overlaps_is_refused(steps: tuple[dict[str, str], ...], said: str) -> None:
    """It says where."""
    with pytest.raises(ValidationError, match=said):
        ladder(ladder=steps)


def test_a_ladder_begins_where_the_promise_ends() -> None:
    """Else there would be a breach without a credit, or a credit without a breach."""
    with pytest.raises(ValidationError, match=r"promised is 99\.5%, but the ladder begins below 99\.9%"):
        commitment(promised="99.5%")
