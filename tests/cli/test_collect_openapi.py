"""The API's document, held against the routes that there are and the answers that are given; what anybody may see."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from aiohttp import web

from collector import openapi, outside_api, public_api, report_api
from collector.api import application
from collector.judgement.tiers import judge
from collector.openapi import document
from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import StoredRow
from collector.tokens import Tokens
from schemas.config import Store, TierPolicy
from schemas.paging import Paging
from schemas.verdict import Tier
from tests.support import small_world
from tests.support.processes import Deployment, deployment, touchstone, wait_for
from tests.support.stores import on_store
from touchstone.system_clock import SystemClock

AT = small_world.whole_minute(datetime.now(UTC)) - timedelta(minutes=1)
TOKEN = "a-token-of-the-tests"
INCIDENT = "inc-c1a4c1a4c1a4"
CLAIMING = {
    "by": "tests", "provider": "acme", "key": "2026-10/uptime/acme", "standing": "granted", "amount": "4100.50",
}  # fmt: skip
SUPPRESSING = {"by": "tests", "kind": "silence", "scope": "acme/**", "why": "a test", "lasts": "1h"}


def routes() -> set[tuple[str, str]]:
    """Method and path of every route of the collector, with all that settings can switch on."""
    nothing: Any = None
    outside = (
        *outside_api.routes(nothing, nothing, "d", ["a secret"]),
        *report_api.routes(nothing),
        *public_api.routes(nothing, Paging(), SystemClock(), simulated=False),
        *openapi.routes("1"),
    )
    app = application(
        nothing, nothing, nothing, nothing, SystemClock(), outside, tokens=Tokens({}), public=public_api.is_public,
        body_bytes_max=1, confidence=0.95,
    )  # fmt: skip
    found = ((route.method.lower(), cast(web.Resource, route.resource).canonical) for route in app.router.routes())
    return {(method, path) for method, path in found if method != "head"}


def test_the_document_has_every_route_and_no_other() -> None:
    """Who adds one and forgets the document is told here."""
    paths = document("1")["paths"]
    written = {(method, path) for path, methods in paths.items() for method in methods}

    assert written == routes()


def test_every_reference_leads_somewhere_and_every_path_names_its_parameters() -> None:
    """And each schema is one."""
    made = document("1")
    refs = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(made)))

    assert {ref.removeprefix(openapi.REF) for ref in refs} <= set(made["components"]["schemas"])
    for schema in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, methods in made["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path
            assert operation["summary"] and operation["responses"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A collector with tokens that shows badges to anybody, over the small world, with a daily report."""
    with deployment(tmp_path_factory.mktemp("house")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "chat_stream"},
            collector={
                "listen": f"127.0.0.1:{made.collector_port}",
                "state": str(made.folder / "state.db"),
                "judge_every": "1s",
                "tokens": {"tests": {"secret": TOKEN}},
                "public": True,
            },
            agent={"collector_url": f"http://127.0.0.1:{made.collector_port}", "token": TOKEN},
            reports=[{"name": "daily", "every": "day", "at": "00:00", "to": {"folder": str(made.folder / "out")}}],
        )
        made.start("store")
        made.start("collect")
        made.said("collect", "collector: http")
        store = Store(url=f"http://127.0.0.1:{made.store_port}", database="touchstone_test")
        on_store(store, furnish)
        yield made


async def furnish(house: ClickHouse) -> None:
    """Two hours of beryl with real traffic, a verdict on clay, and its open incident."""
    ticks = [(AT - small_world.EVERY * (number + 1), number) for number in range(8)]
    seen = [small_world.observation("beryl", "us-east", tick, number) for tick, number in ticks]
    real = list(islice(small_world.traffic(AT), 16))
    await house.insert_observations([StoredRow(one, 1, n, one.finished_at) for n, one in enumerate((*seen, *real))])
    await house.insert_verdicts([replace(judge("clay", None, TierPolicy(), AT, None), tier=Tier.SUSPECT)])
    await house.insert_copies("incident_transitions", small_world.transitions(AT))


