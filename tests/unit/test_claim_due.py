"""A deadline to claim is an incident: a ticket, then a page, until it was claimed or has passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from collector.judgement.hot_state import HotState
from collector.judgement.incident_words import standing
from collector.judgement.sla import words
from collector.judgement.sla.billing_month import billing_month
from collector.judgement.sla.claim_due import ClaimDue, claims_due
from collector.judgement.sla.claim_record import ClaimLine, ClaimRecord, claim_records
from collector.judgement.sla.record import Slot
from collector.judgement.sla.statement import Statement, statement
from schemas.incident import Change, IncidentState, Level, Severity, Signal
from schemas.observation import Outcome
from schemas.response import Claim, ClaimStanding, Close
from tests.support.contracts import commitment, record, terms
from tests.support.judge import Judge, facts_of
from tests.support.observations import TICK

DAY = 86_400.0
DUE = ClaimDue(
    key="2026-10/uptime/acme",
    provider="acme",
    since=TICK,
    claim_by=TICK + timedelta(days=10),
    rule="about 1 000.00 USD until 2026-12-04: ✗ 99.861 % counted, 99.900 % promised",
    certainty="an estimate",
    targets=("acme/east/chat",),
)


def after(judge: Judge, days: float, *due: ClaimDue) -> None:
    """What a reading of *due* does, so many days after the outage."""
    judge.decide(days * DAY, claims=due)


def test_a_deadline_is_a_ticket_then_a_page() -> None:
    """After a day; worse at half of the time, and at four fifths; each is said once."""
    judge = Judge()
    for days in (0.5, 1, 2, 4.9, 5, 6, 7.9, 8, 9):
        after(judge, days, DUE)

    assert judge.said() == [(Change.OPENED, Severity.P3), (Change.RAISED, Severity.P2), (Change.RAISED, Severity.P1)]
    page = judge.pages[-1]
    assert (page.signal, page.scope.level, page.scope.id) == (Signal.CLAIM_DUE, Level.CONTRACT, "2026-10/uptime/acme")
    assert page.summary == f"P1 worse: claim 2026-10/uptime/acme is due: {DUE.rule}"
    assert page.evidence.affected == ("acme/east/chat",)


def test_once_claimed_it_does_not_come_back() -> None:
    """A human says so; the same deadline is read for days."""
    judge = Judge()
    after(judge, 2, DUE)
    judge.decide(2 * DAY + 60, (), Close(incident=judge.only().id, by="ana", via="cli", why="claimed, case 4711"))
    for days in (3, 6, 9, 11):
        after(judge, days, DUE)

    assert judge.said() == [(Change.OPENED, Severity.P3), (Change.RESOLVED, Severity.P3)]


def test_a_deadline_that_passes_is_forfeited() -> None:
    """It is said, once, and nothing of it is left after that."""
    judge = Judge()
    after(judge, 9, DUE)
    decision = judge.decide(10 * DAY, claims=[DUE])

    assert judge.said() == [(Change.OPENED, Severity.P1), (Change.RESOLVED, Severity.P1)]
    assert decision.transitions[-1].cause == "its deadline has passed: forfeited"
    after(judge, 12)
    assert judge.state.claims == {}


def test_a_credit_that_is_none_any_more_is_over() -> None:
    """Rows that came late, or a bill: there is nothing to claim."""
    judge = Judge()
    after(judge, 2, DUE)
    decision = judge.decide(2.5 * DAY, claims=[])

    assert decision.transitions[-1].cause == "there is nothing to claim any more"


def test_decisions_between_two_readings_leave_it_open() -> None:
    """Accounts are read every hour, decisions are made every quarter of a second."""
    judge = Judge()
    after(judge, 2, DUE)
    judge.decide(2 * DAY + 1)

    assert judge.only().state is IncidentState.OPEN
    assert HotState.from_json(judge.state.to_json()) == judge.state


def test_an_outage_of_the_provider_is_another_incident() -> None:
    """Neither takes over the other, and the end of one is not the end of the other."""
    judge = Judge()
    after(judge, 2, DUE)
    judge.decide(2 * DAY + 60, facts_of(2 * DAY + 58, Outcome.FAILED, "acme"))

    assert sorted(one.signal for one in judge.state.incidents.values()) == [Signal.CLAIM_DUE, Signal.HARD_DOWN]
    assert {one.state for one in judge.state.incidents.values()} == {IncidentState.OPEN}


def october(**claim: object) -> Statement:
    """A breach on 1 October from 8:20 on, with a claim's terms."""
    by = commitment()
    seen = record({n: Slot(failed=5) for n in range(100, 112)}, days=31)
    return statement("acme", terms(by, claim=claim or None), by, billing_month("2026-10", "UTC", 1), seen)


