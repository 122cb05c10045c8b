"""Statements: the terms of a month, deadlines, what is left out, and the whole account."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from collector.exports.statements import as_csv, plain
from collector.judgement.sla import words
from collector.judgement.sla.account import shares
from collector.judgement.sla.backoff import discounted
from collector.judgement.sla.billing_month import BillingMonth, billing_month
from collector.judgement.sla.deadline import deadline
from collector.judgement.sla.period import left_out, open_months, periods, short_notice
from collector.judgement.sla.record import Record, Slot
from collector.judgement.sla.statement import Statement, statement
from schemas.contract import Announced, Backoff, Claim, Commitment, Contract, Exclusions, Spend
from tests.support.contracts import commitment, contract, record, terms

OCTOBER = billing_month("2026-10", "UTC", 1)


def utc(text: str) -> datetime:
    """*text* in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def one(seen: Record, by: Commitment | None = None, **others: Any) -> Statement:
    """The statement of October for *seen*."""
    by = by or commitment()
    return statement("acme", terms(by, **others), by, OCTOBER, seen)


def test_a_breach_has_its_credit_its_range_and_its_deadline() -> None:
    """An hour down of 30 days that were seen: 99.861 %, 10 % of the bill, two weeks to claim."""
    slots = {n: Slot(failed=5) for n in range(100, 112)}
    found = one(record(slots, days=31), claim={"days": 14, "after": "month"})

    assert found.uptime is not None and found.credit is not None
    assert found.kept is False
    assert found.uptime.counted == 1 - Fraction(12, 8928)
    assert found.credit.amount == Decimal("1000.00")
    assert found.outage == utc("2026-10-01T08:20")
    assert found.claim_by == utc("2026-11-15T00:00")
    assert found.final and found.claimable
    assert words.counted(found) == "✗ 99.865 %"


def test_a_running_month_says_how_far_it_is_to_the_next_step() -> None:
    """Ten days in, ten minutes lost of 44.64."""
    found = one(record({5: Slot(failed=5), 6: Slot(failed=5)}, days=10))

    assert not found.final
    assert found.cliff is not None and found.cliff.minutes == Fraction("34.64")
    assert words.to_next_step(found) == "34.6 min"


@pytest.mark.parametrize(
    ("claim", "outage", "expected"),
    [
        ({"days": 10, "after": "outage"}, "2026-10-03T12:00", "2026-10-14T00:00"),
        ({"days": 30}, "2026-10-03T12:00", "2026-12-01T00:00"),
        ({"months": 2}, "2026-10-03T12:00", "2027-01-01T00:00"),  # the end of the second billing month after
    ],
)
def test_a_deadline_is_the_end_of_the_last_day(claim: dict[str, Any], outage: str, expected: str) -> None:
    """Counted from the outage's day, or from the end of the month."""
    assert deadline(Claim.model_validate(claim), terms(), OCTOBER, utc(outage)) == utc(expected)


def test_a_deadline_in_its_own_zone() -> None:
    """The day of an outage is the provider's day."""
    held = terms(time_zone="America/Los_Angeles")
    claim = Claim(days=10, after="outage")

    assert deadline(claim, held, OCTOBER, utc("2026-10-25T05:00")) == utc("2026-11-04T08:00")


def test_a_month_is_counted_as_far_as_terms_were_in_force() -> None:
    """A contract may begin or end within a month, and two versions may share one: nothing is counted twice, or not."""
    old = terms(begins="2026-03-10", ends="2026-10-15")
    new = terms(begins="2026-10-15", ends="2026-12-20", month_begins=5)
    both = contract(old, new)

    assert periods(both, "2026-02") == ()
    assert periods(both, "2026-03") == (
        (old, BillingMonth(utc("2026-03-10"), utc("2026-04-01"), "2026-03", date(2026, 3, 10))),
    )
    assert periods(both, "2026-10") == (
        (old, BillingMonth(utc("2026-10-01"), utc("2026-10-15"), "2026-10")),
        (new, BillingMonth(utc("2026-10-15"), utc("2026-11-05"), "2026-10", date(2026, 10, 15))),
    )
    assert periods(both, "2026-11") == ((new, BillingMonth(utc("2026-11-05"), utc("2026-12-05"), "2026-11")),)
    assert periods(both, "2026-12") == ((new, BillingMonth(utc("2026-12-05"), utc("2026-12-20"), "2026-12")),)


def test_versions_must_not_overlap() -> None:
    """The older one needs its end."""
    with pytest.raises(ValidationError, match="begins before the one from 2026-01-01 ends"):
        contract(terms(), terms(begins="2026-06-01"))


def test_months_stay_open_until_they_can_be_claimed_no_more() -> None:
    """The running one, and two billing months back with AWS's terms; only the running one without a claim."""
    both = contract(terms(claim={"months": 2}))

    assert open_months(both, utc("2026-11-27T06:00")) == ("2026-11", "2026-10", "2026-09")
    assert open_months(contract(), utc("2026-11-27T06:00")) == ("2026-11",)
    assert open_months(contract(terms(ends="2026-08-01")), utc("2026-11-27T06:00")) == ()


