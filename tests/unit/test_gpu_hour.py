"""What a GPU-hour costs: cash flows of the same present value, hours that were down, and credits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.availability import Availability
from collector.judgement.sla.billing_month import billing_month
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.record import Slot
from collector.judgement.sla.statement import Statement, statement
from collector.judgement.value.amount import Amount
from collector.judgement.value.gpu_hour import Purchase, annuity, capital_cost, gpu_hour, in_force, purchases
from schemas.contract import Commit
from schemas.response import ClaimStanding
from tests.support.contracts import commitment, contract, record, terms

RATE = Decimal("0.08")
AT = datetime(2026, 11, 2, tzinfo=UTC)
COMMIT = Commit(gpus=10, gpu_hour=Decimal(2), months=12, upfront=Decimal("0.25"))
BOUGHT = Purchase(datetime(2026, 1, 1, tzinfo=UTC), None, "USD", COMMIT)
DOWN = {n: Slot(failed=5) for n in range(100, 112)}  # an hour: 10 % of a bill of 10,000


def up(lower: float = 0.98, point: float = 0.99, upper: float = 0.995) -> Availability:
    """An availability of 5,000 requests."""
    return Availability(point, lower, upper, lower, upper, 5000, 5000.0, 1.0, None)


def october(slots: dict[int, Slot] | None = None, **others: Any) -> Statement:
    """The statement of October, seen as a whole."""
    by = commitment()
    held = terms(by, **{"claim": {"days": 14, "after": "month"}} | others)
    return statement("acme", held, by, billing_month("2026-10", "UTC", 1), record(slots, days=31))


def test_an_annuity_is_worth_what_its_payments_are() -> None:
    """Twelve payments at 8 % a year, each discounted by itself; at no interest they are worth their number."""
    monthly = Decimal("1.08") ** (Decimal(1) / 12)
    by_hand = sum(monthly**-month for month in range(1, 13))

    assert abs(annuity(RATE, 12) - by_hand) < Decimal("1e-20")
    assert annuity(Decimal(0), 12) == 12


@given(upfront=st.integers(0, 100), months=st.integers(1, 60), rate=st.integers(0, 3000), price=st.integers(1, 100_000))
def test_the_dearer_price_paid_monthly_is_worth_what_is_really_paid(
    upfront: int, months: int, rate: int, price: int
) -> None:
    """Both streams of money, discounted payment by payment."""
    share, yearly = Decimal(upfront) / 100, Decimal(rate) / 10_000
    commit = Commit(gpus=1, gpu_hour=Decimal(price) / 1000, months=months, upfront=share)
    discount = [(1 + yearly) ** (-Decimal(month) / 12) for month in range(1, months + 1)]
    month = commit.gpu_hour * 730
    really = month * months * share + sum(month * (1 - share) * factor for factor in discount)
    level = sum((commit.gpu_hour + capital_cost(commit, yearly)) * 730 * factor for factor in discount)

    assert abs(really - level) <= really * Decimal("1e-15")
    assert capital_cost(commit, yearly) >= -Decimal("1e-20")


def test_the_sum_step_by_step() -> None:
    """2.00, a quarter of it tied up for a year at 8 %, 1 % of the hours down, 1,000 back of 7,440 GPU-hours."""
    found = gpu_hour(BOUGHT, up(), [october(DOWN)], AT, RATE)
    assert found.downtime is not None and found.credits is not None and found.effective is not None

    assert found.listed == 2
    assert round(found.capital, 6) == Decimal("0.021156")
    assert round(found.downtime.value, 6) == Decimal("0.020416")
    assert round(found.credits.value, 6) == Decimal("0.135766")
    assert round(found.effective.value, 6) == Decimal("1.905806")
    total = found.listed + found.capital + found.downtime.value - found.credits.value
    assert abs(total - found.effective.value) < Decimal("1e-20")
    assert (found.months, found.n, found.gpus) == (1, 5000, 10)


def test_the_range_takes_the_worst_of_downtime_and_of_credits() -> None:
    """From the best availability to the lower bound."""
    found = gpu_hour(BOUGHT, up(), [october()], AT, Decimal(0))
    assert found.downtime is not None and found.effective is not None

    assert (found.capital, found.effective.low) == (0, 2 / Decimal("0.995"))
    assert (found.effective.value, found.effective.high) == (2 / Decimal("0.99"), 2 / Decimal("0.98"))


def test_a_credit_that_nobody_can_claim_any_more_is_no_money() -> None:
    """Its deadline was the 14th; one without a deadline stays. What is owed in another currency is another matter."""
    after = datetime(2026, 11, 20, tzinfo=UTC)

    def credited(one: Statement, at: datetime) -> bool:
        found = gpu_hour(BOUGHT, up(), [one], at, RATE).credits
        return found is not None and found.value > 0

    assert credited(october(DOWN), AT)
    assert not credited(october(DOWN), after)
    assert credited(october(DOWN, claim=None), after)
    assert not credited(october(DOWN, currency="EUR"), AT)
    assert not credited(october(), AT)


def test_what_is_on_record_of_a_claim_takes_the_place_of_the_estimate() -> None:
    """What was claimed in time is not lost at the deadline; granted is what came, refused is nothing."""
    one, after = october(DOWN), datetime(2026, 11, 20, tzinfo=UTC)
    filed = ClaimRecord(ClaimStanding.FILED, AT, "ana")
    granted = ClaimRecord(ClaimStanding.GRANTED, AT, "ana", after, Decimal(744))
    refused = ClaimRecord(ClaimStanding.REFUSED, AT, "ana", after)

    def credits(claim: ClaimRecord) -> Amount | None:
        return gpu_hour(BOUGHT, up(1.0, 1.0, 1.0), [one], after, RATE, {one.key: claim}).credits

    assert credits(filed) == gpu_hour(BOUGHT, up(1.0, 1.0, 1.0), [one], AT, RATE).credits
    assert credits(granted) == Amount(Decimal("0.1"), Decimal("0.1"), Decimal("0.1"))  # 744 of 7,440 GPU-hours
    assert credits(refused) == Amount(Decimal(0), Decimal(0), Decimal(0))


def test_without_enough_evidence_downtime_is_unknown_and_not_nothing() -> None:
    """Price and capital are known all the same; a provider that was never up has no price of an hour."""
    for seen in (None, up(lower=0.0)):
        found = gpu_hour(BOUGHT, seen, [october(DOWN)], AT, RATE)
        assert (found.listed, found.downtime, found.credits, found.effective) == (2, None, None, None)


def test_a_month_of_other_terms_says_nothing_of_these() -> None:
    """An amendment in November has no credits of October."""
    amended = Purchase(datetime(2026, 11, 1, tzinfo=UTC), None, "USD", COMMIT)

    assert gpu_hour(amended, up(), [october(DOWN)], AT, RATE).months == 0


def test_before_a_month_was_counted_nobody_knows_the_credits() -> None:
    """They are not nothing; downtime is known all the same."""
    found = gpu_hour(BOUGHT, up(), [], AT, RATE)

    assert (found.downtime is None, found.credits, found.effective, found.months) == (False, None, None, 0)


@given(st.tuples(*[st.integers(1, 1000)] * 3).map(sorted), st.integers(0, 100), st.booleans())
def test_the_point_stands_in_its_range(shares: list[int], upfront: int, owed: bool) -> None:
    """Whatever is paid and seen."""
    commit = COMMIT.model_copy(update={"upfront": Decimal(upfront) / 100})
    seen = up(*(share / 1000 for share in shares))
    found = gpu_hour(Purchase(BOUGHT.begins, None, "USD", commit), seen, [october(DOWN if owed else None)], AT, RATE)

    assert found.downtime is not None and found.credits is not None and found.effective is not None
    assert all(one.low <= one.value <= one.high for one in (found.downtime, found.credits, found.effective))


@pytest.mark.parametrize(
    ("day", "price"), [("2025-12-31", None), ("2026-01-01", 2), ("2026-06-30", 2), ("2026-07-01", 3)]
)
def test_the_version_in_force_says_what_was_bought(day: str, price: int | None) -> None:
    """An amendment has its own price; before the first version there is none."""
    first = terms(ends="2026-07-01", commit={"gpus": 8, "gpu_hour": 2, "months": 12, "upfront": "25%"})
    amended = terms(begins="2026-07-01", commit={"gpus": 16, "gpu_hour": 3, "months": 24})
    found = in_force(purchases(contract(first, amended)), datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC))

    assert (found.commit.gpu_hour if found else None) == price