@pytest.mark.parametrize(
    ("claim", "since", "until"),
    [
        ({"days": 14}, "2026-11-01T00:00", "2026-11-15T00:00"),
        ({"days": 10, "after": "outage"}, "2026-10-01T08:20", "2026-10-12T00:00"),
        ({"months": 2}, "2026-11-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_a_claim_runs_from_where_the_contract_counts(claim: dict[str, object], since: str, until: str) -> None:
    """From the outage, or from the end of the month."""
    (due,) = claims_due([october(**claim)], TICK - timedelta(days=60))

    assert (due.since, due.claim_by) == (_utc(since), _utc(until))
    assert due.key == "2026-10/uptime/acme"
    assert "about 1\u202f000.00 USD until" in due.rule


def test_two_versions_that_share_a_month_are_two_claims() -> None:
    """Each is an incident of its own: closing one leaves the other."""
    made = october(days=14)
    second = replace(made, month=replace(made.month, since=date(2026, 10, 15)))

    keys = [one.key for one in claims_due([made, second], TICK - timedelta(days=60))]
    assert keys == ["2026-10/uptime/acme", "2026-10 from 2026-10-15/uptime/acme"]


def test_there_is_no_deadline_without_something_to_claim() -> None:
    """Nothing broken, no clause, nothing paid, or long past."""
    made = october(days=14)
    kept = replace(made, credit=replace(made.credit, amount=Decimal(0))) if made.credit else made

    assert claims_due([october()], TICK) == ()
    assert claims_due([kept], _utc("2026-11-02T00:00")) == ()
    assert claims_due([made], _utc("2026-11-15T23:00")) != ()
    assert claims_due([made], _utc("2026-11-16T00:00")) == ()


def test_it_is_called_what_it_is() -> None:
    """On lists and cards."""
    assert standing(Signal.CLAIM_DUE, Level.CONTRACT, "2026-10/uptime/acme", IncidentState.OPEN) == (
        "claim 2026-10/uptime/acme is due"
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


def filed(standing: ClaimStanding = ClaimStanding.FILED, **other: Any) -> Claim:
    """Somebody says how the claim stands."""
    return Claim(provider="acme", key=DUE.key, standing=standing, by="ana", via="cli", **other)


def test_what_was_claimed_is_due_no_more() -> None:
    """Its incident is over and says who claimed it; none comes again, and the record has what was granted."""
    judge = Judge()
    after(judge, 2, DUE)
    decision = judge.decide(2 * DAY + 60, (), filed(why="ticket 4711"), claims=[DUE])
    answer = judge.decide(3 * DAY, (), filed(ClaimStanding.GRANTED, amount=Decimal("4100.00")), claims=[DUE])
    after(judge, 9, DUE)

    assert [(one.change, one.cause) for one in decision.transitions] == [
        (Change.RESOLVED, "claim filed by ana (cli): ticket 4711")
    ]
    assert [(one.what, one.subject, one.scope) for one in decision.said] == [("claim_filed", DUE.key, "acme")]
    assert [(one.what, one.amount) for one in answer.said] == [("claim_granted", Decimal("4100.00"))]
    assert judge.said() == [(Change.OPENED, Severity.P3), (Change.RESOLVED, Severity.P3)]


def test_what_was_claimed_before_anybody_was_told_opens_nothing() -> None:
    """The record is read with the account, so it holds from before the first reading, and for another state too."""
    made = october(days=14)
    assert made.claim_by is not None
    (due,) = claims_due([made], TICK - timedelta(days=60), [made.key])
    judge = Judge()
    after(judge, 9, replace(DUE, settled=True))

    assert due.settled
    assert [one.settled for one in claims_due([made], TICK - timedelta(days=60))] == [False]
    assert judge.state.incidents == {}


def test_the_last_word_on_a_claim_holds() -> None:
    """Filed, then answered; an answer that nobody filed before; filed anew after a refusal."""

    def line(days: int, key: str, standing: ClaimStanding, amount: str | None = None) -> ClaimLine:
        return ClaimLine(TICK + timedelta(days=days), key, standing, "ana", Decimal(amount) if amount else None, "")

    granted, refused, first = ClaimStanding.GRANTED, ClaimStanding.REFUSED, ClaimStanding.FILED
    known = claim_records(
        [
            line(0, "a", first), line(5, "a", granted, "12.50"), line(1, "b", refused), line(2, "c", first),
            line(3, "c", refused), line(4, "c", first),
        ]
    )  # fmt: skip
    made = october(days=14)
    past = made.claim_by

    assert known["a"] == ClaimRecord(granted, TICK, "ana", TICK + timedelta(days=5), Decimal("12.50"))
    assert (known["b"].filed_at, known["b"].standing) == (None, refused)
    assert (known["c"].standing, known["c"].filed_at) == (first, TICK + timedelta(days=4))
    assert past is not None
    assert words.claim(made, {}, past - timedelta(1)) == "not claimed"
    assert words.claim(made, {}, past) == "forfeited"
    assert words.claim(made, {made.key: known["a"]}, past) == "granted 12.50 USD"
    assert words.claim(made, {made.key: known["b"]}, past) == f"refused {TICK + timedelta(1):%Y-%m-%d}"
    assert words.claim(made, {made.key: known["c"]}, past) == f"filed {TICK + timedelta(4):%Y-%m-%d} by ana"
