"""What a contract counts by, read from the store, equals a fold over the observations in Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.judgement.sla.account import Share
from collector.judgement.sla.backoff import discounted
from collector.judgement.sla.billing_month import BillingMonth
from collector.judgement.sla.record import Record, Slot
from collector.storage.queries import Reader
from schemas.config import Store
from schemas.contract import Announced, Commitment
from schemas.observation import BLAME, Blame, Distrust, Instrument, Observation, Outcome, Reason, Source, Timings
from tests.support.contracts import BEGINS, commitment, terms
from tests.support.observations import seen
from tests.support.stores import fresh_database, put

HOURS = 6
UNTIL = BEGINS + timedelta(hours=HOURS)
AT = UNTIL + timedelta(hours=1)
SLOT_S = 300
TARGETS = ("acme/east/chat", "acme/east/code", "acme/west/chat", "acme/lab/chat", "bolt/east/chat")
UNITS: dict[str, Callable[[Observation], str]] = {
    "provider": lambda one: one.provider,
    "region": lambda one: f"{one.provider} {one.region}",
    "cluster": lambda one: one.cluster,
    "target": lambda one: one.target,
}
WINDOW = Announced(
    begins=BEGINS + timedelta(hours=2),
    ends=BEGINS + timedelta(hours=2, minutes=17),
    announced=BEGINS - timedelta(days=9),
    covers=("acme/east/*",),
)
LATE = {"kind": "latency_attainment", "first_token": "2s", "of": "intervals"}


def observations() -> list[Observation]:
    """Six hours of five targets from two vantages, of every outcome and reason, and what must not be counted."""
    dice = random.Random(7)
    found = []
    for target in TARGETS:
        for vantage in ("here", "there"):
            for number in range(-10, HOURS * 60 + 10):
                tick = BEGINS + timedelta(minutes=number, seconds=7 if vantage == "there" else 0)
                found.append(_one(dice, target, vantage, tick, bad=number % 97 in range(80, 97)))
    early = BEGINS + timedelta(hours=1)
    found += [
        seen(TARGETS[0], early, Outcome.FAILED, attempt=1),
        seen(TARGETS[0], early, Outcome.FAILED, source=Source.PASSIVE, span="0" * 16, module="passive"),
        seen(TARGETS[0], early, Outcome.FAILED, kind="border_input", module="border"),
    ]
    return found


def _one(dice: random.Random, target: str, vantage: str, tick: datetime, *, bad: bool) -> Observation:
    outcome = dice.choices(list(Outcome), (50, 10, 120, 10) if bad else (900, 30, 5, 3))[0]
    changes: dict[str, Any] = {"vantage": vantage, "region": target.split("/")[1]}
    if outcome is Outcome.FAILED:
        changes["reason"] = dice.choice([reason for reason in Reason if _can_fail(reason)])
    elif outcome is not Outcome.NOT_OBSERVED:
        first_ms = dice.choice([None, 900.0, 2000.0, 2400.0])
        changes["timings"] = Timings(sent_ms=1.0, first_token_ms=first_ms, total_ms=3000.0)
        if dice.random() < 0.1:
            changes["distrust"] = Distrust.LOOP_LAG
            changes["instrument"] = Instrument()
    return seen(target, tick, outcome, **changes)


def _can_fail(reason: Reason) -> bool:
    return seen(outcome=Outcome.FAILED).reason is not None and BLAME[reason] is not Blame.OBSERVER and reason not in {
        Reason.SLOW, Reason.WRONG_CONTENT, Reason.INVALID_JSON, Reason.UNKNOWN_NAME, Reason.SCHEMA_MISMATCH,
        Reason.CERTIFICATE_EXPIRING,
    }  # fmt: skip


@pytest.fixture(scope="module")
def reader(store_process: str) -> Iterator[Reader]:
    """A reader of what was seen, and of a row that came too late to be known."""
    for store in fresh_database(Store(url=store_process, database="t_contract_records")):
        put(store, observations())
        put(store, [seen("acme/west/chat", BEGINS + timedelta(seconds=33), Outcome.FAILED)], ingested_at=AT)
        with Reader.open(store) as opened:
            yield opened


@pytest.mark.parametrize("per", UNITS)
@pytest.mark.parametrize(
    ("formula", "exclusions"),
    [
        ("mean_of_intervals", {}),
        ("mean_of_intervals", {"leave_out": ["no_capacity", "http_5xx"], "also_count": ["rate_limited"]}),
        ("request_ratio", {"backoff": {"first": "61s", "longest": "5m"}}),
        (LATE, {}),
    ],
)
def test_records_equal_a_fold_over_the_observations(
    reader: Reader, per: str, formula: Any, exclusions: dict[str, Any]
) -> None:
    """By every unit, with every exclusion, without what is outside, late, passive, asked again or no serving probe."""
    by = commitment(formula, per=per, covers=["acme/*/chat", "acme/east/co?e"], exclusions=exclusions)

    read = reader.records(share_of(by), AT)

    assert {one.unit: one for one in read} == folded(observations(), by)


def share_of(by: Commitment) -> Share:
    """The six hours of *by*, less the window."""
    month = BillingMonth(BEGINS, UNTIL, "2026-10")
    return Share("acme", terms(by), by, month, UNTIL, SLOT_S, (WINDOW,), ())


def folded(seen_: Sequence[Observation], by: Commitment) -> dict[str, Record]:
    """The records of *by*, one observation after the other."""
    found: dict[str, Record] = {}
    counted = [
        one for one in seen_ if one.provider == "acme" and BEGINS <= one.tick < UNTIL and one.kind == "chat_stream"
    ]
    counted = [one for one in counted if not one.confirm and one.source is Source.ACTIVE]
    spared = _spared(counted, by)
    for one in sorted(counted, key=lambda one: one.tick):
        unit = UNITS[by.per](one)
        before = found.get(unit) or Record(unit, BEGINS, UNTIL, SLOT_S, {}, first=one.tick)
        number = before.number(one.tick)
        excluded = _excluded(one, by) or (one.target, one.vantage, one.tick) in spared
        failed = one.outcome is Outcome.FAILED and not excluded and _charged(one, by)
        good = one.outcome in {Outcome.OK, Outcome.DEGRADED}
        first_ms = one.timings.first_token_ms if good and one.distrust is None else None
        late = isinstance(by.formula.kind, str) and by.formula.kind == "latency_attainment" and (first_ms or 0) > 2000
        slot = Slot(good, failed, not good and not failed and not excluded, first_ms is not None, late)
        asked = one.outcome is not Outcome.NOT_OBSERVED and not (
            one.outcome is Outcome.FAILED and one.blame is Blame.CALLER
        )
        found[unit] = replace(
            before,
            slots={**before.slots, number: _sum(before.slots.get(number, Slot()), slot)},
            total=_sum(before.total, slot),
            asked=before.asked + asked,
            pleased=before.pleased + (one.outcome is Outcome.OK),
            left_out=before.left_out + (excluded and one.outcome is Outcome.FAILED),
            last=one.tick,
            targets=tuple(sorted({*before.targets, one.target})),
        )
    return {unit: replace(one, slots=_not_simply_good(one, by)) for unit, one in found.items()}


def _excluded(one: Observation, by: Commitment) -> bool:
    in_window = WINDOW.begins <= one.tick < WINDOW.ends and one.cluster == "acme/east"
    left_out = one.outcome is Outcome.FAILED and one.reason in by.exclusions.leave_out
    return left_out or (in_window and one.outcome in {Outcome.FAILED, Outcome.NOT_OBSERVED})


def _charged(one: Observation, by: Commitment) -> bool:
    return one.blame is Blame.PROVIDER or one.reason in by.exclusions.also_count


def _spared(counted: Sequence[Observation], by: Commitment) -> set[tuple[str, str, datetime]]:
    """Failures that the back-off rule discounts."""
    if by.exclusions.backoff is None:
        return set()
    streaks: dict[tuple[str, str], int] = {}
    failures = []
    for one in sorted(counted, key=lambda one: (one.target, one.vantage, one.tick)):
        series = (one.target, one.vantage)
        if one.outcome in {Outcome.OK, Outcome.DEGRADED}:
            streaks[series] = streaks.get(series, 0) + 1
        elif one.outcome is Outcome.FAILED and _charged(one, by) and not _excluded(one, by):
            ms = round((one.tick - BEGINS) / timedelta(milliseconds=1))
            failures.append(((*series, streaks.get(series, 0)), ms))
    spared = discounted(failures, by.exclusions.backoff)
    return {(target, vantage, BEGINS + timedelta(milliseconds=ms)) for (target, vantage, _), ms in spared}


def _not_simply_good(one: Record, by: Commitment) -> dict[int, Slot]:
    untimed = by.formula.kind == "latency_attainment"
    touched = one.slots.items()
    if by.exclusions.backoff is not None:  # a slot whose failures were all spared is still told
        return {number: slot for number, slot in touched if slot.failed or slot.unknown}
    return {
        number: slot
        for number, slot in touched
        if slot.failed or slot.unknown or slot.late or (untimed and slot.good > slot.timed)
    }


def _sum(one: Slot, other: Slot) -> Slot:
    return Slot(
        one.good + other.good,
        one.failed + other.failed,
        one.unknown + other.unknown,
        one.timed + other.timed,
        one.late + other.late,
    )


def test_a_unit_that_nobody_asked_has_no_record(reader: Reader) -> None:
    """Neither a provider that is not there, nor a pattern that covers nothing."""
    assert reader.records(share_of(commitment(covers=["acme/moon/*"])), AT) == ()
    assert reader.records(replace(share_of(commitment()), provider="nobody"), AT) == ()


def test_a_name_is_a_value_never_sql(reader: Reader) -> None:
    """Quotes, braces, and signs of regular expressions in patterns."""
    for pattern in ("') OR 1=1 --", "{at:Int64}", "acme/(east|west)/.+", "\\"):
        assert reader.records(share_of(commitment(covers=[pattern])), AT) == ()
