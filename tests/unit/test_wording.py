"""Figures as people read them: rounded down, with units, unknown when unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.judgement import wording
from schemas.verdict import Gate, Tier


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [(0.99996, 2, "99.99 %"), (1.0, 2, "100.00 %"), (0.999, 2, "99.90 %"), (0.995, 1, "99.5 %"), (0.0, 0, "0 %")],
)
def test_a_percentage_is_rounded_down(share: float, digits: int, said: str) -> None:
    """99.996 % is not 100 %, and 99.9 % is not 99.89 % for want of a bit."""
    assert wording.percent(share, digits) == said


def test_what_is_not_known_is_called_unknown() -> None:
    """None is no zero."""
    gate = Gate(name="ttft_p95", tier=Tier.GOLD, op="<=", value=None, threshold=1000, unit="ms")

    assert wording.percent(None) == wording.interval(None, 0.5) == wording.gate_value(gate, None) == "unknown"
    assert wording.gate_result(gate) == "unknown"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4.23, "4.2 s"),
        (5, "5 s"),
        (60, "1 m"),
        (100, "1 m 40 s"),
        (7500, "2 h 5 m"),
        (28 * 86400, "28 d"),
        (3601, "1 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, said: str) -> None:
    """Long enough to compare, short enough to read."""
    assert wording.duration(timedelta(seconds=seconds)) == said


def test_a_value_that_misses_by_a_hair_is_shown_with_the_hair() -> None:
    """`1.00 % <= 1.00 %: fail` would be a riddle."""
    gate = Gate(name="degraded", tier=Tier.GOLD, op="<=", value=0.010068, threshold=0.01, passed=False)

    assert wording.gate_value(gate, gate.value) == "1.006 %"
    assert wording.gate_value(gate, gate.threshold) == "1.000 %"


def test_passing_a_gate_of_suspect_is_called_proven() -> None:
    """An accusation is not a pass."""
    gate = Gate(name="wrong_content", tier=Tier.SUSPECT, op=">", value=0.1, threshold=0.02, passed=True)

    assert wording.gate_result(gate) == "proven"
