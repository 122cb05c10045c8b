"""What models at providers were worth, on a real store: the facts, `touchstone value`, and the page that compares."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from collector.judgement.facts import bucket_of
from collector.judgement.value.facts import OK, moments
from collector.storage.queries import Reader
from dashboard.settings import PageSettings
from schemas.config import Store
from schemas.observation import Observation, Outcome, Source, Timings, Tokens
from tests.contract.test_claims_page import forget, html
from tests.support.contracts import LADDER
from tests.support.observations import seen
from tests.support.processes import answer_of, touchstone
from tests.support.small_world import whole_minute
from tests.support.stores import fresh_database, put
from touchstone.config_file import load_configuration

AT = whole_minute(datetime.now(UTC))
EVERY = timedelta(minutes=5)
N = 3 * 288  # three days of each target
START = AT - EVERY * N
MODEL = "ours-70b"
WAIT_S = 60
CONTRACT = {
    "versions": [
        {
            "begins": "2020-01-01",
            "source": {"title": "Order form 3"},
            "commitments": [
                {
                    "name": "uptime",
                    "promised": "99.9%",
                    "formula": {"kind": "request_ratio"},
                    "credits": {"ladder": list(LADDER)},
                    "spend": {"month": 14600},
                }
            ],
            "commit": {"gpus": 8, "gpu_hour": 2.5, "months": 24, "upfront": "25%"},
        }
    ]
}


def probe(target: str, number: int, outcome: Outcome = Outcome.OK, **changes: Any) -> Observation:
    """Probe *number* back from AT; what was answered has 10 tokens in, 20 billed and 19 counted."""
    answered = outcome in {Outcome.OK, Outcome.DEGRADED}
    first_ms = 120.0 + number % 40 + (80.0 if target.startswith("bolt") else 0.0)
    plain: dict[str, Any] = {
        "model": MODEL,
        "tokens": Tokens(10, 20, 19, "words", 20) if answered else Tokens(),
        "timings": Timings(
            first_token_ms=first_ms,
            last_token_ms=first_ms + 400,
            total_ms=first_ms + 401,
            arrivals_ms=(first_ms, first_ms + 400),
        )
        if answered
        else Timings(),
    }
    return seen(target, AT - EVERY * (number + 1), outcome, **plain | changes)


def counted() -> list[Observation]:
    """Acme east fails one in 50 and is slow one in 25, bolt fails one in ten; west is sound; few is asked 9 times."""
    found = [probe("acme/west/chat", number) for number in range(N)]
    for number in range(N):
        slow, failed = number % 25 == 7, number % 50 == 3
        found.append(
            probe("acme/east/chat", number, Outcome.FAILED if failed else Outcome.DEGRADED if slow else Outcome.OK)
        )
        found.append(probe("bolt/east/chat", number, Outcome.FAILED if number % 10 == 3 else Outcome.OK))
    return found + [probe("few/east/chat", number) for number in range(9)]


def beside() -> list[Observation]:
    """What counts for nothing: a re-probe, real traffic, a burst, what nobody asked a model."""
    return [
        probe("acme/east/chat", 3, Outcome.FAILED, attempt=1),
        probe("acme/east/chat", 5, Outcome.FAILED, source=Source.PASSIVE, span="00f067aa0ba902b7", kind="passive_chat"),
        probe("acme/east/chat", 5, Outcome.FAILED, kind="burst"),
        probe("acme/east/chat", 5, Outcome.FAILED, kind="http_request", model=""),
    ]


@pytest.fixture(scope="module")
def house(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """A configuration with prices and one contract, and its store."""
    folder = tmp_path_factory.mktemp("value")
    target = {"model": MODEL, "url": "http://127.0.0.1:9/v1", "modules": ["chat"]}
    clusters = {name: {"targets": {"chat": target}} for name in ("east", "west")}
    price = {"tokens_in": 0.2, "tokens_out": 0.6}
    fleet = {
        "acme": {"price": price, "clusters": clusters},
        "bolt": {"price": price | {"tokens_out": 0.8}, "clusters": {"east": clusters["east"]}},
        "few": {"clusters": {"east": clusters["east"]}},
    }
    for store in fresh_database(Store(url=store_process, database="t_value")):
        settings = {
            "version": 1, "fleet": "fleet.yaml", "contracts": "contracts.yaml",
            "modules": {"chat": {"kind": "chat_stream", "interval": "5m"}},
            "store": {"url": store.url, "database": store.database},
        }  # fmt: skip
        for name, value in (
            ("touchstone.yaml", settings), ("fleet.yaml", {"providers": fleet}),
            ("contracts.yaml", {"contracts": {"acme": CONTRACT}}),
        ):  # fmt: skip
            (folder / name).write_text(yaml.safe_dump(value))
        put(store, [*counted(), *beside()])
        put(store, [probe("acme/east/chat", -1, Outcome.FAILED), probe("acme/east/late", 9)], ingested_at=AT)
        yield folder, store


def config(house: tuple[Path, Store]) -> str:
    """The path of its settings."""
    return str(house[0] / "touchstone.yaml")


def test_the_facts_are_those_that_were_known(house: tuple[Path, Store]) -> None:
    """Counts, tokens and times as counted by hand; what came in at the instant or after it is not there."""
    with Reader.open(house[1]) as reader:
        found = {one.provider: one for one in reader.model_facts(START, AT, block_s=21_600)}
        later = reader.model_facts(START, AT + timedelta(seconds=1), block_s=21_600)
    for provider in ("acme", "bolt", "few"):
        mine = [one for one in counted() if one.provider == provider]
        good = [one for one in mine if one.outcome is Outcome.OK]
        answered = [one for one in mine if one.tokens.billed_out]
        facts = found[provider]
        assert facts.model == MODEL
        assert sum(one.counts[:, OK].sum() for one in facts.blocks) == len(good)
        assert moments(facts.blocks).known == len(mine)
        assert sum(one.billed_in.sum() for one in facts.blocks) == 10 * len(answered)
        assert sum(one.billed_out.sum() for one in facts.blocks) == 20 * len(answered)
        assert sum(one.good_out.sum() for one in facts.blocks) == 19 * len(good)
        assert facts.ttft_hist == Counter(bucket_of(one.timings.first_token_ms or 0) for one in answered)
        assert facts.gap_hist == {bucket_of(400 / 18): len(answered)}  # of the 19 tokens that we counted
        assert facts.gaps_billed == 0
    assert sum(moments(facts.blocks).known for facts in later) == len(counted()) + 2


def test_the_command_says_who_gives_most_for_the_money(house: tuple[Path, Store]) -> None:
    """Figures with their n, in JSON: bolt is dearer, slower and fails more; few is unknown."""
    found = answer_of("-c", config(house), "value", "--as-of", AT.isoformat(), "--json")
    acme, bolt, few = found["offers"]

    assert (acme["standing"], bolt["standing"], few["standing"]) == ("front", "beaten", "unknown")
    assert bolt["beaten_by"] == ["acme"]
    assert (acme["n"], few["n"], few["availability"], few["million_good"]) == (2 * N, 9, None, None)
    assert (acme["listed_out"], acme["million_billed"], bolt["million_billed"]) == (
        "0.60000000", "0.70000000", "0.90000000",
    )  # fmt: skip
    good = 2 * N - sum(number % 25 == 7 or number % 50 == 3 for number in range(N))
    billed = 2 * N - sum(number % 50 == 3 for number in range(N))
    assert float(acme["million_good"]) == pytest.approx(0.7 * 20 * billed / (19 * good), abs=1e-8)
    assert acme["million_good_low"] < acme["million_good"] < acme["million_good_high"]
    (hour,) = found["gpu_hours"]
    steps = [float(hour[name]) for name in ("listed", "capital", "downtime", "credits", "effective")]
    assert sum(steps[:3]) - steps[3] == pytest.approx(steps[4], abs=1e-7)
    assert (hour["provider"], hour["listed"], hour["currency"], hour["n"]) == ("acme", "2.50000000", "USD", 2 * N)
    assert steps[3] > 0  # 99.0 % of the requests: a quarter of the bill
    assert hour["effective_low"] < hour["effective"] < hour["effective_high"]


def test_the_command_in_a_terminal_and_for_a_spreadsheet(house: tuple[Path, Store]) -> None:
    """In eighty columns; the same instant gives the same bytes; a model that nobody has is refused."""
    arguments = ("-c", config(house), "value", "--as-of", AT.isoformat())
    shown = touchstone(*arguments, "--model", MODEL, COLUMNS="80")
    twice = [touchstone(*arguments, "--csv").stdout for _ in range(2)]
    unknown = touchstone(*arguments, "--model", "ours-8b")
    nobody = touchstone(*arguments, "--provider", "nobody")
    two = touchstone(*arguments, "--csv", "--provider", "bolt", "--provider", "few").stdout
    empty = touchstone("-c", config(house), "value", "--as-of", "2021-01-01T00:00:00Z", COLUMNS="80")

    assert shown.returncode == 0, shown.stderr
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    for said in (
        "◆ on the front",
        "beaten by acme",
        "= effective",
        f"n {2 * N:,}".replace(",", "\u202f"),
        "acme (USD)",
    ):
        assert said in shown.stdout
    assert twice[0] == twice[1]
    assert [row["provider"] for row in csv.DictReader(io.StringIO(twice[0]))] == ["acme", "bolt", "few"]
    assert [row["provider"] for row in csv.DictReader(io.StringIO(two))] == ["bolt", "few"]
    assert (unknown.returncode, f"models: {MODEL}" in unknown.stderr) == (2, True)
    assert (nobody.returncode, "providers: acme, bolt, few" in nobody.stderr) == (2, True)
    assert (empty.returncode, "Nothing was observed" in empty.stdout) == (0, True)


def compare_page() -> None:
    """The page that compares."""
    from tests.support.dashboard_page import shown

    shown("compare")


@pytest.fixture
def pages(house: tuple[Path, Store], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A dashboard over that store."""
    configuration = load_configuration(house[0] / "touchstone.yaml", {})
    for name, value in PageSettings.of(configuration).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    yield
    forget()


