"""Capacity on a real store: what SQL reads equals a fold over the observations, and the command prints it."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import yaml

from collector.judgement.capacity.facts import LOOKS_MIN, CapacityFacts, DayLevel, PageFacts, Spread
from collector.judgement.facts import Block
from collector.storage.capacity_queries import BLOCK_S, LOOKS_AT_ONCE, in_groups
from collector.storage.cover import Cover
from collector.storage.queries import Reader
from collector.storage.rollup_sql import COMPARISON
from collector.storage.rollups import floor
from schemas.config import Store
from schemas.observation import BLAME, Blame, Observation, Outcome, Reason, Source
from tests.support.engine_pages import AT, look
from tests.support.observations import seen
from tests.support.processes import touchstone
from tests.support.stores import fresh_database, on_store, put

DAYS = 9
START = AT - timedelta(days=DAYS)
WITHIN = 1 / 1024  # of themselves are figures kept; whole numbers up to 1024 as they are
EVERY = timedelta(minutes=7)
TARGETS = ("acme/east/chat", "acme/west/chat", "bolt/east/chat", "bolt/east/=hyp", "calm/east/gone")
AS_OF = AT.isoformat()


def observations() -> list[Observation]:
    """Nine days and a bit of five targets: pages of every kind, some unread, and what must not be counted."""
    dice = random.Random(7)
    found = []
    for index, target in enumerate(TARGETS):
        for number in range(-20, int(DAYS * 86400 / EVERY.total_seconds()) + 3):
            tick = START + EVERY * number + timedelta(seconds=index)
            found += [_look(dice, target, tick, number), _request(dice, target, tick)]
    early = START + timedelta(hours=3)
    odd = {"running": 1e6, "waiting": 1e6, "kv_cache_share": 1.0, "gpus": 1e6}
    found += [
        look(TARGETS[0], early, odd, attempt=1),
        look(TARGETS[0], early + timedelta(seconds=3), odd, source=Source.PASSIVE, span="0" * 16),
        look(TARGETS[0], early + timedelta(seconds=4), odd, kind="exec"),
        seen(TARGETS[0], early, Outcome.FAILED, reason=Reason.RATE_LIMITED, kind="burst", module="burst"),
    ]
    return found


def _look(dice: random.Random, target: str, tick: Any, number: int) -> Observation:
    """The page that *target* shows: acme's grow, bolt's second has no engine's series, calm's was never read."""
    if target.startswith("calm") or dice.random() < 0.05:
        outcome = dice.choice((Outcome.FAILED, Outcome.NOT_OBSERVED))
        return look(target, tick, outcome=outcome)
    if target.endswith("=hyp"):
        return look(target, tick, {"gpus": 8.0, "gpu_util_share": dice.random()})
    running = dice.randrange(0, 100 + max(0, number) // 20)
    figures = {
        "running": float(running),
        "waiting": float(max(0, running - 175)),
        "kv_cache_share": running * dice.uniform(0.003, 0.004),
    }
    if target == "bolt/east/chat" and dice.random() < 0.5:
        del figures[dice.choice(("running", "waiting", "kv_cache_share"))]
    return look(target, tick, figures)


def _request(dice: random.Random, target: str, tick: Any) -> Observation:
    reasons = (Reason.RATE_LIMITED, Reason.NO_CAPACITY, Reason.AUTH_FAILED, Reason.STALLED)
    outcome = dice.choices(list(Outcome), (80, 5, 10, 5))[0]
    return seen(target, tick, outcome, **({"reason": dice.choice(reasons)} if outcome is Outcome.FAILED else {}))


def folded(given: Sequence[Observation]) -> CapacityFacts:
    """The same facts, one observation after the other."""
    counted = [one for one in given if START <= one.tick < AT and not one.attempt and one.source is Source.ACTIVE]
    looks: dict[str, list[Observation]] = defaultdict(list)
    for one in sorted(counted, key=lambda one: one.tick):
        if one.kind == "engine_metrics":
            looks[one.target].append(one)
    served = [one for one in counted if one.kind == "chat_stream"]
    return CapacityFacts(
        {target: _page(target, several) for target, several in looks.items()},
        _blocks(served, Reason.RATE_LIMITED),
        _blocks(served, Reason.NO_CAPACITY),
    )


def _page(target: str, looks: Sequence[Observation]) -> PageFacts:
    told = [dict(one.figures) for one in looks]
    both = [(one["running"], one["waiting"]) for one in told if {"running", "waiting"} <= one.keys()]
    cache = [(one["running"], one["kv_cache_share"]) for one in told if {"running", "kv_cache_share"} <= one.keys()]
    newest = [one for one in looks if one.figures and one.tick >= AT - timedelta(minutes=10)]
    return PageFacts(
        target=target,
        looks=len(looks),
        read=sum(one.outcome is Outcome.OK for one in looks),
        first=looks[0].tick,
        kv=_spread([one["kv_cache_share"] for one in told if "kv_cache_share" in one], WITHIN),
        running=_spread([one["running"] for one in told if "running" in one]),
        waiting=_spread([one["waiting"] for one in told if "waiting" in one]),
        load=_spread([running + waiting for running, waiting in both]),
        gpu_util=_spread([one["gpu_util_share"] for one in told if "gpu_util_share" in one], WITHIN),
        queued=sum(one.get("waiting", 0) > 0 for one in told),
        per_request=_spread([share / running for running, share in cache if running], WITHIN),
        running_queued=_spread([running for running, waiting in both if waiting]),
        gpu_looks=sum("gpus" in one for one in told),
        newest=dict(newest[-1].figures) if newest else {},
        read_at=newest[-1].tick if newest else None,
        days=_days(looks),
    )


def _days(looks: Sequence[Observation]) -> tuple[DayLevel, ...]:
    by_day: dict[Any, list[Observation]] = defaultdict(list)
    for one in looks:
        if "kv_cache_share" in one.figures:
            by_day[one.tick.date()].append(one)
    return tuple(
        DayLevel(day, len(some), len({one.tick.hour for one in some}), pytest.approx(_p95(_shares(some)), rel=WITHIN))
        for day, some in sorted(by_day.items())
    )


def _shares(looks: Sequence[Observation]) -> list[float]:
    return [one.figures["kv_cache_share"] for one in looks]


def _p95(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95))


def _spread(values: Sequence[float], within: float | None = None) -> Any:
    if not values:
        return Spread()
    p95 = pytest.approx(_p95(values), rel=within) if len(values) >= LOOKS_MIN else None
    return Spread(len(values), pytest.approx(median(values), rel=within), p95)


def _blocks(served: Sequence[Observation], reason: Reason) -> dict[str, tuple[Block, ...]]:
    found: dict[str, dict[Any, list[Observation]]] = defaultdict(lambda: defaultdict(list))
    for one in served:
        found[one.cluster][floor(one.tick, timedelta(seconds=BLOCK_S))].append(one)
    return {
        cluster: tuple(_block(cluster, start, some, reason) for start, some in sorted(blocks.items()))
        for cluster, blocks in found.items()
    }


def _block(cluster: str, start: Any, some: Sequence[Observation], reason: Reason) -> Block:
    refused = sum(one.reason is reason for one in some)
    unseen = sum(one.outcome is Outcome.NOT_OBSERVED for one in some)
    ours = sum(one.reason is not None and BLAME[one.reason] is Blame.CALLER for one in some)
    known = len(some) - unseen - ours
    return Block(cluster, start, n_ok=known - refused, n_failed=refused, n_unknown=ours, n_not_observed=unseen)


@pytest.fixture(scope="module")
def house(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Store]]:
    """Four clusters under a configuration that knows one more, and has a contract for 24 GPUs with bolt."""
    folder = tmp_path_factory.mktemp("capacity")
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["chat", "engine"]}
    cluster = {"claims": {"count": 16}, "targets": {"chat": target}}
    unmeasured = {"targets": {"chat": target | {"modules": ["chat"]}}}
    fleet = {
        "acme": {"clusters": {"east": cluster, "west": cluster, "dark": unmeasured}},
        "bolt": {"clusters": {"east": {"claims": {"count": 64}, "targets": {"chat": target, "dcgm": target}}}},
    }
    commitment = {"name": "uptime", "promised": "99%", "formula": {"kind": "request_ratio"}}
    commit = {"gpus": 24, "gpu_hour": 2, "months": 12}
    terms = {"begins": "2026-01-01", "source": {"title": "Order"}, "commitments": [commitment], "commit": commit}
    for store in fresh_database(Store(url=store_process, database="t_capacity")):
        settings = {
            "version": 1, "fleet": "fleet.yaml", "contracts": "contracts.yaml",
            "modules": {"chat": {"kind": "chat_stream"}, "engine": {"kind": "engine_metrics"}},
            "store": {"url": store.url, "database": store.database},
        }  # fmt: skip
        for name, value in (
            ("touchstone.yaml", settings), ("fleet.yaml", {"providers": fleet}),
            ("contracts.yaml", {"contracts": {"bolt": {"versions": [terms]}}}),
        ):  # fmt: skip
            (folder / name).write_text(yaml.safe_dump(value))
        put(store, observations())
        put(store, [look("acme/east/chat", AT - timedelta(days=2, seconds=33), {"running": 9e9})], ingested_at=AT)
        yield folder, store


def test_facts_equal_a_fold_over_the_observations(house: tuple[Path, Store]) -> None:
    """Without what is outside, came too late, was asked again, is real traffic or another kind."""
    _, store = house
    with Reader.open(store) as reader:
        read = reader.capacity(START, AT)
    expected = folded(observations())

    assert read.pages == expected.pages
    assert read.rate_limited == expected.rate_limited
    assert read.no_capacity == expected.no_capacity


def test_facts_are_the_same_from_rollups(house: tuple[Path, Store]) -> None:
    """Of whole hours and of parts of them, at an instant before a late look came and after it, to the last bit."""
    _, store = house
    instants = (AT, AT + timedelta(minutes=31), AT - timedelta(days=3, minutes=7, milliseconds=1))
    windows = [(start, at) for at in instants for start in (START, START + timedelta(hours=9, minutes=20))]
    with Reader.open(store) as reader:
        expected = [reader.capacity(*window) for window in windows]
        later = AT + timedelta(hours=2)
        on_store(store, lambda house: house.rollups.advance(later, later))
        covers = [Cover.read(reader._rows, *window, at=window[1], marks=(COMPARISON,)) for window in windows]

        assert [cover.hours_until > START for cover in covers] == [True] * len(windows)
        assert [reader.capacity(*window) for window in windows] == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_percentiles_of_any_figures_are_within_one_in_1024(store: Store, seed: int) -> None:
    """From 1e-9 to 1e11, far apart from each other too; nothing stays nothing, and what is absurd stays finite."""
    dice = random.Random(seed)
    looks = [
        look(
            TARGETS[0],
            AT - timedelta(minutes=n),
            {"kv_cache_share": 10 ** dice.uniform(-9, 11), "waiting": 0.0, "running": 1e-300},
        )
        for n in range(1, 2 * LOOKS_MIN)
    ]
    put(store, looks)
    with Reader.open(store) as reader:
        page = reader.capacity(START, AT).pages[TARGETS[0]]

    assert page.kv == _spread(_shares(looks), WITHIN)
    assert page.waiting == Spread(len(looks), 0.0, 0.0)
    assert page.per_request.p95 == pytest.approx(1e18, rel=WITHIN)


def test_targets_are_asked_for_by_their_looks() -> None:
    """As many at once as have no more looks than the store's memory bears; one that has more by itself."""
    counts = [("a", LOOKS_AT_ONCE - 1), ("b", 1), ("c", 1), ("d", 2 * LOOKS_AT_ONCE), ("e", 5)]

    assert list(in_groups(counts)) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(in_groups([])) == []


