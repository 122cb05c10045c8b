"""Is it the hardware: too fast refutes, slow never does, and a claim that cannot fit is no claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from collector.judgement.integrity.gpus import GPUS, bytes_of, gpus_of
from collector.judgement.integrity.hardware import (
    ACCEPTED_MAX,
    EXCESS,
    P0,
    REASONS,
    Claimed,
    Model,
    Reply,
    bound_per_s,
    hardware,
    speculates,
)
from schemas.evidence import Evidence, Family, Grade, Standing

BEGAN = date(2026, 1, 1)
SMALL = Model("8B", 8.03e9, 8.03e9, 131_072)
LARGE = Model("70B", 70.6e9, 70.6e9, 327_680)
SPARSE = Model("37B active", 37e9, 671e9, 70_272)
HUGE = Model("405B", 405.8e9, 405.8e9, 516_096)
TABLE = ("A100 SXM", "L40S", "H100 PCIe", "H100 SXM", "H200", "B200", "MI300X")
CLAIMED = Claimed("H100 SXM", 1, "bf16", SMALL)
BOUND = 3.35e12 / (8.03e9 * 2 + 131_072 * 1024)


def replies(speed: float, days: int, *, n: int = 20, predictable: float = 1.0) -> list[Reply]:
    """A day: *n* replies at *speed* of the bound, and 20 of predictable text, *predictable* times as fast."""
    return [
        Reply(BEGAN + timedelta(days=day), f"v{place % 2}", 201, 200 / (BOUND * speed * ratio) * 1000, 1024, ratio_of)
        for day in range(days)
        for ratio_of, ratio, count in ((False, 1.0, n), (True, predictable, 20))
        for place in range(count)
    ]


def judged(some: list[Reply], claimed: Claimed = CLAIMED) -> Evidence:
    """The evidence, which always says what it is about."""
    found = hardware("p/c", claimed, some)
    assert (found.check, found.family, found.grade) == ("hardware", Family.HARDWARE, Grade.CONTRADICTION)
    assert found.said == REASONS[found.reason]
    assert found.assumptions
    return found


@pytest.mark.parametrize(
    ("model", "weight_bytes", "speeds"),
    [
        (LARGE, 2.0, (14, 6, 14, 24, 34, 57, 37)),
        (LARGE, 1.0, (29, 12, 28, 47, 68, 113, 75)),
        (SMALL, 2.0, (126, 53, 124, 207, 296, 494, 327)),
        (SPARSE, 1.0, (55, 23, 54, 90, 129, 216, 143)),
        (HUGE, 1.0, (5, 2, 5, 8, 12, 20, 13)),
    ],
)
def test_the_roofline_is_the_published_table(model: Model, weight_bytes: float, speeds: tuple[int, ...]) -> None:
    """One GPU, 1,024 tokens of context, tokens a second."""
    found = [round(bound_per_s(gpus_of(name)[0], 1, model, weight_bytes=weight_bytes, context=1024)) for name in TABLE]

    assert found == list(speeds)


def test_three_days_above_the_bound_refute_the_claim() -> None:
    """From two vantages, with the arithmetic."""
    found = judged(replies(1.2, 3))

    assert (found.standing, found.reason, found.e) == (Standing.CONTRADICTED, "too_fast", 1 / P0)
    assert (found.days, found.vantages, found.n) == (3, 2, 60)
    assert found.value == pytest.approx(1.2)
    assert found.arithmetic[0].startswith(
        "bound at 1,024 tokens of context: 1 x 3.35 TB/s x 1 / (8.03e+09 x 2 + 131,072"
    )
    assert "206.9 tokens/s" in found.arithmetic[0]
    assert found.arithmetic[1] == "speculation: none seen"


@pytest.mark.parametrize("speed", [0.001, 0.5, 1.0, EXCESS - 0.001])
def test_slower_than_the_bound_refutes_nothing(speed: float) -> None:
    """And proves nothing: it says which speed would have been too much."""
    found = judged(replies(speed, 10))

    assert (found.standing, found.reason, found.e) == (Standing.NOT_REJECTED, "not_too_fast", 0.0)
    assert found.smallest == "19 of 20 replies above 217 tokens/s on three days, power 1; never a slower GPU"


def test_two_days_above_the_bound_do_not() -> None:
    """The third makes it."""
    some = replies(1.2, 2) + [replace(one, day=one.day + timedelta(days=5)) for one in replies(0.7, 5)]

    assert judged(some).standing is Standing.NOT_REJECTED


def test_a_few_slow_replies_of_a_day_hold_it_back() -> None:
    """Two of twenty: the 5th percentile is one of them."""
    slow = [
        replace(one, last_ms=one.last_ms * 3) if place % 20 < 2 else one for place, one in enumerate(replies(1.2, 3))
    ]

    assert judged(slow).standing is Standing.NOT_REJECTED


@pytest.mark.parametrize("predictable", [1.15, 1.5, 3.0])
def test_speculation_widens_the_bound_four_times(predictable: float) -> None:
    """Where predictable text is faster by a tenth or more, what is fast may be it."""
    assert judged(replies(2.0, 3, predictable=predictable)).standing is Standing.NOT_REJECTED
    assert judged(replies(4.3, 3, predictable=predictable)).standing is Standing.CONTRADICTED


def test_speculation_that_was_not_measured_is_taken_as_there() -> None:
    """Without predictable text only four times the bound refutes."""
    plain = [one for one in replies(2.0, 3) if not one.predictable]

    assert speculates(plain) is None
    assert judged(plain).standing is Standing.NOT_REJECTED
    assert judged([replace(one, last_ms=one.last_ms / 2.2) for one in plain]).standing is Standing.CONTRADICTED
    assert speculates(replies(1.0, 1)) is False
    assert speculates(replies(1.0, 1, predictable=1.2)) is True


def test_a_gateway_that_holds_back_and_flushes_is_not_too_fast() -> None:
    """The time to the first token belongs to the time."""
    assert Reply(BEGAN, "v", 101, 2000.0, 10).per_s == 50.0


def test_short_replies_and_times_that_are_none_do_not_count() -> None:
    """31 tokens, or no time at all."""
    assert judged([replace(one, tokens=31) for one in replies(9.0, 5)]).reason == "too_few_replies"
    assert judged([replace(one, last_ms=0.0) for one in replies(9.0, 5)]).reason == "too_few_replies"
    assert judged([replace(one, last_ms=float("nan")) for one in replies(9.0, 5)]).reason == "too_few_replies"


def test_a_model_that_does_not_fit_is_a_contradiction_on_paper() -> None:
    """140 GB of weights in 80 GB; no day and no vantage saw it, so it never makes suspect alone."""
    found = judged([], Claimed("H100 SXM", 1, "bf16", LARGE))

    assert (found.standing, found.reason, found.unit) == (Standing.CONTRADICTED, "does_not_fit", "GB")
    assert (found.value, found.threshold, found.days) == (pytest.approx(141.2), 80, 0)
    assert judged([], Claimed("H100 SXM", 2, "bf16", LARGE)).standing is Standing.INSUFFICIENT
    context = replace(LARGE, context=131_072)
    assert judged([], Claimed("H100 SXM", 2, "bf16", context)).reason == "does_not_fit"


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [
        (replace(CLAIMED, gpu=""), "unknown_gpu"),
        (replace(CLAIMED, gpu="Z9000"), "unknown_gpu"),
        (replace(CLAIMED, precision=""), "unknown_precision"),
        (replace(CLAIMED, precision="mystery"), "unknown_precision"),
        (replace(CLAIMED, model=None), "unknown_model"),
        (CLAIMED, "too_few_replies"),
    ],
)
def test_a_claim_that_cannot_be_computed_is_insufficient(claimed: Claimed, reason: str) -> None:
    """With its reason, and an e-value of 1."""
    found = judged(replies(9.0, 2), claimed)

    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, reason, 1.0)


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("H100 SXM", ["H100 SXM"]),
        ("8x H100-80GB-HBM3", ["H100 SXM"]),
        ("8xH100 PCIe 80GB", ["H100 PCIe"]),
        ("h100x8", ["H100 PCIe", "H100 NVL", "H100 SXM"]),
        ("NVIDIA A100", ["A100 40GB", "A100 80GB PCIe", "A100 80GB SXM"]),
        ("A100-SXM4-80GB", ["A100 80GB SXM"]),
        ("AMD MI300X", ["MI300X"]),
        ("RTX PRO 6000 Blackwell", ["RTX PRO 6000"]),
        ("L4", ["L4"]),
        ("L40S", ["L40S"]),
        ("H1000", []),
    ],
)
def test_a_claim_means_the_products_that_it_may_mean(claim: str, names: list[str]) -> None:
    """The most narrowly described ones."""
    assert [gpu.name for gpu in gpus_of(claim)] == names


def test_a_loose_claim_is_held_to_its_fastest_product() -> None:
    """`H100` may be the NVL with 3.9 TB/s."""
    loose = replace(CLAIMED, gpu="H100")

    assert judged(replies(1.2, 3), loose).standing is Standing.NOT_REJECTED
    assert judged(replies(1.25, 3), loose).standing is Standing.CONTRADICTED


def test_the_table_of_gpus_has_sources_and_no_name_twice() -> None:
    """And precisions have their bytes."""
    assert all(gpu.source and gpu.memory_gb > 0 and 0.1 < gpu.bandwidth_tb_s < 30 for gpu in GPUS)
    assert len({gpu.name for gpu in GPUS}) == len(GPUS)
    assert [bytes_of(one) for one in ("BF16", "fp8 (W8A8)", "awq-int4", "")] == [2.0, 1.0, 0.5, None]
    assert ACCEPTED_MAX == 4.0
