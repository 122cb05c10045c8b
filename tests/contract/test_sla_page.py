"""The page of contracts, over statements that were stored: what is owed, until when, and every name as a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from streamlit.testing.v1 import AppTest

from collector.exports.statements import plain
from collector.judgement.sla.billing_month import billing_month, billing_month_at
from collector.judgement.sla.record import Record, Slot
from collector.judgement.sla.statement import Statement, statement
from collector.storage.queries import Reader
from dashboard.settings import PageSettings
from schemas.config import Configuration, Settings, Store
from schemas.fleet import Fleet
from tests.contract.test_claims_page import forget, html
from tests.support.contracts import commitment, contract, record, terms
from tests.support.stores import on_store
from touchstone.system_clock import SystemClock

WAIT_S = 60
HOUR = timedelta(hours=1)


def sla_page() -> None:
    """The page of contracts."""
    from tests.support.dashboard_page import shown

    shown("sla")


def statements() -> tuple[Statement, ...]:
    """Of the running month and the one before: an hour was down of acme's east, nothing of bolt, nobody asked calm."""
    now = SystemClock().now()
    month = billing_month_at(now, "UTC", 1)
    by = commitment(per="cluster")
    held = terms(by, claim={"months": 2})
    down = {n: Slot(failed=5) for n in range(100, 112)}
    broken = replace(record(down, days=28, unit="acme/east<b>"), begins=month.begins, until=month.ends)
    kept = replace(record(days=28, unit="bolt/east"), begins=month.begins, until=month.ends)
    unasked = Record("calm", month.begins, now, 300, {})
    before = billing_month((month.begins - HOUR).strftime("%Y-%m"), "UTC", 1)
    old = replace(record(down, days=28, unit="acme/east<b>"), begins=before.begins, until=before.ends)
    return (
        statement("acme", held, by, month, broken),
        statement("bolt", held, by, month, kept),
        statement("calm", held, by, month, unasked),
        statement("acme", held, by, before, old),
    )


@pytest.fixture
def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A dashboard over a store in which months were counted an hour ago."""
    settings = Settings.model_validate({"version": 1, "store": store, "modules": {"chat": {"kind": "chat_stream"}}})
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    names = ("acme", "bolt", "calm")
    fleet = {name: {"clusters": {"east": {"targets": {"chat": target}}}} for name in names}
    configuration = Configuration(
        settings=settings,
        fleet=Fleet.model_validate({"providers": fleet}),
        contracts=dict.fromkeys(names, contract()),
    )
    for name, value in PageSettings.of(configuration).to_environ().items():
        monkeypatch.setenv(name, value)
    at = SystemClock().now() - HOUR
    on_store(store, lambda house: house.insert_statements(statements(), at.replace(microsecond=0)))
    forget()
    yield store
    forget()


def test_the_page_shows_what_is_owed_and_until_when(counted: Store) -> None:
    """Months, the newest first; what was broken before what was kept; the range, and what nobody knows."""
    page = AppTest.from_function(sla_page, default_timeout=WAIT_S)
    said = html(page.run())
    month = billing_month_at(SystemClock().now(), "UTC", 1)

    assert "About 2\u202f000.00 USD" in said and "2 claims" in said
    assert said.index(f"<h2>{month.label}") < said.index(f"<h2>{month.begins - HOUR:%Y-%m}")
    assert said.index("✗ 99.8") < said.index("✓ 100.000 %")
    assert "not one request is known" in said
    assert "acme/east&lt;b&gt;" in said and "<b>acme/east<b>" not in said


def test_what_was_claimed_is_owed_no_more_and_says_by_whom(counted: Store) -> None:
    """The other claim is still counted; what came of one stands beside its deadline."""
    with Reader.open(counted) as reader:
        mine = [one for one in reader.statements(SystemClock().now() - 2 * HOUR) if one.claimable]
    lines = [
        {
            "at": SystemClock().now() - HOUR / 2, "id": one.key, "what": what, "subject": one.key, "scope": "acme",
            "by": "<i>ana", "via": "cli", "why": "", "refused": "", "simulated": False, "amount": amount,
        }
        for one, what, amount in ((mine[0], "claim_filed", None), (mine[1], "claim_granted", Decimal("900.50")))
    ]  # fmt: skip

    def page() -> str:
        forget()
        return html(AppTest.from_function(sla_page, default_timeout=WAIT_S).run())

    on_store(counted, lambda house: house.insert_copies("responses", lines[:1]))
    first = page()
    on_store(counted, lambda house: house.insert_copies("responses", lines[1:]))
    both = page()

    assert "About 1\u202f000.00 USD" in first and "in 1 claim can be claimed" in first
    assert "by &lt;i&gt;ana" in first and "not claimed" in first
    assert "All that can be claimed of the months that are shown was." in both
    assert "granted 900.50 USD" in both and "not claimed" not in both


def test_the_filter_stands_in_the_address(counted: Store) -> None:
    """A link to one provider's contracts."""
    page = AppTest.from_function(sla_page, default_timeout=WAIT_S)
    page.query_params["of"] = "bolt"
    said = html(page.run())

    assert "bolt/east" in said and "acme/east" not in said
    assert "Nothing can be claimed" in said


def test_every_figure_of_the_page_is_one_that_an_export_has(counted: Store) -> None:
    """What is stored comes back whole, to the last digit."""
    with Reader.open(counted) as reader:
        stored = reader.statements(SystemClock().now() - 2 * HOUR)

    assert sorted(map(str, map(plain, stored))) == sorted(map(str, map(plain, statements_alike(stored))))
    assert {one.bill for one in stored} == {Decimal(10_000)}


def statements_alike(stored: tuple[Statement, ...]) -> list[Statement]:
    """What was stored, made anew, with the instants of the first time."""
    made = {(one.unit, one.month.label): one for one in statements()}
    found = []
    for one in stored:
        again = made[one.unit, one.month.label]
        assert one.uptime is None or isinstance(one.uptime.counted, Fraction)
        found.append(replace(again, until=one.until))
    return found
