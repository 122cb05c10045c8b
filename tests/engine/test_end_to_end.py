"""From a real inference request to a tier, a page and a recovery: every process real, and engines that are not ours."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from bench.engine.serve import ServedEngine, serve_third_party
from probes.spool_files import read_ledger
from tests.support.engines import third_party_engine, vllm_engine
from tests.support.processes import WEBHOOK_SECRET, Deployment, answer_of, deployment, touchstone, wait_for

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
    secret = house.folder / "webhook-secret"
    secret.write_text(WEBHOOK_SECRET)
    house.start("store")
    house.start(
        "receiver", "--listen", f"127.0.0.1:{house.receiver_port}", "--file", str(house.folder / "pages.jsonl"),
        "--secret-file", str(secret),
    )  # fmt: skip
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
    assert {row["connection"] for row in found} == {"cold", "warm"}
    for row in found:
        assert (row["connect_ms"] is None) == (row["connection"] == "warm")
        assert (row["connect_ms"] or 0) < row["total_ms"]
        assert (row["stamp"], row["distrust"]) == ("kernel", "")
        assert 0 < row["first_byte_ms"] <= row["first_token_ms"] <= row["last_token_ms"] <= row["total_ms"]
        assert len(row["arrivals_ms"]) == row["chunks"] > 1
        assert row["billed_in"] > 10
        assert 1 < row["billed_out"] <= 16
        assert row["finish_reason"] in {"length", "stop"}
        assert row["finish_reason"] == "stop" or row["billed_out"] == MODULE["max_tokens"]
        assert len(row["answer_digest"]) == 16


def check_judged(house: Deployment) -> None:
    """Too little evidence, said with every gate; recomputing the verdict gives the stored bytes, twice."""
    config = ("-c", str(house.config))
    sql = f"""SELECT toString(at) || 'Z' AS at, body FROM verdicts FINAL
              WHERE JSONExtractUInt(body, 'n') >= {TICKS} ORDER BY at"""
    stored = wait_for("a verdict", lambda: rows(house, sql), timeout_s=20)[-1]
    (tier,) = answer_of(*config, "tiers", "--json")["providers"]
    explained = answer_of(*config, "explain", "acme", "--json")
    once, twice = (touchstone(*config, "judge", "--at", stored["at"], "--json") for _ in range(2))

    assert (tier["provider"], tier["tier"]) == ("acme", "unrated")
    assert "too_little_evidence" in tier["reasons"]
    assert (explained["tier"], explained["reasons"]) == (tier["tier"], tier["reasons"])
    assert {"gold", "reliable", "suspect"} == {gate["tier"] for gate in explained["gates"]}
    assert all(gate["note"] and gate["threshold"] is not None for gate in explained["gates"])
    assert max(gate["n"] for gate in explained["gates"]) >= TICKS
    assert (once.returncode, once.stdout) == (0, f"[{stored['body']}]\n"), once.stderr
    assert twice.stdout == once.stdout


def pages(house: Deployment, path: str) -> list[dict[str, Any]]:
    """What the receiver recorded at *path*, in order of arrival."""
    file = house.folder / "pages.jsonl"
    recorded = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [page for page in recorded if page["path"] == path]


def test_vllm_is_measured_judged_and_nothing_is_lost(vllm_engine: ServedEngine, house: Deployment) -> None:
    """vLLM on the CPU: timings, tokens as billed, one row a tick, a verdict that can be recomputed."""
    opened(house, vllm_engine)
    found = measured(house)

    check_measured(found)
    check_judged(house)
    assert house.stop("agent") == 0
    with sqlite3.connect(house.folder / "spool-0.db") as spool:
        assert spool.execute("SELECT count(*) FROM rows").fetchone() == (0,)
    ledger = read_ledger(house.folder / "spool.db")
    assert ledger is not None
    assert ledger.dropped == 0
    assert rows(house, "SELECT count() AS n FROM observations")[0]["n"] == ledger.spooled
    assert answer_of("-c", str(house.config), "incidents", "--all", "--json")["incidents"] == []
    assert pages(house, "/webhook") == []


def test_a_third_party_server_is_measured_and_its_death_pages_until_it_is_back(house: Deployment) -> None:
    """`transformers serve`: measured; killed, one page to each destination; back, and both hear of it."""
    with serve_third_party() as engine:
        port = int(engine.url.rsplit(":", 1)[1].split("/")[0])
        opened(house, engine)
        check_measured(measured(house))
        check_judged(house)
        os.killpg(engine.pid, signal.SIGKILL)
        wait_for("pages at both destinations", lambda: pages(house, "/webhook") and pages(house, "/v2/enqueue"))
    config = ("-c", str(house.config))
    (down,) = wait_for("an open incident", lambda: answer_of(*config, "incidents", "--json")["incidents"])
    with serve_third_party(port=port):
        wait_for("the recovery", lambda: len(pages(house, "/v2/enqueue")) > 1, timeout_s=40)
        wait_for("no open incident", lambda: not answer_of(*config, "incidents", "--json")["incidents"])
        (over,) = answer_of(*config, "incidents", "--all", "--json")["incidents"]

    assert (down["provider"], down["severity"], down["reason"]) == ("acme", "P0", "connect_refused")
    assert (over["id"], over["state"]) == (down["id"], "resolved")
    check_paged(house, down["id"])


def check_paged(house: Deployment, incident: str) -> None:
    """Each destination heard of *incident* once when it began and once when it was over; signed, without secrets."""
    hook, duty = pages(house, "/webhook"), pages(house, "/v2/enqueue")
    assert [page["body"]["type"] for page in hook] == ["incident.opened", "incident.resolved"]
    assert [(page["status"], page["signed"]) for page in hook] == [(204, True)] * 2
    assert {page["body"]["data"]["incident"] for page in hook} == {incident}
    assert [page["body"]["event_action"] for page in duty] == ["trigger", "resolve"]
    assert {(page["status"], page["body"]["dedup_key"]) for page in duty} == {(202, f"touchstone:{incident}")}
    assert "r" * 32 not in (house.folder / "pages.jsonl").read_text()


@pytest.mark.parametrize("name", ["vllm_engine", "third_party_engine"])
def test_probe_draws_a_waterfall_of_a_real_engine(name: str, request: pytest.FixtureRequest) -> None:
    """Every phase has its line, in sixty columns; as JSON, every number is there."""
    engine: ServedEngine = request.getfixturevalue(name)
    asked = ("--url", engine.url.replace("127.0.0.1", "localhost"), "--model", engine.model, "--max-tokens", "16")
    drawn = touchstone("probe", *asked, COLUMNS="60")
    seen = answer_of("probe", *asked, "--json")
    lines = drawn.stdout.splitlines()
    phases = [line[:12].strip() for line in lines if "━" in line]

    assert drawn.returncode == 0, drawn.stdout + drawn.stderr
    assert phases == ["dns", "connect", "request", "first byte", "first token", "tokens", "end"]
    assert lines[0].startswith("OK ")
    assert sum(" billed · finish " in line for line in lines) == 1
    assert max(len(line) for line in lines) <= 60
    assert (seen["outcome"], seen["reason"], seen["http_status"]) == ("ok", None, 200)
    assert 0 < seen["timings"]["first_token_ms"] <= seen["timings"]["last_token_ms"] < seen["timings"]["total_ms"]
    assert len(seen["timings"]["arrivals_ms"]) == seen["tokens"]["chunks"]
