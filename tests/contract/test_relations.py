"""Relations and status pages, read from a real store as they were known: queries, commands and the page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from collector.judgement.correlation.buckets import BUCKET_S
from collector.judgement.correlation.co_failure import Standing
from collector.judgement.correlation.relations import closed_window
from collector.judgement.honesty.account import Answer
from collector.storage import correlation_queries
from collector.storage.queries import Reader
from dashboard.settings import PageSettings
from schemas.config import Store
from schemas.observation import BLAME, Blame, Observation, Outcome, Reason, Source
from schemas.sample import Sample
from tests.contract.test_claims_page import forget, html, provider_page
from tests.support.observations import seen
from tests.support.stores import fresh_database, put
from touchstone.cli import application
from touchstone.commands.honesty import _named
from touchstone.config_file import load_configuration
from touchstone.session import Session
from touchstone.system_clock import SystemClock

DAYS = 8
WAIT_S = 60
NOW = SystemClock().now().replace(microsecond=0)
BEGINS, ENDS = closed_window(NOW, DAYS)
OUTAGES = (150, 500, 930, 1400, 1900, 2200)  # buckets
POSTED, UNPOSTED = (BEGINS + timedelta(seconds=OUTAGES[n] * BUCKET_S) for n in (1, 2))
PAGE = "acme/status/page"


def observations() -> list[Observation]:
    """A chat every five minutes of four providers from two places; acme and bolt share outages, cinder has others."""
    found = []
    for vantage in ("here", "there"):
        for name, late in (("acme", 0), ("bolt", 0), ("cinder", 70), ("dove", 9999)):
            down = {start + late + n for start in OUTAGES for n in range(5)}
            for number in range(DAYS * 288):
                tick = BEGINS + timedelta(seconds=number * BUCKET_S + 3)
                outcome = Outcome.FAILED if number in down else Outcome.OK
                found.append(seen(f"{name}/east/chat", tick, outcome, vantage=vantage, model="m"))
    return [*found, *_handshakes(), *_readings()]


def _handshakes() -> Iterator[Observation]:
    for name, address, key in (("acme", "8.8.8.8", "k1"), ("bolt", "8.8.8.9", "k2"), ("dove", "127.0.0.1", "k1")):
        samples = (Sample("endpoint", "address", text=address), Sample("endpoint", "key", text=key))
        yield seen(
            f"{name}/east/chat", BEGINS + timedelta(hours=1), kind="tls_handshake", module="tls", samples=samples
        )


def _readings() -> Iterator[Observation]:
    """The page of acme, every two hours: it posts the second outage twelve minutes late, and forgets the third."""
    made = POSTED + timedelta(minutes=12)
    for hours in range(0, DAYS * 24, 2):
        tick, samples = BEGINS + timedelta(hours=hours, seconds=7), []
        if made < tick < made + timedelta(hours=24):
            samples = [Sample("status_post", "p1", made.timestamp(), "major: <i>errors</i>")]
            samples.append(Sample("status_post_ended", "p1", (made + timedelta(minutes=6)).timestamp()))
        yield seen(PAGE, tick, kind="status_page", module="page", samples=tuple(samples))


def _transitions() -> tuple[list[str], list[list[Any]]]:
    """Both outages of acme as incidents, one of a target alone, and one of a vantage that was blind for an hour."""
    rows = []
    for id, level, scope, failed in (
        ("inc-posted", "provider", "acme", POSTED),
        ("inc-silent", "cluster", "acme/east", UNPOSTED),
        ("inc-small", "target", "acme/east/chat", UNPOSTED),
    ):
        for seq, change, state in ((1, "opened", "open"), (2, "resolved", "resolved")):
            at = failed + timedelta(seconds=30 if seq == 1 else 25 * 60)
            rows.append(
                [
                    id, seq, change, state, "P0", level, scope, "acme", "connect_refused", "", "", failed, failed, at,
                    False, "hard_down",
                ]
            )  # fmt: skip
    names = [
        "incident", "seq", "change", "state", "severity", "level", "scope", "provider", "reason", "cause", "parent",
        "failed_at", "opened_at", "at", "simulated", "signal",
    ]  # fmt: skip
    return names, rows


@pytest.fixture(scope="module")
def house(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """A configuration of four providers of one model, and its store; one row is taken in after everything was asked."""
    import clickhouse_connect

    from collector.storage.connection import arguments

    folder = tmp_path_factory.mktemp("relations")
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["chat"]}
    page = {"model": "-", "url": "https://status.acme.example", "modules": ["page"]}
    fleet: dict[str, Any] = {
        name: {"clusters": {"east": {"targets": {"chat": target}}}} for name in ("acme", "bolt", "cinder", "dove")
    }
    fleet["acme"]["clusters"]["status"] = {"targets": {"page": page}}
    for store in fresh_database(Store(url=store_process, database="t_relations")):
        settings = {
            "version": 1, "fleet": "fleet.yaml", "store": {"url": store.url, "database": store.database},
            "modules": {"chat": {"kind": "chat_stream"}, "page": {"kind": "status_page"}},
        }  # fmt: skip
        (folder / "touchstone.yaml").write_text(yaml.safe_dump(settings))
        (folder / "fleet.yaml").write_text(yaml.safe_dump({"providers": fleet}))
        put(store, observations())
        late = seen("cinder/east/chat", BEGINS + timedelta(seconds=OUTAGES[0] * BUCKET_S + 4), Outcome.FAILED)
        put(store, [late], ingested_at=NOW + timedelta(minutes=1))
        names, rows = _transitions()
        with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
            client.insert("incident_transitions", rows, column_names=names)
        yield folder, store


@pytest.fixture(scope="module")
def reader(house: tuple[Path, Store]) -> Iterator[Reader]:
    """A reader of that store."""
    with Reader.open(house[1]) as opened:
        yield opened


def test_sights_equal_a_fold_over_the_observations(reader: Reader) -> None:
    """Seen by what is known, down by half of what a cluster was asked, without what came too late."""
    read = {(one.provider, one.vantage): one for one in correlation_queries.sights(reader._rows, BEGINS, ENDS, NOW)}
    down = np.zeros(DAYS * 288, dtype=bool)
    for start in OUTAGES:
        down[start : start + 5] = True

    assert set(read) == {(name, place) for name in ("acme", "bolt", "cinder", "dove") for place in ("here", "there")}
    assert all(one.seen.all() for one in read.values())
    assert (read["acme", "here"].down == down).all() and (read["bolt", "there"].down == down).all()
    assert (read["cinder", "here"].down == np.roll(down, 70)).all()
    assert not read["dove", "here"].down.any()


def test_halves_clusters_and_faults_are_told_apart(store: Store) -> None:
    """Half of one cluster is enough; our own key's fault, re-probes, other kinds and real traffic are nothing."""
    found: list[Observation] = []
    refused = next(reason for reason in Reason if BLAME[reason] is Blame.CALLER)

    def add(bucket: int, cluster: str, outcome: Outcome, second: int, **changes: Any) -> None:
        tick = BEGINS + timedelta(seconds=bucket * BUCKET_S + second)
        found.append(seen(f"acme/{cluster}/chat", tick, outcome, **changes))

    for second in range(4):
        add(0, "east", Outcome.FAILED if second < 2 else Outcome.OK, second)
        add(1, "east", Outcome.FAILED if second < 1 else Outcome.DEGRADED, second)
        add(1, "west", Outcome.FAILED if second < 2 else Outcome.OK, second)
        add(2, "east", Outcome.FAILED if second < 1 else Outcome.OK, second)
    add(3, "east", Outcome.FAILED, 0, reason=refused)
    add(4, "east", Outcome.NOT_OBSERVED, 0)
    add(5, "east", Outcome.FAILED, 0, attempt=1)
    add(6, "east", Outcome.FAILED, 0, kind="tls_handshake", module="tls")
    add(7, "east", Outcome.FAILED, 0, source=Source.PASSIVE, span="0" * 16, module="passive", model="m")
    put(store, found)

    with Reader.open(store) as opened:
        (one,) = correlation_queries.sights(opened._rows, BEGINS, ENDS, NOW)
        assert correlation_queries.loads(opened._rows, BEGINS, ENDS, NOW) == {"m": {"acme": 1.0}}
    assert (np.flatnonzero(one.seen).tolist(), np.flatnonzero(one.down).tolist()) == ([0, 1, 2], [0, 1])


