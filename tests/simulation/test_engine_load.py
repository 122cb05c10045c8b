"""How busy the simulated engines are: by seed and time alone, near full, some growing, some queueing without need."""

from __future__ import annotations

from datetime import UTC, date, datetime
from statistics import median

import numpy as np
import pytest

from collector.judgement.capacity.saturation import Saturation, saturation
from probes.engine_series import NAMES, figures_of
from probes.exposition import read_page
from simulator.engine_load import DAY_S, FIGURES, EngineLoad
from simulator.engine_metrics import EngineMetrics
from simulator.world import MODEL, World
from tests.support.engine_pages import days

WORLD = World.of()
AT = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
TODAY = date(2026, 11, 24)
DAYS = np.arange(0, 14 * DAY_S, 600) + AT - 14 * DAY_S


def loads(world: World = WORLD) -> dict[str, EngineLoad]:
    """Of every cluster."""
    return {f"{cloud.id}/{site.name}": EngineLoad(world, cloud, site) for cloud in world.clouds for site in cloud.sites}


def test_a_page_of_an_engine_tells_what_its_load_is() -> None:
    """Under the exporters' names, read by the probe."""
    for load in list(loads().values())[:6]:
        told = load.now(AT)
        read = figures_of(read_page(EngineMetrics(MODEL).text(told).encode(), NAMES).samples)

        assert {name: read.get(name) for name in told} == pytest.approx(told, rel=1e-4)
        assert list(told) == [name for name in FIGURES if name in told]
        assert ("gpu_ecc_double_bit" in read) == ("gpu_ecc_double_bit" in told)


def test_one_instant_is_a_point_of_the_curve_and_another_seed_another_curve() -> None:
    """Whoever asks, whenever."""
    (name, load), other = next(iter(loads().items())), loads(World.of(8))

    assert load.now(float(DAYS[77])) == {key: values[77] for key, values in load.figures(DAYS).items()}
    assert other[name].now(AT) != load.now(AT)


def test_the_fleet_is_nearly_full() -> None:
    """GPUs in the mid-nineties; most caches have room at their peak, a few have none, and some queue without need."""
    figures = {name: load.figures(DAYS) for name, load in loads().items()}
    peaks = {name: float(np.quantile(one["kv_cache_share"], 0.95)) for name, one in figures.items()}
    queues = {name for name, one in figures.items() if (one["waiting"] > 0).mean() > 0.1}
    grown = [name for name, one in figures.items() if _growth(one["kv_cache_share"]) > 0.003]

    assert 0.93 < median(float(one["gpu_util_share"].mean()) for one in figures.values()) < 0.98
    assert 0.7 < median(peaks.values()) < 0.9
    assert 3 <= sum(peak >= 0.95 for peak in peaks.values()) <= 12
    assert [name for name in queues if peaks[name] < 0.75] != []
    assert 5 <= len(grown) <= 20
    assert all(one["kv_cache_share"].min() > 0 and one["kv_cache_share"].max() < 1 for one in figures.values())


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_those_that_grow_are_found_and_hardly_any_other(seed: int) -> None:
    """In a fortnight; but where capacity was added meanwhile. Trends of others are as rare as chance makes them."""
    courses: dict[bool, list[str]] = {True: [], False: []}
    for load in loads(World.of(seed)).values():
        peaks = np.quantile(load.figures(DAYS)["kv_cache_share"].reshape(14, -1), 0.95, axis=1)
        found = saturation(days([float(peak) for peak in peaks]), TODAY, confidence=0.95)
        assert isinstance(found, Saturation)
        courses[load.grows].append(found.course.value)
    trends = sum(course in {"growing", "falling"} for course in courses[False])

    assert sum(course in {"growing", "full"} for course in courses[True]) >= 0.75 * len(courses[True]) > 5
    assert trends <= 0.08 * len(courses[False])


def _growth(share: np.ndarray) -> float:
    """Of the daily mean, in a day."""
    means = share.reshape(14, -1).mean(axis=1)
    return float(np.polyfit(np.arange(14), means, 1)[0])
