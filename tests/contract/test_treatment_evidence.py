"""From stored rows to what is said of how a provider treats its clients; never more than a notice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.examination import suspicions_at
from collector.exports.integrity_letter import letter
from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.period import period_start
from collector.judgement.integrity.suspicion import Route, Stage, Suspicion
from collector.judgement.integrity.treatment import FRESH_DAYS
from collector.storage.queries import Reader
from schemas.config import Configuration, Settings, Store
from schemas.evidence import Evidence, Standing
from schemas.fleet import Fleet
from schemas.observation import Connection, Instrument, Observation, Outcome, Reason, Source, Timings, Tokens
from tests.support.observations import seen
from tests.support.stores import ask, on_store, put

AT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
PROVIDERS = ("acme", "bolt", "calm")  # two-faced, honest, and nobody but we ask it
DAYS, EVERY = 12, timedelta(minutes=5)
BAD_HOURS, FAILED, WORSE = {18, 19}, 0.02, 0.1
Dice = random.Random


def ticks(days: float, end: datetime = AT) -> Iterator[datetime]:
    """The grid of so many days before *end*."""
    return (end - EVERY * n for n in range(1, int(days * DAY / EVERY) + 1))


def asked(
    dice: Dice, provider: str, tick: datetime, *, worse: float = 0.0, later: float = 1.0, **who: Any
) -> Observation:
    """One request, which fails by the provider's fault with the chance of its hour and *worse*."""
    share = 0.3 if tick.hour in BAD_HOURS else FAILED
    if dice.random() < share + worse:
        plain: dict[str, Any] = {"outcome": Outcome.FAILED, "reason": Reason.HTTP_5XX, "timings": Timings(total_ms=9.0)}
    else:
        first_ms = 200.0 * later * dice.lognormvariate(0.0, 0.3)
        plain = {"timings": Timings(sent_ms=5.0, first_token_ms=first_ms, total_ms=900.0), "tokens": Tokens(30, 20)}
    return seen(f"{provider}/east/chat", tick, **plain | who)


def probes(provider: str, days: float = DAYS) -> list[Observation]:
    """Our own, evenly over the day."""
    dice = Dice(provider)
    return [asked(dice, provider, tick) for tick in ticks(days)]


def traffic(provider: str, **changes: Any) -> list[Observation]:
    """Real requests, most of them in the hours in which everybody fares badly."""
    dice = Dice(f"{provider}'s customers")
    who = {"kind": "passive_chat", "module": "passive", "vantage": "checkout", "source": Source.PASSIVE,
           "instrument": Instrument(Connection.UNKNOWN)}  # fmt: skip
    return [
        asked(dice, provider, tick + timedelta(seconds=1), span=f"{n:016x}", **who, **changes)
        for n, tick in enumerate(ticks(DAYS))
        if tick.hour in BAD_HOURS or dice.random() < 0.2
    ]


def by_account(
    provider: str, fresh_days: float, *, worse_from: datetime = AT - 60 * DAY, **changes: Any
) -> list[Observation]:
    """Of an account that is known for long, and by chance of one for so many days; *changes* hit the newer one."""
    dice = Dice(f"{provider} {fresh_days}")
    found = [asked(dice, provider, AT - 40 * DAY, account="old")]
    for tick in ticks(fresh_days):
        new = dice.random() < 0.5
        hit = changes if new and tick >= worse_from else {}
        found.append(asked(dice, provider, tick, account="new" if new else "old", **hit))
    return found


def configuration(store: Store) -> Configuration:
    """Three providers with a target each."""
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    fleet = {name: {"clusters": {"east": {"targets": {"chat": target}}}} for name in PROVIDERS}
    settings = {"version": 1, "modules": {"chat": {"kind": "chat_stream"}}, "store": store}
    return Configuration(settings=Settings.model_validate(settings), fleet=Fleet.model_validate({"providers": fleet}))


def examined(store: Store, at: datetime = AT) -> dict[str, Suspicion]:
    """What an examination at *at* comes to."""
    return on_store(store, lambda house: suspicions_at(house, configuration(store), at))


def treated(suspicion: Suspicion, groups: str) -> Evidence:
    """The evidence on how *groups* are treated."""
    (found,) = [one for one in suspicion.evidence if one.check == f"treatment_{groups}"]
    return found


@pytest.fixture
def served(store: Store) -> Store:
    """Traffic of acme fares worse than our probes, that of bolt as they do; of calm there is none."""
    put(store, [one for name in PROVIDERS for one in probes(name)])
    put(store, traffic("acme", worse=WORSE, later=1.4) + traffic("bolt"))
    return store


