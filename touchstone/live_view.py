"""What the terminal shows while everything runs: the address, the tiers as they settle, the pages as they arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from collector.judgement.wording import interval
from schemas.verdict import Tier, Verdict
from touchstone.arrivals import Arrival

PAGES_SHOWN = 6
_COLOURS = {Tier.GOLD: "yellow", Tier.RELIABLE: "green", Tier.SUSPECT: "red", Tier.UNRATED: "dim"}
_MARKS = {Tier.GOLD: "●", Tier.RELIABLE: "◐", Tier.SUSPECT: "▲", Tier.UNRATED: "○"}


@dataclass(slots=True)
class Scene:
    """What is known now."""

    dashboard_url: str
    providers: Sequence[str]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    arrivals: Sequence[Arrival] = ()
    history: tuple[int, int] | None = None  # rows done, rows in all; None before and after
    processes: Mapping[str, int] = field(default_factory=dict)  # name to how often it was started
    elapsed_s: float = 0.0


def render(scene: Scene) -> RenderableType:
    """The whole screen; fits 60 columns."""
    head = Text.assemble(("Touchstone ", "bold"), (scene.dashboard_url, "bold cyan"), f"  {scene.elapsed_s:.0f} s")
    restarted = [f"{name} ×{starts}" for name, starts in sorted(scene.processes.items()) if starts > 1]
    notes = []
    if scene.history:
        done, total = scene.history
        notes.append(Text(f"loading the past: {done:,} of {total:,} rows ({done / max(total, 1):.0%})", style="dim"))
    if restarted:
        notes.append(Text(f"started again: {', '.join(restarted)}", style="magenta"))
    return Group(
        head, *notes, _providers(scene), *(_pages(scene.arrivals)), Text("Ctrl-C stops everything", style="dim")
    )


def _providers(scene: Scene) -> Table:
    table = Table(box=None, padding=(0, 1), show_edge=False)
    for name, width in (("provider", 12), ("tier", 10), ("availability", 16), ("why", 8)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=width)
    for provider in scene.providers:
        verdict = scene.verdicts.get(provider)
        tier = verdict.tier if verdict else Tier.UNRATED
        reasons = ", ".join(verdict.reasons[-1:]).replace("_", " ") if verdict else "no verdict yet"
        label = Text(f"{_MARKS[tier]} {tier}", style=_COLOURS[tier])
        table.add_row(provider, label, _availability(verdict), escape(reasons))
    return table


def _availability(verdict: Verdict | None) -> str:
    gate = next((gate for gate in verdict.gates if gate.name == "availability_lower"), None) if verdict else None
    return interval(gate.low, gate.high) if gate else "-"


def _pages(arrivals: Sequence[Arrival]) -> list[Text]:
    return [Text(page_line(arrival), no_wrap=True, overflow="ellipsis") for arrival in arrivals[-PAGES_SHOWN:]]


def page_line(arrival: Arrival) -> str:
    """One page in one line: when it came, how long after the failure, what it says."""
    return f"{_clock(arrival.received_at)} page +{arrival.after_s:.1f} s  {arrival.summary}"


def _clock(stamp: datetime) -> str:
    return stamp.strftime("%H:%M:%SZ")
