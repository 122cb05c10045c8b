"""The report of a run says what was lost, what was doubled, and which page stands for which incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from rich.console import Console

from collector.storage.clickhouse import Completeness
from probes.spool import Ledger
from schemas.incident import Signal
from schemas.verdict import Tier
from simulator.world import World
from touchstone.arrivals import Arrival, read_arrivals
from touchstone.live_view import Scene, page_line, render
from touchstone.run_report import pages_of, run_report
from touchstone.upkeep import problems

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def stored(*, ticks: int = 10, rows: int = 12, double: int = 0) -> Completeness:
    """What the store holds of one target."""
    return Completeness("acme/east/chat", "chat", ticks, AT, rows, double)


def report(completeness: Completeness, *, spooled: int = 12, expected: int = 10) -> dict[str, object]:
    """A report about one target."""
    ledger = Ledger(spooled=spooled, delivered=spooled, dropped=0)
    truth = {"acme": Tier.GOLD}
    ticks = {"acme/east/chat|chat": expected}
    return run_report((), truth, (), ("acme",), (), (completeness,), {"not_observed": 2}, 7, ledger, ticks)


def arrival(
    change: str, severity: str, *, signal: Signal = Signal.HARD_DOWN, seq: int = 1, after_s: float = 0.0
) -> Arrival:
    """A page of acme's incident, *after_s* after the failure; decided 2 s before it came."""
    came_at = AT + timedelta(seconds=after_s)
    return Arrival(
        webhook_id=f"inc-1.{seq}.hook", incident="inc-1", provider="acme", signal=signal, severity=severity,
        change=change, summary="it is down", failed_at=AT, decided_at=came_at - timedelta(seconds=2),
        received_at=came_at,
    )  # fmt: skip


def test_when_everything_arrived_nothing_is_lost() -> None:
    """Ten ticks, two re-probes, all stored once."""
    found = report(stored())

    assert (found["observations"], found["lost"], found["double"], found["not_observed"]) == (12, 0, 0, 2)
    assert found["passive"] == 7


def test_a_tick_without_a_row_is_lost_and_so_is_a_spooled_row_that_is_not_stored() -> None:
    """Either way of losing shows."""
    assert report(stored(ticks=9, rows=11), spooled=11)["lost"] == 1
    assert report(stored(rows=11))["lost"] == 1


def test_a_row_stored_twice_is_double_and_hides_no_loss() -> None:
    """Twelve rows of which one is a repetition are eleven observations."""
    found = report(stored(rows=12, double=1))

    assert (found["observations"], found["double"], found["lost"]) == (11, 1, 1)


def test_a_promotion_takes_the_place_of_what_it_promoted_and_a_reopening_is_a_page_of_its_own() -> None:
    """One line per incident, but a second outage is a second page."""
    promoted = pages_of((arrival("opened", "P1"), arrival("promoted", "P0", seq=2), arrival("resolved", "P0", seq=3)))
    reopened = pages_of((arrival("opened", "P0"), arrival("reopened", "P0", seq=5, after_s=60)))

    assert [page["severity"] for page in promoted] == ["P0"]
    assert len(reopened) == 2


def test_a_page_of_what_is_down_counts_from_its_failure_and_a_burning_budget_from_its_decision() -> None:
    """A window of six hours has its first failure six hours ago, and the page came within seconds all the same."""
    down, burning = (
        arrival("opened", "P1", signal=one, after_s=21579) for one in (Signal.HARD_DOWN, Signal.ERROR_BURN)
    )

    assert [page["after_s"] for page in pages_of((down,))] == [21579]
    assert [page["after_s"] for page in pages_of((burning,))] == [2]
    assert "+2.0 s" in page_line(burning)


def test_the_same_page_recorded_twice_is_one_arrival(tmp_path: Path) -> None:
    """The webhook id is the page's identity; refused requests and other paths do not count."""
    data = {
        "incident": "inc-1", "provider": "acme", "signal": "hard_down", "severity": "P0", "change": "opened",
        "summary": "down", "failed_at": AT.isoformat(), "decided_at": AT.isoformat(),
    }  # fmt: skip
    page = {
        "path": "/webhook", "status": 204, "webhook_id": "inc-1.1.hook", "received_at": AT.isoformat(),
        "body": {"data": data},
    }  # fmt: skip
    file = tmp_path / "pages.jsonl"
    lines = [page, page, page | {"status": 503, "webhook_id": "inc-1.2.hook"}, page | {"path": "/v2/enqueue"}]
    file.write_bytes(b"\n".join(orjson.dumps(line) for line in lines))

    assert [one.webhook_id for one in read_arrivals(file)] == ["inc-1.1.hook"]
    assert read_arrivals(tmp_path / "none") == ()


def test_a_run_is_held_only_to_what_it_could_show() -> None:
    """After five seconds no page is missing; after two minutes each scripted P0 is, every tier, and all traffic."""
    world = World.of()
    provider = {"id": "x", "tier": "unrated", "truth": "gold", "reasons": []}
    two_faced = {"probes_treated_better": False, "probes_treated_better_truth": True}
    empty = {"providers": [provider | two_faced], "pages": [], "passive": 0}

    assert problems(empty | {"lost": 0, "double": 0}, world, ran_s=5) == []
    late = problems(empty | {"lost": 0, "double": 0}, world, ran_s=120)
    assert len(late) >= 6
    assert "no real traffic was taken in" in late
    assert "x: probes_treated_better was not seen, in truth it is the other way round" in late
    assert problems(empty | {"lost": 3, "double": 1}, world, ran_s=5) == [
        "3 observations lost",
        "1 observations double",
    ]


def test_the_live_screen_fits_sixty_columns() -> None:
    """Nothing is wider, and names are not cut."""
    console = Console(width=60, record=True, file=None, quiet=False)
    scene = Scene("http://127.0.0.1:8501", sorted(World.of().truth()), arrivals=[arrival("opened", "P0")])

    with console.capture() as captured:
        console.print(render(scene))

    lines = captured.get().splitlines()
    assert max(len(line) for line in lines) <= 60
    assert any("juniper-gpu" in line for line in lines)
