"""The bench of the dashboard: what it opens, what it puts beside a loaded past, and its arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.dashboard.agent_side import MODULE, Probing, Row, Timings, timings_of, write_configuration
from bench.dashboard.crowds import Crowds
from bench.dashboard.figures import aims_of, figures_of, table_of
from bench.dashboard.furnishing import attempts, furnish, incident_of, severity_of, transitions
from bench.dashboard.house import as_measured
from bench.dashboard.places import Place, places
from bench.dashboard.screen import Seen
from bench.dashboard.viewer import Looked
from bench.dashboard.viewers import Crowd, tour_of
from bench.measure.lateness import Window
from bench.measure.load_server import ServerLog
from bench.measure.stamps import Truth
from collector.storage.outage_queries import Outage
from collector.storage.queries import Reader
from dashboard.pages import CATALOGUE
from probes.schedule import phase_ms
from schemas.config import Store
from schemas.incident import IncidentState
from simulator.world import World
from tests.support import small_world
from tests.support.stores import ask
from touchstone.config_file import load_configuration
from touchstone.house import Addresses, House

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OUTAGE = Outage("acme", "acme/east", "acme/east/chat", "chat_stream", NOON, NOON + timedelta(minutes=31), 186, 186)
KEY = f"acme/east/chat|{MODULE}"


def test_every_page_of_the_catalogue_is_opened() -> None:
    """A new page is measured or the bench is told of it."""
    opened = places("acme", "other", "acme/east", "inc-0123456789ab")

    assert [place.name for place in opened] == [entry.name for entry in CATALOGUE]
    assert opened[-2].path == "/cluster?cluster=acme/east"


def test_viewers_begin_on_different_pages_and_see_all_of_them() -> None:
    """The tour of each is the same ring."""
    ring = [Place("a"), Place("b"), Place("c")]

    assert [[place.name for place in tour_of(ring, number)] for number in (0, 1, 3)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["a", "b", "c"],
    ]  # fmt: skip


def test_an_outage_leaves_an_incident_that_is_over_and_pages_to_both_destinations() -> None:
    """The same id in every run, so that a second run adds nothing."""
    opening, resolving = transitions(OUTAGE)
    tries = list(attempts(OUTAGE, number=1))

    assert (opening["incident"], severity_of(OUTAGE)) == (incident_of(OUTAGE), "P0")
    assert opening["at"] < resolving["at"] and resolving["state"] == "resolved"
    assert [(one["destination"], one["seq"], one["state"]) for one in tries] == [
        ("webhook", 1, "dead"), ("pagerduty", 1, "delivered"), ("webhook", 2, "dead"), ("pagerduty", 2, "delivered"),
    ]  # fmt: skip


def test_a_store_is_furnished_once(store: Store) -> None:
    """A verdict a minute of each provider, each of its own instant, and an incident of every outage that is there."""
    at = small_world.whole_minute(datetime.now(UTC))
    small_world.furnish_now(store, at)
    start = at - timedelta(hours=3)
    furnish(store, start, at)
    furnish(store, start, at)

    same = "parseDateTime64BestEffort(JSONExtractString(body, 'at'), 3, 'UTC') = at"
    assert ask(store, f"SELECT countIf({same}), count() FROM verdicts FINAL") == [(543, 543)]
    assert ask(store, "SELECT uniqExact(at) FROM verdicts WHERE provider = 'clay'") == [(181,)]
    with Reader.open(store) as reader:
        assert {verdict.at for verdict in reader.latest_verdicts()} == {at}
        assert all(one.state is IncidentState.RESOLVED for one in reader.recent_incidents(provider="beryl"))


def test_the_agent_is_given_every_target_of_the_fleet_at_the_load_server(tmp_path: Path) -> None:
    """Ninety targets, each with its path; the settings load, and the judge keeps its default."""
    house = House.built(tmp_path, World.of(), Addresses(18100, 8123, 4318, 8501, 18099))
    whole = as_measured(house.config)
    config, key_of = write_configuration(house.config, tmp_path / "agent", "http://127.0.0.1:9")
    loaded = load_configuration(config, {})
    urls = [place.target.url for place in loaded.fleet.places()]

    assert whole.settings.collector.judge_every == 60
    assert len(set(urls)) == len(key_of) == 90
    assert {url.removeprefix("http://127.0.0.1:9") + "/chat/completions" for url in urls} == set(key_of)


def test_rows_are_held_against_the_request_of_the_same_tick() -> None:
    """What the server did not see is not compared; how late it was counts from the grid."""
    tick_ms = phase_ms(KEY, 3000) + 3000 * 1000
    truth = Truth(
        stream="0",
        path="/t0",
        nonce="",
        received_ns=round((tick_ms + 7) * 1e6),
        sent_ns=(round((tick_ms + 207) * 1e6),),
    )
    found = Probing({"/t0": KEY}, offset_ns=0, log=ServerLog((truth,), (), 0, 0, True))
    rows = [Row("acme/east/chat", tick_ms, 203.0, ""), Row("acme/east/chat", tick_ms + 3000, 200.0, "observer_late")]
    timings = timings_of(found, Window(tick_ms - 10, tick_ms + 10), rows)

    assert timings.lateness_ms == pytest.approx([7.0])
    assert timings.ttft_error_ms == pytest.approx([3.0])
    assert (timings.due, timings.rows, timings.distrusted) == (1, 2, 1)


def test_figures_hold_a_slow_page_against_the_aim() -> None:
    """Percentiles of all pages, the slowest by name, and what looking did to the agent as a ratio."""
    seen = Seen(
        cold_s={"status": [0.5, 0.7], "compare": [2.5, 2.6]},
        unread_s={"compare": [1.9, 2.1]},
        warm_s={"status": [0.2]},
        cold_filters_s={"status, gold": [0.1]},
    )
    crowds = Crowds(
        quiet=[Timings([1.0], 1, [0.1], 10, 0)],
        watched=[Timings([2.0], 1, [0.1], 10, 1)],
        alone=[Crowd(1, Looked({"status": [0.1]}, [0.01]), 1.0, 10.0)],
        together=[Crowd(20, Looked({"status": [0.3, 0.4]}, [0.02]), 2.0, 10.0)],
        cores={"store": [0.5]},
        idle_cores={"store": [0.1]},
    )
    figures = figures_of(seen, crowds)
    aims = aims_of(figures, seen)

    assert (figures["page_cold_p95_ms"].ours, figures["page_cold_p95_ms"].low) == (2600, 600)
    assert (figures["viewers_page_p95_ms"].ours, figures["viewers_page_p95_ms"].peer) == (400, 100)
    assert figures["agent_lateness_p99_ratio"].ours == 2
    assert (figures["agent_distrusted_share"].ours, figures["agent_distrusted_share"].peer) == (0.1, 0)
    assert aims["page_drawn_s"] == {
        "aim": "< 2",
        "reached": False,
        "misses": {"compare, cold": 2.6, "compare, unread": 2.1},
    }
    assert aims["filter_s"]["reached"] and aims["viewers_page_s"]["reached"]
    assert (aims["agent"]["reached"], aims["agent"]["misses"]) == (False, {"agent_lateness_p99_ratio": 2.0})
    assert table_of(cold=seen.cold_s, warm=seen.warm_s)["status"] == {
        "cold": {"p50": 500, "p95": 700, "n": 2}, "warm": {"p50": 200, "p95": 200, "n": 1},
    }  # fmt: skip
