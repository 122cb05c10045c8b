"""`touchstone simulate`: simulated clouds as real servers, their past in bulk, and the truth about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import TouchstoneError
from touchstone import exit_codes
from touchstone.instants import INSTANT
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.storage.clickhouse import ClickHouse
    from collector.storage.history_loads import HistoryProgress
    from simulator.history import Part, Past
    from simulator.world import World

DAYS_MAX = 180


def world_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--seed and --shuffle, which name a world."""
    for option in (
        click.option("--shuffle", default=0, show_default=True, help="Deal the personalities anew."),
        click.option("--seed", default=7, show_default=True, help="What everything is derived from."),
    ):
        function = option(function)
    return function


@click.group("simulate")
def command() -> None:
    """Simulated clouds, and their past."""


@command.command("serve")
@click.option("--base-port", type=click.IntRange(1024, 65535 - 90), required=True, help="Port of the first of 90.")
@click.option("--start", type=INSTANT, help="When the script of live incidents begins (default: now).")
@click.option("--ca-dir", type=click.Path(path_type=Path), help="Serve one cluster over TLS, under an authority here.")
@click.option("--deviate", multiple=True, metavar="PROVIDER.KNOB=VALUE", help="Make a cloud differ from its claims.")
@click.option("--vantage", metavar="LAT,LON", help="Where it is asked from; else from next door.")
@world_options
@json_option
@pass_session
def serve(
    session: Session,
    /,
    base_port: int,
    start: datetime | None,
    ca_dir: Path | None,
    deviate: tuple[str, ...],
    vantage: str | None,
    seed: int,
    shuffle: int,
    as_json: bool,
) -> int:
    """Serve every cluster on a loopback port of its own, until SIGTERM: cluster k of provider p on N + 5p + k."""
    import asyncio

    from simulator import sky
    from touchstone.signals import stop_on_signals

    world = _deviating(_world(seed, shuffle), deviate)
    here = _point(vantage) if vantage else None
    begins = start or session.clock.now()

    def ready(clusters: int) -> None:
        if as_json:
            session.print_json({"base_port": base_port, "clusters": clusters, "start": begins.isoformat()})
        else:
            last = base_port + clusters - 1
            session.say(
                f"clouds: {clusters} clusters on {sky.HOST}:{base_port}-{last}, script from {begins.isoformat()}"
            )

    async def run() -> None:
        stop = stop_on_signals()
        await sky.serve(
            world, base_port=base_port, start=begins, clock=session.clock, stop=stop, ready=ready, ca_dir=ca_dir,
            vantage=here,
        )  # fmt: skip

    asyncio.run(run())
    return exit_codes.FINE


@command.command("history")
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=30, show_default=True, help="How long the past is.")
@click.option("--step", type=click.Choice(["10", "60", "300", "600"]), default="60", show_default=True, help="Seconds.")
@world_options
@json_option
@pass_session
def history(session: Session, /, days: int, step: str, seed: int, shuffle: int, as_json: bool) -> int:
    """Load the past of the simulated fleet into the store; go on where an interrupted load stopped."""
    import asyncio

    if not session.configuration.settings.simulated:
        raise click.UsageError("the settings do not say `simulated: true`; an invented past goes into no other store")
    world = _world(seed, shuffle)
    loaded = asyncio.run(_load(session, world, days=days, step_s=int(step)))
    if as_json:
        session.print_json(loaded)
    else:
        session.say(
            f"history: {loaded['rows']} rows from {loaded['start']} to {loaded['end']}, "
            f"{loaded['rows_loaded']} of them loaded now in {loaded['seconds']:.1f} s"
        )
    return exit_codes.FINE


