"""A collector that starts again: what waits goes out first, whether the store of facts answers or not."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.observation import Outcome
from tests.support.batches import body_of_batch
from tests.support.observations import seen
from tests.support.processes import WEBHOOK_SECRET, Deployment, deployment, wait_for

pytestmark = pytest.mark.slow


def tell_of_an_outage(house: Deployment) -> None:
    """Have the collector take in one tick that failed, with its two re-probes."""
    tick = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    failures = [seen(tick=tick, outcome=Outcome.FAILED, attempt=attempt) for attempt in range(3)]
    request = urllib.request.Request(
        f"http://127.0.0.1:{house.collector_port}/v1/traces",
        data=gzip.compress(body_of_batch(7, failures)),
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def test_a_page_that_waits_goes_out_while_the_store_is_down(tmp_path: Path) -> None:
    """Killed with a page on its hands, and started again without a store: the page comes, the rest waits."""
    pages = tmp_path / "pages.jsonl"
    (tmp_path / "secret").write_text(WEBHOOK_SECRET)
    with deployment(tmp_path) as house:
        house.write(target={"model": "m", "url": "http://127.0.0.1:1/v1"}, module={"kind": "chat_stream"})
        house.start("store")
        house.start("collect")
        house.said("collect", "collector: http")
        tell_of_an_outage(house)
        wait_for("a try that nobody takes", lambda: "hook" in house.log("collect"))
        house.kill("collect")
        house.stop("store")

        house.start(
            "receiver", "--listen", f"127.0.0.1:{house.receiver_port}", "--file", str(pages),
            "--secret-file", str(tmp_path / "secret"),
        )  # fmt: skip
        house.start("again", command="collect")

        wait_for("the page", lambda: pages.exists() and '"/webhook"' in pages.read_text())
        assert "collector: http" not in house.log("again")
        page = next(one for one in map(json.loads, pages.read_text().splitlines()) if one["path"] == "/webhook")
        assert f"page {page['webhook_id']} not delivered" in house.log("collect")
        house.start("store", command="store")
        house.said("again", "collector: http")
