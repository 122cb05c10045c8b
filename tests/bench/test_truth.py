"""The bench of tiers: its facts are those of the real store, and a market is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.truth import kept
from bench.truth.figures import confusion, errors, figures
from bench.truth.fold import Fold
from bench.truth.market import market
from bench.truth.trial import DAYS, Judged, judged
from collector.storage.clickhouse import ClickHouse
from collector.storage.integrity_queries import DAY_ANSWERS, day_answers_of
from collector.storage.sample_queries import window_of
from schemas.config import Store, TierPolicy
from schemas.verdict import Tier
from simulator.history import Past
from tests.support.stores import store, store_process
from touchstone.system_clock import SystemClock

__all__ = ["store", "store_process"]


async def test_what_is_folded_in_memory_is_what_the_store_makes_of_the_rows(store: Store) -> None:
    """Facts, bills and answers of every target, two days of a drawn market."""
    begins = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=5)
    past = Past(market(3), begins, begins + timedelta(days=3), 600)
    at = begins + timedelta(days=2)
    fold = Fold.of(past)
    async with ClickHouse.opened(store, clock=SystemClock()) as house:
        for number, part in enumerate(past.parts()[:2]):
            await house.insert_arrow("observations", past.table(part, at - timedelta(seconds=1)))
            fold.take(number)
        facts = await house.facts(at, TierPolicy())
        sums = await house.token_sums(begins, at, at)
        answers = day_answers_of(await house._client.rows(DAY_ANSWERS, **window_of(begins, at, at)))

    subjects = list(fold.subjects())
    assert fold.facts() == facts
    assert tuple(sorted(one for subject in subjects for one in subject.tokens)) == sums
    assert {subject.target: subject.answers for subject in subjects} == answers


@pytest.fixture(scope="module")
def found() -> tuple[Judged, ...]:
    """A market, probed every ten minutes."""
    return judged(0, step_s=600)


def test_a_market_is_judged(found: tuple[Judged, ...]) -> None:
    """Eighteen providers; nobody is gold who is not, nobody honest suspect, no liar trusted after a month."""
    assert len(found) == 18
    assert figures(found)["false_gold_per_1000"].ours == 0
    assert figures(found)["honest_suspect_per_1000"].ours == 0
    assert figures(found)["liars_trusted_after_30_days_per_1000"].ours == 0
    assert {one.kind for one in found if "misrepresented" in one.reasons} == {"canned", "inflating"}
    assert sum(confusion(found)["gold"].values()) == 3


def test_the_point_alone_trusts_liars(found: tuple[Judged, ...]) -> None:
    """Who lies about tokens or replays answers is up, so the peer has something to be worse at."""
    assert figures(found)["liars_trusted_after_30_days_per_1000"].peer > 0
    assert {one.points[DAYS] for one in found if one.kind == "canned"} <= {Tier.GOLD, Tier.RELIABLE}


def test_markets_differ_and_are_the_same_again() -> None:
    """By their number alone."""
    assert market(5) == market(5)
    assert {cloud.personality.down_share for cloud in market(5).clouds} != {
        cloud.personality.down_share for cloud in market(6).clouds
    }


def test_who_was_called_wrong_is_named(found: tuple[Judged, ...]) -> None:
    """Nobody of the market is; an honest one that had been suspect on a day would be, with the day."""
    one = next(one for one in found if one.truth is Tier.RELIABLE)
    accused = replace(one, tiers={**one.tiers, 3: Tier.SUSPECT})

    assert errors(found) == []
    assert errors([accused]) == [f"market 0, {one.provider} ({one.kind}): suspect on day 3"]


def test_a_run_that_was_stopped_goes_on(found: tuple[Judged, ...], tmp_path: Path) -> None:
    """Whole markets are known again; what was being written when it was stopped is judged again."""
    file = kept.file_of(tmp_path / "truth", 600)
    other = tuple(replace(one, market=1) for one in found)
    assert kept.read(file) == {}
    kept.add(file, found)
    kept.add(file, other)
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])

    assert kept.read(file) == {0: found}
    kept.add(file, other)
    assert kept.read(file) == {0: found, 1: other}
    assert file.read_bytes() == whole


def test_what_was_judged_otherwise_is_another_file(tmp_path: Path) -> None:
    """A probe every ten minutes is not one every minute."""
    assert kept.file_of(tmp_path, 60) != kept.file_of(tmp_path, 600)
    assert kept.file_of(tmp_path, 60) == kept.file_of(tmp_path, 60)