def asked(
    house: Deployment, path: str, body: dict[str, Any] | None = None, token: str = TOKEN, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    named |= {} if data is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{house.collector_port}{path}", data=data, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


ASKED: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("/api/v1/verdicts", "/api/v1/verdicts", None, 200),
    ("/api/v1/verdicts/{provider}", "/api/v1/verdicts/clay", None, 200),
    ("/api/v1/verdicts/{provider}", "/api/v1/verdicts/nobody", None, 404),
    ("/api/v1/verdicts/{provider}", "/api/v1/verdicts/clay?at=yesterday", None, 400),
    ("/api/v1/beside/{provider}", "/api/v1/beside/beryl?days=7", None, 200),
    ("/api/v1/incidents", "/api/v1/incidents?limit=5", None, 200),
    ("/api/v1/ingest", "/api/v1/ingest", None, 200),
    ("/api/v1/incidents/{id}/acknowledge", f"/api/v1/incidents/{INCIDENT}/acknowledge", {"by": "tests"}, 409),
    ("/api/v1/incidents/{id}/close", f"/api/v1/incidents/{INCIDENT}/close", {"by": "tests"}, 400),
    ("/api/v1/incidents/{id}/deliveries", f"/api/v1/incidents/{INCIDENT}/deliveries", None, 200),
    ("/api/v1/drill", "/api/v1/drill", {"by": "tests"}, 200),
    ("/api/v1/suppressions", "/api/v1/suppressions", SUPPRESSING, 200),
    ("/api/v1/claims", "/api/v1/claims", CLAIMING, 200),
    ("/api/v1/claims", "/api/v1/claims", CLAIMING | {"amount": "-1"}, 400),
    ("/api/v1/claims", "/api/v1/claims", CLAIMING | {"standing": "filed"}, 400),
    ("/api/v1/claims", "/api/v1/claims", CLAIMING | {"key": "2026-10"}, 400),
    ("/api/v1/suppressions", "/api/v1/suppressions", None, 200),
    ("/api/v1/suppressions/{id}/end", "/api/v1/suppressions/sup-000000000000/end", {"by": "tests"}, 409),
    ("/api/v1/health", "/api/v1/health", None, 200),
    ("/api/v1/delivery", "/api/v1/delivery", None, 200),
    ("/api/v1/reports", "/api/v1/reports", None, 200),
    (openapi.PATH, openapi.PATH, None, 200),
]  # fmt: skip


def test_real_answers_are_what_the_document_says(house: Deployment) -> None:
    """Of every route that answers JSON, refusals too: the status is named, and the body has the shape."""
    told = json.loads(asked(house, openapi.PATH)[2])
    for path, address, body, expected in ASKED:
        status, _, content = asked(house, address, body)
        assert status == expected, (address, content)
        operation = told["paths"][path]["get" if body is None else "post"]
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        jsonschema.validate(json.loads(content), schema | {"components": told["components"]})
    refused = asked(house, "/api/v1/verdicts", token="")
    jsonschema.validate(
        json.loads(refused[2]),
        told["paths"]["/api/v1/verdicts"]["get"]["responses"]["401"]["content"]["application/json"]["schema"]
        | {"components": told["components"]},
    )
    assert refused[0] == 401


def test_anybody_sees_badges_and_the_feed_and_nothing_else(house: Deployment) -> None:
    """Where the settings say so: without a token, kept for a minute, 304 for who has it; and no other answer."""
    status, headers, drawn = asked(house, "/api/v1/providers/clay/badge.svg", token="")
    again = asked(house, "/api/v1/providers/clay/badge.svg", token="", If_None_Match=headers["ETag"])
    feed = asked(house, "/api/v1/incidents.atom", token="")

    assert (status, headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert headers["Cache-Control"] == "public, max-age=60"
    assert b"suspect" in drawn and (again[0], again[2]) == (304, b"")
    assert (feed[0], feed[1]["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    assert b"P0 clay (connect_refused): open" in feed[2] and b"<b>" not in feed[2]
    assert asked(house, "/api/v1/providers/nobody/badge.svg", token="")[0] == 404
    assert {asked(house, path, token="")[0] for path in ("/api/v1/incidents", "/api/v1/reports", openapi.PATH)} == {401}


def test_reports_are_listed_from_the_command_line(house: Deployment) -> None:
    """The collector has looked: acme was judged by nobody before today, and the day's end is settled."""
    wait_for("a report", lambda: json.loads(asked(house, "/api/v1/reports")[2])["reports"], timeout_s=20)
    (one,) = json.loads(asked(house, "/api/v1/reports")[2])["reports"]
    answer = touchstone("-c", str(house.config), "reports", COLUMNS="80")

    assert answer.returncode in {0, 1} and "daily" in answer.stdout, answer.stderr
    assert max(len(line) for line in answer.stdout.splitlines()) <= 80
    assert (one["report"], one["provider"]) == ("daily", "acme")
    assert one["state"] in {"nothing", "pending"} and one["place"] == ""
    assert not Path(house.folder / "out").exists()
