"""The simulation of false pages: its arithmetic, and that our rule stays far below the plain one."""

from __future__ import annotations

import pytest

from bench.burn.noise import delay_s, false_pages, poisson_bound


def test_noise_pages_rarely_where_the_plain_pairs_page_often() -> None:
    """Three nines, a request a minute, 0.05 % fail by chance; that it is below 0.3 `make bench-false-pages` proves."""
    found = false_pages(0.999, step_s=60, noise=0.0005, months=150, seed=0)

    assert 18 < found["plain"].per_month < 25
    assert found["ours"].bounds()[0] < 0.3
    assert found["ours"].per_month * 50 < found["plain"].per_month


def test_the_simulation_is_the_same_from_the_same_seed() -> None:
    """And another from another."""
    first, again, other = (
        false_pages(0.999, step_s=60, noise=0.0005, months=5, seed=seed)["plain"].pages for seed in (3, 3, 4)
    )

    assert first == again != other


def test_a_month_without_a_failure_pages_nobody() -> None:
    """By neither rule."""
    assert {rates.pages for rates in false_pages(0.999, step_s=60, noise=0.0, months=1, seed=0).values()} == {0}


@pytest.mark.parametrize(("share", "error", "low_s", "high_s"), [(0.999, 1.0, 60, 90), (0.995, 1.0, 240, 270)])
def test_a_total_outage_is_paged_when_the_arithmetic_says(share: float, error: float, low_s: int, high_s: int) -> None:
    """A request each 30 s: the third failure at three nines, the ninth at 99.5 %."""
    delay = delay_s(share, step_s=30, error=error, seed=1)

    assert delay is not None and low_s <= delay <= high_s


def test_bounds_of_a_poisson_count_are_the_known_ones() -> None:
    """None seen gives 3 at 95 %, ten give 16.96 and 5.43."""
    assert poisson_bound(0, 0.95) == pytest.approx(2.996, abs=0.001)
    assert poisson_bound(10, 0.95) == pytest.approx(16.96, abs=0.01)
    assert poisson_bound(9, 0.05) == pytest.approx(5.43, abs=0.01)
