"""Two collectors with one state on a PostgreSQL server: one page of each incident, also while the server is away."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.observation import Observation, Outcome
from tests.support.batches import body_of_batch
from tests.support.observations import seen
from tests.support.postgres_server import PASSWORD, PostgresServer
from tests.support.processes import WEBHOOK_SECRET, Deployment, deployment, wait_for

pytestmark = pytest.mark.slow

Pair = tuple[Deployment, Deployment]


@pytest.fixture
def pair(postgres: PostgresServer, tmp_path: Path) -> Iterator[Pair]:
    """A store, a receiver, and two collectors."""
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "secret").write_text(WEBHOOK_SECRET)
    state = postgres.database("t_pair")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with deployment(tmp_path / "one") as one, deployment(tmp_path / "two") as two:
        two.store_port, two.receiver_port = one.store_port, one.receiver_port
        for each in (one, two):
            each.write(
                target={"model": "m", "url": "http://127.0.0.1:1/v1"},
                module={"kind": "chat_stream"},
                collector={
                    "listen": f"127.0.0.1:{each.collector_port}",
                    "state": state,
                    "state_password_file": str(tmp_path / "password"),
                },
            )
        one.start("store")
        one.start(
            "receiver", "--listen", f"127.0.0.1:{one.receiver_port}", "--file", str(tmp_path / "pages.jsonl"),
            "--secret-file", str(tmp_path / "secret"),
        )  # fmt: skip
        for each in (one, two):
            each.start("collect")
        for each in (one, two):
            each.said("collect", "collector: http")
        yield one, two
        for each in (one, two):
            assert PASSWORD not in each.log("collect")


def status(house: Deployment, *observations: Observation) -> int:
    """What a collector answers to a batch."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{house.collector_port}/v1/traces",
        data=gzip.compress(body_of_batch(7, observations)),
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def pages(pair: Pair) -> list[str]:
    """What the webhook took: which change of which incident."""
    file = pair[0].folder.parent / "pages.jsonl"
    took: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [f"{page['webhook_id']} {page['body']['type']}" for page in took if page["path"] == "/webhook"]


def failures(at: datetime) -> list[Observation]:
    """One tick that failed, with its two re-probes."""
    return [seen(tick=at, outcome=Outcome.FAILED, attempt=attempt) for attempt in range(3)]


def test_one_page_of_each_incident_also_while_the_server_is_away(pair: Pair, postgres: PostgresServer) -> None:
    """Both judge the same facts at once: one page. Away: an opening is paged directly, and again under the same id."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)

    def tell_both(*observations: Observation) -> list[int]:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda house: status(house, *observations), pair))

    def good(first: int) -> list[Observation]:
        return [seen(tick=start + timedelta(seconds=10 * number)) for number in range(first, first + 3)]

    assert tell_both(*failures(start)) == [200, 200]
    wait_for("the opening", lambda: pages(pair))
    assert tell_both(*good(1)) == [200, 200]
    wait_for("the end", lambda: len(pages(pair)) == 2)
    first = pages(pair)
    assert [page.split()[1] for page in first] == ["incident.opened", "incident.resolved"]

    postgres.stop()
    try:
        assert status(pair[0], *failures(start + timedelta(seconds=50))) == 503
        (direct,) = wait_for("the page without the store", lambda: pages(pair)[2:])
        assert direct.endswith("incident.reopened")
    finally:
        postgres.start()
    wait_for("the state is back", lambda: status(pair[0], *failures(start + timedelta(seconds=50))) == 200)
    wait_for("the same page from the outbox", lambda: pages(pair)[3:] == [direct])
    assert tell_both(*good(6)) == [200, 200]
    wait_for("its end", lambda: len(pages(pair)) == 5)
    assert pages(pair)[4].endswith("incident.resolved")
    assert "is sent without the transactional store" in pair[0].log("collect")
