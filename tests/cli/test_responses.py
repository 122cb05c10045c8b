"""Responding to a real incident: a target that is down, a collector, a receiver, and what an operator types."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.paging import ack_link
from tests.support.processes import Deployment, deployment, wait_for

LINK_SECRET, WEBHOOK_V3_SECRET = "l" * 32, "w" * 32


class Beat(BaseHTTPRequestHandler):
    """A service that waits to be called."""

    calls = 0

    def do_GET(self) -> None:
        """Count."""
        Beat.calls += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Everything but a dashboard, and one target that refuses every connection."""
    with deployment(tmp_path_factory.mktemp("responses")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "http_request", "interval": "1s", "timeout": "1s"},
        )
        beat = ThreadingHTTPServer(("127.0.0.1", 0), Beat)
        threading.Thread(target=beat.serve_forever, daemon=True).start()
        settings = yaml.safe_load(made.config.read_text())
        settings["paging"] |= {
            "link_secret": LINK_SECRET,
            "heartbeat": {"url": f"http://127.0.0.1:{beat.server_port}/uuid", "every": "1s"},
        }
        settings["paging"]["destinations"]["duty"]["webhook_secret"] = WEBHOOK_V3_SECRET
        made.config.write_text(yaml.safe_dump(settings))
        for name, words in (("receiver", "receiver: http"), ("store", "store: http"), ("collect", "collector: http")):
            made.start(name, *receiver_arguments(made) if name == "receiver" else ())
            made.said(name, words)
        made.start("agent")
        wait_for("a page", lambda: pages(made))
        yield made
        beat.shutdown()


def receiver_arguments(house: Deployment) -> tuple[str, ...]:
    """Where the receiver listens, and what it writes."""
    return ("--listen", f"127.0.0.1:{house.receiver_port}", "--file", str(house.folder / "pages.jsonl"))


def pages(house: Deployment) -> list[dict[str, Any]]:
    """What the webhook was told."""
    file = house.folder / "pages.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [page["body"]["data"] for line in lines if (page := json.loads(line))["path"] == "/webhook"]


