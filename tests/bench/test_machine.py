"""The results say on what machine they were made, and what else ran on it."""

from __future__ import annotations

import os

from bench.machine import Watch


def test_the_machine_and_its_neighbours_are_told() -> None:
    """In cores: no more than there are, and never less than none."""
    facts = Watch().facts()

    assert facts["cores"] == os.cpu_count()
    assert facts["memory_gib"] > 0
    assert facts["cpu"]
    assert facts["cores_busy_with_others"] >= 0
    assert facts["cores_stolen"] >= 0
