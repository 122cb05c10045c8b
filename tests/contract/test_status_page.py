"""The public status page and the Grafana dashboard, over the real store: the same bytes again, and every query runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from collector.exports.grafana_dashboard import INPUT, PANELS, PLUGIN
from collector.exports.grafana_dashboard import render as dashboard
from collector.exports.status_page import StatusPage, render
from collector.public_status import status_at
from collector.storage.clickhouse import ClickHouse
from collector.storage.grafana_queries import PROVIDERS, QUERIES
from collector.storage.queries import Reader
from schemas.config import Store
from tests.contract.test_scorecard_as_of import AT, HOUR, LATER, afterwards, configuration, first
from tests.support import small_world
from tests.support.processes import touchstone
from tests.support.stores import ask, fresh_database, on_store
from tests.unit.test_scorecard_pages import Elements

RESOLVED = AT - timedelta(days=3)


async def with_more_incidents(house: ClickHouse, store: Store) -> None:
    """As `first`; besides an incident that is over, one of a vantage of ours, and an exercise."""
    await first(house, store)
    opened = small_world.transitions(AT)[0] | {"failed_at": RESOLVED, "at": RESOLVED, "opened_at": RESOLVED}
    over = {"incident": "inc-000000000001", "scope": "clay/us-east", "reason": "http_5xx"}
    await house.insert_copies(
        "incident_transitions",
        [
            opened | over,
            opened | over | {"seq": 2, "change": "resolved", "state": "resolved", "at": RESOLVED + HOUR},
            opened | {"incident": "inc-000000000002", "level": "observer", "scope": "local", "reason": "our-own"},
        ],
    )
    drill = opened | {"incident": "inc-000000000003", "reason": "exercise", "signal": "drill"}
    await house.insert_copies("incident_transitions", [drill])


@pytest.fixture(scope="module")
def known(store_process: str) -> Iterator[Store]:
    """A store as it was at AT."""
    for store in fresh_database(Store(url=store_process, database="t_status_page")):
        on_store(store, partial(with_more_incidents, store=store))
        yield store


def page_of(store: Store, at: timedelta = timedelta()) -> StatusPage:
    """The page, so long after AT."""
    with Reader.open(store) as reader:
        return status_at(reader, configuration(store, "not this"), AT + at, ())


def spoken(html: str) -> str:
    """The words of a page."""
    return " ".join(" ".join(Elements(html).text).split())


def test_the_page_of_an_instant_is_the_same_bytes_after_late_rows_came(known: Store, tmp_path: Path) -> None:
    """With open and past incidents, the rule of the bars, and nothing of ours; the same from the command line."""
    (tmp_path / "fleet.yaml").write_text(
        'providers: {clay: {clusters: {us-east: {targets: {c: {model: m, url: "http://127.0.0.1:9", '
        "modules: [chat]}}}}}}\n"
    )
    (tmp_path / "touchstone.yaml").write_text(
        f'version: 1\nfleet: fleet.yaml\nstore: {{url: "{known.url}", database: {known.database}}}\n'
        "modules: {chat: {kind: chat_stream}}\n"
    )
    before = render(page_of(known), tiers=True)
    on_store(known, partial(afterwards, store=known))
    export = ("-c", str(tmp_path / "touchstone.yaml"), "export", "status-page", "-o", str(tmp_path / "site"))
    done = touchstone(*export, "--as-of", AT.isoformat())
    again, later = render(page_of(known), tiers=True), render(page_of(known, LATER - AT), tiers=True)
    elements = Elements(before)
    words = spoken(before)

    assert again == before != later
    assert done.returncode == 0 and (tmp_path / "site" / "index.html").read_text() == before, done.stderr
    assert f"As of {AT:%Y-%m-%d} 12:00:00 UTC" in words
    assert "■ down" in words and "open for 12 m" in words and "clay/us-east http 5xx" in words and "1 h" in words
    assert "Clay <b>Cloud</b>" in words and "our-own" not in words and "exercise" not in words
    assert "below 0.5% failed" in words and sum(tag == "rect" for tag, _ in elements.found) == 90
    assert not {tag for tag, _ in elements.found} & {"script", "link", "img", "a", "form", "iframe"}
    assert "Open incidents None." in spoken(later)


def test_a_page_without_tiers_says_states_only(known: Store) -> None:
    """No tier, nor the word for one; a page long after the last observation says that it does not know."""
    html = render(page_of(known), tiers=False)
    stale = spoken(render(page_of(known, timedelta(days=-30)), tiers=False))

    assert not re.search(r"suspect|gold|unrated|reliable", html.partition("<main>")[2])
    assert "Nothing was observed in 90 days: how the providers are now is not known." in stale
    assert "○ not observed" in stale and "no data" in stale


def test_every_query_of_the_dashboard_runs_and_finds_something(known: Store) -> None:
    """With Grafana's macros spelled out as its data source does; the panel of every query is there once."""
    made = json.loads(dashboard(QUERIES, PROVIDERS, known.database))
    (source,) = made["__inputs"]
    (variable,) = made["templating"]["list"]
    providers = [row[0] for row in ask(known, variable["query"])]

    assert (source["name"], source["pluginId"], providers) == (INPUT, PLUGIN, ["clay"])
    assert sorted(panel.query for panel in PANELS) == sorted(QUERIES)
    assert len({panel["id"] for panel in made["panels"]}) == len(PANELS)
    for panel in made["panels"]:
        assert panel["datasource"] == {"type": PLUGIN, "uid": f"${{{INPUT}}}"} and panel["description"]
        (target,) = panel["targets"]
        rows = ask(known, spelled_out(target["rawSql"], providers))
        assert rows, panel["title"]
        if panel["type"] == "timeseries":
            assert target["format"] == 0 and len(rows[0]) == 3, panel["title"]
    assert "{database}" not in json.dumps(made)


def spelled_out(sql: str, providers: list[str]) -> str:
    """*sql* as the data source sends it: two days around AT, an hour a point, all providers."""
    a, b = (AT - timedelta(days=2)).timestamp(), (AT + timedelta(minutes=1)).timestamp()
    low, high = (f"fromUnixTimestamp64Milli({int(at * 1000)})" for at in (a, b))
    sql = re.sub(r"\$__timeFilter_ms\((\w+)\)", rf"\1 >= {low} AND \1 <= {high}", sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)", sql)
    sql = sql.replace("$__toTime", f"toDateTime({int(b)})")
    sql = sql.replace("${provider:singlequote}", ",".join(f"'{name}'" for name in providers))
    assert "$" not in sql, sql
    return sql
