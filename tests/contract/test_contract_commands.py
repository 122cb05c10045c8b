"""`touchstone sla` and `claim` on a real store: what was stored is what is recomputed, and a pack that checks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.judgement.sla.billing_month import billing_month
from collector.judgement.sla.conduct import Conduct
from collector.judgement.sla.record import Slot
from collector.judgement.sla.statement import statement
from collector.storage.queries import Reader
from schemas.config import Store
from schemas.observation import Observation, Outcome
from tests.support.contracts import LADDER, commitment, record, terms
from tests.support.observations import seen
from tests.support.processes import answer_of, touchstone
from tests.support.stores import ask, fresh_database, on_store, put
from touchstone.config_file import load_configuration
from touchstone.contracts import counted_by_contracts

BEGINS = datetime(2026, 10, 1, tzinfo=UTC)
DOWN = range(100, 160)  # minutes of 3 October
AS_OF = "2026-11-02T00:00:00Z"
CONTRACT = {
    "name": "Acme, order form 3",
    "versions": [
        {
            "begins": "2026-01-01",
            "source": {"title": "Order form 3"},
            "commitments": [
                {
                    "name": "uptime",
                    "per": "cluster",
                    "promised": "99.9%",
                    "formula": {"kind": "downtime_minutes", "run": 5},
                    "credits": {"ladder": list(LADDER)},
                    "spend": {"month": 41000},
                }
            ],
            "claim": {"days": 30, "to": "billing@acme.example", "evidence": ["log files"]},
        }
    ],
}


def october() -> list[Observation]:
    """A probe a minute of three clusters of two providers, for four days; one of acme is down for an hour."""
    found = []
    for target in ("acme/east/chat", "acme/west/chat", "bolt/east/chat"):
        for number in range(4 * 1440):
            tick = BEGINS + timedelta(minutes=number)
            failed = target == "acme/east/chat" and number - 2 * 1440 in DOWN
            found.append(seen(target, tick, Outcome.FAILED if failed else Outcome.OK))
    return found


@pytest.fixture(scope="module")
def house(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """A configuration with one contract, and its store."""
    folder = tmp_path_factory.mktemp("contracts")
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["chat"]}
    clusters = {name: {"targets": {"chat": target}} for name in ("east", "west")}
    fleet = {"providers": {"acme": {"clusters": clusters}, "bolt": {"clusters": {"east": clusters["east"]}}}}
    for store in fresh_database(Store(url=store_process, database="t_contract_commands")):
        settings = {
            "version": 1, "fleet": "fleet.yaml", "contracts": "contracts.yaml",
            "modules": {"chat": {"kind": "chat_stream"}}, "store": {"url": store.url, "database": store.database},
        }  # fmt: skip
        for name, value in (
            ("touchstone.yaml", settings), ("fleet.yaml", fleet), ("contracts.yaml", {"contracts": {"acme": CONTRACT}}),
        ):  # fmt: skip
            (folder / name).write_text(yaml.safe_dump(value))
        put(store, october())
        yield folder, store


def test_the_account_of_a_month(house: tuple[Path, Store]) -> None:
    """One hour of 31 days was down in one cluster: below 99.9 % of what was seen, and unknown is most of the month."""
    folder, _ = house
    document = answer_of(
        "-c", str(folder / "touchstone.yaml"), "sla", "acme", "--month", "2026-10", "--as-of", AS_OF, "--json"
    )
    east, west = document["statements"]

    assert (east["unit"], east["uptime"], east["kept"], east["credit"]) == ("acme/east", "0.99865591", False, "4100.00")
    assert (west["unit"], west["uptime"], west["kept"], west["credit"]) == ("acme/west", "1.00000000", True, "0.00")
    assert east["uptime_low"] < "0.13"  # 27 of 31 days nobody looked
    assert (east["outage"], east["claim_by"]) == ("2026-10-03T01:40:00+00:00", "2026-12-01T00:00:00+00:00")
    assert east["n"] == 4 * 1440


def test_what_the_collector_stores_is_what_is_recomputed(house: tuple[Path, Store]) -> None:
    """The same instant, the same statements."""
    folder, store = house
    at = datetime(2026, 11, 2, tzinfo=UTC)
    configuration = load_configuration(folder / "touchstone.yaml", {})
    made = counted_by_contracts(configuration, at)
    on_store(store, lambda clickhouse: clickhouse.insert_statements(made, at))

    with Reader.open(store) as reader:
        stored = reader.statements(at - timedelta(hours=1))
    assert {(one.month.label, one.unit): one for one in stored} == {(one.month.label, one.unit): one for one in made}
    assert {one.month.label for one in made} == {"2026-10", "2026-11"}
    rows = ask(store, "SELECT toString(credit) FROM statements WHERE month = '2026-10' ORDER BY unit")
    assert rows == [("4100",), ("0",)]


def test_two_versions_that_share_a_month_are_stored_beside_each_other(house: tuple[Path, Store]) -> None:
    """Neither takes the other's place."""
    folder, store = house
    at = datetime(2026, 11, 2, tzinfo=UTC)
    made, *_ = counted_by_contracts(load_configuration(folder / "touchstone.yaml", {}), at)
    first = replace(made, provider="bolt")
    second = replace(first, month=replace(first.month, since=date(2026, 10, 15)))
    on_store(store, lambda clickhouse: clickhouse.insert_statements([first, second], at))

    with Reader.open(store) as reader:
        names = [one.month.name for one in reader.statements(at - timedelta(hours=1)) if one.provider == "bolt"]
    assert names == [f"{first.month.label} from 2026-10-15", first.month.label]