def test_a_provider_with_two_faces_is_noticed_and_an_honest_one_is_not(served: Store) -> None:
    """Though pooled, the honest one's traffic fails twice as often: it asks when everybody fares badly."""
    found = {name: treated(one, "probes_and_traffic") for name, one in examined(served).items()}

    assert (found["acme"].standing, found["acme"].reason) == (Standing.NOTICED, "probes_treated_better")
    assert found["acme"].subject == "acme"
    assert (found["bolt"].standing, found["bolt"].reason) == (Standing.NOT_REJECTED, "treated_alike")
    assert "times as late" in found["bolt"].smallest
    assert (found["calm"].standing, found["calm"].reason) == (Standing.INSUFFICIENT, "too_little_of_the_same")
    assert (found["calm"].n, found["calm"].e) == (0, 1.0)
    failed, asked_n = ask(served, "SELECT countIf(outcome = 'failed'), count() FROM observations "
                          "WHERE provider = 'bolt' AND source = 'passive'")[0]  # fmt: skip
    assert failed / asked_n > 2 * FAILED


def test_what_is_noticed_accuses_nobody_and_is_stored_with_all_of_it(served: Store) -> None:
    """Below the line, by no route, and E as if it had not been seen; what was stored is what was found."""
    found = examined(served)
    acme = found["acme"]
    assert (acme.stage, acme.route, acme.families, acme.e) == (Stage.BELOW, Route.NONE, (), found["calm"].e)

    on_store(served, lambda house: house.insert_suspicions(tuple(found.values()), AT, AT))
    with Reader.open(served) as reader:
        assert {one.suspicion.provider: one.suspicion for one in reader.examinations()} == found
    rows = ask(served, "SELECT subject, family, grade, standing, reason FROM evidence "
               "WHERE check = 'treatment_probes_and_traffic' ORDER BY subject")  # fmt: skip
    assert rows == [
        ("acme", "conformance", "badge", "noticed", "probes_treated_better"),
        ("bolt", "conformance", "badge", "not_rejected", "treated_alike"),
        ("calm", "conformance", "badge", "insufficient", "too_little_of_the_same"),
    ]


def test_the_provider_is_told_claim_measurement_arithmetic_and_rows(served: Store) -> None:
    """And the query gives every row of the comparison."""
    found = examined(served)["acme"]
    one = treated(found, "probes_and_traffic")
    said = letter(Examination(AT, found), name="Acme", simulated=False)

    query = words.rows_query(one, period_start(AT), AT)
    for part in (
        "## Noticed: treatment\\_probes\\_and\\_traffic of acme", "- Claim: every client is served alike",
        "- If the claim held: p = ", "    failures: effect 0.1", "    first token: effect 1.", f"    {query}\n",
    ):  # fmt: skip
        assert part in said
    assert len(ask(served, query)) == len(probes("acme") + traffic("acme", worse=WORSE, later=1.4))


def test_fresh_accounts_that_fare_worse_are_noticed(store: Store) -> None:
    """acme serves who is new worse, bolt does not, and of calm both accounts are new."""
    put(store, by_account("acme", 6, worse=WORSE) + by_account("bolt", 6) + by_account("calm", 6, worse=WORSE)[1:])
    found = {name: treated(one, "known_and_fresh") for name, one in examined(store).items()}

    assert (found["acme"].standing, found["acme"].reason) == (Standing.NOTICED, "known_accounts_treated_better")
    assert (found["bolt"].standing, found["bolt"].reason) == (Standing.NOT_REJECTED, "treated_alike")
    assert (found["calm"].standing, found["calm"].reason) == (Standing.INSUFFICIENT, "too_little_of_the_same")


def test_an_account_is_fresh_for_a_fortnight_from_its_first_request(store: Store) -> None:
    """What hits it later hits two known accounts, and is compared with nothing."""
    since = AT - 20 * DAY
    observations = by_account("acme", 20, worse=0.5, worse_from=since + FRESH_DAYS * DAY)
    put(store, observations)
    found = treated(examined(store)["acme"], "known_and_fresh")

    first = min(one.tick for one in observations if one.account == "new")
    compared = [one for one in observations if since <= one.tick < first + FRESH_DAYS * DAY]
    assert found.standing is Standing.NOT_REJECTED
    assert 0.9 * len(compared) < found.n <= len(compared)  # without what failed, and hours that only one of them saw


def test_what_was_known_then_is_found_again_the_same(store: Store) -> None:
    """To the last digit: neither late traffic counts, nor a late row that would make the new account an old one."""
    put(store, by_account("acme", 6, worse=WORSE) + traffic("acme", worse=WORSE))
    before = examined(store)
    dice = Dice("late")
    late = [asked(dice, "acme", AT - 40 * DAY, account="new"), *traffic("bolt"), *probes("bolt")]
    put(store, late, ingested_at=AT)

    assert treated(before["acme"], "known_and_fresh").standing is Standing.NOTICED
    assert examined(store) == before
    later = {name: treated(one, "known_and_fresh") for name, one in examined(store, AT + 0.001 * DAY).items()}
    assert later["acme"].standing is Standing.INSUFFICIENT
