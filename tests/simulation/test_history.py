"""The past in bulk: the store's own columns, every tick once, from the seed alone, and calm at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from collector.storage.rows import COLUMNS
from schemas.observation import DEGRADED_REASONS, Observation, Outcome
from simulator.engine_load import EngineLoad
from simulator.history import WAYS, Past
from simulator.world import World

END = datetime(2026, 11, 24, 7, 13, tzinfo=UTC)
DAYS = timedelta(days=2)
WORLD = World.of()
PAST = Past(WORLD, END - DAYS, END)


def whole(past: Past) -> pa.Table:
    """All parts, one after another."""
    return pa.concat_tables([past.table(part, END) for part in past.parts()]).unify_dictionaries()


def rows_of(table: pa.Table, source: str) -> pa.Table:
    """The rows of the probes that serve (`active`), or the traffic's (`passive`)."""
    return table.filter(pc.and_(pc.equal(table["source"], source), pc.not_equal(table["kind"], "engine_metrics")))


def median_ms(table: pa.Table, provider: str) -> float:
    """Of the time from the start of the request to the first token."""
    mine = table.filter(pc.equal(table["provider"], provider))
    since_start = pc.add(mine["first_token_ms"], pc.fill_null(mine["sent_ms"], 0.0))
    return float(np.nanmedian(since_start.to_numpy(zero_copy_only=False)))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Two days of the default world."""
    return whole(PAST)


def test_the_past_has_every_column_of_the_store_and_no_other(table: pa.Table) -> None:
    """Nothing is left to a default."""
    assert sorted(table.column_names) == sorted(COLUMNS)


def test_every_minute_of_every_target_is_there_once_and_only_whole_days_are_whole(table: pa.Table) -> None:
    """[start, end), one part a UTC day."""
    table = rows_of(table, "active")
    ticks, targets = table["tick"].to_numpy(), table["target"].to_numpy(zero_copy_only=False).astype(str)
    keys = np.char.add(targets, ticks.astype(str))

    assert len(table) == 90 * 2 * 1440
    assert len(np.unique(keys)) == len(table)
    assert [len(part.probes) for part in PAST.parts()] == [24 * 60 - 433, 1440, 433]
    assert PAST.start.replace(tzinfo=None) <= ticks.min().item()
    assert ticks.max().item() < END.replace(tzinfo=None)


def test_an_application_asks_every_target_once_in_ten_minutes(table: pa.Table) -> None:
    """Real traffic beside the probes, in the same parts: no two spans alike, nothing that a span does not say."""
    traffic = rows_of(table, "passive")
    starts = traffic["tick"].to_numpy()

    assert [len(part.traffic) for part in PAST.parts()] == [144 - 44, 144, 43]
    assert len(traffic) == 90 * 287
    assert PAST.rows == len(table) == 90 * (2 * 1440 + 287 + 287)
    assert len(pc.unique(traffic["span"])) == len(traffic)
    assert PAST.start.replace(tzinfo=None) <= starts.min().item() <= starts.max().item() < END.replace(tzinfo=None)
    assert set(traffic["outcome"].to_pylist()) == {"ok", "failed"}
    assert pc.unique(traffic["connection"]).to_pylist() == ["unknown"]
    assert traffic["sent_ms"].null_count == traffic["last_token_ms"].null_count == len(traffic)


def test_probes_and_traffic_of_an_honest_cloud_are_alike_and_of_the_two_faced_one_are_not(table: pa.Table) -> None:
    """From the start of the request to the first token, by the median of all its clusters."""
    (two_faced,) = WORLD.two_faced()
    ratios = {
        cloud.id: median_ms(rows_of(table, "passive"), cloud.id) / median_ms(rows_of(table, "active"), cloud.id)
        for cloud in WORLD.clouds
    }

    assert ratios.pop(two_faced) == pytest.approx(1.5, rel=0.05)
    assert set(ratios) == {id for id, ratio in ratios.items() if ratio == pytest.approx(1.0, rel=0.05)}


def test_every_engines_page_is_looked_at_once_in_ten_minutes(table: pa.Table) -> None:
    """The figures of the living engine at that instant; none where the machine could not be reached."""
    pages = table.filter(pc.equal(table["kind"], "engine_metrics")).to_pylist()
    failed = [page for page in pages if page["outcome"] == "failed"]
    cloud = WORLD.clouds[0]
    last = max((page for page in pages if page["cluster"].startswith(f"{cloud.id}/")), key=lambda page: page["tick"])
    site = next(site for site in cloud.sites if last["cluster"] == f"{cloud.id}/{site.name}")

    assert len(pages) == 90 * 287
    assert 0 < len(failed) < 0.02 * len(pages)
    assert {(page["reason"], len(page["figures"])) for page in failed} == {("connect_refused", 0)}
    assert {len(page["figures"]) for page in pages if page["outcome"] == "ok"} == {7, 8}  # ECC is off at some
    assert dict(last["figures"]) == EngineLoad(WORLD, cloud, site).now(last["tick"].timestamp())
    assert len({(page["target"], page["tick"]) for page in pages}) == len(pages)


def test_the_traffic_changes_nothing_in_the_probes_rows() -> None:
    """A past of a step that leaves room for no traffic has the same probes."""
    short = Past(WORLD, END - timedelta(minutes=9), END)
    (part,) = short.parts()
    probes, last = rows_of(short.table(part, END), "active"), rows_of(PAST.table(PAST.parts()[-1], END), "active")
    same = last.filter(pc.greater_equal(last["tick"], pa.scalar(short.start)))

    assert len(probes) == short.rows == 90 * 9
    assert probes["first_token_ms"].equals(same["first_token_ms"])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    """On every run, in any order of the days."""
    again = Past(World.of(), PAST.start, END)
    last = again.parts()[-1]

    assert again.table(last, END).equals(PAST.table(PAST.parts()[-1], END))
    assert not Past(World.of(8), PAST.start, END).table(last, END).equals(again.table(last, END))


def test_nothing_failed_in_the_last_hour(table: pa.Table) -> None:
    """So nothing looks down when the live part begins."""
    table = rows_of(table, "active")
    late = table["tick"].to_numpy() >= np.datetime64((END - timedelta(hours=1)).replace(tzinfo=None), "ms")
    outcomes = table["outcome"].to_numpy(zero_copy_only=False)

    assert late.sum() == 90 * 60
    assert set(outcomes[late]) <= {"ok", "degraded"}
    assert "failed" in set(outcomes[~late])


@pytest.mark.parametrize("way", WAYS, ids=lambda value: str(value))
def test_every_way_that_a_row_can_go_is_one_that_an_observation_may_take(
    way: tuple[Outcome, object, int],
) -> None:
    """The vocabulary's own checks hold for invented rows too."""
    outcome, reason, _ = way

    observed = Observation(
        target="a/b/chat", vantage="local", kind="chat_stream", tick=END, provider="a", cluster="a/b",
        module="chat-short", started_at=END, finished_at=END, outcome=outcome, reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip

    assert (observed.outcome is Outcome.DEGRADED) == (observed.reason in DEGRADED_REASONS)


def test_a_past_is_known_by_its_name_and_only_to_its_world() -> None:
    """An interrupted load finds its own span again."""
    assert Past.named(WORLD, PAST.name) == PAST
    for name in ("", "simulated", World.of(8).clouds[0].id, Past(World.of(8), PAST.start, END).name):
        with pytest.raises(ValueError):
            Past.named(WORLD, name)
