"""A few kills of `make chaos`, in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kills import run, said

pytestmark = pytest.mark.slow


def test_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    """Four kill -9s, chosen by a seed, of store, collector, agent, its workers and the load."""
    outcome = run(3, 4, tmp_path, rate=150.0)

    print(said(outcome, 3))
    assert outcome.wrong == []
    assert outcome.kills.total() == 4
    assert outcome.rows > 300
    assert outcome.agent_rows > 20
