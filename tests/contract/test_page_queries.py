"""What the pages of deliveries, of a cluster and of the monitor read, against what was put into a store by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from collector.judgement.facts import Block
from collector.storage.delivery_queries import DeliveryRow
from collector.storage.queries import Reader
from dashboard.settings import PageSettings
from schemas.config import Configuration, Settings, Store
from schemas.fleet import Fleet
from schemas.observation import Observation, Outcome, Reason
from tests.contract.test_claims_page import forget, html
from tests.support import claims, small_world
from tests.support.observations import seen
from tests.support.stores import ask, on_store, put
from touchstone.system_clock import SystemClock

WAIT_S = 60
DESTINATIONS = ("mail", "on-call", "sms")
EPOCH = timedelta(days=30)
HOSTILE = "acme/east<img src=x>"


def transition(incident: str, seq: int, decided: datetime) -> dict[str, Any]:
    """One that was decided then."""
    plain = small_world._transition(incident, seq, "opened", "open", "P0", "provider", "acme", decided, 0)
    return plain | {"at": decided}


def attempt(incident: str, seq: int, to: str, number: int, state: str, at: datetime) -> dict[str, Any]:
    """One try; late after a minute as the sender marks it."""
    plain = small_world._page(to, number, state, 202 if state == "delivered" else 503, "", at, 0)
    return plain | {"incident": incident, "seq": seq, "at": at, "late_s": None, "instead_of": "", "took_ms": 5.0}


def nearest_rank(values: list[float], share: float) -> set[float]:
    """The values that may be called that quantile of *values*."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    return {ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]}


def test_deliveries_are_the_fold_of_their_attempts(store: Store) -> None:
    """Three hundred by chance: state, tries and seconds of each, counts and quantiles of each destination."""
    chance, now = random.Random(7), SystemClock().now().replace(microsecond=0)
    decided, tried, expected = [], [], {}
    for number in range(100):
        incident, at = f"inc-{number:012x}", now - timedelta(hours=1 + number)
        decided.append(transition(incident, 1, at))
        for to in DESTINATIONS:
            tries, end = chance.randint(1, 4), chance.choice(("delivered", "delivered", "dead", "pending"))
            stamps = [at + timedelta(milliseconds=250 * (1 + step) * chance.randint(1, 90)) for step in range(tries)]
            stamps.sort()
            for step, stamp in enumerate(stamps):
                state = end if step == tries - 1 else "pending"
                tried.append(attempt(incident, 1, to, step + 1, state, stamp))
            expected[incident, to] = (end, tries, (stamps[-1] - at).total_seconds() if end == "delivered" else None)
    on_store(store, lambda house: house.insert_copies("incident_transitions", decided))
    on_store(store, lambda house: house.insert_copies("page_attempts", tried))
    on_store(store, lambda house: house.insert_copies("page_attempts", tried))  # a repeated copy counts once
    with Reader.open(store) as reader:
        found, lines = reader.deliveries(now - EPOCH, 1000), reader.destinations(now - EPOCH)
        recent = reader.deliveries(now - timedelta(hours=10), 1000)

    with Reader.open(store) as reader:
        for kind in ("delivered", "dead", "waiting", "late"):
            few = reader.deliveries(now - EPOCH, 3, destination="sms", kinds=(kind,))
            assert few == tuple(one for one in found if (one.kind, one.destination) == (kind, "sms"))[:3]
        assert reader.deliveries(now - EPOCH, 7, kinds=("waiting", "dead"))[0].kind == "dead"
    assert {one.kind for one in found} == {"delivered", "dead", "waiting"}
    assert {(one.incident, one.destination): (one.state, one.attempts, one.took_s) for one in found} == expected
    states = [one.state == "dead" for one in found]
    assert states == sorted(states, reverse=True) and len(found) == 300
    assert {one.incident for one in recent} == {
        f"inc-{number:012x}" for number in range(10)
    }  # the tenth was tried within them
    for line in lines:
        own = [value for (_, to), value in expected.items() if to == line.destination]
        took = [seconds for _, _, seconds in own if seconds is not None]
        assert (line.n, line.delivered, line.dead) == (100, len(took), sum(state == "dead" for state, *_ in own))
        assert line.timed == len(took)
        assert line.p50_s in nearest_rank(took, 0.5) and line.p95_s in nearest_rank(took, 0.95)


