"""From stored observations to a suspicion that is stored, read again, replied to, and judged by."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from collector.examination import suspicions_at
from collector.exports.integrity_letter import letter
from collector.judgement.integrity import words
from collector.judgement.integrity.catalog import CHECKS, examined
from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.period import PERIOD_DAYS, period_start
from collector.judgement.integrity.subject import Subject
from collector.judgement.integrity.suspicion import Route, Stage, Suspicion
from collector.judgement.tiers import judge
from collector.storage.clickhouse import ClickHouse
from collector.storage.queries import Reader
from collector.storage.rows import StoredRow
from schemas.config import Configuration, Settings, Store, TierPolicy
from schemas.evidence import Standing
from schemas.fleet import Claims, Fleet
from schemas.observation import Observation, Outcome, Reason, Tokens
from schemas.sample import Sample
from schemas.verdict import Tier
from tests.support.observations import seen
from tests.support.stores import ask, on_store, put

AT = datetime(2026, 11, 20, tzinfo=UTC)
DAYS, A_DAY = 4, 30
PROVIDERS = ("acme", "bolt")


def answers(target: str, inflation: float, vantages: Sequence[str]) -> list[Observation]:
    """Days of answers of any length, each counted in words, billed *inflation* times as much."""
    dice = random.Random(target)
    found = []
    for number in range(DAYS * A_DAY):
        counted = dice.randrange(16, 400)
        day, within = divmod(number, A_DAY)
        tick = AT - timedelta(days=DAYS - day) + timedelta(minutes=10 * within, milliseconds=number)
        for vantage in vantages:
            found.append(
                seen(
                    target, tick, vantage=vantage, answer_digest=f"{dice.getrandbits(64):016x}",
                    tokens=Tokens(20, round(counted * inflation), counted, "words", counted),
                    figures={"counted_in": 20.0, "asked_out": 400.0 * inflation},
                )
            )  # fmt: skip
    return found


def configuration(store: Store) -> Configuration:
    """An honest provider and one that inflates, of different models."""
    targets = {name: {"chat": {"model": name, "url": "http://127.0.0.1:9", "modules": ["chat"]}} for name in PROVIDERS}
    fleet = {name: {"clusters": {"east": {"targets": targets[name]}}} for name in PROVIDERS}
    settings = {"version": 1, "modules": {"chat": {"kind": "chat_stream"}}, "store": store}
    return Configuration(settings=Settings.model_validate(settings), fleet=Fleet.model_validate({"providers": fleet}))


def found_at(store: Store, days_later: float = 0.0, *, keep: bool = True) -> dict[str, Suspicion]:
    """Examine so long after AT; stored when *keep*."""
    at = AT + timedelta(days=days_later)

    async def examine(house: ClickHouse) -> dict[str, Suspicion]:
        found = await suspicions_at(house, configuration(store), at)
        if keep:
            await house.insert_suspicions(tuple(found.values()), at, at + timedelta(seconds=10))
        return found

    return on_store(store, examine)


@pytest.fixture
def inflated(store: Store) -> Store:
    """Both providers, from two vantages; acme bills 3 % more than it sends."""
    put(store, answers("acme/east/chat", 1.03, ("here", "there")) + answers("bolt/east/chat", 1.0, ("here", "there")))
    return store


def test_a_contradiction_has_a_right_of_reply_before_it_is_a_tier(inflated: Store) -> None:
    """Seven days from the instant at which the line was reached first, however often it is looked at meanwhile."""
    first = found_at(inflated)
    assert (first["bolt"].stage, first["acme"].stage) == (Stage.BELOW, Stage.REPLY_OPEN)
    assert first["acme"].route is Route.CONTRADICTION
    again, after = found_at(inflated, 6), found_at(inflated, 7)
    assert (again["acme"].stage, again["acme"].reached) == (Stage.REPLY_OPEN, AT)
    assert (after["acme"].stage, after["acme"].reached) == (Stage.SUSPECT, AT)

    with Reader.open(inflated) as reader:
        stored = {one.suspicion.provider: one.suspicion for one in reader.examinations()}
    assert stored == after
    (bills,) = [one for one in after["acme"].evidence if one.check == "token_arithmetic_completion"]
    assert (bills.standing, bills.reason, bills.days, bills.vantages) == (
        Standing.CONTRADICTED, "tokens_inflated", DAYS, 2,
    )  # fmt: skip
    assert bills.value == pytest.approx(1.03, abs=0.003)


def test_one_vantage_is_not_enough(store: Store) -> None:
    """The same bills, seen from one place and with one account: said, and no route to suspect."""
    put(store, answers("acme/east/chat", 1.03, ("here",)))
    found = found_at(store)["acme"]

    assert [one.check for one in found.evidence if one.standing is Standing.CONTRADICTED] == [
        "token_arithmetic_completion"
    ]
    assert (found.stage, found.route) == (Stage.BELOW, Route.NONE)
    assert any("2 vantages" in line for line in found.missing)


def test_an_accepted_reply_ends_it(inflated: Store) -> None:
    """And what is on record before it was weighed holds the right of reply open."""
    found_at(inflated)

    async def reply(house: ClickHouse, days: float, accepted: bool | None) -> None:
        await house.insert_reply("acme", AT + timedelta(days=days), accepted=accepted, by="ana", said="our tokenizer")

    on_store(inflated, lambda house: reply(house, 5, None))
    assert found_at(inflated, 8)["acme"].stage is Stage.REPLY_OPEN
    on_store(inflated, lambda house: reply(house, 9, True))
    assert found_at(inflated, 20)["acme"].stage is Stage.EXPLAINED


def test_what_was_known_then_is_judged_again_the_same(inflated: Store) -> None:
    """Rows that came later change nothing, and a verdict looks at the last suspicion before it."""
    before = found_at(inflated, keep=False)
    put(inflated, answers("acme/west/chat", 2.0, ("late",)))
    late = [StoredRow(seen("acme/east/chat", AT - timedelta(hours=1), tokens=Tokens(9, 9000, 9, "words", 9)), 2, 1, AT)]
    on_store(inflated, lambda house: house.insert_observations(late))
    assert found_at(inflated, keep=False) == before

    found_at(inflated), found_at(inflated, 8)
    policy = TierPolicy()

    async def tier(house: ClickHouse, days: float) -> tuple[bool | None, Tier]:
        at = AT + timedelta(days=days)
        facts, suspicions = await house.facts(at, policy), await house.suspicions(at)
        verdict = judge("acme", facts["acme"], policy, at, None, suspicions.get("acme"))
        (gate,) = [gate for gate in verdict.gates if gate.name == "misrepresented"]
        return gate.passed, verdict.tier

    assert on_store(inflated, lambda house: tier(house, 0))[0] is None
    assert on_store(inflated, lambda house: tier(house, 9 / 86_400))[0] is None  # stored, and not yet gone by
    assert on_store(inflated, lambda house: tier(house, 1))[0] is False
    assert on_store(inflated, lambda house: tier(house, 9)) == (True, Tier.SUSPECT)


def test_the_document_for_the_provider_holds_claim_measurement_arithmetic_and_rows(inflated: Store) -> None:
    """And its query gives the rows."""
    found = found_at(inflated)["acme"]
    said = letter(Examination(AT, found), name="Acme <b>", simulated=False)

    assert said.startswith("# Evidence about claims of Acme \\<b\\>\n")
    for part in (
        "- Claim: the tokens billed for answers are the tokens sent", "- Measured: 1.0", "- If the claim held: ",
        "Assumptions:", "Arithmetic:", "Not contradicted does not mean verified", "a reply is weighed until 2026-11-27",
    ):  # fmt: skip
        assert part in said
    (bills,) = [one for one in found.evidence if one.standing is Standing.CONTRADICTED]
    query = words.rows_query(bills, period_start(AT), AT)
    assert f"    {query}\n" in said
    assert len(ask(inflated, query)) == 2 * DAYS * A_DAY


def test_a_target_of_which_nothing_is_known_is_insufficient_in_every_check() -> None:
    """Each with a reason, and without evidence."""
    nothing = Subject(
        target="acme/east/chat", cluster="acme/east", provider="acme", model="m", claims=Claims(), conformed={},
        vantages={},
    )  # fmt: skip
    found = examined(nothing)

    assert {one.standing for one in found} == {Standing.INSUFFICIENT}
    assert all(one.reason and one.said and one.e == 1.0 for one in found)
    assert len(found) >= len(CHECKS) - 1  # conformance has a line for each kind that was probed


def test_stored_logprobs_say_since_when_a_model_is_another_one(store: Store) -> None:
    """Four answers a day, of 30 days; the last four days' are others. Which endpoints offer none is known as well."""
    since, made = AT - timedelta(days=4), []
    for number in range(4 * 30):
        tick = AT - timedelta(days=30) + timedelta(hours=6 * number)
        item, moved = f"s:{number % 4:03}", 1.5 if tick >= since else 0.0
        told = tuple(Sample("logprob", item, -rank * (1 + moved), f"t{rank}") for rank in range(1, 21))
        asked = {"kind": "logprob_sample", "module": "logprobs"}
        made.append(seen("acme/east/chat", tick, samples=told, **asked))
        made.append(seen("bolt/east/chat", tick, samples=(Sample("logprob_not_offered", item, 400.0, "no"),), **asked))
    put(store, made)
    found = found_at(store)
    acme, bolt = (next(one for one in found[name].evidence if one.check == "logprobs") for name in ("acme", "bolt"))

    assert (acme.standing, acme.said.rpartition("since ")[2]) == (Standing.NOTICED, str(since.date()))
    assert (bolt.standing, bolt.reason) == (Standing.INSUFFICIENT, "not_offered")
    assert found["acme"].stage is Stage.BELOW


@pytest.mark.parametrize("days", [0, 1, 29, 30, 31, 400])
def test_a_period_begins_on_a_day_that_is_fixed(days: int) -> None:
    """Thirty to sixty days before; the same for a whole month."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
    start = period_start(at)

    assert timedelta(days=PERIOD_DAYS) <= at - start < timedelta(days=2 * PERIOD_DAYS)
    assert (start - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(days=PERIOD_DAYS) == timedelta(0)


def test_answers_that_are_not_as_asked_for_are_counted(store: Store) -> None:
    """Tool calls with the wrong schema: a badge, never suspect."""
    made = [
        seen("bolt/east/chat", AT - timedelta(minutes=number), kind="tool_call", module="tools",
             outcome=Outcome.DEGRADED if number % 5 == 0 else Outcome.OK,
             reason=Reason.SCHEMA_MISMATCH if number % 5 == 0 else None)
        for number in range(1, 101)
    ]  # fmt: skip
    put(store, made)
    (badge,) = [one for one in found_at(store)["bolt"].evidence if one.check == "conformance_tool_call"]

    assert (badge.n, badge.reason) == (100, "too_many_invalid")
    assert badge.value == pytest.approx(0.2)
