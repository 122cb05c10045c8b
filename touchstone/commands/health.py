"""`touchstone health`: is the monitor itself healthy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session
from touchstone.tables import table

if TYPE_CHECKING:
    from collector.monitor_signs import Sign, VantageSigns
    from collector.storage.monitor_queries import MonitorHealth

_MARK = {"well": "[green]✓[/] well", "late": "[bold red]▲ late[/]", "unknown": "[dim]? unknown[/]"}


@click.command("health")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """Print how new, late and complete what the monitor sees is; exit 1 when something is late or too much unseen."""
    from collector.monitor_signs import State, of_collector, of_vantages, stale_after_s, worked_out
    from collector.response_client import vital_signs
    from collector.storage.queries import Reader
    from collector.storage.records import configuration_digest

    settings = session.configuration.settings
    with Reader.open(settings.store) as reader:
        found, noted = reader.monitor_health(), reader.noted_configuration()
    told, silent = vital_signs(settings.dashboard.collector_url, settings.dashboard.token)
    stale_s = stale_after_s(session.configuration)
    signs = (*of_collector(told, silent), *worked_out(found, stale_s, settings.integrity.every))
    vantages = of_vantages(found, stale_s)
    if as_json:
        collector = {"signs": asdict(told) if told else None, "silent": silent}
        ours = configuration_digest(session.configuration)
        configuration = {"ours": ours, "noted": asdict(noted) if noted else None}
        document = _plain(found, signs, vantages)
        session.print_json(document | {"collector": collector, "configuration": configuration})
    else:
        _print_tables(session, found, signs, vantages)
    states = (*(one.state for one in signs), *(state for one in vantages for state in (one.newest, one.unseen)))
    return exit_codes.FINDINGS if State.LATE in states else exit_codes.FINE


def _plain(found: MonitorHealth, signs: Iterable[Sign], vantages: Iterable[VantageSigns]) -> dict[str, Any]:
    return asdict(found) | {"signs": [asdict(one) for one in signs], "vantages": [_vantage(one) for one in vantages]}


def _vantage(one: VantageSigns) -> dict[str, Any]:
    return asdict(one.health) | {
        "old_s": one.old_s,
        "newest": one.newest,
        "rows_a_minute": one.rows_a_minute,
        "unseen_share": one.unseen_share,
        "unseen_state": one.unseen,
    }


def _print_tables(
    session: Session, found: MonitorHealth, signs: Iterable[Sign], vantages: tuple[VantageSigns, ...]
) -> None:
    from rich.markup import escape

    from collector.judgement.wording import count, percent, size, stamp

    for one in signs:
        session.out.print(f"{_MARK[one.state]} {one.name}: {escape(one.value)}")
        if one.means:
            session.out.print(f"  {escape(one.means)}", style="dim")
    session.out.print()
    if vantages:
        session.out.print(table(
            ("Vantage\nagent", "Newest", "Rows\na minute\nn", "Not\nobserved", "Began\nlate, ms\np50\np99\nn",
             "Stored\nafter, ms\np50\np99"),
            map(_cells, vantages),
        ))  # fmt: skip
    else:
        session.out.print("? No vantage sent anything within a day, or everything there is was loaded in bulk.")
    unseen = [
        (one.vantage, reason, count(n), percent(n / one.n), count(one.n))
        for one in found.vantages
        for reason, n in one.unseen
    ]
    if unseen:
        session.out.print()
        session.out.print(table(("Vantage", "Not observed, and why", "Ticks", "Share", "n"), unseen, left=2))
    session.out.print()
    lines = ((one.table, count(one.rows), size(one.bytes), count(one.parts)) for one in found.tables)
    session.out.print(table(("Table", "Rows", "On disk", "Parts"), lines))
    session.err.print(
        f"{stamp(found.now)}; vantages by the last hour. ClickHouse {escape(found.engine)}, schema "
        f"{found.schema}; {size(sum(one.bytes for one in found.tables))} in "
        f"{count(sum(one.parts for one in found.tables))} parts"
    )


def _cells(one: VantageSigns) -> tuple[str, ...]:
    from collector.judgement.wording import UNKNOWN, count
    from collector.monitor_signs import State

    def ms(value: float | None) -> str:
        return UNKNOWN if value is None else count(round(value))

    health = one.health
    late, many = ("\n▲ late" if one.newest is State.LATE else ""), ("\n▲ too many" if one.unseen is State.LATE else "")
    return (
        f"{health.vantage}\n{', '.join(health.versions) or UNKNOWN}",
        one.newest_words + late,
        f"{one.rows_a_minute:.1f}\n{count(health.n)}",
        one.unseen_words + many,
        f"{ms(health.late_p50_ms)}\n{ms(health.late_p99_ms)}\n{count(health.made_n)}",
        f"{ms(health.insert_p50_ms)}\n{ms(health.insert_p99_ms)}",
    )