def test_a_store_without_observations_and_what_a_blind_vantage_saw(store: Store) -> None:
    """Nothing is said of nobody; a span of blindness comes from an incident that says so, as it was known."""
    import clickhouse_connect

    from collector.storage.connection import arguments

    names, ((id, seq, change, state, severity, *_), *_) = _transitions()
    blind = [
        id, seq, change, state, severity, "observer", "here", "", "connect_refused", "", "", POSTED, POSTED, POSTED,
        False, "hard_down",
    ]  # fmt: skip
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        client.insert("incident_transitions", [blind], column_names=names)
    with Reader.open(store) as opened:
        (span,) = correlation_queries.blindness(opened._rows, BEGINS, ENDS, NOW)
        assert (span.vantage, span.start, span.end) == ("here", POSTED - timedelta(minutes=1), None)
        assert correlation_queries.blindness(opened._rows, BEGINS, ENDS, POSTED) == ()
        assert len(correlation_queries.blindness(opened._rows, POSTED + timedelta(days=1), ENDS, NOW)) == 1
        nobody, unread = opened.relations(NOW, DAYS, {"m": ("acme",)}), opened.honesty("acme", BEGINS, NOW)
    assert (nobody.pairs, nobody.shared, nobody.groups, nobody.supplies[0].effective) == ((), (), (), 1.0)
    assert (unread.readings, unread.answers) == (0, ())


