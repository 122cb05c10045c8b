"""Is it the GPU, from inside: a copy or a memory that falls short by 15 % is another product."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from collector.judgement.integrity.gpus import GPUS
from collector.judgement.integrity.node_benchmark import P0, RATIO_MIN, REASONS, Run, node_benchmark
from schemas.evidence import Standing

BEGAN = date(2026, 1, 1)


def runs(copy: float, memory: float, *, n: int = 4, days: int = 2) -> list[Run]:
    """*n* runs over *days*, the first of which is the best."""
    return [
        Run(BEGAN + timedelta(days=place % days), f"v{place % 2}", {"copy_gb_s": copy - place, "memory_gb": memory})
        for place in range(n)
    ]


@pytest.mark.parametrize(
    ("copy", "memory", "standing", "reason"),
    [
        (2900, 79.0, Standing.NOT_REJECTED, "as_claimed_or_better"),
        (4500, 141.0, Standing.NOT_REJECTED, "as_claimed_or_better"),
        (1850, 79.0, Standing.CONTRADICTED, "slower_memory"),
        (2900, 40.0, Standing.CONTRADICTED, "less_memory"),
    ],
)
def test_an_h100_is_told_from_what_is_less(copy: float, memory: float, standing: Standing, reason: str) -> None:
    """A better one is no contradiction; a slower one and a slice are."""
    found = node_benchmark("p/c", "H100 SXM", runs(copy, memory))

    assert (found.standing, found.reason) == (standing, reason)
    assert found.said == REASONS[reason]
    contradicted = standing is Standing.CONTRADICTED
    assert (found.e, found.days, found.vantages) == ((1 / P0, 2, 2) if contradicted else (0.0, 0, 0))
    assert found.threshold == RATIO_MIN
    assert found.arithmetic[0].endswith("of 3.35 TB/s, the best run (NVIDIA H100 data sheet, 2023)")


def test_the_best_run_counts() -> None:
    """Three throttled ones accuse nobody."""
    some = [Run(one.day, one.vantage, {**one.figures, "copy_gb_s": 900.0}) for one in runs(2900, 79.0)[1:]]

    assert node_benchmark("p/c", "H100 SXM", [*some, runs(2900, 79.0)[0]]).standing is Standing.NOT_REJECTED


def test_a_loose_claim_is_held_to_its_slowest_product() -> None:
    """`H100` may be the PCIe card."""
    assert node_benchmark("p/c", "H100", runs(1850, 79.0)).standing is Standing.NOT_REJECTED


@pytest.mark.parametrize(
    ("gpu", "some", "reason"),
    [
        ("", runs(1, 1), "unknown_gpu"),
        ("H100", [], "too_few_runs"),
        ("H100", runs(1, 1, days=1), "too_few_runs"),
        ("H100", runs(1, 1, n=2), "too_few_runs"),
        ("H100", [Run(one.day, one.vantage, {"bus_gb_s": 1.0}) for one in runs(1, 1)], "too_few_runs"),
    ],
)
def test_too_little_is_insufficient(gpu: str, some: list[Run], reason: str) -> None:
    """With its reason."""
    found = node_benchmark("p/c", gpu, some)

    assert (found.standing, found.reason, found.e, found.value) == (Standing.INSUFFICIENT, reason, 1.0, None)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_every_product_at_its_data_sheet_passes(gpu: object) -> None:
    """None is accused of being itself at 90 % of its figures."""
    assert hasattr(gpu, "bandwidth_tb_s") and hasattr(gpu, "memory_gb") and hasattr(gpu, "name")
    some = runs(gpu.bandwidth_tb_s * 900, gpu.memory_gb * 0.9, n=3)

    assert node_benchmark("p/c", gpu.name, some).standing is Standing.NOT_REJECTED