def test_a_table_is_readable_in_a_narrow_terminal(house: tuple[Path, Store]) -> None:
    """Eighty columns, no row cut."""
    folder, _ = house
    done = touchstone(
        "-c", str(folder / "touchstone.yaml"), "sla", "--month", "2026-10", "--as-of", AS_OF, COLUMNS="80"
    )

    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme/east")]
    assert line.split()[1:] == ["✗", "99.865", "%", "of", "99.900", "%", "4", "100.00", "USD"]
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_a_claim_can_be_checked_and_comes_out_the_same(house: tuple[Path, Store], tmp_path: Path) -> None:
    """By sha256sum; others were fine at the time; a second pack of the same instant has the same hashes."""
    folder, _ = house
    packs = []
    for name in ("one", "two"):
        where = tmp_path / name
        done = touchstone(
            "-c",
            str(folder / "touchstone.yaml"),
            "claim",
            "acme",
            "--month",
            "2026-10",
            "--as-of",
            AS_OF,
            "-o",
            str(where),
        )
        assert done.returncode == 0, done.stderr
        packs.append((where / "MANIFEST.sha256").read_text())
    checked = subprocess.run(
        ["sha256sum", "-c", "MANIFEST.sha256"], cwd=tmp_path / "one", capture_output=True, check=False
    )

    assert checked.returncode == 0, checked.stdout
    assert packs[0] == packs[1]
    downtime = (tmp_path / "one" / "downtime.csv").read_text().splitlines()
    assert downtime[1] == "uptime,acme/east,2026-10-03T01:40:00+00:00,2026-10-03T02:40:00+00:00,60,60,60,60,1,1"
    assert len((tmp_path / "one" / "failures.csv").read_text().splitlines()) == 61
    assert json.loads((tmp_path / "one" / "statement.json").read_text())["as_of"] == "2026-11-02T00:00:00+00:00"


def test_there_is_nothing_to_claim_of_a_month_that_was_kept(house: tuple[Path, Store], tmp_path: Path) -> None:
    """Exit 1, and no folder; a provider without a contract, or a folder with files, is refused."""
    folder, _ = house
    config = str(folder / "touchstone.yaml")
    where = tmp_path / "pack"

    kept = touchstone("-c", config, "claim", "acme", "--month", "2026-09", "--as-of", AS_OF, "-o", str(where))
    nobody = touchstone("-c", config, "claim", "bolt", "--month", "2026-10")
    month = touchstone("-c", config, "sla", "--month", "2026-13")
    full = touchstone("-c", config, "claim", "acme", "--month", "2026-10", "-o", str(folder))

    assert (kept.returncode, where.exists()) == (1, False)
    assert "nothing to claim of acme for 2026-09" in kept.stderr
    assert (nobody.returncode, "there is no contract with 'bolt'; there is one with acme" in nobody.stderr) == (2, True)
    assert (month.returncode, "'2026-13' is not a month" in month.stderr) == (2, True)
    assert (full.returncode, "holds files already" in full.stderr) == (2, True)


def test_how_a_contract_was_kept_is_known_an_hour_later(store: Store) -> None:
    """Months that are over, as they were counted last; what is counted now does not change what was given before."""
    by = commitment(per="cluster")
    held = terms(by)
    october = billing_month("2026-10", "UTC", 1)
    down = {n: Slot(failed=5) for n in range(100, 112)}
    kept = statement("acme", held, by, october, replace(record(days=31, unit="acme/west"), until=october.ends))
    broken = statement("acme", held, by, october, replace(record(down, days=31, unit="acme/east"), until=october.ends))
    fine = replace(broken, provider="bolt", uptime=kept.uptime)
    both = replace(fine, provider="both", targets=("both/east/m", "both/west/m"))
    running = replace(broken, provider="calm", until=october.ends - timedelta(hours=1))
    unknown = replace(broken, provider="dusk", uptime=None)
    at = october.ends + timedelta(hours=2)
    on_store(store, lambda house: house.insert_statements([kept, broken, fine, both, running, unknown], at))
    corrected = replace(broken, uptime=kept.uptime)
    on_store(store, lambda house: house.insert_statements([corrected], at + timedelta(days=1)))

    def conduct(instant: datetime) -> Any:
        return on_store(store, lambda house: house.conduct(instant))

    assert conduct(at + timedelta(hours=1)) == {}
    assert conduct(at + timedelta(hours=2)) == {
        "acme": Conduct(
            1, 1, october.ends, {"acme/east": Conduct(1, 1, october.ends), "acme/west": Conduct(1, 0, None)}
        ),
        "both": Conduct(1, 0, None),
        "bolt": Conduct(1, 0, None, {"acme/east": Conduct(1, 0, None)}),
    }
    assert conduct(at + timedelta(days=1, hours=2))["acme"].broken == 0
    assert conduct(october.ends + timedelta(days=91)) == {}