def test_the_relations_of_a_store(house: tuple[Path, Store], reader: Reader) -> None:
    """Two fail together and are in one network; one shares a key; one is apart; the same for ever as of an instant."""
    found = reader.relations(NOW, DAYS, {"m": ("acme", "bolt", "cinder", "dove")})
    standing = {(one.a, one.b): one.standing for one in found.pairs}

    assert standing.pop(("acme", "bolt")) is Standing.TOGETHER
    assert standing.pop(("acme", "cinder")) is standing.pop(("bolt", "cinder")) is Standing.NOT_FOUND
    assert set(standing.values()) == {Standing.INSUFFICIENT}  # one that was never down
    assert [(one.a, one.b, one.what.value, one.weight.value) for one in found.shared] == [
        ("acme", "bolt", "network", "hint"), ("acme", "dove", "key", "evidence"),
    ]  # fmt: skip
    assert found.groups == (("acme", "bolt", "dove"),)
    assert found.supplies[0].effective == pytest.approx(1 / (9 / 16 + 1 / 16))
    assert reader.relations(NOW, DAYS, {"m": ("acme", "bolt", "cinder", "dove")}) == found


def test_what_was_posted_as_it_was_known(reader: Reader) -> None:
    """One posted late and short, one never; before that was readable it was not known."""
    found = reader.honesty("acme", BEGINS, NOW)

    assert [(one.ours.id, one.answer) for one in found.answers] == [
        ("inc-posted", Answer.POSTED), ("inc-silent", Answer.NEVER),
    ]  # fmt: skip
    assert (found.lag, found.answers[0].stated) == (timedelta(minutes=12), timedelta(minutes=6))
    assert (found.readings, found.unseen) == (DAYS * 12, ())
    early = reader.honesty("acme", BEGINS, POSTED + timedelta(minutes=5))
    assert [(one.ours.id, one.answer) for one in early.answers] == [("inc-posted", Answer.PENDING)]
    assert reader.honesty("bolt", BEGINS, NOW).readings == 0


def _printed(house: tuple[Path, Store], *arguments: str) -> str:
    result = CliRunner().invoke(
        application, ["-c", str(house[0] / "touchstone.yaml"), *arguments], env={"COLUMNS": "80"}, standalone_mode=False
    )
    assert not result.return_value and result.exception is None, result.output
    return result.stdout


def test_the_commands_say_it(house: tuple[Path, Store]) -> None:
    """In eighty columns, as JSON, as CSV."""
    at = ("--days", str(DAYS), "--as-of", NOW.isoformat())
    related, honest = _printed(house, "related", *at), _printed(house, "honesty", "acme", *at)
    rows = list(csv.DictReader(io.StringIO(_printed(house, "related", "--csv", *at))))
    document = json.loads(_printed(house, "related", "--json", *at))

    assert max(map(len, (related + honest).splitlines())) <= 80
    assert related.count("2 h 30 m, 6 outages") == 3 and "counted as one supplier" in related
    assert "m: 1.6 of 4.0 independent suppliers" in related and "resell" not in related
    assert "posted 12 m after, stated 6 m" in honest and "nothing posted" in honest
    assert (rows[0]["a"], rows[0]["b"]) == ("acme", "bolt")
    assert len(rows) == len(document["pairs"]) == 6
    with pytest.raises(click.UsageError, match="there are acme, bolt, cinder, dove"):
        _named(Session(house[0] / "touchstone.yaml"), "nobody")


def test_the_page_of_a_provider_says_both(house: tuple[Path, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom it fails together with, and what its status page said; of one that nobody reads that nobody does."""
    configuration = load_configuration(house[0] / "touchstone.yaml", {})
    for name, value in PageSettings.of(configuration).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    said = {}
    for provider in ("acme", "dove"):
        page = AppTest.from_function(provider_page, default_timeout=WAIT_S)
        page.query_params["provider"] = provider
        said[provider] = html(page.run())
    forget()

    assert "Fails together with" in said["acme"] and "<b>bolt</b>" in said["acme"]
    assert "posted 12 m after" in said["acme"] and "✗ nothing posted" in said["acme"]
    assert "&lt;i&gt;errors&lt;/i&gt;" in said["acme"] and "<i>errors</i>" not in said["acme"]
    assert "Too little to say" in said["dove"] and "was not observed in this window" in said["dove"]
