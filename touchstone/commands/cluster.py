"""`touchstone cluster`: what is claimed of one cluster, or of all of a provider, what is measured, what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session
from touchstone.tables import table

if TYPE_CHECKING:
    from collector.cluster_record import ClusterRecord
    from collector.storage.cluster_queries import EngineLine, TargetLine
    from collector.storage.incident_queries import IncidentRow
    from schemas.config import Configuration
    from schemas.fleet import Cluster

TOLD_POINTS = 12  # of the time to first token, in the table


@click.command("cluster")
@click.argument("place", metavar="PROVIDER[/NAME]")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How far back.")
@json_option
@pass_session
def command(session: Session, place: str, days: int, as_json: bool) -> int:
    """Print claims, availability, targets, first tokens, errors and engines of one cluster, or of all of a provider."""
    from collector.cluster_record import LATENCY_POINTS, cluster_record
    from collector.judgement.window import until_now
    from collector.storage.queries import Reader

    configuration = session.configuration
    policy, configured = configuration.settings.tiers, _configured(configuration)
    with Reader.open(configuration.settings.store) as reader:
        start, end = until_now(reader.now(), timedelta(days=days))
        found = cluster_record(
            reader, place, start, end, block_s=policy.block, confidence=policy.confidence,
            points=LATENCY_POINTS if as_json else TOLD_POINTS,
        )  # fmt: skip
    if place not in {*configured, *configuration.fleet.providers} and not found.known:
        raise click.UsageError(f"no cluster is called {place!r}{_hint(place, configured)}")
    if as_json:
        session.print_json(_plain(place, configured, found) | {"confidence": policy.confidence})
    else:
        _print_head(session, place, configured, found, days)
        _print_tables(session, place, found)
        session.err.print(
            f"{days} d up to {end:%Y-%m-%d %H:%M} UTC; {policy.confidence:.0%} one-sided bounds, unknown time counted "
            "as down in the lower and as up in the upper one. Days, observations and errors over time: --json"
        )
    return exit_codes.FINE


def _configured(configuration: Configuration) -> dict[str, Cluster]:
    """Every cluster of the fleet by its full id."""
    return {
        f"{provider}/{name}": cluster
        for provider, one in configuration.fleet.providers.items()
        for name, cluster in one.clusters.items()
    }


def _hint(place: str, configured: Mapping[str, Cluster]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(place, configured, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; write PROVIDER/NAME, or PROVIDER"


def _plain(place: str, configured: Mapping[str, Cluster], found: ClusterRecord) -> dict[str, Any]:
    from collector.cluster_record import by_reason, sizes

    cluster = configured.get(place)
    return {
        "place": place,
        "claimed": _claimed(place, configured),
        "claims": cluster.claims.model_dump(mode="json") if cluster else None,
        **asdict(found),
        "targets": [asdict(one) | {"n": one.n} for one in found.targets],
        "answers": sizes(found.first_tokens),
        "reasons": [asdict(one) for one in by_reason(found.errors)],
    }


def _claimed(place: str, configured: Mapping[str, Cluster]) -> str | None:
    """In words; None of a whole provider, and of what is not in the configuration any more."""
    from collector.judgement.wording import claimed

    if (cluster := configured.get(place)) is None:
        return None
    claims = cluster.claims
    return claimed(cluster.region, claims.count, claims.gpu, claims.precision)


def _print_head(
    session: Session, place: str, configured: Mapping[str, Cluster], found: ClusterRecord, days: int
) -> None:
    from rich.markup import escape

    from collector.judgement.wording import UNKNOWN, count, interval

    one = found.availability
    claims = _claimed(place, configured)
    absent = "nothing: it is not in the configuration any more" if "/" in place else "see each of its clusters"
    measured = f"{UNKNOWN} in {days} d, n 0"
    if one is not None:
        effective = f"n {count(one.n)}, effective {count(round(one.n_effective))}"
        measured = f"{interval(one.lower, one.upper)} in {days} d, {effective}"
    session.out.print(f"[bold]{escape(place)}[/]")
    session.out.print(f"claimed    {escape(absent if claims is None else claims or 'nothing')}")
    session.out.print(f"available  {measured}")


def _print_tables(session: Session, place: str, found: ClusterRecord) -> None:
    from collector.cluster_record import by_reason
    from collector.judgement.wording import count

    parts = (
        ("Nothing was asked in this window.",
         ("Target\nmodel\naccess", "Module\nkind\nlast tick (UTC)", "ok\nslow or wrong\nfailed",
          "fault unknown\nnot observed\nn"), (_target(one, place) for one in found.targets), 2),
        ("No answer in this window.", ("First token\nfrom (UTC)", "Connection", "p50, ms", "p95, ms", "n"),
         _first(found), 2),
        ("No error in this window.", ("Reason", "Blame", "n"),
         ((one.reason, one.blame.value, count(one.n)) for one in by_reason(found.errors)), 2),
        ("No engine told anything in this window.",
         ("Engine of\nfigure", "Last", "Mean", "Least\nmost", "n", "Until\n(UTC)"),
         (_engine(one, place) for one in found.engines), 1),
        ("No incident is known.", ("Incident", "What", "When (UTC)"), map(_incident, found.incidents), 3),
    )  # fmt: skip
    for nothing, headings, rows, left in parts:
        listed = list(rows)
        session.out.print()
        session.out.print(table(headings, listed, left=left) if listed else nothing)


def _target(one: TargetLine, place: str) -> tuple[str, ...]:
    from collector.judgement.wording import count

    return (
        f"{one.target.removeprefix(f'{place}/')}\n{one.model}\n{one.access_path}",
        f"{one.module}\n{one.kind}\n{one.last_tick:%d %b %H:%M:%S}",
        "\n".join(map(count, (one.ok, one.degraded, one.failed))),
        "\n".join(map(count, (one.unknown, one.not_observed, one.n))),
    )


def _first(found: ClusterRecord) -> Iterator[tuple[str, ...]]:
    from collector.judgement.wording import count

    for one in found.first_tokens:
        quantiles = (count(round(one.p50_ms)), count(round(one.p95_ms)))
        yield f"{one.start:%d %b %H:%M}", one.connection, *quantiles, count(one.n)


def _engine(one: EngineLine, place: str) -> tuple[str, ...]:
    from collector.judgement.wording import count

    return (
        f"{one.target.removeprefix(f'{place}/')}\n{one.name}",
        f"{one.last:.6g}",
        f"{one.mean:.6g}",
        f"{one.low:.6g}\n{one.high:.6g}",
        count(one.n),
        f"{one.until:%d %b}\n{one.until:%H:%M}",
    )


def _incident(one: IncidentRow) -> tuple[str, ...]:
    from collector.judgement.wording import duration

    lasted = f"lasted {duration(one.resolved_at - one.failed_at)}" if one.resolved_at else "still open"
    return (
        f"{one.severity} {one.state}\n{one.id}",
        f"{one.scope}\n{one.signal}: {one.reason}",
        f"{one.failed_at:%d %b %H:%M:%S}\n{lasted}",
    )