def run(house: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command."""
    command = [sys.executable, "-m", "touchstone", "-c", str(house.config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def asked(house: Deployment, path: str, body: bytes | None, kind: str = "application/json") -> tuple[int, Any]:
    """Status and document of one request to the API."""
    url = f"http://127.0.0.1:{house.collector_port}{path}"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind} if body is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_an_incident_is_acknowledged_and_taken_back(house: Deployment) -> None:
    """Without an id it is the one that is open; the record and the receiver hear of it."""
    incident = pages(house)[0]["incident"]
    done = run(house, "ack", "--by", "ana")
    assert (done.returncode, done.stdout) == (0, f"{incident}: ana has it, for 30 minutes or until it gets worse\n")
    wait_for("the state", lambda: "acked" in run(house, "incidents").stdout)
    wait_for("the update", lambda: any(page["change"] == "acknowledged" for page in pages(house)))

    undone = run(house, "ack", incident, "--undo")
    assert undone.returncode == 0, undone.stderr
    again = run(house, "ack", incident, "--undo")
    assert (again.returncode, again.stderr) == (3, f"DeliveryError: {incident} is acknowledged by nobody\n")
    wait_for("the story", lambda: "lapsed" in run(house, "explain", incident).stdout)
    assert "by ana (cli), until" in run(house, "explain", incident).stdout


def test_a_silence_is_listed_and_ended(house: Deployment) -> None:
    """It says what it holds, for how long, whose it is and why; ended, what is still down is paged again."""
    before = len(pages(house))
    made = run(house, "silence", "acme", "--for", "2h", "--why", "driver upgrade", "--by", "ana", "--json")
    assert made.returncode == 0, made.stderr
    id = json.loads(made.stdout)["id"]
    listed = run(house, "suppressions").stdout
    assert listed.startswith(f"now  {id} silence acme: from ")
    assert listed.endswith(" for 2 h; ana: driver upgrade\n")

    assert run(house, "suppressions", "--end", id).stdout == f"{id}: ended\n"
    wait_for("the release", lambda: [p["change"] for p in pages(house)[before:]] == ["released"])
    assert run(house, "suppressions").stdout == "none\n"
    gone = run(house, "suppressions", "--end", id)
    assert (gone.returncode, gone.stderr) == (3, f"DeliveryError: no silence or maintenance window has the id '{id}'\n")


def test_who_asked_for_what_is_on_record(house: Deployment) -> None:
    """Silences and acknowledgements with their why, and what was refused; the newest first."""
    run(house, "silence", "acme/nowhere", "--for", "1m", "--why", "for the record", "--by", "eve")

    def mine() -> list[dict[str, Any]]:
        found = json.loads(run(house, "responses", "--json").stdout)
        return [line for line in found if line["scope"] == "acme/nowhere"]

    wait_for("the line", mine)
    (line,) = mine()
    assert (line["what"], line["by"], line["via"], line["refused"]) == ("silence", "eve", "cli", "")
    assert line["why"].startswith("for the record (from ")
    listed = run(house, "responses").stdout
    assert " eve (cli): silence sup-" in listed.splitlines()[0]
    assert "    refused: " in listed


def test_a_window_is_planned(house: Deployment) -> None:
    """In a zone of its own, again and again."""
    planned = run(
        house, "maintenance", "acme/east", "--starts", "2027-01-05T02:00", "--lasts", "2h", "--every", "7d",
        "--until", "2027-03-01", "--zone", "Europe/Berlin", "--why", "patches", "--by", "ana",
    )  # fmt: skip

    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.endswith(
        " maintenance acme/east: from 2027-01-05 01:00 UTC for 2 h, every 7 d (Europe/Berlin) until 2027-02-28; "
        "ana: patches\n"
    )


@pytest.mark.parametrize(
    ("path", "body", "status", "parameter", "words"),
    [
        ("incidents/inc-0/acknowledge", {"by": "ana"}, 400, "id", "'inc-0' is not the id of an incident"),
        ("incidents/inc-000000000000/acknowledge", {"by": "ana"}, 409, None, "no open incident has the id"),
        ("incidents/inc-000000000000/acknowledge", {}, 400, "by", "Field required"),
        ("incidents/inc-000000000000/acknowledge", {"by": "a\nb"}, 400, "by", "should match pattern"),
        ("incidents/inc-000000000000/close", {"by": "ana"}, 400, "why", "Field required"),
        ("suppressions", {"by": "ana", "kind": "silence", "scope": "a", "why": "w", "lasts": 5}, 400, "lasts", "unit"),
        (
            "suppressions",
            {"by": "ana", "kind": "silence", "scope": "a", "why": "w", "lasts": "60d"},
            400, "lasts", "at most 30 d",
        ),
        (
            "suppressions",
            {"by": "ana", "kind": "maintenance", "scope": "a", "why": "w", "lasts": "1h", "every": "7d"},
            400, "expires", "needs an end",
        ),
        (
            "suppressions",
            {"by": "a", "kind": "maintenance", "scope": "a", "why": "w", "lasts": "1h", "starts": "2020-01-01T00:00Z"},
            400, "expires", "is over",
        ),
        ("suppressions/sup-1/end", {"by": "ana"}, 400, "id", "sup- and 12 hex digits"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(
    house: Deployment, path: str, body: dict[str, Any], status: int, parameter: str | None, words: str
) -> None:
    """The field, and why."""
    code, answer = asked(house, f"/api/v1/{path}", json.dumps(body).encode())

    assert (code, answer["error"].get("parameter")) == (status, parameter), answer
    assert words in answer["error"]["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"by=ana", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"x" * 20_000, "application/json", 413),
    ],
)
def test_a_body_that_is_no_json_is_refused(house: Deployment, content: bytes, kind: str, status: int) -> None:
    """A form, as any page in a browser can send, half a document, and too much."""
    assert asked(house, "/api/v1/suppressions", content, kind)[0] == status


def test_a_drill_goes_out_and_is_measured(house: Deployment) -> None:
    """To the destination that was named, as a P0 that says what it is; nobody is called without one."""
    drilled = run(house, "drill", "--to", "hook", "--by", "ana", "--json")
    assert drilled.returncode == 0, drilled.stderr
    report = json.loads(drilled.stdout)
    assert list(report["seconds"]) == ["hook"] and 0 < report["seconds"]["hook"] < 30
    (page,) = [page for page in pages(house) if page["incident"] == report["incident"] and page["change"] == "opened"]
    assert page["summary"].startswith("P0 DRILL nothing is broken: asked for by ana (cli)")

    unknown = run(house, "drill", "--to", "nobody")
    assert (unknown.returncode, "no destination is called 'nobody' (known: duty, hook)" in unknown.stderr) == (2, True)


def test_a_signed_link_leads_to_a_button_and_the_button_acknowledges(house: Deployment) -> None:
    """Opening it changes nothing; a link that is not ours, or over, is refused; a name is asked for."""
    incident = next(
        page["incident"] for page in pages(house) if page["severity"] == "P0" and "DRILL" not in page["summary"]
    )
    base = f"http://127.0.0.1:{house.collector_port}"
    good = ack_link.link(base, LINK_SECRET, incident, datetime.now(UTC) + timedelta(hours=1))
    late = ack_link.link(base, LINK_SECRET, incident, datetime.now(UTC) - timedelta(hours=1))
    forged = ack_link.link(base, "f" * 32, incident, datetime.now(UTC) + timedelta(hours=1))

    assert [opened(link)[0] for link in (good, late, forged, f"{base}/acknowledge")] == [200, 403, 403, 403]
    assert "acked" not in run(house, "incidents").stdout
    form = good.partition("?")[2]
    assert opened(f"{base}/acknowledge", f"{form}&by=")[0] == 400
    assert opened(f"{base}/acknowledge", f"{forged.partition('?')[2]}&by=Eve")[0] == 403
    status, text = opened(f"{base}/acknowledge", f"{form}&by=%3Cb%3EAna")
    assert (status, "&lt;b&gt;Ana</b> has" in text) == (200, True)
    wait_for("the record", lambda: "by <b>Ana (link)" in run(house, "explain", incident).stdout)
    assert run(house, "ack", incident, "--undo").returncode == 0


def test_pagerduty_says_who_has_it(house: Deployment) -> None:
    """With its signature; without, nobody is believed."""
    incident = next(
        page["incident"] for page in pages(house) if page["severity"] == "P0" and "DRILL" not in page["summary"]
    )
    event = {
        "event_type": "incident.acknowledged",
        "agent": {"type": "user_reference", "summary": "Ben"},
        "data": {"incident_key": f"touchstone:{incident}"},
    }
    body = json.dumps({"event": event}).encode()
    good = "v1=" + hmac.new(WEBHOOK_V3_SECRET.encode(), body, hashlib.sha256).hexdigest()

    assert [told(house, body, header) for header in ("", "v1=00", good)] == [401, 401, 202]
    wait_for("the record", lambda: "by Ben (pagerduty)" in run(house, "explain", incident).stdout)
    assert run(house, "ack", incident, "--undo").returncode == 0


def down(house: Deployment) -> str:
    """The incident that was paged first, and is open."""
    return str(pages(house)[0]["incident"])


def opened(url: str, form: str | None = None) -> tuple[int, str]:
    """Status and text of a page, opened or, with *form*, posted to."""
    try:
        with urllib.request.urlopen(url, data=form.encode() if form is not None else None, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(house: Deployment, body: bytes, signature: str) -> int:
    """The status of one webhook."""
    url = f"http://127.0.0.1:{house.collector_port}/api/v1/pagerduty"
    request = urllib.request.Request(url, data=body, headers={"X-PagerDuty-Signature": signature})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_heartbeat_is_called_while_all_is_well(house: Deployment) -> None:
    """And /api/v1/health says so."""
    wait_for("a call", lambda: Beat.calls >= 2)
    status, answer = asked(house, "/api/v1/health", None)

    assert (status, answer["well"], answer["ailments"]) == (200, True, [])


def test_our_own_delivery_is_held_to_its_objective(house: Deployment) -> None:
    """Over the API; on the command line with its share and n, once half a minute has passed since a decision."""
    status, answer = asked(house, "/api/v1/delivery", None)
    said = run(house, "oncall").stdout

    assert (status, answer["objective"], answer["within_s"], answer["met"] is not False) == (200, 0.999, 30.0, True)
    assert answer["in_time"] == answer["owed"]
    assert answer["deliveries"]["delivered"] >= 1
    assert "our own delivery       " in said and "99.90 % wanted, 30 d" in said


def test_an_incident_is_closed_by_hand(house: Deployment, tmp_path: Path) -> None:
    """Over, with who and why; the target still fails, so it opens again, as it must."""
    incident = pages(house)[0]["incident"]
    closed = run(house, "close", incident, "--why", "contract ended", "--by", "ana")

    assert (closed.returncode, closed.stdout) == (0, f"{incident}: closed\n")
    wait_for("the record", lambda: "closed by ana (cli): contract ended" in run(house, "explain", incident).stdout)
    wait_for("it opens again", lambda: any(page["change"] == "reopened" for page in pages(house)))


def test_a_collector_that_is_not_there_is_named(house: Deployment) -> None:
    """Last, because it stops it: where it was looked for, and exit 3."""
    house.stop("collect")
    missing = run(house, "ack", "inc-000000000000")

    assert missing.returncode == 3
    assert f"the collector at http://127.0.0.1:{house.collector_port} cannot be asked" in missing.stderr
