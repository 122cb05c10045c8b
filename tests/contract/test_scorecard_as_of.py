"""A scorecard of an instant is the same bytes whenever it is made, whatever came in or was changed since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.exports.catalog import FORMATS, rendered
from collector.exports.scorecard import Scorecard
from collector.judgement.sla.billing_month import BillingMonth
from collector.judgement.sla.record import Slot
from collector.judgement.sla.statement import Statement, statement
from collector.judgement.tiers import judge
from collector.scorecards import Terms, card_at
from collector.storage.clickhouse import ClickHouse
from collector.storage.queries import Reader
from collector.storage.rows import StoredRow
from schemas.config import Configuration, Settings, Store
from schemas.fleet import Fleet
from tests.support import small_world
from tests.support.claims import suspected
from tests.support.contracts import commitment, record, terms
from tests.support.processes import touchstone
from tests.support.small_world import POLICY
from tests.support.stores import fresh_database, on_store

AT = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
LATER = AT + timedelta(hours=2)
MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)
NAMES = ("Clay <b>Cloud</b>", "Clay, renamed")


def configuration(store: Store, name: str, confidence: float = 0.95) -> Configuration:
    """Of a fleet with one provider."""
    given = {"version": 1, "store": store, "modules": {"chat": {"kind": "chat_stream"}}}
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    fleet = {"clay": {"name": name, "clusters": {"us-east": {"targets": {"chat": target}}}}}
    return Configuration(
        settings=Settings.model_validate(given | {"tiers": {"confidence": confidence}}),
        fleet=Fleet.model_validate({"providers": fleet}),
    )


async def first(house: ClickHouse, store: Store) -> None:
    """What was known at AT: four days of probes, a verdict, an open incident, an examination."""
    ticks = [(AT - HOUR * (number + 1), number) for number in range(96)]
    seen = [small_world.observation("clay", where, tick, n) for where in small_world.CLUSTERS for tick, n in ticks]
    await house.insert_observations([StoredRow(one, 1, n, one.finished_at) for n, one in enumerate(seen)])
    await house.note_configuration(configuration(store, NAMES[0]), "1", AT - timedelta(days=5))
    await give_verdict(house, AT)
    await house.insert_copies("incident_transitions", small_world.transitions(AT))
    await house.insert_suspicions((suspected("clay", AT - HOUR),), AT - HOUR, AT - HOUR)
    await house.insert_statements([broken_month()], AT - 2 * HOUR)
    await house.insert_copies("responses", [told("claim_filed", AT - HOUR)])


def broken_month() -> Statement:
    """Of clay, over for two days at AT."""
    by = commitment()
    month = BillingMonth(AT - timedelta(days=32), AT - timedelta(days=2), "2026-10")
    seen = replace(record({n: Slot(failed=5) for n in range(100, 112)}), begins=month.begins, until=month.ends)
    return statement("clay", terms(by, claim={"days": 14}), by, month, seen)


def told(what: str, at: datetime, amount: Decimal | None = None) -> dict[str, Any]:
    """That somebody said so of the claim of that month."""
    return {
        "at": at, "id": what, "what": what, "subject": broken_month().key, "scope": "clay", "by": "ana", "via": "cli",
        "why": "", "refused": "", "simulated": False, "amount": amount,
    }  # fmt: skip


async def afterwards(house: ClickHouse, store: Store) -> None:
    """What came later, or was known later: rows of the same days, a verdict, a recovery, findings, another name."""
    ticks = [AT - HOUR * (number + 1) for number in range(48)]
    late = [replace(small_world.observation("clay", "us-east", tick, 1), vantage="elsewhere") for tick in ticks]
    await house.insert_observations([StoredRow(one, 2, n, AT + HOUR) for n, one in enumerate(late)])
    began = AT - timedelta(minutes=12)
    resolved = small_world.transitions(AT)[1] | {
        "seq": 3, "change": "resolved", "state": "resolved", "at": AT + HOUR, "failed_at": began,
    }  # fmt: skip
    await house.insert_copies("incident_transitions", [resolved])
    await house.insert_suspicions((suspected("clay", AT),), AT, AT + HOUR)
    await house.note_configuration(configuration(store, NAMES[1], 0.9), "2", AT + HOUR)
    await house.insert_statements([replace(broken_month(), credit=None)], AT + HOUR / 4)
    await house.insert_copies("responses", [told("claim_granted", AT + HOUR, Decimal("900.50"))])
    await give_verdict(house, LATER)


async def give_verdict(house: ClickHouse, at: datetime) -> None:
    """The verdict of an instant, stored."""
    facts = await house.facts(at, POLICY)
    await house.insert_verdicts([judge("clay", facts["clay"], POLICY, at, None)])


@pytest.fixture(scope="module")
def known(store_process: str) -> Iterator[Store]:
    """A store as it was at AT."""
    for store in fresh_database(Store(url=store_process, database="t_as_of")):
        on_store(store, partial(first, store=store))
        yield store


def card(store: Store, at: datetime) -> Scorecard:
    """The card of an instant, with a configuration that nothing is taken from."""
    with Reader.open(store) as reader:
        made = card_at(reader, Terms.configured(configuration(store, "not this", 0.6), "clay"), "clay", at, MONTH)
    assert made is not None
    return made


def files(made: Scorecard) -> dict[str, bytes]:
    """The card in every format that this machine can make."""
    forms = [form for form in FORMATS if form != "pdf" or shutil.which("chromium")]
    return {form: rendered(form, made) for form in forms}


def test_the_same_instant_gives_the_same_bytes_after_late_rows_came(known: Store, tmp_path: Path) -> None:
    """In every format; and the card of a later instant has what came, so there was something to leave out."""
    (tmp_path / "fleet.yaml").write_text(
        'providers: {clay: {clusters: {us-east: {targets: {c: {model: m, url: "http://127.0.0.1:9", '
        "modules: [chat]}}}}}}\n"
    )
    settings = tmp_path / "touchstone.yaml"
    settings.write_text(
        f'version: 1\nfleet: fleet.yaml\nstore: {{url: "{known.url}", database: {known.database}}}\n'
        "modules: {chat: {kind: chat_stream}}\n"
    )
    asked = ("-c", str(settings), "scorecard", "clay", "--format", "json", "-o")
    before, at_once = card(known, AT), files(card(known, AT))
    with Reader.open(known) as reader:
        assert reader.settled_at() == AT
    early = touchstone(*asked, str(tmp_path / "early.json"))
    too_early = touchstone(*asked, "-", "--as-of", LATER.isoformat())
    too_late = touchstone(*asked, "-", "--as-of", (AT - timedelta(days=160)).isoformat(), "--days", "180")
    on_store(known, lambda house: afterwards(house, known))
    again, now = card(known, AT), card(known, LATER)
    late = touchstone(*asked, str(tmp_path / "late.json"), "--as-of", AT.astimezone(timezone(HOUR)).isoformat())

    assert again == before
    assert {form: made == at_once[form] for form, made in files(again).items()} == dict.fromkeys(at_once, True)
    assert (early.returncode, late.returncode) == (0, 0), early.stderr + late.stderr
    assert (tmp_path / "early.json").read_bytes() == (tmp_path / "late.json").read_bytes() == at_once["json"]
    assert too_early.returncode == 2 and "not settled yet" in too_early.stderr
    assert too_late.returncode == 2 and "no longer kept (store.retention.raw)" in too_late.stderr
    assert (again.name, now.name, now.confidence) == (*NAMES, 0.9)
    assert now.whole.n_ok == again.whole.n_ok + 44 and sum(day.n for day in again.whole.days) == 192
    assert [line.state for line in again.incidents] == ["open"] and again.incidents[0].resolved_at is None
    assert [line.state for line in now.incidents] == ["resolved"]
    (then, later) = (only for one in (again, now) for only in one.contract)
    assert (then.credit, then.claim, then.granted) == ("1000.00", f"filed {AT - HOUR:%Y-%m-%d} by ana", None)
    assert (later.credit, later.claim, later.granted) == (None, "granted 900.50 USD", "900.50")
    assert "granted 900.50 USD" in rendered("md", now).decode() and b"Its contract" in rendered("html", now)
    assert again.examination is not None and again.examination.at == AT - HOUR


def test_between_two_verdicts_the_earlier_one_holds_and_says_so(known: Store) -> None:
    """The period ends at the instant that was asked for."""
    between = card(known, AT + timedelta(minutes=30))

    assert between.end == AT + timedelta(minutes=30)
    assert between.verdict.at == AT
    assert f"Judged last at {AT:%Y-%m-%d} 12:00:00 UTC." in rendered("md", between).decode()
    assert json.loads(rendered("json", between))["verdict"]["at"] == AT.isoformat()


def test_an_incident_that_began_before_the_period_is_in_it_while_it_lasts(known: Store) -> None:
    """Of the last five minutes: open since seven minutes before them. Not of a period after its end."""
    with Reader.open(known) as reader:
        short = card_at(reader, configuration(known, ""), "clay", AT, timedelta(minutes=5))
        ids = {one.id for one in reader.incidents_over(AT - timedelta(minutes=5), AT)}
        beryl = {one.id for one in reader.incidents_over(AT - timedelta(days=1, minutes=-1), AT, provider="beryl")}

    assert short is not None and short.down_s == 300.0
    assert [line.id for line in short.incidents] == ["inc-c1a4c1a4c1a4"]
    assert ids == {"inc-c1a4c1a4c1a4"}
    assert beryl == {"inc-be41be41be41"}


def test_before_the_first_verdict_there_is_no_card(known: Store) -> None:
    """Nor of a provider that nobody has judged."""
    with Reader.open(known) as reader:
        held = configuration(known, "")
        assert card_at(reader, Terms.configured(held, "clay"), "clay", AT - HOUR, MONTH) is None
        assert card_at(reader, Terms.configured(held, "nobody"), "nobody", AT, MONTH) is None