def test_the_page_has_the_numbers_of_the_command(house: tuple[Path, Store], pages: None) -> None:
    """Every offer with its n; the chart in words; the GPU-hour step by step; the choice stands in the address."""
    page = AppTest.from_function(compare_page, default_timeout=WAIT_S)
    said = html(page.run())
    (chart,) = page.get("vega_lite_chart")
    linked = AppTest.from_function(compare_page, default_timeout=WAIT_S)
    linked.query_params["providers"] = "bolt"
    alone = html(linked.run()).partition("<table")[2].partition("</table>")[0]

    for words in ("on the front", "beaten by acme", "a figure is unknown", "0.20 in, 0.60 out"):
        assert words in said
    assert "no contract" in said and "25% upfront" in said and "= effective" in said
    assert chart.proto.alt.endswith("p95, of 2 providers. Nobody beats: acme.")
    assert "on the front" in alone and "acme" not in alone


def test_a_page_of_several_currencies_compares_nobody(
    house: tuple[Path, Store], pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No chart and no front, and it says why; the figures stand, each in its currency. Of one currency all is there."""
    from dashboard import reader

    settings = reader.page_settings()
    mixed = settings.model_copy(update={"currencies": settings.currencies | {"bolt": "JPY"}})
    for name, value in mixed.to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    page = AppTest.from_function(compare_page, default_timeout=WAIT_S)
    said, charts = html(page.run()), page.get("vega_lite_chart")
    alone = AppTest.from_function(compare_page, default_timeout=WAIT_S)
    alone.query_params["providers"] = "bolt"
    chosen = html(alone.run())

    assert "Prices are in JPY and USD: nothing is converted" in said and "on the front" not in said
    assert said.count("not compared: currencies differ") == 2 and not charts
    assert " JPY" in said and " USD" in said
    assert "nothing is converted" not in chosen and "on the front" in chosen and alone.get("vega_lite_chart")


def test_the_page_without_anything_says_so(store: Store, pages: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty store is no comparison."""
    from dashboard import reader

    settings = reader.page_settings().model_copy(update={"store_url": store.url, "database": store.database})
    for name, value in settings.to_environ().items():
        monkeypatch.setenv(name, value)
    forget()

    assert "Nothing was observed" in html(AppTest.from_function(compare_page, default_timeout=WAIT_S).run())