@command.command("traffic")
@world_options
@json_option
@pass_session
def traffic(session: Session, /, seed: int, shuffle: int, as_json: bool) -> int:
    """Use the models of the simulated fleet as an application does, and tell the collector, until SIGTERM."""
    import asyncio

    from simulator.application import RATE, Application
    from touchstone.signals import stop_on_signals

    configuration = session.configuration
    if not configuration.settings.simulated:
        raise click.UsageError("the settings do not say `simulated: true`; nobody's bill is run up by an invention")
    agent = configuration.settings.agent
    url, token = agent.collector_url, agent.token.get_secret_value() if agent.token else None
    places = tuple(configuration.fleet.places())
    world = _world(seed, shuffle)
    application = Application(places, collector_url=url, token=token, seed=world.seed, clock=session.clock)
    if as_json:
        session.print_json({"targets": len(places), "requests_s": RATE, "collector_url": url})
    else:
        session.say(f"traffic: {RATE:g} requests/s to {len(places)} targets in turn, told to {url}")

    async def run() -> None:
        await application.run(stop_on_signals())

    asyncio.run(run())
    click.echo(f"traffic: {application.asked} requests, {application.told} told", err=True)
    return exit_codes.FINE


@command.command("truth")
@world_options
@json_option
@pass_session
def truth(session: Session, /, seed: int, shuffle: int, as_json: bool) -> int:
    """Print the tier that each simulated provider deserves, and who has two faces; nothing that judges reads this."""
    world = _world(seed, shuffle)
    tiers, two_faced = {provider: tier.value for provider, tier in world.truth().items()}, world.two_faced()
    if as_json:
        session.print_json(
            {name: {"tier": tier, "probes_treated_better": name in two_faced} for name, tier in tiers.items()}
        )
    else:
        rows: list[tuple[str, ...]] = [(name, tier, "yes" if name in two_faced else "") for name, tier in tiers.items()]
        _print_table(session, ("provider", "tier", "treats probes better"), rows)
    return exit_codes.FINE


@command.command("script")
@world_options
@json_option
@pass_session
def script(session: Session, /, seed: int, shuffle: int, as_json: bool) -> int:
    """Print the live incidents: who breaks, how, and when, in seconds from --start."""
    episodes = [
        {
            "provider": episode.provider,
            "cluster": episode.cluster,
            "severity": episode.severity.value if episode.severity else None,
            "mode": episode.mode.value,
            "starts_s": episode.starts_s,
            "lasts_s": episode.lasts_s,
        }
        for episode in _world(seed, shuffle).script()
    ]
    if as_json:
        session.print_json(episodes)
    else:
        rows = [tuple("" if value is None else str(value) for value in episode.values()) for episode in episodes]
        _print_table(session, tuple(episodes[0]), rows)
    return exit_codes.FINE


@command.command("config")
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="Where the files go.")
@click.option("--cloud-port", default=18100, show_default=True, help="Port of the first of 90 clusters.")
@click.option("--store-url", default="http://127.0.0.1:8123", show_default=True)
@click.option("--store-path", default="var/simulated/store", show_default=True)
@click.option("--collector-listen", default="127.0.0.1:4318", show_default=True)
@click.option("--dashboard-listen", default="127.0.0.1:8501", show_default=True)
@click.option("--receiver-url", default="http://127.0.0.1:18099", show_default=True)
@click.option("--spool", default="var/simulated/spool.db", show_default=True)
@click.option("--state", default="var/simulated/state.db", show_default=True)
@click.option("--ca-dir", type=click.Path(path_type=Path), help="Ask one cluster over TLS, under an authority here.")
@click.option("--secret-files", is_flag=True, help="Write the secrets beside it, instead of naming the environment.")
@world_options
@json_option
@pass_session
def config(session: Session, /, folder: Path, seed: int, shuffle: int, as_json: bool, **options: Any) -> int:
    """Write touchstone.yaml, the fleet files and the contracts that measure the simulated fleet."""
    from simulator.configuration import write_configuration

    path = write_configuration(_world(seed, shuffle), folder, **options)
    if as_json:
        session.print_json({"config": str(path)})
    else:
        session.say(f"config: {path}")
    return exit_codes.FINE


async def _load(session: Session, world: World, *, days: int, step_s: int) -> dict[str, Any]:
    """Load what is missing of the past; what was loaded, for printing."""
    import asyncio

    from touchstone.collecting import connected

    began = session.clock.monotonic()
    database = await connected(session.configuration.settings.store, session.clock, asyncio.Event())
    assert database is not None  # nobody stops it
    try:
        progress = await database.history_progress()
        past = _past(session.clock.now(), world, progress, days=days, step_s=step_s)
        loaded = 0 if progress and progress.finished else await _load_parts(session, database, past)
    finally:
        await database.close()
    return {
        "start": past.start.isoformat(),
        "end": past.end.isoformat(),
        "rows": past.rows,
        "rows_loaded": loaded,
        "seconds": round(session.clock.monotonic() - began, 3),
    }