def maintenance(announced: str, **others: Any) -> Announced:
    """An hour on 8 October."""
    hour = {"begins": utc("2026-10-08T02:00"), "ends": utc("2026-10-08T03:00"), "announced": utc(announced)}
    return Announced.model_validate(hour | others)


def test_maintenance_is_left_out_when_it_was_announced_in_time() -> None:
    """72 hours before or more; what came later counts, unless both sides agreed."""
    exclusions = Exclusions.model_validate({"maintenance_notice": "3d"})
    early, late, agreed = (
        maintenance("2026-10-05T02:00"),
        maintenance("2026-10-05T02:01"),
        maintenance("2026-10-09T00:00", agreed=True),
    )

    assert left_out([early, late, agreed], exclusions, OCTOBER) == (early, agreed)
    assert short_notice([early, late, agreed], exclusions, OCTOBER) == (late,)
    assert left_out([early], exclusions, billing_month("2026-11", "UTC", 1)) == ()
    assert left_out([early, agreed], Exclusions(), OCTOBER) == (agreed,)  # no clause: maintenance is downtime


def test_back_off_doubles_with_each_error_that_counts() -> None:
    """At one, two, four, eight ... seconds, up to 32; a new streak begins anew."""
    every_second = [("a", n * 1000) for n in range(130)] + [("b", 130_500)]
    spared = set(discounted(every_second, Backoff()))
    counted = [at // 1000 for streak, at in every_second if (streak, at) not in spared]

    assert counted == [0, 1, 3, 7, 15, 31, 63, 95, 127, 130]


def test_probes_slower_than_the_back_off_all_count() -> None:
    """A probe a minute waits longer than any back-off."""
    assert list(discounted([("a", n * 60_000) for n in range(10)], Backoff())) == []


def test_an_account_has_every_unit_of_every_commitment() -> None:
    """And one line for a commitment whose units nobody asked, which says so."""
    uptime, latency = (
        commitment(),
        commitment({"kind": "latency_attainment", "first_token": "2s"}, name="latency", promised="99%", credits=None),
    )

    both = contract(terms(uptime, latency))
    made = [
        each
        for share in shares("acme", both, "2026-10", utc("2026-10-31T00:00"), lambda _: 60.0)
        for each in share.statements(
            (record(unit="acme/a"), record(unit="acme/b")) if share.commitment.name == "uptime" else ()
        )
    ]

    assert [(each.commitment, each.unit, each.n > 0) for each in made] == [
        ("uptime", "acme/a", True),
        ("uptime", "acme/b", True),
        ("latency", "acme", False),
    ]
    assert made[2].uptime is None and made[2].kept is None
    assert words.counted(made[2]) == "unknown"


def test_a_month_that_has_not_begun_has_no_account() -> None:
    """Nor one before the contract."""
    assert list(shares("acme", contract(), "2026-12", utc("2026-11-27T00:00"), lambda _: 60.0)) == []


def test_what_is_paid_is_the_bill_where_there_is_one() -> None:
    """Else what the unit costs a month, else what each does."""
    spend = Spend.model_validate({"month": 100, "units": {"acme/a": 200}, "billed": {"2026-10": {"acme/a": 199.5}}})

    assert [spend.of("2026-10", "acme/a"), spend.of("2026-11", "acme/a"), spend.of("2026-10", "acme/b")] == [
        Decimal("199.5"),
        Decimal(200),
        Decimal(100),
    ]


def test_a_statement_is_exported_exactly_and_harmlessly() -> None:
    """Shares are rounded down, amounts are text, and a name that is a formula is shown, never run."""
    found = one(record({3: Slot(failed=5)}, days=31, unit="=cmd()"), claim={"months": 2})

    assert plain(found)["uptime"] == "0.99988799"
    assert plain(found)["promised"] == "0.99900000"
    assert plain(found)["claim_by"] == "2027-01-01T00:00:00+00:00"
    assert "'=cmd()" in as_csv([found], {})
    assert as_csv([], {}) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_zone": "America/Los_Angles"}, "'America/Los_Angles' is no time zone"),
        ({"claim": {"days": 10, "months": 2}}, "give days or months, and not both"),
        ({"claim": {}}, "give days or months, and not both"),
        ({"claim": {"months": 2, "after": "outage"}}, "months are billing months"),
        ({"ends": date(2025, 1, 1)}, "ends is not after begins"),
        ({"month_begins": 31}, "less than or equal to 28"),
    ],
)
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(ValidationError, match=said):
        terms(**wrong)


def test_a_contract_is_a_contract() -> None:
    """The version in force on a day."""
    both = contract(terms(ends="2026-06-01"), terms(begins="2026-07-01"))

    assert [both.in_force(date(2026, month, 15)) for month in (5, 6, 7)] == [both.versions[0], None, both.versions[1]]
    assert Contract.model_validate(both.model_dump()) == both