def capacity(house: tuple[Path, Store], *arguments: str, **environ: str) -> Any:
    """What the command does."""
    command = ("-c", str(house[0] / "touchstone.yaml"), "capacity", "--as-of", AS_OF, "--days", str(DAYS))
    return touchstone(*command, *arguments, **environ)


def test_the_command_prints_the_report_as_json_and_csv(house: tuple[Path, Store]) -> None:
    """The same figures in both; a cluster without a page is there, unknown; others' engines are hosts all the same."""
    done, table = capacity(house, "--json"), capacity(house, "--csv")
    document = json.loads(done.stdout)
    dark, east, west, bolts = document["clusters"]
    lines = {line["target"] or line["cluster"]: line for line in csv.DictReader(io.StringIO(table.stdout))}
    (engine,) = east["engines"]

    assert (done.returncode, table.returncode) == (0, 0), done.stderr + table.stderr
    assert [one["cluster"] for one in document["clusters"]] == ["acme/dark", "acme/east", "acme/west", "bolt/east"]
    assert (dark["engines"], dark["failover"]["share"]) == ([], None)
    assert engine["saturation"]["course"] == "growing" and engine["saturation"]["n"] == 8
    assert engine["headroom"]["bound"] == "cache"
    assert 0 <= engine["headroom"]["requests_low"] <= engine["headroom"]["requests"] < engine["headroom"]["seats"]
    assert {host["target"].partition("/")[0] for m in west["failover"]["models"] for host in m["hosts"]} == {
        "acme",
        "bolt",
    }
    assert west["rate_limited"]["low"] < west["rate_limited"]["share"] < west["rate_limited"]["high"]
    assert float(lines["acme/east/chat"]["kv_cache_share_p95"]) == engine["kv_cache_share"]["p95"]
    assert lines["acme/dark"]["kv_cache_share_p95"] == "" and lines["acme/dark"]["headroom_insufficient"] != ""
    bolt = document["providers"][1]
    assert (bolt["gpus"]["reserved"], bolt["gpus"]["claimed"], bolts["gpus"]["delivered"]) == (24, 64, None)


def test_a_table_is_readable_in_a_narrow_terminal(house: tuple[Path, Store]) -> None:
    """Eighty columns, every cluster of the one that is asked for; a stranger is refused with the names known."""
    done = capacity(house, "acme", COLUMNS="80")
    stranger = capacity(house, "nobody")

    assert done.returncode == 0, done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert [words in done.stdout for words in ("if it dies", "not before", "by cache", "unknown")] == [True] * 4
    assert [name in done.stdout for name in ("acme/dark", "acme/east", "acme/west", "bolt")] == [True] * 3 + [False]
    assert (stranger.returncode, "there is acme, bolt" in stranger.stderr) == (2, True)
