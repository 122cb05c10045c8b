"""From a real inference request to a tier, a page and a recovery: every process real, and engines that are not ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from bench.engine.serve import ServedEngine, serve_third_party
from probes.spool import read_ledger
from tests.support.engines import third_party_engine, vllm_engine
from tests.support.processes import Deployment, answer_of, deployment, touchstone, wait_for

__all__ = ["third_party_engine", "vllm_engine"]

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MODULE: dict[str, Any] = {
    "kind": "chat_stream", "interval": "1s", "timeout": "10s", "ttft_timeout": "5s", "stall_timeout": "5s",
    "max_tokens": 16,
}  # fmt: skip
TICKS = 8


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Deployment]:
    """An empty deployment."""
    with deployment(tmp_path) as made:
        yield made


def rows(house: Deployment, sql: str) -> list[Any]:
    """Rows of the deployment's own database."""
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=house.store_port, database="touchstone_test", autogenerate_session_id=False
    )
    try:
        return list(client.query(sql).named_results())
    finally:
        client.close()


def opened(house: Deployment, engine: ServedEngine) -> None:
    """The store, the receiver, the collector and the agent, probing *engine* every second."""
    house.write(target={"model": engine.model, "url": engine.url}, module=MODULE)
    house.start("store")
    house.start("receiver", "--listen", f"127.0.0.1:{house.receiver_port}", "--file", str(house.folder / "pages.jsonl"))
    house.start("collect")
    house.said("collect", "collector: http")
    house.start("agent")


def measured(house: Deployment) -> list[dict[str, Any]]:
    """Wait for some ticks; every row of the store."""

    def enough() -> list[dict[str, Any]] | None:
        found = rows(house, "SELECT * FROM observations ORDER BY tick, attempt")
        return found if sum(row["attempt"] == 0 for row in found) >= TICKS else None

    return wait_for(f"{TICKS} ticks in the store; agent: {house.log('agent')}", enough, timeout_s=40)


def check_measured(found: list[dict[str, Any]]) -> None:
    """Answered, in phases, each tick once."""
    assert {row["outcome"] for row in found} == {"ok"}, [(row["reason"], row["detail"]) for row in found]
    assert len({(row["tick"], row["attempt"]) for row in found}) == len(found)
    for row in found:
        assert 0 < row["connect_ms"] < row["total_ms"]
        assert 0 < row["first_byte_ms"] <= row["first_token_ms"] <= row["last_token_ms"] <= row["total_ms"]
        assert len(row["arrivals_ms"]) == row["chunks"] > 1
        assert row["billed_in"] > 10
        assert 1 < row["billed_out"] <= 16
        assert row["finish_reason"] in {"length", "stop"}
        assert len(row["answer_digest"]) == 16


def check_judged(house: Deployment) -> None:
    """A verdict with its gates; recomputing it gives the stored bytes; nothing waits in the spool."""
    config = ("-c", str(house.config))
    verdict = wait_for("a verdict", lambda: answer_of(*config, "tiers", "--json")["providers"], timeout_s=20)[0]
    explained = touchstone(*config, "explain", "acme", "--json")
    assert "too_little_evidence" in str(verdict)
    assert "availability_lower" in explained.stdout
    first, second = (touchstone(*config, "judge", "--json") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "acme" in first.stdout
    ledger = read_ledger(house.folder / "spool.db")
    assert ledger is not None
    assert ledger.spooled >= TICKS
    assert ledger.dropped == 0


def test_vllm_is_measured_judged_and_nothing_is_lost(vllm_engine: ServedEngine, house: Deployment) -> None:
    """vLLM on the CPU: timings, tokens as billed, one row a tick, a verdict that can be recomputed."""
    opened(house, vllm_engine)
    found = measured(house)

    check_measured(found)
    check_judged(house)
    assert house.stop("agent") == 0
    with sqlite3.connect(house.folder / "spool.db") as spool:
        assert spool.execute("SELECT count(*) FROM rows").fetchone() == (0,)
    ledger = read_ledger(house.folder / "spool.db")
    assert ledger is not None
    assert rows(house, "SELECT count() AS n FROM observations")[0]["n"] == ledger.spooled


def test_a_third_party_server_is_measured_and_its_death_pages_until_it_is_back(house: Deployment) -> None:
    """`transformers serve`: measured; killed, a page goes to both destinations; back, and both hear of it."""
    with serve_third_party() as engine:
        port = int(engine.url.rsplit(":", 1)[1].split("/")[0])
        opened(house, engine)
        check_measured(measured(house))
        check_judged(house)
    config = ("-c", str(house.config))
    down = wait_for("an open incident", lambda: answer_of(*config, "incidents", "--json")["incidents"])
    assert [incident["provider"] for incident in down] == ["acme"]
    pages = house.folder / "pages.jsonl"
    wait_for("pages at both destinations", lambda: pages.exists() and pages.read_text().count("is down") >= 2)
    with serve_third_party(port=port):
        wait_for("the recovery", lambda: "is up again" in pages.read_text(), timeout_s=40)
    recorded = pages.read_text()
    assert recorded.count('"event_action":"resolve"') == 1
    assert "r" * 32 not in recorded


@pytest.mark.parametrize("name", ["vllm_engine", "third_party_engine"])
def test_probe_draws_a_waterfall_of_a_real_engine(name: str, request: pytest.FixtureRequest) -> None:
    """Sixty columns are enough; every phase has its line."""
    engine: ServedEngine = request.getfixturevalue(name)
    result = touchstone("probe", "--url", engine.url, "--model", engine.model, "--max-tokens", "16", COLUMNS="60")

    assert result.returncode == 0, result.stdout + result.stderr
    for phase in ("connect", "request", "first byte", "first token", "tokens", "end", "total"):
        assert phase in result.stdout
    assert "━" in result.stdout