def test_a_delivery_whose_decision_is_not_copied_has_no_seconds(store: Store) -> None:
    """Rather than some from 1970; and a store without a page has none."""
    now = SystemClock().now().replace(microsecond=0)
    with Reader.open(store) as reader:
        assert reader.deliveries(now - EPOCH) == reader.destinations(now - EPOCH) == ()
    tried = [attempt("inc-0", 1, "mail", 1, "delivered", now) | {"instead_of": "sms", "late_s": 70.0}]
    on_store(store, lambda house: house.insert_copies("page_attempts", tried))
    with Reader.open(store) as reader:
        (one,), (line,) = reader.deliveries(now - EPOCH), reader.destinations(now - EPOCH)

    assert isinstance(one, DeliveryRow)
    assert (one.decided_at, one.took_s, one.instead_of, one.late_s) == (None, None, "sms", 70.0)
    assert (line.delivered, line.late, line.timed, line.p50_s, line.p95_s) == (1, 1, 0, None, None)


def sent(now: datetime) -> Iterator[Observation]:
    """Two vantages: one that sees, one that was offline for a quarter of the hour and then fell silent."""
    for minute in range(60):
        one = seen(tick=now - timedelta(minutes=minute), vantage="fra", late_ms=float(minute), agent_version="2")
        yield one
        if minute >= 20:
            gone = minute % 4 == 0
            yield replace(
                one, vantage="iad", outcome=Outcome.NOT_OBSERVED if gone else Outcome.OK,
                reason=Reason.OBSERVER_OFFLINE if gone else None,
            )  # fmt: skip


def test_the_health_of_the_monitor_is_what_its_vantages_sent(store: Store) -> None:
    """Newest tick, rows, what was not observed and why, lateness and lag of the insert; a bulk load says nothing."""
    now = SystemClock().now().replace(microsecond=0)
    rows = list(sent(now))
    put(store, rows, ingested_at=now)
    put(store, [replace(one, vantage="loaded", agent_version="simulated") for one in rows[:5]])
    with Reader.open(store) as reader:
        health = reader.monitor_health()
    fra, iad = health.vantages

    assert (fra.vantage, fra.newest_tick, fra.n, fra.not_observed, fra.versions) == ("fra", now, 60, 0, ("2",))
    assert fra.late_p50_ms == 29.5 and fra.made_n == 60 and fra.unseen == ()
    assert (iad.newest_tick, iad.n) == (now - timedelta(minutes=20), 40)
    assert (iad.not_observed, iad.unseen, iad.made_n) == (10, (("observer_offline", 10),), 30)
    assert fra.insert_p50_ms == pytest.approx(29.5 * 60_000 - 500)
    assert (health.judged_at, health.rolled_up_to, health.examined_at) == (None, None, None)
    stored = dict(ask(store, "SELECT 'observations', count() FROM observations"))
    assert {one.table: one.rows for one in health.tables}["observations"] == stored["observations"] == len(rows) + 5