def _past(now: datetime, world: World, progress: HistoryProgress | None, *, days: int, step_s: int) -> Past:
    """The past to load: the one that was begun, else the *days* before *now*. A store holds one world's past only."""
    from simulator.history import Past

    if progress is None:
        end = datetime.fromtimestamp(now.timestamp() // step_s * step_s, UTC)
        return Past(world, end - timedelta(days=days), end, step_s)
    try:
        return Past.named(world, progress.id)
    except ValueError:
        raise TouchstoneError(
            f"the store holds the past {progress.id!r}, of another world or version than seed {world.seed}, "
            f"shuffle {world.shuffle} of this one; name that world, or give this one a store of its own"
        ) from None


async def _load_parts(session: Session, database: ClickHouse, past: Past) -> int:
    """Load every day that the store lacks; the rows loaded. The collector rolls them up."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    async def note(rows_done: int, *, finished: bool = False) -> None:
        at = session.clock.now()
        await database.note_history(past.name, rows_done=rows_done, rows_total=past.rows, finished=finished, at=at)

    speed = TextColumn("{task.fields[speed]:,.0f} rows/s")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    done = loaded = 0
    with Progress(*columns, console=session.err) as progress:
        task, began = progress.add_task("history", total=past.rows, speed=0.0), session.clock.monotonic()
        await note(0)
        for part in past.parts():
            loaded += await _load_part(database, past, part, session.clock.now())
            done += part.rows
            await note(done)
            speed_now = loaded / max(session.clock.monotonic() - began, 1e-9)
            progress.update(task, completed=done, speed=speed_now)
    await note(done, finished=True)
    return loaded


async def _load_part(database: ClickHouse, past: Past, part: Part, at: datetime) -> int:
    """Load one day unless it is there; the rows loaded. One insert of at most a day is one atomic part."""
    stored = await database.count_batch(part.batch_id, part.day)
    if stored == part.rows:
        return 0
    if stored:
        raise TouchstoneError(f"{part.day.date()} holds {stored} of {part.rows} rows of the simulated past")
    await database.insert_arrow("observations", past.table(part, at))
    return part.rows


def _world(seed: int, shuffle: int) -> World:
    from simulator.world import World

    return World.of(seed, shuffle)


def _deviating(world: World, knobs: tuple[str, ...]) -> World:
    """*world* with every `provider.knob=value` of *knobs* turned."""
    from contextlib import suppress
    from dataclasses import fields, replace

    import yaml

    from simulator.deviation import HONEST
    from simulator.geography import REGIONS

    known, found = {field.name for field in fields(HONEST)}, {cloud.id: HONEST for cloud in world.clouds}
    for knob in knobs:
        provider, _, setting = knob.partition(".")
        name, equals, written = setting.partition("=")
        if not equals or provider not in found or name not in known:
            hint = f"write PROVIDER.KNOB=VALUE, with a knob of {', '.join(sorted(known))}"
            raise click.BadParameter(f"{knob!r}: {hint}", param_hint="--deviate")
        value: Any = None
        with suppress(yaml.YAMLError):
            value = yaml.safe_load(written)
        wanted = float if name in {"swapped_on_day", "gap_ms"} else type(getattr(HONEST, name))
        if not isinstance(value, int | float if wanted is float else wanted):
            raise click.BadParameter(f"{knob!r}: {name} is a {wanted.__name__}", param_hint="--deviate")
        if name == "region" and value not in REGIONS:
            raise click.BadParameter(f"{knob!r}: one of {', '.join(REGIONS)}", param_hint="--deviate")
        changes: dict[str, Any] = {name: value}
        found[provider] = replace(found[provider], **changes)
    return world.deviating({id: one for id, one in found.items() if one != HONEST})


def _point(text: str) -> tuple[float, float]:
    """Latitude and longitude in degrees."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not LAT,LON, as 50.11,8.68", param_hint="--vantage") from None
    return latitude, longitude


def _print_table(session: Session, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.table import Table

    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    session.out.print(table)
