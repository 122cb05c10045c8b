"""A real Alertmanager takes our alerts, holds them for firing, ends them when we say so, and refuses what we expect."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.paging.answer import Answer
from collector.paging.hand_over import Carrier
from schemas.incident import Change, Severity
from tests.support.pages import EVIDENCE, delivery, every_kind, intent
from tests.support.processes import wait_for
from touchstone.address import free_port
from touchstone.services import alertmanager as stand_in
from touchstone.services.reply import Asked

PROGRAM = shutil.which("prometheus-alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Debian's prometheus-alertmanager")
RESOLVE_S = 1  # what Alertmanager does to alerts without endsAt


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that runs."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    (folder / "am.yml").write_text(
        f"global: {{resolve_timeout: {RESOLVE_S}s}}\nroute: {{receiver: nobody}}\nreceivers: [{{name: nobody}}]\n"
    )
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                PROGRAM, f"--config.file={folder}/am.yml", f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("Alertmanager", lambda: _ready(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _ready(url: str) -> bool:
    with suppress(OSError):
        return bool(urllib.request.urlopen(f"{url}/-/ready", timeout=1).status == 200)
    return False


def firing(url: str, incident: str) -> list[dict[str, Any]]:
    """The alerts of *incident* that it holds for firing; the ended ones are not shown."""
    found = json.load(urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5))
    return [one for one in found if one["labels"]["incident"] == incident]


async def told(url: str, change: Change, severity: Severity = Severity.P0, *, incident: str, **more: Any) -> Answer:
    """Hand over one page about *incident*, now."""
    now = datetime.now(UTC)
    at = {"failed_at": now - timedelta(seconds=5), "opened_at": now - timedelta(seconds=1), "at": now}
    paging = every_kind(url)
    async with Carrier(paging) as carrier:
        page = delivery(intent(change, severity, incident=incident, **at | {"evidence": EVIDENCE} | more), "am")
        return await carrier.hand_over(page, paging.destinations["alertmanager"], now)


async def test_an_alert_fires_past_the_time_out_without_being_sent_again(alertmanager: str) -> None:
    """With the labels that routes are written for, and everything that a person wants to read."""
    answer = await told(alertmanager, Change.OPENED, incident="inc-000000000001")
    began = datetime.now(UTC)
    wait_for("the time-out", lambda: datetime.now(UTC) - began > timedelta(seconds=RESOLVE_S + 1))
    (alert,) = firing(alertmanager, "inc-000000000001")

    assert answer == Answer(200, "", accepted=True)
    assert alert["labels"] == {
        "alertname": "TouchstoneIncident", "deployment": "prod", "incident": "inc-000000000001", "provider": "acme",
        "severity": "P0", "signal": "hard_down",
    }  # fmt: skip
    assert alert["annotations"]["summary"].startswith("P0 provider acme is down")
    assert "Affected: 2 of 5 watched" in alert["annotations"]["description"]
    assert alert["status"]["state"] in {"active", "unprocessed"}
    assert alert["generatorURL"] == "https://touchstone.example/incident?id=inc-000000000001"


@pytest.mark.parametrize("change", [Change.RESOLVED, Change.ABSORBED])
async def test_it_ends_when_we_say_so(alertmanager: str, change: Change) -> None:
    """At once."""
    incident = f"inc-00000000{change}"
    await told(alertmanager, Change.OPENED, incident=incident)
    before = len(firing(alertmanager, incident))
    await told(alertmanager, change, incident=incident)

    assert (before, firing(alertmanager, incident)) == (1, [])


async def test_one_incident_is_one_alert_whatever_becomes_of_it(alertmanager: str) -> None:
    """Wider and worse: the alert under the old severity ends, and the resolve ends the last one."""
    incident = "inc-000000000003"
    await told(alertmanager, Change.OPENED, Severity.P2, incident=incident)
    seen = [[one["labels"]["severity"] for one in firing(alertmanager, incident)]]
    for change, severity in (
        (Change.PROMOTED, Severity.P1),
        (Change.RAISED, Severity.P0),
        (Change.ESCALATED, Severity.P0),
    ):
        await told(alertmanager, change, severity, incident=incident)
        seen.append([one["labels"]["severity"] for one in firing(alertmanager, incident)])
    await told(alertmanager, Change.RESOLVED, Severity.P0, incident=incident)

    assert seen == [["P2"], ["P1"], ["P0"], ["P0"]]
    assert firing(alertmanager, incident) == []


BAD: dict[str, Any] = {
    "no labels": [{"labels": {}, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-02T00:00:00Z"}],
    "ends before it starts": [
        {"labels": {"alertname": "a"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}
    ],
    "no list": {"labels": {"alertname": "a"}},
    "fine": [{"labels": {"alertname": "a"}, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}],
}


@pytest.mark.parametrize("name", BAD)
def test_the_stand_in_answers_as_the_real_one(alertmanager: str, name: str) -> None:
    """`touchstone receiver` refuses what Alertmanager refuses."""
    body = json.dumps(BAD[name]).encode()
    request = urllib.request.Request(
        f"{alertmanager}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        status = urllib.request.urlopen(request, timeout=5).status
    except urllib.error.HTTPError as error:
        status = error.code

    assert stand_in.judge(Asked({}, {}, {}, body)).status == status