def test_one_cluster_is_told_apart_from_the_others_of_its_provider(store: Store) -> None:
    """Counts by target and module, blocks of availability, engines in closed hours; re-probes are left out."""
    now = SystemClock().now().replace(minute=0, second=0, microsecond=0)
    east = [
        seen("acme/east/chat", now - timedelta(minutes=n), Outcome.FAILED if n % 10 == 0 else Outcome.OK)
        for n in range(1, 61)
    ]
    engine = [
        seen("acme/east/chat", now - timedelta(minutes=n), kind="engine_metrics", module="engine",
             figures={"queue": float(n)})
        for n in range(1, 60, 10)
    ]  # fmt: skip
    west = [seen("acme/west/chat", one.tick) for one in east]
    put(store, [*east, *engine, *west, replace(east[9], attempt=1)])
    on_store(store, lambda house: house.rollups.advance(now, now))
    start, end = now - timedelta(hours=2), now + timedelta(minutes=1)
    with Reader.open(store) as reader:
        targets = reader.cluster_targets("acme", "acme/east", start, end)
        blocks = reader.cluster_blocks("acme", "acme/east", start, end, block_s=21_600)
        (figure,) = reader.engine_figures("acme", "acme/east", start, end)
        last = reader.recent_observations("acme", 500, cluster="acme/east")

    assert [(one.target, one.kind, one.ok, one.failed) for one in targets] == [
        ("acme/east/chat", "chat_stream", 54, 6), ("acme/east/chat", "engine_metrics", 6, 0),
    ]  # fmt: skip
    assert sum(block.known for block in blocks) == 60 and all(isinstance(block, Block) for block in blocks)
    assert (figure.name, figure.last, figure.low, figure.high, figure.mean, figure.n) == ("queue", 1, 1, 51, 26, 6)
    assert {one["cluster"] for one in last} == {"acme/east"} and len(last) == 67


def pages_page() -> None:
    """The page of deliveries."""
    from tests.support.dashboard_page import shown

    shown("pages")


def integrity_page() -> None:
    """The page of all checks."""
    from tests.support.dashboard_page import shown

    shown("integrity")


def cluster_page() -> None:
    """The page of a cluster."""
    from tests.support.dashboard_page import shown

    shown("cluster")


@pytest.fixture
def read_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A dashboard over an empty store from which nobody may act."""
    settings = Settings.model_validate(
        {"version": 1, "store": store, "dashboard": {"read_only": True}, "modules": {"chat": {"kind": "chat_stream"}}}
    )
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    fleet = Fleet.model_validate({"providers": {"acme": {"clusters": {"east": {"targets": {"chat": target}}}}}})
    for name, value in PageSettings.of(Configuration(settings=settings, fleet=fleet)).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    yield store
    forget()


def test_nobody_can_drill_from_a_dashboard_that_is_read_only(read_only: Store) -> None:
    """No button, and why; an empty record says that it is."""
    page = AppTest.from_function(pages_page, default_timeout=WAIT_S)
    said = html(page.run())

    assert "read-only: no drill" in said and "No page was tried in this window." in said
    assert len(page.button) == 0


def test_a_cluster_that_nobody_configured_is_said_to_be_unknown(read_only: Store) -> None:
    """Whatever the address says is shown as text; one of which nothing was seen says so."""
    page = AppTest.from_function(cluster_page, default_timeout=WAIT_S)
    page.query_params["cluster"] = HOSTILE
    assert "No cluster is called <code>acme/east&lt;img" in html(page.run())

    page = AppTest.from_function(cluster_page, default_timeout=WAIT_S)
    page.query_params["cluster"] = "acme/east"
    said = html(page.run())
    assert "<b>unknown</b> in 7d, n 0" in said and "Nothing was asked in this window." in said
    assert "it is not in the configuration any more" not in said  # it claims nothing, and is there


def test_checks_are_filtered_in_the_address(read_only: Store) -> None:
    """By how far suspicion has come, and by check; who was never examined is named; before any it says when."""
    page = AppTest.from_function(integrity_page, default_timeout=WAIT_S)
    assert "Nothing was examined yet" in html(page.run())

    claims.examine(read_only, "bolt", SystemClock().now())
    forget()
    page = AppTest.from_function(integrity_page, default_timeout=WAIT_S)
    page.query_params["check"] = "place"
    said = html(page.run())
    assert "too few vantages" in said and "more is billed" not in said and "Not examined yet: acme." in said

    page = AppTest.from_function(integrity_page, default_timeout=WAIT_S)
    page.query_params["suspicion"] = "suspect"
    assert "No provider is in such a state." in html(page.run())
