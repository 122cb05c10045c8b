"""The past in bulk: the store's own columns, every tick once, from the seed alone, and calm at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from collector.storage.rows import COLUMNS
from schemas.observation import DEGRADED_REASONS, Observation, Outcome
from simulator.history import WAYS, Past
from simulator.world import World

END = datetime(2026, 11, 24, 7, 13, tzinfo=UTC)
DAYS = timedelta(days=2)
WORLD = World.of()
PAST = Past(WORLD, END - DAYS, END)


def whole(past: Past) -> pa.Table:
    """All parts, one after another."""
    return pa.concat_tables([past.table(part, END) for part in past.parts()]).unify_dictionaries()


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Two days of the default world."""
    return whole(PAST)


def test_the_past_has_every_column_of_the_store_and_no_other(table: pa.Table) -> None:
    """Nothing is left to a default."""
    assert sorted(table.column_names) == sorted(COLUMNS)


def test_every_minute_of_every_target_is_there_once_and_only_whole_days_are_whole(table: pa.Table) -> None:
    """[start, end), one part a UTC day."""
    ticks, targets = table["tick"].to_numpy(), table["target"].to_numpy(zero_copy_only=False).astype(str)
    keys = np.char.add(targets, ticks.astype(str))

    assert len(table) == PAST.rows == 90 * 2 * 1440
    assert len(np.unique(keys)) == len(table)
    assert [part.rows for part in PAST.parts()] == [90 * (24 * 60 - 433), 90 * 1440, 90 * 433]
    assert PAST.start.replace(tzinfo=None) <= ticks.min().item()
    assert ticks.max().item() < END.replace(tzinfo=None)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    """On every run, in any order of the days."""
    again = Past(World.of(), PAST.start, END)
    last = again.parts()[-1]

    assert again.table(last, END).equals(PAST.table(PAST.parts()[-1], END))
    assert not Past(World.of(8), PAST.start, END).table(last, END).equals(again.table(last, END))


def test_nothing_failed_in_the_last_hour(table: pa.Table) -> None:
    """So nothing looks down when the live part begins."""
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
