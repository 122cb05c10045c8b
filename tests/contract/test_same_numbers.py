"""`touchstone health`, `pages` and `cluster` say what their pages are drawn from; names from outside do nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, ClassVar

import orjson
import pytest

from collector.delivery_kinds import KINDS, READ_MAX
from collector.judgement.tiers import policy_hash
from dashboard import measured, reader
from dashboard.settings import PageSettings
from schemas.config import Store
from tests.contract.test_claims_page import forget
from tests.contract.test_page_queries import attempt, transition
from tests.support import full_store, small_world
from tests.support.observations import seen
from tests.support.stores import fresh_database, on_store, put
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

TOKEN = "a-token-that-nobody-must-see-0123456789"
FLEET = "".join(
    f"  {name}: {{clusters: {{us-east: {{region: us-east, claims: {{gpu: H100, count: 64}}, targets: {{chat: "
    '{model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}}}\n'
    for name in small_world.PROVIDERS
)
SETTINGS = """
version: 1
fleet: fleet.yaml
store: {{url: "{store.url}", database: {store.database}}}
dashboard: {{collector_url: "{collector}", token: {token}}}
modules: {{chat: {{kind: chat_stream}}}}
"""
NOBODY = "http://127.0.0.1:9"
HOSTILE = "fra[red]<img src=x>\x1b[31m\u202e"
TRIES = 3
Run = Callable[..., CompletedProcess[str]]


def written(folder: Path, store: Store, collector: str = NOBODY) -> Path:
    """Settings over *store* that ask *collector*."""
    (folder / "fleet.yaml").write_text(f"providers:\n{FLEET}")
    file = folder / "touchstone.yaml"
    file.write_text(SETTINGS.format(store=store, collector=collector, token=TOKEN))
    return file


def run(file: Path, *arguments: str) -> CompletedProcess[str]:
    """`touchstone ARGUMENTS` in a terminal of eighty columns."""
    command = [sys.executable, "-m", "touchstone", "-c", str(file), *arguments]
    environ = {"PATH": "/usr/bin:/bin", "COLUMNS": "80", "LANG": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)


def plain(value: Any) -> Any:
    """*value* as a command's JSON has it."""
    return json.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))


def span(document: dict[str, Any]) -> tuple[datetime, datetime]:
    """The window of a command's JSON."""
    return datetime.fromisoformat(document["start"]), datetime.fromisoformat(document["end"])


