"""`touchstone probe`: one request, its timings as a waterfall. The curl of inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from pydantic import SecretStr

    from probes.contract import Subject
    from schemas.observation import Observation, Timings

STAMPED_BY = {"kernel": "kernel", "user": "user-space"}
BAR_COLUMNS = 24
OPTIONS = ("max_tokens", "timeout", "ttft_timeout", "stall_timeout")  # the settings that have one of their own


class _KindName(click.ParamType[str]):
    """The name of a probe kind; the catalogue is read only when one is given."""

    name = "KIND"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value*, when there is such a kind."""
        from probes.catalog import KINDS

        if value not in KINDS:
            self.fail(f"{value!r} is no probe kind; one of {', '.join(sorted(KINDS))}", param, ctx)
        return value


@click.command("probe")
@click.argument("target", required=False)
@click.option("--module", "module_name", metavar="NAME", help="Which of TARGET's modules; the first without it.")
@click.option("--url", help="The URL to ask, as a target's: http://host:port/v1.")
@click.option("--model", help="The model to ask (with --url).")
@click.option("--key-env", metavar="NAME", help="The environment variable that holds the key.")
@click.option("--key-header", metavar="NAME", help="The header that carries the key, as x-api-key.")
@click.option("--ca-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Authority to trust.")
@click.option("--kind", type=_KindName(), help="How to ask (with --url).  [default: chat_stream]")
@click.option("--max-tokens", type=click.IntRange(1, 100_000), help="Of the answer.")
@click.option("--timeout", type=click.FloatRange(0.05, 3600), help="Seconds in all.")
@click.option("--ttft-timeout", type=click.FloatRange(0.05, 3600), help="Seconds.")
@click.option("--stall-timeout", type=click.FloatRange(0.05, 3600), help="Seconds.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any setting of the kind, as in YAML.")
@json_option
@pass_session
def command(session: Session, /, target: str | None, module_name: str | None, as_json: bool, **options: Any) -> int:
    """Send one request to --url, or to TARGET of the fleet (provider/cluster/target), and show its timings."""
    if target:
        _refuse_options(target, options)
        subject = _from_fleet(session, target, module_name)
    elif module_name:
        raise click.UsageError("--module names one of a TARGET's modules; with --url, give --kind")
    else:
        subject = _ad_hoc(options)
    seen = _observe(session, subject)
    if as_json:
        session.print_json(_plain(seen))
    else:
        _show(session, seen, subject)
    return exit_codes.FINE if seen.reason is None else exit_codes.FINDINGS


def _refuse_options(target: str, options: dict[str, Any]) -> None:
    """A target of the fleet is asked as the fleet says."""
    given = next((name for name, value in options.items() if value), None)
    if given is not None:
        raise click.UsageError(f"--{_dashed(given)} goes with --url; the fleet says how {target!r} is asked")


def _ad_hoc(options: dict[str, Any]) -> Subject:
    """The subject that --url and the options beside it describe."""
    from pydantic import ValidationError

    from probes.catalog import KINDS
    from probes.contract import Subject
    from schemas.fleet import Auth, Place, Target, Tls

    kind = options["kind"] or "chat_stream"
    if options["url"] is None:
        raise click.UsageError("give --url (with --model), or a TARGET of the fleet")
    settings, ca_file = _settings(kind, options), options["ca_file"]
    try:
        auth: dict[str, Any] = {"header": options["key_header"]} if options["key_header"] else {}
        target = Target(
            model=options["model"] or "-", url=options["url"], modules=("probe",),
            auth=Auth(bearer=_key(options["key_env"]), **auth), tls=Tls(ca_file=str(ca_file) if ca_file else None),
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        option = _dashed(str(first["loc"][0]).replace("bearer", "key-env").replace("header", "key-header"))
        raise click.UsageError(f"--{option}: {_said(first['msg'])}") from None
    try:
        module = KINDS[kind].settings.model_validate({"kind": kind, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        option = f"--{_dashed(name)}" if name in OPTIONS else f"--set {name}"
        raise click.UsageError(f"{option}: {_said(first['msg'])}") from None
    if module.tokens_out is not None and not options["model"]:
        raise click.UsageError("give --model: the name that the server knows it by")
    return Subject(Place("ad-hoc", "ad-hoc/here", "ad-hoc/here/probe", "", target), "probe", module)


def _settings(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, each of them one that *kind* has."""
    import yaml

    from probes.catalog import KINDS

    known = KINDS[kind].settings.model_fields
    given = {name: options[name] for name in OPTIONS if options[name] is not None}
    for name in given:
        if name not in known:
            raise click.UsageError(f"--{_dashed(name)}: {kind} has no such setting")
    for pair in options["settings"]:
        name, equals, written = pair.partition("=")
        if not equals or name not in known or name == "kind":
            others = ", ".join(other for other in known if other != "kind")
            raise click.UsageError(f"--set {pair}: write NAME=VALUE with a setting of {kind}: {others}")
        try:
            given[name] = yaml.safe_load(written)
        except yaml.YAMLError:
            raise click.UsageError(f"--set {pair}: the value is not YAML") from None
    return given


def _key(name: str | None) -> SecretStr | None:
    import os

    from pydantic import SecretStr

    if name is None:
        return None
    if not os.environ.get(name):
        raise click.UsageError(f"--key-env: the environment has no {name}")
    return SecretStr(os.environ[name])


def _dashed(name: str) -> str:
    return {"settings": "set"}.get(name, name.replace("_", "-"))


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _from_fleet(session: Session, target: str, module_name: str | None) -> Subject:
    from difflib import get_close_matches

    from probes.contract import Subject

    configuration = session.probing_configuration
    places = {place.id: place for place in configuration.fleet.places()}
    if target not in places:
        near = get_close_matches(target, places, n=1)
        raise click.UsageError(f"the fleet has no target {target!r}" + (f"; did you mean {near[0]}?" if near else ""))
    modules = places[target].target.modules
    name = module_name or modules[0]
    if name not in modules:
        raise click.UsageError(f"--module {name}: {target!r} has {', '.join(modules)}")
    settings = configuration.settings
    return Subject(places[target], name, settings.modules[name], secret=settings.integrity.secret)


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
    for line in (
        f"total {total:,.1f} ms{_tokens_said(seen)}",
        _gaps_said(seen),
        _stamps_said(seen),
        _figures_said(seen),
    ):
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


def _stamps_said(seen: Observation) -> str:
    how = seen.instrument
    if not how.reads:
        return ""
    merged = f" · {how.merged_reads} of {how.reads} reads merged" if how.merged_reads else ""
    return f"{how.connection} connection · {STAMPED_BY[how.stamp]} stamps{merged}"


def _figures_said(seen: Observation) -> str:
    return " · ".join(f"{name} {value:,.4g}" for name, value in sorted(seen.figures.items()))
