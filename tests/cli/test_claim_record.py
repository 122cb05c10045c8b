"""`touchstone claim --filed`: a collector puts on record what was claimed, and `touchstone sla` shows it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from schemas.config import Store
from schemas.observation import Outcome
from tests.support.contracts import LADDER
from tests.support.observations import seen
from tests.support.processes import Deployment, deployment, touchstone, wait_for
from tests.support.stores import put

# The month before this one, so that it is over and can still be claimed.
ENDS = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
BEGINS = (ENDS - timedelta(days=1)).replace(day=1)
MONTH = f"{BEGINS:%Y-%m}"
COMMITMENTS = [
    {
        "name": name,
        "promised": "99.9%",
        "formula": {"kind": "mean_of_intervals"},
        "credits": {"ladder": list(LADDER)},
        "spend": {"month": 41000},
    }
    for name in ("uptime", "service")
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A collector, and a month in which acme was down for an hour of the six that it was asked."""
    with deployment(tmp_path_factory.mktemp("claims")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:9/v1"}, module={"kind": "chat_stream"},
            contracts="contracts.yaml",
        )  # fmt: skip
        terms = {"begins": "2020-01-01", "source": {"title": "a test"}, "commitments": COMMITMENTS}
        contract = {"versions": [terms | {"claim": {"days": 60}}]}
        (made.folder / "contracts.yaml").write_text(yaml.safe_dump({"contracts": {"acme": contract}}))
        made.start("store")
        made.start("collect")
        made.said("collect", "collector: http")
        ticks = [BEGINS + timedelta(minutes=number) for number in range(360)]
        rows = [
            seen("acme/east/chat", tick, Outcome.FAILED if tick.hour == 2 else Outcome.OK, kind="chat_stream")
            for tick in ticks
        ]
        put(Store(url=f"http://127.0.0.1:{made.store_port}", database="touchstone_test"), rows)
        yield made


def run(house: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the house."""
    return touchstone("-c", str(house.config), *arguments)


def claims(house: Deployment) -> dict[str, tuple[Any, ...]]:
    """How the claim of each commitment stands, as `sla --json` says."""
    made = json.loads(run(house, "sla", "acme", "--month", MONTH, "--json").stdout)["statements"]
    names = ("claim", "claim_filed_by", "claim_granted")
    return {one["commitment"]: tuple(one[name] for name in names) for one in made}


def test_a_claim_is_on_record_from_filed_to_granted(house: Deployment) -> None:
    """Of every commitment that was broken; an amount is of one, and stands in the record as well."""
    asked = ("claim", "acme", "--month", MONTH)
    assert claims(house) == {"uptime": (None, None, None), "service": (None, None, None)}

    filed = run(house, *asked, "--filed", "--why", "ticket 4711", "--by", "ana")
    wait_for("the record of both", lambda: set(claims(house).values()) == {("filed", "ana", None)})
    both = run(house, *asked, "--granted", "4100")
    one = run(house, *asked, "--granted", "4100.50", "--commitment", "uptime", "--by", "bo")
    other = run(house, *asked, "--refused", "--commitment", "service", "--why", "not our outage")
    wait_for("the answers", lambda: {said for said, *_ in claims(house).values()} == {"granted", "refused"})
    table = touchstone("-c", str(house.config), "sla", "acme", "--month", MONTH, COLUMNS="80").stdout
    record = run(house, "responses").stdout

    assert filed.stdout.splitlines() == [f"acme, uptime, {MONTH}: filed", f"acme, service, {MONTH}: filed"]
    assert (both.returncode, "an amount is of one unit" in both.stderr) == (2, True)
    assert (one.returncode, other.returncode) == (0, 0), one.stderr + other.stderr
    assert claims(house) == {"uptime": ("granted", "ana", "4100.50"), "service": ("refused", "ana", None)}
    assert "granted 4\u202f100.50 USD" in table and "refused 20" in table
    assert f"bo (cli): claim_granted {MONTH}/uptime/acme acme\n    granted 4100.50" in record
    assert "not our outage" in record


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--filed", "--refused"), "--filed and --refused exclude each other"),
        (("--filed", "-o", "folder"), "--filed writes no folder"),
        (("--by", "ana"), "--by goes with --filed, --granted or --refused"),
        (("--granted", "a lot"), "'a lot' is not an amount: write 4100 or 4100.50, without a currency"),
        (("--granted", "-1"), "'-1' is not an amount"),
    ],
)
def test_what_cannot_be_meant_is_refused(house: Deployment, arguments: tuple[str, ...], said: str) -> None:
    """With what to write in its place."""
    done = run(house, "claim", "acme", "--month", MONTH, *arguments)

    assert (done.returncode, said in " ".join(done.stderr.split())) == (2, True), done.stderr


def test_nothing_is_on_record_of_what_cannot_be_claimed(house: Deployment) -> None:
    """It says what can be."""
    done = run(house, "claim", "acme", "--month", MONTH, "--filed", "--unit", "acme/west")

    assert done.returncode == 1
    assert "what can: acme (uptime), acme (service)" in " ".join(done.stderr.split())