@pytest.fixture(scope="module")
def settled(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """Settings over a store in which each of the pages has something to show."""
    folder = tmp_path_factory.mktemp("same_numbers")
    for store in fresh_database(Store(url=store_process, database="t_same_numbers")):
        file = written(folder, store)
        full_store.furnish(store, load_configuration(file, {}), small_world.whole_minute(datetime.now(UTC)))
        yield file, store


@pytest.fixture
def pages(settled: tuple[Path, Store], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a dashboard of the same settings reads, with empty caches."""
    for name, value in PageSettings.of(load_configuration(settled[0], {})).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    yield
    forget()


@pytest.mark.parametrize("place", ["agate/us-east", "clay/us-east", "beryl"])
def test_a_cluster_is_said_as_its_page_has_it(settled: tuple[Path, Store], pages: None, place: str) -> None:
    """Every number of the page, of one cluster or of all of a provider, over the same window."""
    answer = run(settled[0], "cluster", place, "--days", "7", "--json")
    said = json.loads(answer.stdout)
    start, end = span(said)
    provider, _, name = place.partition("/")
    cluster = place if name else ""

    assert answer.returncode == 0 and end - start == measured.WINDOWS["7d"]
    assert said["availability"] == plain(reader.cluster_availability(provider, cluster, start, end))
    assert said["targets"] == plain(
        [asdict(one) | {"n": one.n} for one in reader.cluster_targets(provider, cluster, start, end)]
    )
    points = reader.latency_series(provider, start, end, measured.LATENCY_POINTS, cluster)
    assert said["first_tokens"] == plain(points) and points
    assert sum(said["answers"].values()) == sum(one.n for one in points)
    errors = reader.error_series(provider, start, end, measured.ERROR_POINTS, cluster)
    assert said["errors"] == plain(errors) and errors
    assert sum(one["n"] for one in said["reasons"]) == sum(one.n for one in errors)
    assert said["engines"] == plain(reader.engine_figures(provider, cluster, start, end))
    assert bool(said["engines"]) is (provider == "agate")
    assert said["days"] == plain([bar for bar in reader.daily_bars() if place in {bar.cluster, bar.provider}])
    assert said["observations"] == plain(reader.recent_observations(provider, 50, cluster))
    assert said["claimed"] == (reader.page_settings().providers[provider].clusters[place] if name else None)


def test_the_incidents_of_a_cluster_are_its_own_and_those_of_its_provider(settled: tuple[Path, Store]) -> None:
    """Not those of its siblings; of a provider all."""

    def incidents(place: str) -> set[str]:
        return {one["id"] for one in json.loads(run(settled[0], "cluster", place, "--json").stdout)["incidents"]}

    assert incidents("clay/us-east") == {"inc-c1a4c1a4c1a4"}
    assert full_store.DEAD in incidents("beryl/us-east") and full_store.DEAD not in incidents("beryl/eu-west")
    assert full_store.DEAD in incidents("beryl")


def test_pages_are_said_as_the_page_has_them(settled: tuple[Path, Store], pages: None) -> None:
    """Deliveries with what became of them, and the figures by destination; what died or was late is a finding."""
    answer = run(settled[0], "pages", "--json")
    said = json.loads(answer.stdout)
    start, _ = span(said)
    found, lines = reader.deliveries(start, READ_MAX, "", ()), reader.destinations(start)

    assert answer.returncode == 1 and {one.destination for one in lines} == {"mail", "on-call", "sms"}
    assert said["destinations"] == plain(lines)
    assert said["deliveries"] == plain(
        [asdict(one) | {"delivered_at": one.delivered_at, "took_s": one.took_s} for one in found]
    )
    assert said["outbox"]["oldest_waits_s"] is None and "cannot be asked" in said["outbox"]["silent"]


@pytest.mark.parametrize("state", KINDS)
def test_pages_are_filtered_as_on_the_page(settled: tuple[Path, Store], pages: None, state: str) -> None:
    """By what became of them and by destination; the exit code is of the destination, whatever is listed."""
    to = "sms" if state == "dead" else "on-call"
    answer = run(settled[0], "pages", "--json", "--state", state, "--to", to)
    said = json.loads(answer.stdout)
    found = reader.deliveries(span(said)[0], READ_MAX, to, (state,))

    assert [(one["incident"], one["seq"]) for one in said["deliveries"]] == [(one.incident, one.seq) for one in found]
    assert {one["destination"] for one in said["destinations"]} == {to}
    assert answer.returncode == (1 if to == "sms" else 0)


def test_a_page_that_died_is_a_finding_whatever_is_listed(settled: tuple[Path, Store]) -> None:
    """A filter hides no letter that is dead."""
    answer = run(settled[0], "pages", "--state", "delivered")

    assert answer.returncode == 1 and "100.00 %" in answer.stdout and "try 2, HTTP 410" not in answer.stdout


def test_a_destination_that_nobody_knows_is_refused(settled: tuple[Path, Store]) -> None:
    """With those that there are."""
    answer = run(settled[0], "pages", "--to", "onc-all")

    assert answer.returncode == 2 and "there are mail, on-call, sms" in answer.stderr


def test_the_health_of_the_monitor_is_said_as_the_page_has_it(settled: tuple[Path, Store], pages: None) -> None:
    """Vantages, what was worked out, and the store; read between two looks that agree."""
    for _ in range(TRIES):
        forget()
        before = reader.monitor_health()
        answer = run(settled[0], "health", "--json")
        forget()
        found, said = reader.monitor_health(), json.loads(answer.stdout)
        if replace(before, now=found.now) == found:
            break
    names = [field for field in asdict(found) if field not in {"now", "vantages"}]

    assert {name: said[name] for name in names} == plain({name: getattr(found, name) for name in names})
    assert [{name: one[name] for name in asdict(found.vantages[0])} for one in said["vantages"]] == plain(
        found.vantages
    )
    unseen = {one["vantage"]: (one["unseen_share"], one["unseen_state"]) for one in said["vantages"]}
    assert unseen["fra"] == (0, "well") and unseen["iad"][0] > 0.01 and unseen["iad"][1] == "late"
    assert [one["name"] for one in said["signs"]] == [
        "Collector", "Newest observation", "Last verdict", "Rolled up to", "Last examination",
    ]  # fmt: skip
    assert answer.returncode == 1 and said["configuration"]["noted"]["digest"] == said["configuration"]["ours"]


def test_what_is_judged_by_is_said_as_the_page_of_the_method_has_it(settled: tuple[Path, Store], pages: None) -> None:
    """The gates of tiers, the rules of incidents, the digest."""
    said, settings = json.loads(run(settled[0], "check-config", "--json").stdout), reader.page_settings()

    assert said["method"] == settings.method.model_dump(mode="json")
    assert said["tiers"] == settings.policy.model_dump(mode="json")
    assert said["policy"] == policy_hash(settings.policy) and said["findings"] == []
    assert said["integrity_every_s"] == settings.examined_every_s


def test_an_empty_store_says_that_nothing_is_known(store: Store, tmp_path: Path) -> None:
    """Unknown, and no finding; a cluster that nobody knows is a slip, with the nearest name."""
    file = written(tmp_path, store)
    health, told, cluster = run(file, "health"), run(file, "pages"), run(file, "cluster", "agate/us-east")
    wrong = run(file, "cluster", "agate/us-eas\x1b[31m")

    assert [one.returncode for one in (health, told, cluster, wrong)] == [0, 0, 0, 2]
    assert "? unknown Last verdict: never" in health.stdout and "No vantage sent anything" in health.stdout
    assert "No page was tried in this window." in told.stdout and "is not known from here" in told.stdout
    assert "unknown in 7 d, n 0" in cluster.stdout and "Nothing was asked in this window." in cluster.stdout
    assert "did you mean 'agate/us-east'?" in wrong.stderr and "\x1b" not in wrong.stderr


def test_names_from_outside_are_shown_and_do_nothing(store: Store, tmp_path: Path) -> None:
    """No markup of ours, no escape sequence of theirs, and eighty columns all the same."""
    now = SystemClock().now().replace(microsecond=0)
    place = f"acme/{HOSTILE}"
    rows = [
        seen(f"{place}/[bold]chat", now - timedelta(minutes=n), vantage=HOSTILE, model=HOSTILE, agent_version=HOSTILE)
        for n in range(5)
    ]
    put(store, rows, ingested_at=now)
    on_store(
        store,
        lambda house: house.insert_copies("incident_transitions", [transition("inc-0", 1, now) | {"scope": place}]),
    )
    tried = attempt("inc-0", 1, HOSTILE, 1, "dead", now) | {"error": HOSTILE, "instead_of": HOSTILE}
    on_store(store, lambda house: house.insert_copies("page_attempts", [tried]))
    file = written(tmp_path, store)
    answers = [
        run(file, *arguments) for arguments in (("health",), ("pages",), ("cluster", place), ("cluster", "acme"))
    ]

    assert [one.returncode for one in answers] == [0, 1, 0, 0], answers
    for answer in answers:
        joined = "".join(answer.stdout.split())
        assert "[red]" in joined and "<img" in joined and "\\x1b[31m" in joined
        assert not {"\x1b", "\u202e"} & set(answer.stdout + answer.stderr)
        assert max(len(line) for line in answer.stdout.splitlines()) <= 80


@pytest.mark.parametrize("command", ["health", "pages", "cluster clay/us-east", "cluster clay"])
def test_every_table_fits_eighty_columns(settled: tuple[Path, Store], command: str) -> None:
    """And says that its times are UTC."""
    answer = run(settled[0], *command.split())

    assert max(len(line) for line in answer.stdout.splitlines()) <= 80
    assert "UTC" in answer.stdout + answer.stderr


class Collector(BaseHTTPRequestHandler):
    """One that says of itself what *signs* has, to whoever brings the token."""

    signs: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        """The health that is asked for, or a refusal."""
        right = self.path == "/api/v1/health" and self.headers["Authorization"] == f"Bearer {TOKEN}"
        body = {"signs": self.signs} if right else {"error": {"message": "who are you?"}}
        content = json.dumps(body).encode()
        self.send_response(503 if right else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("outbox_s", "code", "waits", "words"),
    [
        (0.0, 0, "✓ well Outbox: empty", "✓ Nothing waits"),
        (12.0, 0, "✓ well Outbox: 12 s", "▲ A page waits to be sent, for 12 s."),
        (61.0, 1, "▲ late Outbox: 1 m 1 s", "▲ A page waits to be sent, for 1 m 1 s."),
        (None, 0, "? unknown Outbox: unknown", "the collector cannot read its outbox"),
    ],
)
def test_the_collector_is_asked_how_it_is(
    store: Store, tmp_path: Path, outbox_s: float | None, code: int, waits: str, words: str
) -> None:
    """With the dashboard's token, which nobody sees; a page that waits for a minute is a finding of both commands."""
    handler = type(
        "Told", (Collector,), {"signs": {"lag_s": 0.01, "decided_s": 1, "stored_s": 1, "outbox_s": outbox_s}}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        file = written(tmp_path, store, f"http://127.0.0.1:{server.server_port}")
        health, told = run(file, "health"), run(file, "pages")
    finally:
        server.shutdown()
        server.server_close()

    assert waits in health.stdout and words in told.stdout
    assert told.returncode == code
    assert health.returncode == (1 if code or outbox_s is None else 0)  # a collector that cannot say ails
    assert TOKEN not in health.stdout + health.stderr + told.stdout + told.stderr
