"""The store gone under load: agents keep everything, the collector says 503, and afterwards every row is there once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from probes.spool import SpoolView
from tests.chaos.house import House

pytestmark = pytest.mark.slow
OUTAGE_S = float(os.environ.get("TOUCHSTONE_OUTAGE_S", "8"))
CAUGHT_UP = 1_000  # rows that may wait at any moment while all is well


def test_a_store_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    """Eight seconds here, ten minutes with `make chaos-outage`; nobody but the store is started again."""
    house = House(tmp_path, rate=200.0)
    house.write()
    try:
        for name in ("store", "collect", "load"):
            house.reopened_s(name)
        house.wait("rows are stored", lambda: house.waiting() < CAUGHT_UP and house.journal.stat().st_size > 100)
        house.kill("store")
        gone = time.monotonic()
        time.sleep(OUTAGE_S)
        waited = house.waiting()
        house.reopened_s("store")
        back = time.monotonic()
        house.wait("what waited is handed over", lambda: house.waiting() < CAUGHT_UP, timeout_s=60 + OUTAGE_S)
        caught_up_s = time.monotonic() - back
        print(f"gone for {back - gone:.0f} s, {waited} rows waited, caught up {caught_up_s:.1f} s after it was back")
        house.finish()
        view = SpoolView(house.spool)
        ledger = view.ledger()
        view.close()

        assert waited > OUTAGE_S * 20
        assert house.wrong() == []
        assert (ledger.pending, ledger.dropped, ledger.shortened) == (0, 0, 0)
        assert "answered 503" in house.log("load")
    finally:
        house.close()
