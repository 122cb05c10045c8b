"""Two agents at two vantages: when one sees an outage, the other is asked at once, and the page says that both do."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import clickhouse_connect
import yaml

from tests.support.processes import Deployment, deployment, wait_for


class Switched(ThreadingHTTPServer):
    """A server that is well until it is told to be ill."""

    ill = False
    asked = 0


class Answer(BaseHTTPRequestHandler):
    """200, or 500 of what is ill: all but /well."""

    server: Switched

    def do_GET(self) -> None:
        """Answer."""
        self.server.asked += 1
        self.send_response(500 if self.server.ill and self.path != "/well" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


def test_the_other_vantage_is_asked_at_once(tmp_path: Path) -> None:
    """
    Its own next tick is far away: what agrees is a re-probe that nobody but the collector asked for.

    It hears of it with the answer to what it sends every second of a target that is well.
    """
    server = Switched(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with deployment(tmp_path) as house:
        house.write(
            target={"model": "m", "url": f"http://127.0.0.1:{server.server_port}/"},
            module={"kind": "http_request", "interval": "20s", "connection": "cold"},
            vantage={"name": "eu"},
        )
        settings = yaml.safe_load(house.config.read_text())
        settings["modules"]["often"] = settings["modules"]["chat"] | {"interval": "1s"}
        fleet = yaml.safe_load((tmp_path / "fleet.yaml").read_text())
        well = {"model": "m", "url": f"http://127.0.0.1:{server.server_port}/well", "modules": ["often"]}
        fleet["providers"]["bolt"] = {"clusters": {"east": {"targets": {"chat": well}}}}
        (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
        settings["vantage"], settings["agent"]["spool"] = {"name": "us"}, str(tmp_path / "us.db")
        settings["paging"]["hard_down"] = {"quorum_wait": "9s"}
        there = tmp_path / "us.yaml"
        there.write_text(yaml.safe_dump(settings))
        settings["vantage"], settings["agent"]["spool"] = {"name": "eu"}, str(tmp_path / "eu.db")
        house.config.write_text(yaml.safe_dump(settings))
        pages = tmp_path / "pages.jsonl"
        house.start("receiver", "--listen", f"127.0.0.1:{house.receiver_port}", "--file", str(pages))
        house.start("store")
        house.start("collect")
        house.said("collect", "collector: http")
        house.start("agent")
        wait_for("eu has asked", lambda: server.asked >= 1, timeout_s=60)
        before = server.asked
        house.start("us", config=there, command="agent")
        wait_for("us has asked", lambda: server.asked > before and "subjects" in house.log("us"), timeout_s=60)
        both = "SELECT DISTINCT vantage FROM observations WHERE provider = 'acme'"
        wait_for("both are stored", lambda: len(rows(house, both)) == 2, timeout_s=60)
        server.ill = True
        page = wait_for("a page", lambda: told(pages), timeout_s=90)
        certainty = wait_for("the record", lambda: rows(house, "SELECT certainty FROM incident_transitions"))
        asked = rows(house, "SELECT DISTINCT vantage FROM observations WHERE attempt > 2 AND outcome = 'failed'")
    server.shutdown()

    assert page["scope"] == {"level": "provider", "id": "acme"}
    assert certainty[0][0].endswith("from 2 of 2 vantages")
    assert len(asked) == 1  # the one that was not first


def rows(house: Deployment, query: str) -> list[Any]:
    """What the store answers."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=house.store_port, database="touchstone_test")
    try:
        return list(client.query(query).result_rows)
    finally:
        client.close()


def told(pages: Path) -> dict[str, Any] | None:
    """The first page of the webhook."""
    lines = pages.read_text().splitlines() if pages.exists() else []
    for line in lines:
        if (page := json.loads(line))["path"] == "/webhook":
            data: dict[str, Any] = page["body"]["data"]
            return data
    return None
