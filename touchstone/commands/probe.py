"""`touchstone probe`: one request, its timings as a waterfall. The curl of inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from probes.contract import Subject
    from schemas.observation import Observation, Timings

BAR_COLUMNS = 24


@click.command("probe")
@click.argument("target", required=False)
@click.option("--url", help="An OpenAI-compatible base URL, as http://host:port/v1.")
@click.option("--model", help="The model to ask (with --url).")
@click.option("--key-env", metavar="NAME", help="The environment variable that holds the key.")
@click.option("--ca-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Authority to trust.")
@click.option("--kind", type=click.Choice(["chat_stream", "http_request"]), default="chat_stream", show_default=True)
@click.option("--max-tokens", type=click.IntRange(1, 100_000), default=64, show_default=True)
@click.option("--timeout", type=click.FloatRange(0.05, 3600), default=30.0, show_default=True, help="Seconds in all.")
@click.option("--ttft-timeout", type=click.FloatRange(0.05, 3600), default=15.0, show_default=True, help="Seconds.")
@click.option("--stall-timeout", type=click.FloatRange(0.05, 3600), default=10.0, show_default=True, help="Seconds.")
@json_option
@pass_session
def command(session: Session, /, target: str | None, url: str | None, as_json: bool, **options: Any) -> int:
    """Send one request to --url, or to TARGET of the fleet (provider/cluster/target), and show its timings."""
    if target and url:
        raise click.UsageError(f"give --url, or the fleet's target {target!r}, not both")
    subject = _from_fleet(session, target) if target else _ad_hoc(url, options)
    seen = _observe(session, subject)
    if as_json:
        session.print_json(_plain(seen))
    else:
        _show(session, seen, subject)
    return exit_codes.FINE if seen.reason is None else exit_codes.FINDINGS


def _ad_hoc(url: str | None, options: dict[str, Any]) -> Subject:
    import os

    from pydantic import SecretStr, ValidationError

    from probes.contract import Subject
    from probes.kinds.chat_stream import ChatStreamModule
    from probes.kinds.http_request import HttpRequestModule
    from schemas.fleet import Auth, Place, Target, Tls

    kind, model = options["kind"], options["model"]
    if url is None:
        raise click.UsageError("give --url (with --model), or a TARGET of the fleet")
    if not model and kind == "chat_stream":
        raise click.UsageError("give --model: the name that the server knows it by")
    key = None
    if (name := options["key_env"]) is not None:
        if not os.environ.get(name):
            raise click.UsageError(f"--key-env: the environment has no {name}")
        key = SecretStr(os.environ[name])
    ca_file, timeout = options["ca_file"], options["timeout"]
    try:
        place = Target(
            model=model or "-", protocol="openai" if kind == "chat_stream" else "http", url=url, modules=("probe",),
            auth=Auth(bearer=key), tls=Tls(ca_file=str(ca_file) if ca_file else None),
        )  # fmt: skip
        module = (
            ChatStreamModule(
                kind="chat_stream", timeout=timeout, ttft_timeout=min(options["ttft_timeout"], timeout),
                stall_timeout=min(options["stall_timeout"], timeout), max_tokens=options["max_tokens"],
            )
            if kind == "chat_stream"
            else HttpRequestModule(kind="http_request", timeout=timeout)
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("bearer", "key-env").replace("_", "-")
        raise click.UsageError(f"--{option}: {first['msg'].removeprefix('Value error, ')}") from None
    return Subject(Place("ad-hoc", "ad-hoc/here", "ad-hoc/here/probe", "", place), "probe", module)


def _from_fleet(session: Session, target: str) -> Subject:
    from difflib import get_close_matches

    from probes.contract import Subject

    configuration = session.configuration
    places = {place.id: place for place in configuration.fleet.places()}
    if target not in places:
        near = get_close_matches(target, places, n=1)
        raise click.UsageError(f"the fleet has no target {target!r}" + (f"; did you mean {near[0]}?" if near else ""))
    name = places[target].target.modules[0]
    return Subject(places[target], name, configuration.settings.modules[name])


def _observe(session: Session, subject: Subject) -> Observation:
    import asyncio
    from dataclasses import replace

    from probes.attempt import Bench, observe
    from probes.connection import Connections
    from probes.loop_lag import LagMonitor
    from probes.trust import UNLIMITED

    if subject.module.connection == "alternate":  # one request, and not which of two by the minute
        subject = replace(subject, module=subject.module.model_copy(update={"connection": "cold"}))

    async def once() -> Observation:
        async with Connections() as connections:
            lag = LagMonitor(session.clock)
            watching = asyncio.create_task(lag.run())
            bench = Bench(vantage="here", connections=connections, clock=session.clock, lag=lag, limits=UNLIMITED)
            now = session.clock.now()
            try:
                return await observe(bench, subject, now.replace(microsecond=now.microsecond // 1000 * 1000), 0, 1)
            finally:
                watching.cancel()

    return asyncio.run(once())


def _plain(seen: Observation) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(seen) | {"id": str(seen.id)}


def _show(session: Session, seen: Observation, subject: Subject) -> None:
    from rich.markup import escape
    from rich.table import Table

    target = subject.place.target
    said = f"{seen.outcome.upper()}" + (f" {seen.reason}" if seen.reason else "")
    colour = {"ok": "green", "degraded": "yellow"}.get(seen.outcome, "red")
    session.out.print(f"[bold {colour}]{said}[/]  {escape(target.url)}  {escape(seen.model)}", soft_wrap=True)
    if seen.detail:
        session.out.print(f"  {escape(seen.detail)}", soft_wrap=True)
    total = seen.timings.total_ms or 0.0
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, start, length in phases(seen.timings):
        table.add_row(name, f"{length:,.1f} ms", bar(start, length, total))
    session.out.print(table)
    for line in (f"total {total:,.1f} ms{_tokens_said(seen)}", _gaps_said(seen)):
        if line:
            session.out.print(escape(line), soft_wrap=True)


def phases(timings: Timings) -> list[tuple[str, float, float]]:
    """What is drawn: (name, start ms, length ms) of every phase that happened, in order."""
    rows, at = [], 0.0
    for name, length in (("dns", timings.dns_ms), ("connect", timings.connect_ms), ("tls", timings.tls_ms)):
        if length is not None:
            rows.append((name, at, length))
            at += length
    sent = timings.sent_ms
    if sent is None:
        return rows
    rows.append(("request", at, max(sent - at, 0.0)))
    if timings.first_byte_ms is not None:
        rows.append(("first byte", sent, timings.first_byte_ms))
    first, last = timings.first_token_ms, timings.last_token_ms
    if first is not None and last is not None:
        rows.append(("first token", sent, first))
        rows.append(("tokens", sent + first, last - first))
        if timings.total_ms is not None:
            rows.append(("end", sent + last, max(timings.total_ms - sent - last, 0.0)))
    return rows


def bar(start: float, length: float, total: float) -> str:
    """A stretch of the waterfall, BAR_COLUMNS wide in all."""
    if total <= 0:
        return ""
    left = min(int(start / total * BAR_COLUMNS), BAR_COLUMNS - 1)
    width = max(1, round(length / total * BAR_COLUMNS))
    return " " * left + "━" * min(width, BAR_COLUMNS - left)


def _tokens_said(seen: Observation) -> str:
    tokens = seen.tokens
    if not tokens.chunks:
        return ""
    billed = "not billed" if tokens.billed_out is None else f"{tokens.billed_out} billed"
    return f" · {tokens.chunks} chunks, {billed}" + (f" · finish {seen.finish_reason}" if seen.finish_reason else "")


def _gaps_said(seen: Observation) -> str:
    gaps = sorted(seen.timings.gaps_ms)
    return f"gap p50 {gaps[len(gaps) // 2]:.1f} ms, max {gaps[-1]:.1f} ms (n={len(gaps)})" if gaps else ""
