"""The ledger of GPUs: bounds where figures count errors and means, unknown where a series is absent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.capacity.gpu_ledger import ECC, HEALTH, GpuLedger, of_page, together
from tests.support.engine_pages import FIGURES


@pytest.mark.parametrize(
    ("changes", "healthy", "in_use"),
    [
        ({}, (8, 8), (8, 8)),  # a mean of 0.95 over 8 is more than 7
        ({"gpus_with_xid": 1}, (7, 7), (8, 8)),
        ({"gpus_with_xid": 1, "gpus_row_remap_failed": 2}, (5, 6), (8, 8)),  # the same GPU, or another
        ({"gpu_ecc_double_bit": 3}, (5, 7), (8, 8)),  # three errors, of one GPU or of three
        ({"gpu_ecc_double_bit": 500}, (0, 7), (8, 8)),
        ({"gpu_util_share": 0.5}, (8, 8), (4, 8)),
        ({"gpu_util_share": 0.001}, (8, 8), (1, 8)),
        ({"gpu_util_share": 0.0}, (8, 8), (1, 8)),  # something runs all the same
        ({"gpu_util_share": 0.0, "running": 0.0}, (8, 8), (0, 0)),
        ({"gpus": 0.0}, (0, 0), (0, 0)),
    ],
)
def test_a_page(changes: dict[str, float], healthy: tuple[int, int], in_use: tuple[int, int]) -> None:
    """From the least to the most that its figures allow."""
    found = of_page({**FIGURES, **changes})

    assert (found.healthy_low, found.healthy_high) == healthy
    assert (found.in_use_low, found.in_use_high) == in_use


def test_a_series_that_is_absent_is_unknown_never_healthy() -> None:
    """An upper bound is left; without utilisation and requests nobody knows what is in use."""
    found = of_page({"gpus": 8.0, "gpus_with_xid": 1.0, "gpus_row_remap_failed": 0.0})

    assert (found.healthy_low, found.healthy_high, found.absent) == (None, 7, (ECC,))
    assert (found.in_use_low, found.in_use_high) == (None, None)


def test_what_one_page_does_not_know_nobody_knows_of_all() -> None:
    """And of no page at all nothing is known."""
    both = together([of_page(FIGURES), of_page({"gpus": 8.0})], 16)

    assert (both.delivered, both.healthy_low, both.healthy_high, both.in_use_low) == (16, None, 16, None)
    assert both.absent == HEALTH
    assert together([], 64) == GpuLedger(claimed=64)


@given(
    gpus=st.integers(0, 10_000), xid=st.integers(0, 10_000), remap=st.integers(0, 10_000), ecc=st.integers(0, 10**6),
    busy=st.floats(0, 1), running=st.integers(0, 10**5),
)  # fmt: skip
def test_bounds_are_bounds(gpus: int, xid: int, remap: int, ecc: int, busy: float, running: int) -> None:
    """0 <= low <= high <= delivered, whatever a page says."""
    found = of_page(
        {
            "gpus": gpus, "gpus_with_xid": xid, "gpus_row_remap_failed": remap, ECC: ecc, "gpu_util_share": busy,
            "running": running,
        }
    )  # fmt: skip

    assert found.delivered == gpus
    for low, high in ((found.healthy_low, found.healthy_high), (found.in_use_low, found.in_use_high)):
        assert low is not None and high is not None and 0 <= low <= high <= gpus
